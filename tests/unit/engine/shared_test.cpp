// What one process stored and another one judges: every interleaving must end in the truth.
#include <gmock/gmock.h>

#include <atomic>
#include <future>
#include <string>
#include <thread>

#include "tests/unit/engine/shared_fixture.hpp"

namespace weir::detail {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using test::FakeCall;
using test::Hold;
using ::testing::HasSubstr;

TEST_F(SharedTest, AnotherProcessIsAnsweredFromTheStoreAndThenFromItsMemory) {
  const Process one = process();
  const Process two = process();
  EXPECT_EQ(one.ask("get orders 1").source(), Source::kDatabase);
  const Result shared = two.ask("get orders 1");
  EXPECT_EQ(shared.source(), Source::kRedis);
  EXPECT_EQ(shared.reason(), "");
  EXPECT_EQ(value_of(shared), "ten");
  EXPECT_EQ(two.ask("get orders 1").source(), Source::kMemory);
  EXPECT_EQ(runs(), 1U);
  EXPECT_EQ(one.metrics().redis_puts_total, 1U);
  EXPECT_EQ(two.metrics().redis_hits_total, 1U);
  EXPECT_EQ(two.metrics().hits_total, 2U);
}

TEST_F(SharedTest, AProcessThatStartsJudgesWhatWasStoredBefore) {
  const Process one = process();
  (void)one.ask("get orders 1");
  (void)one.ask("get users 1");
  fake_->write("orders", "1", "eleven");
  const Process next = process();
  EXPECT_EQ(next.ask("get users 1").source(), Source::kRedis);
  const Result changed = next.ask("get orders 1");
  EXPECT_EQ(changed.source(), Source::kDatabase);
  EXPECT_EQ(value_of(changed), "eleven");
  EXPECT_EQ(changed.reason(), "stale: main.orders changed");
  EXPECT_EQ(next.metrics().redis_stale_total, 1U);
  EXPECT_EQ(process().ask("get orders 1").source(), Source::kRedis) << "it was overwritten";
}

TEST_F(SharedTest, WithoutHistoryAProcessThatStartsServesNothingFromBefore) {
  const Process one = process();
  (void)one.ask("get orders 1");
  fake_->write("orders", "1", "eleven");
  fake_->prune(fake_->snapshot());  // the row that tells of it too
  const Process next = process();
  const Result result = next.ask("get orders 1");
  EXPECT_EQ(result.source(), Source::kDatabase);
  EXPECT_EQ(value_of(result), "eleven");
  EXPECT_THAT(result.reason(), HasSubstr("too old to be judged"));
  EXPECT_EQ(next.metrics().redis_too_old_total, 1U);
}

TEST_F(SharedTest, PruningCostsARunningProcessNothing) {
  const Process one = process();
  const Process two = process();
  (void)one.ask("get orders 1");
  fake_->write("users", "1", "bob");
  (void)two.ask("get users 1");  // it pulls
  fake_->prune(fake_->snapshot());
  EXPECT_EQ(two.ask("get orders 1").source(), Source::kRedis);
}

// Nobody in this process had ever asked for the relation when its change was learned.
TEST_F(SharedTest, AChangeToWhatNobodyAskedForIsKnownWhenSomebodyDoes) {
  const Process one = process();
  const Process two = process();
  (void)one.ask("get orders 1");
  fake_->write("orders", "1", "eleven");
  (void)two.ask("get users 1");  // learns of it
  fake_->prune(fake_->snapshot());
  EXPECT_EQ(value_of(two.ask("get orders 1")), "eleven");
}

TEST_F(SharedTest, ASlowReadThatStoresLateIsStaleForEverybody) {
  const Process slow = process();
  const Process two = process();
  (void)slow.ask("get users 1");
  const auto gate = fake_->hold(FakeCall::kRun, Hold::kAfter);
  std::future<Result> late =
      std::async(std::launch::async, [&] { return slow.ask("get orders 1"); });
  gate->await_arrival();
  fake_->write("orders", "1", "eleven");
  EXPECT_EQ(value_of(two.ask("get orders 1")), "eleven");
  (void)two.ask("get users 1");
  // The slow one's process hears of the change before it stores.
  (void)slow.ask("get users 1");
  gate->open();
  EXPECT_EQ(value_of(late.get()), "ten");
  EXPECT_EQ(slow.metrics().redis_puts_total, 2U) << "it did overwrite what was true";
  EXPECT_EQ(value_of(process().ask("get orders 1")), "eleven");
}

TEST_F(SharedTest, AStoreRestoredFromAnOldDumpServesNothingStale) {
  const Process one = process();
  const Process two = process();
  (void)one.ask("get orders 1");
  const test::FakeRemoteStore::Backup dump = store_->backup();
  fake_->write("orders", "1", "eleven");
  (void)one.ask("get orders 1");
  store_->restore(dump);
  EXPECT_EQ(value_of(two.ask("get orders 1")), "eleven");
  store_->restore(dump);
  EXPECT_EQ(value_of(process().ask("get orders 1")), "eleven");
}

TEST_F(SharedTest, AnEmptiedStoreCostsAMiss) {
  const Process one = process();
  const Process two = process();
  (void)one.ask("get orders 1");
  store_->flush();
  EXPECT_EQ(two.ask("get orders 1").source(), Source::kDatabase);
  EXPECT_EQ(process().ask("get orders 1").source(), Source::kRedis);
}

TEST_F(SharedTest, ProcessesWithOtherClocksAgree) {
  const Process one = process(TimePoint{hours{10'000}});
  const Process two = process(TimePoint{hours{2}});
  const Policy ttl{.ttl = seconds{10}};
  (void)one.ask("get orders 1", ttl);
  advance(seconds{8});
  const Result shared = two.ask("get orders 1", ttl);
  EXPECT_EQ(shared.source(), Source::kRedis);
  EXPECT_GE(shared.age(), seconds{8});
  EXPECT_LE(shared.age(), seconds{8} + 3 * kCost);
  advance(seconds{2});
  EXPECT_EQ(two.ask("get orders 1", ttl).source(), Source::kDatabase) << "what remained was kept";
}

TEST_F(SharedTest, AnotherIncarnationsEntriesAreNotServed) {
  const Process one = process();
  (void)one.ask("get orders 1");
  fake_->crash();
  EXPECT_EQ(process().ask("get orders 1").source(), Source::kDatabase);
  (void)one.ask("get users 1");
  EXPECT_EQ(one.ask("get orders 1").source(), Source::kRedis) << "what the new one stored";
}

TEST_F(SharedTest, WhatWasReadBeforeAnUnjournaledChangeOfTheCatalogIsNotServed) {
  const Process one = process();
  const Process two = process();
  (void)one.ask("get orders 1");
  fake_->change_epoch("epoch-2");
  EXPECT_EQ(two.ask("get orders 1").source(), Source::kDatabase);
  EXPECT_EQ(process().ask("get orders 1").source(), Source::kRedis);
  EXPECT_EQ(one.ask("get orders 1").source(), Source::kRedis);
}

// A role's rights are taken away and given back: what was read meanwhile was stored as of before.
TEST_F(SharedTest, WhatWasReadWhileTheCatalogWasAnotherDoesNotComeBackWithTheOldOne) {
  const Process one = process();
  const Policy relaxed{.max_staleness = hours{1}};
  (void)one.ask("get users 1");
  fake_->change_epoch("epoch-2");
  (void)one.ask("get orders 1", relaxed);  // under the old epoch: nobody has heard of the new one
  (void)one.ask("get users 1");
  one.core->tick();
  fake_->change_epoch("epoch-1");
  EXPECT_EQ(process().ask("get orders 1").source(), Source::kDatabase);
}

TEST_F(SharedTest, DdlVoidsWhatIsStored) {
  const Process one = process();
  const Process two = process();
  (void)one.ask("get orders 1");
  fake_->ddl();
  EXPECT_EQ(two.ask("get orders 1").source(), Source::kDatabase);
  fake_->ddl();
  EXPECT_EQ(process().ask("get orders 1").source(), Source::kDatabase);
}

TEST_F(SharedTest, OwnWritesAreSeenWhateverTheBound) {
  const Process one = process();
  const Process two = process();
  const Policy relaxed{.max_staleness = hours{1}};
  (void)one.ask("get orders 1");
  two.core->execute(two.core->asker({}, {}), "set orders 1 eleven", {});
  EXPECT_EQ(value_of(two.ask("get orders 1", relaxed)), "eleven");
}

TEST_F(SharedTest, AForeignWriteIsServedNoLongerThanTheBound) {
  const Process one = process();
  const Process two = process();
  const Policy bound{.max_staleness = milliseconds{100}};
  (void)one.ask("get orders 1");
  (void)two.ask("get users 1");
  fake_->write("orders", "1", "eleven");
  EXPECT_EQ(value_of(two.ask("get orders 1", bound)), "ten") << "inside the bound it may be";
  advance(milliseconds{101});
  EXPECT_EQ(value_of(two.ask("get orders 1", bound)), "eleven");
}

TEST_F(SharedTest, OtherSessionsParametersAndEnvironmentsAreOtherEntries) {
  const Process one = process();
  const Process two = process();
  (void)one.ask("get orders $1", {}, Params::of("1"));
  EXPECT_EQ(two.ask("get orders $1", {}, Params::of(1)).source(), Source::kDatabase);
  const Asker alice = two.core->asker({.role = "alice"}, {});
  EXPECT_EQ(two.core->query(alice, "get orders $1", nullptr, Params::of("1")).source(),
            Source::kDatabase);
  fake_->environment = "another time zone";
  EXPECT_EQ(process().ask("get orders $1", {}, Params::of("1")).source(), Source::kDatabase);
}

TEST_F(SharedTest, TagsHoldAcrossProcesses) {
  const Process one = process();
  const Process two = process();
  const Process three = process();
  const Policy tagged{.tags = {"front-page", "user:1"}};
  (void)one.ask("get orders 1", tagged);
  EXPECT_EQ(two.ask("get orders 1", tagged).source(), Source::kRedis);
  const auto invalidate = [&](spi::InvalidationKind kind, std::string_view target) {
    one.core->invalidate(one.core->asker({}, {}), kind, target);
    advance(milliseconds{1});
  };
  invalidate(spi::InvalidationKind::kTag, "front-page");
  EXPECT_EQ(two.ask("get orders 1", tagged).source(), Source::kDatabase);
  EXPECT_EQ(three.ask("get orders 1", tagged).source(), Source::kRedis);
  invalidate(spi::InvalidationKind::kTagPattern, "user:*");
  EXPECT_EQ(process().ask("get orders 1", tagged).source(), Source::kDatabase);
}

TEST_F(SharedTest, AnEntryWithoutTheCallersTagsIsNotServed) {
  const Process one = process();
  (void)one.ask("get orders 1");
  EXPECT_EQ(process().ask("get orders 1", {.tags = {"x"}}).source(), Source::kDatabase);
  EXPECT_EQ(process().ask("get orders 1").source(), Source::kRedis) << "more tags do no harm";
}

TEST_F(SharedTest, ClearReachesEveryProcessAndTheStore) {
  const Process one = process();
  const Process two = process();
  (void)one.ask("get orders 1");
  (void)two.ask("get orders 1");
  one.core->clear();
  advance(milliseconds{1});
  EXPECT_EQ(two.ask("get orders 1").source(), Source::kDatabase);
  one.core->clear();
  EXPECT_EQ(one.ask("get orders 1").source(), Source::kDatabase);
}

// --- TTL
// -----------------------------------------------------------------------------------------------------

TEST_F(SharedTest, WhatOnlyItsTtlBoundsIsSharedWithWhatRemainsOfIt) {
  fake_->untracked = {"logs"};
  fake_->write("logs", "1", "first");
  const Process one = process();
  const Process two = process();
  const Policy ttl{.ttl = seconds{10}};
  (void)one.ask("get logs 1", ttl);
  fake_->write("logs", "1", "second");
  advance(seconds{8});
  EXPECT_EQ(value_of(two.ask("get logs 1", ttl)), "first");
  advance(seconds{2});
  EXPECT_EQ(value_of(two.ask("get logs 1", ttl)), "second");
}

TEST_F(SharedTest, ACallersOwnShorterTtlIsKept) {
  const Process one = process();
  (void)one.ask("get orders 1", {.ttl = seconds{100}});
  advance(seconds{5});
  EXPECT_EQ(process().ask("get orders 1", {.ttl = seconds{6}}).source(), Source::kRedis);
  EXPECT_EQ(process().ask("get orders 1", {.ttl = seconds{5}}).source(), Source::kDatabase);
}

TEST_F(SharedTest, AnEntryLivesNoLongerInTheStoreThanTheOptionsSay) {
  options_.redis->lifetime = seconds{20};
  const Process one = process();
  (void)one.ask("get orders 1");
  advance(seconds{21});
  EXPECT_EQ(process().ask("get orders 1").source(), Source::kDatabase);
}

// --- Flights
// -------------------------------------------------------------------------------------------------

// The leader may be content with what was true a while ago; the one who joins may not.
TEST_F(SharedTest, WhoJoinsAFlightGetsNoOlderTruthThanItAskedFor) {
  const Process one = process();
  const Process two = process();
  (void)one.ask("get orders 1");
  (void)two.ask("get users 1");  // two's last pull
  fake_->write("orders", "1", "eleven");
  advance(milliseconds{500});
  std::promise<void> judged;
  std::promise<void> go_on;
  std::atomic<bool> first{true};
  two.core->events().stored.connect([&](const StoredEvent&) {
    if (!first.exchange(false)) return;
    judged.set_value();
    go_on.get_future().wait();
  });
  std::future<Result> relaxed = std::async(
      std::launch::async, [&] { return two.ask("get orders 1", {.max_staleness = hours{1}}); });
  judged.get_future().wait();
  const std::size_t pulls = fake_->calls(FakeCall::kPull);
  std::future<Result> strict = std::async(std::launch::async, [&] {
    return two.ask("get orders 1", {.max_staleness = milliseconds{100}});
  });
  // It pulls, then joins the flight; should it come too late to join, the answer is the same.
  while (fake_->calls(FakeCall::kPull) == pulls) std::this_thread::yield();
  for (int i = 0; i < 10'000; ++i) std::this_thread::yield();
  go_on.set_value();
  EXPECT_EQ(value_of(strict.get()), "eleven");
  EXPECT_EQ(value_of(relaxed.get()), "ten");
}

}  // namespace
}  // namespace weir::detail
