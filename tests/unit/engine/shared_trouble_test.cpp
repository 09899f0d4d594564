// The shared tier when it does not pay, does not work, or others are at it already.
#include <gmock/gmock.h>

#include <future>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/unit/engine/shared_fixture.hpp"

namespace weir::detail {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::FakeCall;
using ::testing::HasSubstr;

// --- What is worth it
// ------------------------------------------------------------------------------------------

TEST_F(SharedTest, WhatIsCheaperToRecomputeIsNeitherPutNorLookedUpAndSaysSo) {
  options_.redis->min_cost = std::chrono::microseconds{8000};
  store_->on_call([this](const std::string& call) {
    if (call == "get") advance(milliseconds{8});
  });
  const Process one = process();
  const Result first = one.ask("get orders 1");
  EXPECT_EQ(first.reason(),
            "not in the cache; not in redis: cheaper to recompute (5000 µs) than to fetch (8000 "
            "µs)");
  EXPECT_EQ(store_->calls("put"), 0U);
  const std::size_t looks = store_->calls("get");
  const Result second = one.ask("get orders 1", {.tags = {"other"}});
  EXPECT_THAT(second.reason(), HasSubstr("cheaper to recompute"));
  EXPECT_EQ(store_->calls("get"), looks);
  EXPECT_EQ(one.metrics().redis_skipped_cost_total, 2U);
}

TEST_F(SharedTest, LookupsThatWouldNotPayAreMadeOnceInAWhileToLearnWhatTheyCost) {
  options_.redis->min_cost = std::chrono::microseconds{8000};
  options_.memory.capacity = Bytes{0};
  bool slow = true;
  store_->on_call([&](const std::string& call) {
    if (call == "get" && std::exchange(slow, false)) advance(milliseconds{8});
  });
  const Process one = process();
  (void)one.ask("get orders 1");
  const std::size_t looks = store_->calls("get");
  for (int i = 0; i < 300; ++i) (void)one.ask("get orders 1");
  EXPECT_GT(store_->calls("get"), looks);
  EXPECT_EQ(one.ask("get orders 1").source(), Source::kRedis) << "lookups turned out to be cheap";
}

TEST_F(SharedTest, WhatIsTooLargeForTheStoreSaysSo) {
  options_.redis->max_value = Bytes::kibi(1);
  options_.redis->compress_above = Bytes::mebi(1);
  fake_->write("orders", "2", std::string(2000, 'x'));
  const Process one = process();
  std::vector<std::string> refused;
  one.core->events().refused.connect(
      [&](const RefusedEvent& event) { refused.emplace_back(event.reason); });
  EXPECT_THAT(one.ask("get orders 2").reason(), HasSubstr("redis.max_value, 1024"));
  ASSERT_EQ(refused.size(), 1U);
  EXPECT_THAT(refused[0], HasSubstr("redis.max_value"));
}

TEST_F(SharedTest, WithoutAJournalNothingIsShared) {
  fake_->fail(FakeCall::kPull, Error{ErrorCode::kMigration, "no journal"}, 1000);
  const Process one = process();
  (void)one.ask("get orders 1", {.ttl = seconds{10}});
  EXPECT_EQ(store_->calls("get") + store_->calls("put"), 0U);
}

TEST_F(SharedTest, WhatMustNotBeStoredIsNotShared) {
  fake_->doubt = "the session has temporary objects";
  const Process one = process();
  (void)one.ask("get orders 1");
  EXPECT_EQ(store_->calls("put"), 0U);
}

TEST_F(SharedTest, AReadOnAConnectionOfAnotherEnvironmentIsNotShared) {
  const Process one = process();
  (void)one.ask("get users 1");
  const std::size_t puts = store_->calls("put");
  store_->on_call([&](const std::string& call) {
    if (call != "get") return;  // after the key was made, before the read
    fake_->lose_connections();
    fake_->environment = "another time zone";
  });
  (void)one.ask("get orders 1");
  EXPECT_EQ(store_->calls("put"), puts);
}

TEST_F(SharedTest, ADatabaseWhoseChangesOnlyOneProcessUnderstandsIsRefused) {
  fake_->shares_change_ids = false;
  try {
    (void)process();
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kConfig);
    EXPECT_THAT(error.what(), HasSubstr("options.redis"));
    EXPECT_THAT(error.what(), HasSubstr("fake"));
  }
}

// --- A store that does not work
// --------------------------------------------------------------------------------

TEST_F(SharedTest, CorruptBytesAreAMiss) {
  const Process one = process();
  (void)one.ask("get orders 1");
  for (const std::string& key : store_->keys())
    store_->spoil(key, [](std::string& bytes) { bytes[bytes.size() / 2] ^= 1; });
  const Process two = process();
  EXPECT_EQ(two.ask("get orders 1").source(), Source::kDatabase);
  EXPECT_EQ(two.metrics().redis_corrupt_total, 1U);
}

TEST_F(SharedTest, AnEntryUnderAnotherKeysNameIsAMiss) {
  const Process one = process();
  (void)one.ask("get orders 1");
  (void)one.ask("get users 1");
  test::FakeRemoteStore::Backup swapped = store_->backup();
  ASSERT_EQ(swapped.values.size(), 2U);
  std::swap(swapped.values.begin()->second, swapped.values.rbegin()->second);
  store_->restore(swapped);
  EXPECT_EQ(value_of(process().ask("get orders 1")), "ten");
  EXPECT_EQ(value_of(process().ask("get users 1")), "ann");
}

