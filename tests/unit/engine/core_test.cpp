// What is kept, and under which policy.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/unit/engine/core_fixture.hpp"

namespace weir::detail {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;

TEST_F(CoreTest, TheSecondLookupIsAHitAndSaysSo) {
  const Result first = ask("get orders 1");
  EXPECT_EQ(first.source(), Source::kDatabase);
  EXPECT_EQ(first.reason_code(), ReasonCode::kAbsent);
  clock_.advance(milliseconds{300});
  const Result second = ask("get orders 1");
  EXPECT_EQ(second.source(), Source::kMemory);
  EXPECT_EQ(second.reason(), "");
  EXPECT_EQ(second.age(), milliseconds{300});
  EXPECT_EQ(value_of(second), "ten");
  EXPECT_EQ(runs(), 1U);
}

TEST_F(CoreTest, AnEmptyResultIsCachedToo) {
  (void)ask("get orders 99");
  EXPECT_EQ(ask("get orders 99").source(), Source::kMemory);
}

TEST_F(CoreTest, DifferentParametersAreDifferentEntries) {
  (void)ask("get orders $1", Params::of("1"));
  EXPECT_EQ(ask("get orders $1", Params::of("2")).source(), Source::kDatabase);
  EXPECT_EQ(ask("get orders $1", Params::of(1)).source(), Source::kDatabase);
  EXPECT_EQ(ask("get orders $1", Params::of("1")).source(), Source::kMemory);
}

TEST_F(CoreTest, ADoubtfulSessionFillsNothing) {
  fake_->doubt = "a temporary table exists";
  (void)ask("get orders 1");
  const Result again = ask("get orders 1");
  EXPECT_EQ(again.reason_code(), ReasonCode::kSession);
  EXPECT_THAT(again.reason(), HasSubstr("temporary table"));
}

TEST_F(CoreTest, AnUntrackedTableIsCachedOnlyUnderATtl) {
  fake_->untracked.insert("logs");
  fake_->write("logs", "1", "x");
  (void)ask("scan logs");
  const Result plain = ask("scan logs");
  EXPECT_EQ(plain.reason_code(), ReasonCode::kNotCacheable);
  EXPECT_THAT(plain.reason(), HasSubstr("main.logs is not tracked"));
  const Policy ttl{.ttl = seconds{10}};
  (void)ask_with(ttl, "scan logs");
  EXPECT_EQ(ask_with(ttl, "scan logs").source(), Source::kMemory);
  clock_.advance(seconds{10});
  EXPECT_EQ(ask_with(ttl, "scan logs").reason_code(), ReasonCode::kExpired);
}

TEST_F(CoreTest, ATtlIsASecondLimitForWhatIsProven) {
  const Policy ttl{.ttl = seconds{3}};
  (void)ask_with(ttl, "get orders 1");
  clock_.advance(seconds{2});
  EXPECT_EQ(ask_with(ttl, "get orders 1").source(), Source::kMemory);
  clock_.advance(seconds{1});
  EXPECT_EQ(ask_with(ttl, "get orders 1").source(), Source::kDatabase);
}

TEST_F(CoreTest, ACallersShorterTtlHoldsForAnEntryStoredUnderALongerOne) {
  (void)ask_with({.ttl = seconds{100}}, "get orders 1");
  clock_.advance(seconds{5});
  EXPECT_EQ(ask_with({.ttl = seconds{5}}, "get orders 1").reason_code(), ReasonCode::kExpired);
}

TEST_F(CoreTest, AHintInTheStatementCounts) {
  (void)ask("/* weir: off */ get orders 1");
  const Result off = ask("/* weir: off */ get orders 1");
  EXPECT_EQ(off.reason_code(), ReasonCode::kOff);
}

TEST_F(CoreTest, ExplainShowsThePolicyToItsLastField) {
  const Explanation explanation = core().explain(
      asker_, "/* weir: stale_while_revalidate=5s tag=a depends_on=main.x */ get orders 1");
  EXPECT_THAT(explanation.to_string(),
              HasSubstr("stale_while_revalidate_ms=5000 tag=a depends_on=main.x"));
  EXPECT_THAT(explanation.to_json(), HasSubstr(R"("stale_while_revalidate_ms":5000)"));
  EXPECT_THAT(explanation.to_json(), HasSubstr(R"("tags":["a"],"depends_on":["main.x"])"));
}

TEST_F(CoreTest, CoalesceOnlyKeepsNothing) {
  const Policy policy{.mode = CacheMode::kCoalesceOnly};
  (void)ask_with(policy, "get orders 1");
  EXPECT_EQ(ask_with(policy, "get orders 1").source(), Source::kDatabase);
  EXPECT_EQ(core().metrics().entries, 0U);
}

TEST_F(CoreTest, AResultOverTheCapIsDeliveredNotKeptAndSaysSo) {
  options_.memory.max_entry = Bytes{100};
  fake_->write("orders", "1", std::string(1000, 'x'));
  EXPECT_EQ(value_of(ask("get orders 1")).size(), 1000U);
  const Result again = ask("get orders 1");
  EXPECT_EQ(again.reason_code(), ReasonCode::kTooLarge);
  EXPECT_THAT(again.reason(), HasSubstr("memory.max_entry"));
}

TEST_F(CoreTest, RowSecurityIsCachedOnlyUnderADeclaredSession) {
  fake_->write("vault", "1", "secret");
  (void)ask("secret vault");
  EXPECT_EQ(ask("secret vault").reason_code(), ReasonCode::kSession);
  const Asker alice = core().asker({.role = "alice"}, {});
  const Asker bob = core().asker({.role = "bob"}, {});
  (void)core().query(alice, "secret vault", nullptr, {});
  EXPECT_EQ(core().query(alice, "secret vault", nullptr, {}).source(), Source::kMemory);
  EXPECT_EQ(core().query(bob, "secret vault", nullptr, {}).source(), Source::kDatabase);
}

// PostgreSQL reads the text 'now' as the current time once it becomes a date, and the analysis sees
// no values.
TEST_F(CoreTest, AParameterThatMayNameTheCurrentTimeIsKeptOnlyUnderATtl) {
  const Params now = Params::of("Now");
  (void)ask("get orders $1", now);
  EXPECT_EQ(ask("get orders $1", now).reason_code(), ReasonCode::kNotCacheable);
  const Asker lenient = core().asker({}, {.ttl = seconds{1}});
  (void)core().query(lenient, "get orders $1", nullptr, now);
  EXPECT_EQ(core().query(lenient, "get orders $1", nullptr, now).source(), Source::kMemory);
}

}  // namespace
}  // namespace weir::detail
