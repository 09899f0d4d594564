// What is served, and what no longer.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "tests/unit/engine/core_fixture.hpp"

namespace weir::detail {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::FakeCall;
using test::Hold;
using ::testing::HasSubstr;

TEST_F(CoreTest, AForeignWriteIsServedNoLongerThanTheBound) {
  (void)ask("get orders 1");
  fake_->write("orders", "1", "eleven");
  clock_.advance(seconds{1});
  EXPECT_EQ(value_of(ask("get orders 1")), "ten") << "inside the bound it may be";
  clock_.advance(milliseconds{1});
  const Result after = ask("get orders 1");
  EXPECT_EQ(value_of(after), "eleven");
  EXPECT_EQ(after.reason_code(), ReasonCode::kStale);
  EXPECT_EQ(after.reason(), "stale: main.orders changed");
}

TEST_F(CoreTest, AWriteToAnotherTableLeavesTheEntry) {
  (void)ask("get orders 1");
  fake_->write("users", "1", "bob");
  clock_.advance(seconds{5});
  EXPECT_EQ(ask("get orders 1").source(), Source::kMemory);
}

TEST_F(CoreTest, ABoundOfZeroValidatesEveryHit) {
  const Policy strict{.max_staleness = milliseconds{0}};
  (void)ask_with(strict, "get orders 1");
  EXPECT_EQ(ask_with(strict, "get orders 1").source(), Source::kMemory);
  fake_->write("orders", "1", "eleven");
  clock_.advance(std::chrono::nanoseconds{1});
  EXPECT_EQ(value_of(ask_with(strict, "get orders 1")), "eleven");
}

TEST_F(CoreTest, OwnWritesAreSeenByTheNextLookupWhateverTheBound) {
  options_.policy.max_staleness = std::chrono::hours{1};
  (void)ask("get orders 1");
  EXPECT_EQ(core().execute(asker_, "set orders 1 eleven", {}), 1U);
  EXPECT_EQ(value_of(ask("get orders 1")), "eleven");
}

TEST_F(CoreTest, AWriteThroughQueryIsAnOwnWriteToo) {
  options_.policy.max_staleness = std::chrono::hours{1};
  (void)ask("get orders 1");
  EXPECT_EQ(ask("set orders 1 eleven").reason_code(), ReasonCode::kWrite);
  EXPECT_EQ(value_of(ask("get orders 1")), "eleven");
}

TEST_F(CoreTest, AWriteWhoseAnswerWasLostIsLookedFor) {
  options_.policy.max_staleness = std::chrono::hours{1};
  (void)ask("get orders 1");
  auto gate = fake_->hold(FakeCall::kRun, Hold::kAfter);  // committed, but the answer never comes
  auto write =
      std::async(std::launch::async, [&] { core().execute(asker_, "set orders 1 eleven", {}); });
  gate->await_arrival();
  clock_.advance(options_.statement_timeout);
  EXPECT_THROW(write.get(), Error);
  EXPECT_EQ(value_of(ask("get orders 1")), "eleven");
}

// The fill race: the read happens before the write, the fill after the write was learned.
TEST_F(CoreTest, ASlowReadNeverLeavesAStaleEntryBehind) {
  (void)ask("scan users");  // everything is analysed and pulled
  auto gate = fake_->hold(FakeCall::kRun, Hold::kAfter);
  auto slow = std::async(std::launch::async, [&] { return ask("get orders 1"); });
  gate->await_arrival();  // it has read "ten" and is on its way back
  fake_->write("orders", "1", "eleven");
  clock_.advance(seconds{2});
  EXPECT_EQ(value_of(ask("scan users")), "ann");  // pulls: the write is learned now
  gate->open();
  EXPECT_EQ(value_of(slow.get()), "ten");
  const Result next = ask("get orders 1");
  EXPECT_EQ(value_of(next), "eleven");
  EXPECT_EQ(next.reason_code(), ReasonCode::kStale);
}

// The flight of another lands while this caller is between its look and its lead.
TEST_F(CoreTest, ACallerWhoLooksBeforeAFlightLandsAndLeadsAfterItAsksNoSecondTime) {
  (void)ask("scan users");
  const std::size_t before = runs();
  auto gate = fake_->hold(FakeCall::kPull);
  const Policy strict{.max_staleness = milliseconds{0}};
  clock_.advance(milliseconds{1});
  auto late = std::async(std::launch::async, [&] { return ask_with(strict, "get orders 1"); });
  gate->await_arrival();      // found nothing, and pulls before it asks the database
  (void)ask("get orders 1");  // inside its own bound: asks at once, and stores
  gate->open();
  EXPECT_EQ(late.get().source(), Source::kMemory);
  EXPECT_EQ(runs() - before, 1U);
}

TEST_F(CoreTest, AFailedPullIsAMissAndNotAHit) {
  (void)ask("get orders 1");
  fake_->write("orders", "1", "eleven");
  clock_.advance(seconds{2});
  fake_->fail(FakeCall::kPull, ConnectionError{"journal gone"});
  const Result result = ask("get orders 1");
  EXPECT_EQ(value_of(result), "eleven");
  EXPECT_EQ(result.reason_code(), ReasonCode::kNotValidated);
  EXPECT_THAT(result.reason(), HasSubstr("journal gone"));
}

TEST_F(CoreTest, StaleIfErrorServesWhatWasFreshAndNoLongerThanAllowed) {
  const Policy lenient{.stale_if_error = seconds{10}};
  (void)ask_with(lenient, "get orders 1");
  fake_->fail(FakeCall::kPull, ConnectionError{"journal gone"}, 100);
  clock_.advance(seconds{5});
  EXPECT_EQ(ask_with(lenient, "get orders 1").source(), Source::kMemory);
  EXPECT_EQ(ask("get orders 1").reason_code(), ReasonCode::kNotValidated)
      << "who did not ask for it";
  clock_.advance(seconds{6});
  EXPECT_EQ(ask_with(lenient, "get orders 1").source(), Source::kDatabase);
}

TEST_F(CoreTest, StaleIfErrorNeverHidesAnOwnWrite) {
  const Policy lenient{.stale_if_error = seconds{10}};
  (void)ask_with(lenient, "get orders 1");
  fake_->fail(FakeCall::kPull, ConnectionError{"journal gone"}, 100);
  core().execute(asker_, "set orders 1 eleven", {});
  EXPECT_EQ(value_of(ask_with(lenient, "get orders 1")), "eleven");
}

TEST_F(CoreTest, DdlMakesTheAnalysisBeDoneAgain) {
  (void)ask("get orders 1");
  const std::size_t analysed = fake_->calls(FakeCall::kAnalyze);
  fake_->ddl();
  clock_.advance(seconds{2});
  EXPECT_EQ(ask("get orders 1").source(), Source::kDatabase);
  EXPECT_EQ(ask("get orders 1").source(), Source::kMemory);
  EXPECT_EQ(fake_->calls(FakeCall::kAnalyze), analysed + 1);
  EXPECT_GE(driver_->catalogs_forgotten, 1U);
}

// Torn DDL: the statement is analysed, the schema changes, and only then it is read.
TEST_F(CoreTest, AResultReadAfterDdlIsNotKeptUnderTheOldAnalysis) {
  (void)ask("scan users");
  auto gate = fake_->hold(FakeCall::kRun, Hold::kBefore);
  auto slow = std::async(std::launch::async, [&] { return ask("get orders 1"); });
  gate->await_arrival();
  fake_->ddl();
  gate->open();
  (void)slow.get();
  clock_.advance(seconds{2});
  EXPECT_EQ(ask("get orders 1").source(), Source::kDatabase);
}

TEST_F(CoreTest, AnotherIncarnationVoidsEverything) {
  (void)ask("get orders 1");
  fake_->crash();
  clock_.advance(seconds{2});
  const Result result = ask("get orders 1");
  EXPECT_EQ(result.source(), Source::kDatabase);
  EXPECT_EQ(ask("get orders 1").source(), Source::kMemory);
}

TEST_F(CoreTest, AReadOnAnotherIncarnationThanTheJournalsIsNotKept) {
  (void)ask("scan users");
  fake_->crash();  // the pool reconnects to the new incarnation before any pull tells of it
  (void)ask("get orders 1");
  EXPECT_EQ(ask("get orders 1").source(), Source::kDatabase);
}

TEST_F(CoreTest, AReadOnAStandbyIsNotKept) {
  fake_->standby = true;
  (void)ask("get orders 1");
  const Result again = ask("get orders 1");
  EXPECT_EQ(again.source(), Source::kDatabase);
  EXPECT_EQ(again.reason_code(), ReasonCode::kStandby);
}

TEST_F(CoreTest, AnotherEnvironmentVoidsWhatWasReadUnderTheFirst) {
  (void)ask("get orders 1");
  fake_->environment = "server 2";
  fake_->lose_connections();
  (void)ask("scan users");
  EXPECT_EQ(ask("get orders 1").source(), Source::kDatabase);
}

// A flight that began before this process's write must not answer a lookup that came after it.
TEST_F(CoreTest, ALookupAfterAnOwnWriteJoinsNoFlightFromBeforeIt) {
  (void)ask("scan users");
  auto gate = fake_->hold(FakeCall::kRun, Hold::kAfter);
  auto slow = std::async(std::launch::async, [&] { return ask("get orders 1"); });
  gate->await_arrival();  // has read "ten"
  core().execute(asker_, "set orders 1 eleven", {});
  EXPECT_EQ(value_of(ask("get orders 1")), "eleven");
  gate->open();
  EXPECT_EQ(value_of(slow.get()), "ten");
  EXPECT_EQ(value_of(ask("get orders 1")), "eleven");
}

// As above with two writes and no pull between them: both ask for the same next pull, and yet the
// flight has seen only the first.
TEST_F(CoreTest, AFlightFromBetweenTwoOwnWritesHasNotSeenTheSecond) {
  const Policy share{.mode = CacheMode::kCoalesceOnly};
  (void)ask_with(share, "get orders 1");
  core().execute(asker_, "set orders 1 eleven", {});
  auto gate = fake_->hold(FakeCall::kRun, Hold::kAfter);
  auto slow = std::async(std::launch::async, [&] { return ask_with(share, "get orders 1"); });
  gate->await_arrival();  // has read "eleven"
  core().execute(asker_, "set orders 1 twelve", {});
  auto after = std::async(std::launch::async, [&] { return ask_with(share, "get orders 1"); });
  EXPECT_EQ(after.wait_for(seconds{30}), std::future_status::ready) << "it joined the flight";
  gate->open();
  EXPECT_EQ(value_of(after.get()), "twelve");
  EXPECT_EQ(value_of(slow.get()), "eleven");
}

TEST_F(CoreTest, ATagInvalidatesWhatCarriesIt) {
  const Policy tagged{.tags = {"front-page"}};
  (void)ask_with(tagged, "get orders 1");
  (void)ask_with({.tags = {"user:42"}}, "get users 1");
  core().invalidate(asker_, spi::InvalidationKind::kTag, "front-page");
  EXPECT_EQ(ask_with(tagged, "get orders 1").reason_code(), ReasonCode::kStale);
  EXPECT_EQ(ask_with({.tags = {"user:42"}}, "get users 1").source(), Source::kMemory);
  core().invalidate(asker_, spi::InvalidationKind::kTagPattern, "user:*");
  EXPECT_EQ(ask_with({.tags = {"user:42"}}, "get users 1").source(), Source::kDatabase);
  EXPECT_EQ(ask_with(tagged, "get orders 1").source(), Source::kMemory);
}

TEST_F(CoreTest, AnEntryFilledWithoutTheCallersTagIsNotAHitForIt) {
  (void)ask("get orders 1");
  EXPECT_EQ(ask_with({.tags = {"a"}}, "get orders 1").source(), Source::kDatabase);
  core().invalidate(asker_, spi::InvalidationKind::kTag, "a");
  EXPECT_EQ(ask("get orders 1").reason_code(), ReasonCode::kStale);
}

TEST_F(CoreTest, ClearEmptiesTheCacheAndReadsUnderWayFillNothing) {
  (void)ask("get orders 1");
  core().clear();
  EXPECT_EQ(ask("get orders 1").source(), Source::kDatabase);
}

TEST_F(CoreTest, ATokenFromAnotherProcessIsWaitedFor) {
  (void)ask("get orders 1");
  fake_->write("orders", "1", "eleven");
  const Token token{fake_->snapshot(), fake_->incarnation()};
  core().observe(token);
  EXPECT_EQ(value_of(ask("get orders 1")), "eleven");
}

}  // namespace
}  // namespace weir::detail