TEST_F(SharedTest, ABrokenStoreFailsNoQueryAndIsSoonNotAsked) {
  const Process one = process();
  std::vector<std::string> told;
  one.core->events().degraded.connect([&](const DegradedEvent& event) {
    told.push_back(std::string{event.what} + ": " + std::string{event.reason});
  });
  store_->on_call([](const std::string&) {
    throw ConnectionError{"redis is gone", {.connection_usable = false}};
  });
  for (int i = 0; i < 50; ++i)
    EXPECT_EQ(one.ask("get orders $1", {}, Params::of(i)).source(), Source::kDatabase);
  EXPECT_LE(store_->calls("get") + store_->calls("put") + store_->calls("add"), 20U);
  ASSERT_FALSE(told.empty());
  EXPECT_EQ(told[0], "redis: redis is gone");
  EXPECT_GE(one.metrics().redis_errors_total, 1U);
  EXPECT_TRUE(one.metrics().redis_open);
  store_->mend();
  advance(seconds{20});
  for (int i = 50; i < 55; ++i) (void)one.ask("get orders $1", {}, Params::of(i));
  EXPECT_FALSE(one.metrics().redis_open);
  EXPECT_EQ(told.back(), "redis: ");
}

// --- Leases
// ---------------------------------------------------------------------------------------------------

class LeaseTest : public SharedTest {
 protected:
  /// One process whose read is held at the gate, and another one that waits for it.
  struct Meeting {
    std::shared_ptr<test::Gate> gate{};
    std::future<Result> reads{};
    std::future<Result> waits{};
  };
  Meeting meet(const Process& one, const Process& two) {
    Meeting meeting;
    meeting.gate = fake_->hold(FakeCall::kRun);
    meeting.reads = std::async(std::launch::async, [&one] { return one.ask("get orders 1"); });
    meeting.gate->await_arrival();
    meeting.waits = std::async(std::launch::async, [&two] { return two.ask("get orders 1"); });
    while (two.metrics().redis_lease_waited_total == 0) std::this_thread::yield();
    return meeting;
  }
  Result end_of_wait(Meeting& meeting) {
    while (meeting.waits.wait_for(milliseconds{1}) != std::future_status::ready)
      advance(milliseconds{1});
    return meeting.waits.get();
  }
};

TEST_F(LeaseTest, OneProcessReadsAndTheOthersWaitForWhatItPuts) {
  options_.redis->lease_wait = seconds{1};
  const Process one = process();
  const Process two = process();
  Meeting meeting = meet(one, two);
  meeting.gate->open();
  EXPECT_EQ(meeting.reads.get().source(), Source::kDatabase);
  EXPECT_EQ(end_of_wait(meeting).source(), Source::kRedis);
  EXPECT_EQ(runs(), 1U);
  EXPECT_EQ(one.metrics().redis_lease_won_total, 1U);
}

TEST_F(LeaseTest, WhoWaitedLongEnoughGoesOnAlone) {
  options_.redis->lease_wait = milliseconds{300};
  const Process one = process();
  const Process two = process();
  Meeting meeting = meet(one, two);
  EXPECT_EQ(end_of_wait(meeting).source(), Source::kDatabase);
  meeting.gate->open();
  (void)meeting.reads.get();
}

TEST_F(SharedTest, ADeadHoldersLeaseIsTakenOver) {
  options_.redis->lease = milliseconds{200};
  options_.redis->lease_wait = seconds{5};
  const Process one = process();
  // The holder died: the lease is there, and nobody will put anything.
  (void)one.ask("get orders 1");
  const std::string entry = store_->keys().front();
  store_->restore({{{entry + ":lease", {"dead", store_clock_.now() + milliseconds{200}}}}});
  const Process two = process();
  std::future<Result> waits =
      std::async(std::launch::async, [&] { return two.ask("get orders 1"); });
  const TimePoint begin = store_clock_.now();
  while (waits.wait_for(milliseconds{1}) != std::future_status::ready) advance(milliseconds{1});
  EXPECT_EQ(waits.get().source(), Source::kDatabase);
  EXPECT_EQ(two.metrics().redis_lease_won_total, 1U);
  EXPECT_LT(store_clock_.now() - begin, milliseconds{400});
}

TEST_F(SharedTest, AHolderThatFailsGivesItsLeaseBack) {
  const Process one = process();
  fake_->fail(FakeCall::kRun, Error{ErrorCode::kDatabase, "no"}, 1);
  EXPECT_THROW((void)one.ask("get orders 1"), Error);
  EXPECT_TRUE(store_->keys().empty());
}

TEST_F(SharedTest, AStatementKnownToBeQuickTakesNoLease) {
  const Process one = process();
  (void)one.ask("get orders $1", {}, Params::of(1));
  const std::size_t leases = store_->calls("add");
  (void)one.ask("get orders $1", {}, Params::of(2));
  EXPECT_EQ(store_->calls("add"), leases);
}

TEST_F(SharedTest, ClosingEndsAWait) {
  options_.redis->lease_wait = seconds{20};
  const Process one = process();
  const Process two = process();
  const auto gate = fake_->hold(FakeCall::kRun);
  std::future<Result> reads =
      std::async(std::launch::async, [&] { return one.ask("get orders 1"); });
  gate->await_arrival();
  std::future<void> waits = std::async(std::launch::async, [&] {
    try {
      (void)two.ask("get orders 1");
    } catch (const Error&) {  // closed
    }
  });
  while (two.metrics().redis_lease_waited_total == 0) std::this_thread::yield();
  two.core->close();
  waits.get();
  gate->open();
  (void)reads.get();
}

}  // namespace
}  // namespace weir::detail
