#include "drivers/postgres/leader_plan.hpp"

#include <gtest/gtest.h>

#include "tests/support/fake_clock.hpp"

namespace weir::postgres {
namespace {

using namespace std::chrono_literals;
using Listening = LeaderPlan::Listening;
using Election = LeaderPlan::Election;
using Watched = LeaderPlan::Watched;

const ListenOptions kOptions{.watch_interval = 20ms, .prune_interval = 60s};

class LeaderPlanTest : public ::testing::Test {
 protected:
  Duty duty() { return plan_.next(clock_.now()).duty; }
  Duration wait() {
    const NextDuty next = plan_.next(clock_.now());
    EXPECT_EQ(next.duty, Duty::kWait);
    return next.until - clock_.now();
  }
  void prove() {
    plan_.connected(clock_.now());
    plan_.probe_sent(clock_.now());
    plan_.probe_arrived(clock_.now());
  }
  void lead() {
    prove();
    plan_.elected(Election::kWon, clock_.now());
  }

  test::FakeClock clock_;
  LeaderPlan plan_{kOptions, Listening::kYes};
};

TEST_F(LeaderPlanTest, BeginsByConnectingThenProbes) {
  EXPECT_EQ(duty(), Duty::kConnect);
  plan_.connected(clock_.now());
  EXPECT_EQ(duty(), Duty::kProbe);
  plan_.probe_sent(clock_.now());
  EXPECT_EQ(wait(), LeaderPlan::kProbeTimeout);
  EXPECT_FALSE(plan_.proven());
}

TEST_F(LeaderPlanTest, StandsForElectionOnlyOnceTheProbeArrived) {
  prove();
  EXPECT_TRUE(plan_.proven());
  EXPECT_EQ(duty(), Duty::kElect);
  EXPECT_FALSE(plan_.leader());
}

TEST_F(LeaderPlanTest, AProbeThatDoesNotArriveMakesItDeafUntilTheNextTry) {
  plan_.connected(clock_.now());
  plan_.probe_sent(clock_.now());
  clock_.advance(LeaderPlan::kProbeTimeout);
  EXPECT_EQ(wait(), std::min<Duration>(LeaderPlan::kProbeAgain,
                                       kOptions.prune_interval - LeaderPlan::kProbeTimeout));
  plan_.probe_arrived(clock_.now());  // late: no longer believed
  EXPECT_FALSE(plan_.proven());
  clock_.advance(LeaderPlan::kProbeAgain);
  EXPECT_EQ(duty(), Duty::kProbe);
}

TEST_F(LeaderPlanTest, ADeafListenerStillPrunesButNeverLeads) {
  LeaderPlan plan{kOptions, Listening::kNo};
  plan.connected(clock_.now());
  EXPECT_EQ(plan.next(clock_.now()).until, clock_.now() + kOptions.prune_interval);
  clock_.advance(kOptions.prune_interval);
  EXPECT_EQ(plan.next(clock_.now()).duty, Duty::kPrune);
  plan.pruned(clock_.now());
  EXPECT_EQ(plan.next(clock_.now()).until, clock_.now() + kOptions.prune_interval);
  EXPECT_FALSE(plan.leader());
}

TEST_F(LeaderPlanTest, ALostElectionIsTriedAgain) {
  prove();
  plan_.elected(Election::kLost, clock_.now());
  EXPECT_EQ(wait(), LeaderPlan::kElectAgain);
  clock_.advance(LeaderPlan::kElectAgain);
  EXPECT_EQ(duty(), Duty::kElect);
}

TEST_F(LeaderPlanTest, ALeaderWatchesAtOnceAndThenAtTheConfiguredInterval) {
  lead();
  EXPECT_TRUE(plan_.leader());
  EXPECT_EQ(duty(), Duty::kWatch);
  plan_.watched(Watched::kChanges, clock_.now());
  EXPECT_EQ(wait(), kOptions.watch_interval);
}

TEST_F(LeaderPlanTest, AnIdleLeaderSlowsDownToAQuarterAndAChangeSpeedsItUpAgain) {
  lead();
  Duration last{};
  for (int i = 0; i < 50; ++i) {
    plan_.watched(Watched::kNothing, clock_.now());
    const Duration pause = wait();
    EXPECT_GE(pause, last);
    last = pause;
    clock_.advance(pause);
  }
  EXPECT_EQ(last, kOptions.watch_interval * LeaderPlan::kSlowestWatch);
  plan_.watched(Watched::kChanges, clock_.now());
  EXPECT_EQ(wait(), kOptions.watch_interval);
}

TEST_F(LeaderPlanTest, TheSlowestRateIsAnOption) {
  plan_ = LeaderPlan{{.watch_interval = 20ms, .idle_interval = 300ms}, Listening::kYes};
  lead();
  for (int i = 0; i < 50; ++i) plan_.watched(Watched::kNothing, clock_.now());
  EXPECT_EQ(wait(), 300ms);
}

TEST_F(LeaderPlanTest, PruningComesWhenDueThoughWatchingGoesOn) {
  lead();
  clock_.advance(kOptions.prune_interval);
  EXPECT_EQ(duty(), Duty::kWatch);
  plan_.watched(Watched::kNothing, clock_.now());
  EXPECT_EQ(duty(), Duty::kPrune);
  plan_.pruned(clock_.now());
  EXPECT_LE(wait(), kOptions.watch_interval * 2);
}

TEST_F(LeaderPlanTest, LosingTheConnectionEndsLeadershipAndBacksOff) {
  lead();
  Duration expected = LeaderPlan::kFirstRetry;
  for (int i = 0; i < 10; ++i) {
    plan_.lost(clock_.now());
    EXPECT_FALSE(plan_.leader());
    EXPECT_EQ(wait(), std::min<Duration>(expected, LeaderPlan::kLastRetry));
    clock_.advance(wait());
    EXPECT_EQ(duty(), Duty::kConnect);
    prove();  // connecting alone does not end the backing off
    expected *= 2;
  }
  plan_.elected(Election::kLost, clock_.now());
  plan_.lost(clock_.now());
  EXPECT_EQ(wait(), LeaderPlan::kFirstRetry);
}

TEST_F(LeaderPlanTest, ARefusedListenIsDeaf) {
  plan_.connected(clock_.now());
  plan_.went_deaf(clock_.now());
  EXPECT_FALSE(plan_.proven());
  EXPECT_EQ(wait(), std::min<Duration>(LeaderPlan::kProbeAgain, kOptions.prune_interval));
}

}  // namespace
}  // namespace weir::postgres
