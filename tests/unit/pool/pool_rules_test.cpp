#include "src/pool/pool_rules.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <set>
#include <string_view>

namespace weir::detail {
namespace {

using namespace std::chrono_literals;
using spi::TransactionState;

constexpr TimePoint kNow{100h};
constexpr TimePoint kNever = TimePoint::min();

PoolOptions limits() {
  PoolOptions options;
  options.max_idle = 10min;
  options.max_lifetime = 1h;
  return options;
}
ConnectionFacts young() { return {.opened = kNow - 1min, .idle_since = kNow - 1s}; }

TEST(PoolRulesTest, AcquireTakesThenOpensThenWaitsAndNeverOvertakes) {
  EXPECT_EQ(decide_acquire(1, 4, 4, 0), Acquire::kTakeIdle);
  EXPECT_EQ(decide_acquire(1, 1, 4, 0), Acquire::kTakeIdle);
  EXPECT_EQ(decide_acquire(0, 3, 4, 0), Acquire::kOpen);
  EXPECT_EQ(decide_acquire(0, 4, 4, 0), Acquire::kWait);
  EXPECT_EQ(decide_acquire(1, 1, 4, 1), Acquire::kWait);
  EXPECT_EQ(decide_acquire(0, 0, 4, 1), Acquire::kWait);
}

TEST(PoolRulesTest, AYoungSoundConnectionIsTakenUnasked) {
  EXPECT_EQ(decide_reuse(young(), limits(), kNever, kNow), Reuse::kTake);
}

TEST(PoolRulesTest, SuspicionAsksFirst) {
  ConnectionFacts facts = young();
  facts.suspect = true;
  EXPECT_EQ(decide_reuse(facts, limits(), kNever, kNow), Reuse::kPing);

  facts = young();
  facts.idle_since = kNow - kSuspectAfter;
  EXPECT_EQ(decide_reuse(facts, limits(), kNever, kNow), Reuse::kPing);
  facts.idle_since = kNow - kSuspectAfter + 1ns;
  EXPECT_EQ(decide_reuse(facts, limits(), kNever, kNow), Reuse::kTake);

  facts = young();  // another one was found broken while this one lay idle
  EXPECT_EQ(decide_reuse(facts, limits(), facts.idle_since, kNow), Reuse::kPing);
  EXPECT_EQ(decide_reuse(facts, limits(), facts.idle_since - 1ns, kNow), Reuse::kTake);
}

TEST(PoolRulesTest, ReuseClosesTheBrokenAndTheOldButKeepsTheLongIdle) {
  ConnectionFacts facts = young();
  facts.usable = false;
  EXPECT_EQ(decide_reuse(facts, limits(), kNever, kNow), Reuse::kClose);

  facts = young();
  facts.opened = kNow - 1h;
  EXPECT_EQ(decide_reuse(facts, limits(), kNever, kNow), Reuse::kClose);
  facts.opened = kNow - 1h + 1ns;
  EXPECT_EQ(decide_reuse(facts, limits(), kNever, kNow), Reuse::kTake);

  facts = young();
  facts.opened = kNow - 50min;
  facts.idle_since = kNow - 40min;
  EXPECT_EQ(decide_reuse(facts, limits(), kNever, kNow), Reuse::kPing);

  PoolOptions unlimited = limits();
  unlimited.max_lifetime.reset();
  facts.opened = kNow - 99h;
  EXPECT_EQ(decide_reuse(facts, unlimited, kNever, kNow), Reuse::kPing);
}

TEST(PoolRulesTest, OnlyAnOpenTransactionOnALiveConnectionIsRolledBack) {
  EXPECT_EQ(decide_tidy(true, TransactionState::kIdle), Tidy::kNothing);
  EXPECT_EQ(decide_tidy(true, TransactionState::kActive), Tidy::kRollback);
  EXPECT_EQ(decide_tidy(true, TransactionState::kFailed), Tidy::kRollback);
  EXPECT_EQ(decide_tidy(true, TransactionState::kLost), Tidy::kNothing);
  EXPECT_EQ(decide_tidy(false, TransactionState::kActive), Tidy::kNothing);
}

TEST(PoolRulesTest, ReturnKeepsOnlyTheSoundIdleAndYoung) {
  const auto back = [](const ConnectionFacts& facts, TransactionState state) {
    return decide_return(facts, state, limits(), kNow);
  };
  EXPECT_EQ(back(young(), TransactionState::kIdle), std::nullopt);
  EXPECT_EQ(back(young(), TransactionState::kActive), CloseCause::kBroken);
  EXPECT_EQ(back(young(), TransactionState::kFailed), CloseCause::kBroken);
  EXPECT_EQ(back(young(), TransactionState::kLost), CloseCause::kBroken);
  ConnectionFacts facts = young();
  facts.suspect = true;  // asked at its next use
  EXPECT_EQ(back(facts, TransactionState::kIdle), std::nullopt);
  facts = young();
  facts.usable = false;
  EXPECT_EQ(back(facts, TransactionState::kIdle), CloseCause::kBroken);
  facts = young();
  facts.opened = kNow - 1h;
  EXPECT_EQ(back(facts, TransactionState::kIdle), CloseCause::kLifetime);
}

TEST(PoolRulesTest, UpkeepClosesTheIdleDownToTheMinimumAndTheOldRegardless) {
  const auto upkeep = [](const ConnectionFacts& facts, std::size_t open, std::size_t min_open) {
    return decide_upkeep(facts, limits(), open, min_open, kNow);
  };
  EXPECT_EQ(upkeep(young(), 5, 0), std::nullopt);
  ConnectionFacts idle = young();
  idle.opened = kNow - 30min;
  idle.idle_since = kNow - 10min;
  EXPECT_EQ(upkeep(idle, 3, 2), CloseCause::kIdle);
  EXPECT_EQ(upkeep(idle, 2, 2), std::nullopt);
  idle.idle_since = kNow - 10min + 1ns;
  EXPECT_EQ(upkeep(idle, 3, 2), std::nullopt);
  ConnectionFacts old = young();
  old.opened = kNow - 1h;
  EXPECT_EQ(upkeep(old, 1, 1), CloseCause::kLifetime);
  ConnectionFacts broken = young();
  broken.usable = false;
  EXPECT_EQ(upkeep(broken, 1, 1), CloseCause::kBroken);

  PoolOptions unlimited = limits();
  unlimited.max_idle.reset();
  unlimited.max_lifetime.reset();
  EXPECT_EQ(decide_upkeep({.opened = kNow - 90h, .idle_since = kNow - 80h}, unlimited, 9, 0, kNow),
            std::nullopt);
}

TEST(PoolRulesTest, EveryCloseCauseHasItsOwnName) {
  std::set<std::string_view> names;
  for (std::size_t cause = 0; cause < kCloseCauses; ++cause) {
    names.insert(to_string(static_cast<CloseCause>(cause)));
  }
  EXPECT_EQ(names.size(), kCloseCauses);
  EXPECT_FALSE(names.contains("unknown"));
}

}  // namespace
}  // namespace weir::detail
