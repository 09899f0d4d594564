#include "src/cache/shared_tier.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/fake_clock.hpp"
#include "tests/support/fake_remote_store.hpp"
#include "weir/spi/result_builder.hpp"

namespace weir::detail {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class SharedTierTest : public ::testing::Test {
 protected:
  SharedTier& tier() {
    if (!tier_) {
      SharedWatchers watchers;
      watchers.degraded = [this](std::string_view reason) { told_.emplace_back(reason); };
      tier_.emplace(options_, std::make_unique<test::SharedRemoteStore>(store_), clock_, watchers);
    }
    return *tier_;
  }
  StoredEntry entry(std::size_t text = 10) const {
    spi::ResultBuilder builder;
    builder.add_column("value", "text");
    std::string random(text, 'x');
    for (std::size_t i = 0; i < text; ++i) random[i] = static_cast<char>('a' + i * i * 31 % 26);
    builder.text(random);
    StoredEntry entry;
    entry.incarnation = "one";
    entry.snapshot = {5, 5, {}, false};
    entry.key = key_.bytes;
    entry.lifetime = seconds{10};
    entry.rows = builder.finish();
    return entry;
  }
  void fail(const Error& error) {
    store_->on_call([error](const std::string&) { throw Error{error}; });
  }
  SharedOutcome get() { return tier().get(key_, {}).outcome; }

