// stale_while_revalidate: when a changed entry is served, and when not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>

#include "tests/unit/engine/core_fixture.hpp"

namespace weir::detail {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::FakeCall;
using ::testing::HasSubstr;

class CoreRevalidateTest : public CoreTest {
 protected:
  CoreRevalidateTest() { threads_ = Threads::kBackground; }

  Result ask_lenient(std::string_view sql = "get orders 1") { return ask_with(lenient_, sql); }
  /// Waits until so many results were stored; false after 20 s.
  bool await_stored(std::uint64_t times) {
    const TimePoint limit = system_clock().now() + seconds{20};
    while (core().metrics().stored_total < times) {
      if (system_clock().now() > limit) return false;
      std::this_thread::yield();
    }
    return true;
  }
  std::uint64_t served_stale() { return core().metrics().stale_while_revalidate_total; }

  Policy lenient_{.stale_while_revalidate = seconds{10}};
};

TEST_F(CoreRevalidateTest, AChangedEntryIsServedAndAskedForAgainInTheBackground) {
  (void)ask_lenient();
  fake_->write("orders", "1", "eleven");
  clock_.advance(seconds{2});
  const Result stale = ask_lenient();
  EXPECT_EQ(value_of(stale), "ten");
  EXPECT_EQ(stale.source(), Source::kMemory);
  EXPECT_EQ(stale.reason_code(), ReasonCode::kStale);
  EXPECT_EQ(stale.reason(), "stale: main.orders changed; served while it is asked again");
  EXPECT_EQ(stale.age(), seconds{2});
  ASSERT_TRUE(await_stored(2));
  const Result fresh = ask_lenient();
  EXPECT_EQ(value_of(fresh), "eleven");
  EXPECT_EQ(fresh.source(), Source::kMemory);
  EXPECT_EQ(fresh.reason(), "");
  EXPECT_EQ(served_stale(), 1U);
}

TEST_F(CoreRevalidateTest, NoLongerThanAllowedSinceItWasProvenFresh) {
  (void)ask_lenient();
  fake_->write("orders", "1", "eleven");
  clock_.advance(seconds{10} + milliseconds{1});
  EXPECT_EQ(value_of(ask_lenient()), "eleven");
  EXPECT_EQ(served_stale(), 0U);
}

TEST_F(CoreRevalidateTest, EachFreshHitMovesTheMomentItWasProvenFresh) {
  (void)ask_lenient();
  clock_.advance(seconds{8});
  EXPECT_EQ(ask_lenient().reason_code(), ReasonCode::kHit);
  fake_->write("orders", "1", "eleven");
  clock_.advance(seconds{8});
  EXPECT_EQ(value_of(ask_lenient()), "ten");
  EXPECT_EQ(served_stale(), 1U);
}

TEST_F(CoreRevalidateTest, WhoDidNotAskForItIsNotServedStale) {
  (void)ask_lenient();
  fake_->write("orders", "1", "eleven");
  clock_.advance(seconds{2});
  EXPECT_EQ(value_of(ask("get orders 1")), "eleven");
}

TEST_F(CoreRevalidateTest, NeverAfterAnOwnWrite) {
  (void)ask_lenient();
  core().execute(asker_, "set orders 1 eleven", {});
  EXPECT_EQ(value_of(ask_lenient()), "eleven");
  (void)ask("set orders 1 twelve");
  EXPECT_EQ(value_of(ask_lenient()), "twelve");
  auto transaction = begin();
  (void)transaction->execute("set orders 1 thirteen", {});
  transaction->commit();
  EXPECT_EQ(value_of(ask_lenient()), "thirteen");
  core().invalidate(asker_, spi::InvalidationKind::kTable, "orders");
  EXPECT_EQ(ask_lenient().source(), Source::kDatabase);
  EXPECT_EQ(served_stale(), 0U);
}

// The entry was fresh when the own write of another table came, and nobody has looked at it since:
// what a foreign transaction changed in between may be what the own write rests on.
TEST_F(CoreRevalidateTest, NeverWhenItWasProvenFreshOnlyBeforeAnOwnWriteOfSomethingElse) {
  (void)ask_lenient();
  fake_->write("orders", "1", "eleven");
  core().execute(asker_, "set users 1 bob", {});
  EXPECT_EQ(value_of(ask_lenient()), "eleven");
}

TEST_F(CoreRevalidateTest, NeverWhatAnObservedTokenProvesToBeOld) {
  (void)ask_lenient();
  fake_->write("orders", "1", "eleven");
  core().observe(Token{fake_->snapshot(), fake_->incarnation()});
  EXPECT_EQ(value_of(ask_lenient()), "eleven");
}

TEST_F(CoreRevalidateTest, NeverAfterDdlOrAReset) {
  (void)ask_lenient();
  fake_->write("orders", "1", "eleven");
  fake_->ddl();
  clock_.advance(seconds{2});
  EXPECT_EQ(value_of(ask_lenient()), "eleven");
  fake_->write("orders", "1", "twelve");
  fake_->crash();
  clock_.advance(seconds{2});
  EXPECT_EQ(value_of(ask_lenient()), "twelve");
  fake_->write("orders", "1", "thirteen");
  core().clear();
  EXPECT_EQ(value_of(ask_lenient()), "thirteen");
  EXPECT_EQ(served_stale(), 0U);
}

TEST_F(CoreRevalidateTest, NeverPastItsTtlNorWhatIsNotProven) {
  lenient_.ttl = seconds{3};
  (void)ask_lenient();
  clock_.advance(seconds{3});
  EXPECT_EQ(ask_lenient().reason_code(), ReasonCode::kExpired);
  lenient_.tags = {"front-page"};
  (void)ask_lenient("now orders");  // kept by its ttl, and by its tag known to be invalidated
  fake_->commit(fake_->begin_change(), {}, {{0, spi::ChangeKind::kTag, "front-page"}});
  clock_.advance(seconds{2});
  EXPECT_EQ(ask_lenient("now orders").source(), Source::kDatabase);
  EXPECT_EQ(served_stale(), 0U);
}

TEST_F(CoreRevalidateTest, NeverInATransaction) {
  (void)ask_lenient();
  fake_->write("orders", "1", "eleven");
  clock_.advance(seconds{2});
  Transaction::Impl transaction{core_, core().asker({}, lenient_), TransactionOptions{}};
  EXPECT_EQ(value_of(transaction.query("get orders 1", nullptr, {})), "eleven");
  EXPECT_EQ(served_stale(), 0U);
}

TEST_F(CoreRevalidateTest, OneRefreshRunsForAllWhoAreServedMeanwhile) {
  (void)ask_lenient();
  const std::size_t before = runs();
  fake_->write("orders", "1", "eleven");
  clock_.advance(seconds{2});
  auto gate = fake_->hold(FakeCall::kRun);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(value_of(ask_lenient()), "ten");
  gate->await_arrival();
  for (int i = 0; i < 10; ++i) EXPECT_EQ(value_of(ask_lenient()), "ten");
  gate->open();
  ASSERT_TRUE(await_stored(2));
  EXPECT_EQ(runs() - before, 1U);
  EXPECT_EQ(served_stale(), 20U);
}

TEST_F(CoreRevalidateTest, ARefreshThatFailsIsTriedAgainByALaterCaller) {
  (void)ask_lenient();
  fake_->fail(FakeCall::kRun, Error{ErrorCode::kDatabase, "boom"});
  fake_->write("orders", "1", "eleven");
  clock_.advance(seconds{2});
  EXPECT_EQ(value_of(ask_lenient()), "ten");
  const TimePoint limit = system_clock().now() + seconds{20};
  while (value_of(ask_lenient()) != "eleven" && system_clock().now() < limit)
    std::this_thread::yield();
  EXPECT_EQ(value_of(ask_lenient()), "eleven");
}

TEST_F(CoreRevalidateTest, ClosingEndsARefreshUnderWay) {
  (void)ask_lenient();
  fake_->write("orders", "1", "eleven");
  clock_.advance(seconds{2});
  (void)ask_lenient();
  core().close();
  core_.reset();
  SUCCEED();
}

}  // namespace
}  // namespace weir::detail