  test::FakeClock clock_;
  RedisOptions options_{.url = "redis://fake"};
  std::shared_ptr<test::FakeRemoteStore> store_ = std::make_shared<test::FakeRemoteStore>(clock_);
  std::vector<std::string> told_;
  std::optional<SharedTier> tier_;
  const SharedKey key_{"weir:{1}", "the whole key"};
};

TEST_F(SharedTierTest, BringsBackWhatWasPutAndWhatRemainsOfIt) {
  EXPECT_EQ(get(), SharedOutcome::kAbsent);
  EXPECT_EQ(tier().put(key_, entry(), {}), SharedOutcome::kDone);
  clock_.advance(seconds{4});
  const SharedTier::Got got = tier().get(key_, {});
  ASSERT_EQ(got.outcome, SharedOutcome::kDone);
  EXPECT_EQ(got.found->entry.snapshot.xmin, 5U);
  EXPECT_EQ(got.found->remaining, seconds{6});
  EXPECT_EQ(got.found->asked, clock_.now());
  clock_.advance(seconds{6});
  EXPECT_EQ(get(), SharedOutcome::kAbsent);
}

TEST_F(SharedTierTest, AnEntryOfAnotherKeyWithTheSameHashIsNone) {
  (void)tier().put(key_, entry(), {});
  EXPECT_EQ(tier().get({key_.name, "another key"}, {}).outcome, SharedOutcome::kCorrupt);
}

TEST_F(SharedTierTest, BytesThatAreNoEntryAreNone) {
  store_->put(key_.name, "garbage", seconds{1}, {});
  EXPECT_EQ(get(), SharedOutcome::kCorrupt);
}

TEST_F(SharedTierTest, WhatIsTooLargeIsNotSent) {
  options_.max_value = Bytes::kibi(1);
  options_.compress_above = Bytes::mebi(1);
  EXPECT_EQ(tier().put(key_, entry(2000), {}), SharedOutcome::kTooLarge);
  EXPECT_EQ(store_->calls("put"), 0U);
}

TEST_F(SharedTierTest, AStoreThatRefusesIsLeftAloneAfterAFewCallsAndFoundAgain) {
  fail(Error{ErrorCode::kPermission, "NOAUTH"});
  for (int i = 0; i < 20; ++i)
    EXPECT_EQ(get(), i < 3 ? SharedOutcome::kFailed : SharedOutcome::kOff) << i;
  EXPECT_EQ(store_->calls("get"), 3U);
  EXPECT_EQ(told_, std::vector<std::string>{"NOAUTH"});
  EXPECT_FALSE(tier().open_for_reads());
  store_->mend();
  EXPECT_EQ(get(), SharedOutcome::kOff) << "the pause is not over";
  clock_.advance(milliseconds{100});
  EXPECT_EQ(get(), SharedOutcome::kAbsent);
  EXPECT_EQ(told_, (std::vector<std::string>{"NOAUTH", ""}));
}

TEST_F(SharedTierTest, OneTimeoutIsEnough) {
  fail(Error{ErrorCode::kTimeout, "too long"});
  EXPECT_EQ(get(), SharedOutcome::kFailed);
  EXPECT_EQ(get(), SharedOutcome::kOff);
  EXPECT_EQ(tier().put(key_, entry(), {}), SharedOutcome::kOff) << "it hangs for writes too";
}

TEST_F(SharedTierTest, ACallersOwnShortLimitDoesNotBlameTheStoreAtOnce) {
  fail(Error{ErrorCode::kTimeout, "too long"});
  const auto hurried = [&] {
    return tier().get(key_, spi::Deadline{clock_.now() + milliseconds{50}}).outcome;
  };
  EXPECT_EQ(hurried(), SharedOutcome::kFailed);
  EXPECT_EQ(hurried(), SharedOutcome::kFailed);
  EXPECT_EQ(hurried(), SharedOutcome::kFailed);
  EXPECT_EQ(hurried(), SharedOutcome::kOff);
}

TEST_F(SharedTierTest, ACallTakesHalfOfTheCallersTimeAtMost) {
  EXPECT_EQ(tier().get(key_, spi::Deadline{clock_.now() + milliseconds{1}}).outcome,
            SharedOutcome::kOff);
  EXPECT_EQ(store_->calls("get"), 0U);
}

TEST_F(SharedTierTest, AFullStoreIsStillRead) {
  (void)tier().put(key_, entry(), {});
  fail(Error{ErrorCode::kDatabase, "OOM"});
  for (int i = 0; i < 5; ++i) (void)tier().put(key_, entry(), {});
  store_->mend();
  EXPECT_EQ(tier().put(key_, entry(), {}), SharedOutcome::kOff);
  EXPECT_EQ(get(), SharedOutcome::kDone);
}

TEST_F(SharedTierTest, ALeaseIsHeldByOneAndGivenBackByItsOwner) {
  const std::string one = tier().new_owner();
  const std::string other = tier().new_owner();
  EXPECT_NE(one, other);
  EXPECT_EQ(tier().take_lease(key_, one, {}), SharedOutcome::kDone);
  EXPECT_EQ(tier().take_lease(key_, other, {}), SharedOutcome::kAbsent);
  tier().give_lease_back(key_, other);
  EXPECT_EQ(tier().take_lease(key_, other, {}), SharedOutcome::kAbsent);
  tier().give_lease_back(key_, one);
  EXPECT_EQ(tier().take_lease(key_, other, {}), SharedOutcome::kDone);
}

TEST_F(SharedTierTest, ADeadHoldersLeaseRunsOut) {
  (void)tier().take_lease(key_, "dead", {});
  clock_.advance(options_.lease);
  EXPECT_EQ(tier().take_lease(key_, "next", {}), SharedOutcome::kDone);
}

TEST_F(SharedTierTest, FetchCostIsAGuessUntilItIsMeasured) {
  options_.min_cost = std::chrono::microseconds{300};
  EXPECT_EQ(tier().fetch_cost(), std::chrono::microseconds{300});
  store_->on_call([&](const std::string&) { clock_.advance(milliseconds{2}); });
  (void)get();
  EXPECT_EQ(tier().fetch_cost(), milliseconds{2});
}

TEST_F(SharedTierTest, StopEndsAWait) {
  tier().stop();
  EXPECT_FALSE(tier().wait_until(clock_.now() + seconds{100}));
}

}  // namespace
}  // namespace weir::detail
