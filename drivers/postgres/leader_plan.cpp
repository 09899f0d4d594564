#include "drivers/postgres/leader_plan.hpp"

#include <algorithm>

namespace weir::postgres {

LeaderPlan::LeaderPlan(const ListenOptions& options, Listening listening)
    : watch_interval_{options.watch_interval},
      idle_interval_{options.idle_interval.value_or(options.watch_interval * kSlowestWatch)},
      prune_interval_{options.prune_interval},
      listening_{listening},
      watch_pause_{options.watch_interval} {}

NextDuty LeaderPlan::next(TimePoint now) {
  if (state_ == State::kDisconnected) {
    return now >= connect_at_ ? NextDuty{Duty::kConnect} : NextDuty{Duty::kWait, connect_at_};
  }
  if (state_ == State::kListening) return {Duty::kProbe};
  if (state_ == State::kProbing && now >= probe_at_) went_deaf(now);
  if (state_ == State::kDeaf && now >= probe_at_) return {Duty::kProbe};
  if (state_ == State::kProven && !leader_ && now >= elect_at_) return {Duty::kElect};
  if (leader_ && now >= watch_at_) return {Duty::kWatch};
  if (now >= prune_at_) return {Duty::kPrune};

  TimePoint until = prune_at_;
  if (state_ == State::kProven) {
    until = std::min(until, leader_ ? watch_at_ : elect_at_);
  } else {
    until = std::min(until, probe_at_);
  }
  return {Duty::kWait, until};
}

void LeaderPlan::connected(TimePoint now) {
  leader_ = false;
  prune_at_ = now + prune_interval_;
  if (listening_ == Listening::kYes) {
    state_ = State::kListening;
  } else {
    state_ = State::kDeaf;
    probe_at_ = TimePoint::max();
  }
}

void LeaderPlan::lost(TimePoint now) {
  state_ = State::kDisconnected;
  leader_ = false;
  connect_at_ = now + retry_;
  retry_ = std::min<Duration>(retry_ * 2, kLastRetry);
}

void LeaderPlan::went_deaf(TimePoint now) {
  state_ = State::kDeaf;
  leader_ = false;
  probe_at_ = now + kProbeAgain;
}

void LeaderPlan::probe_sent(TimePoint now) {
  state_ = State::kProbing;
  probe_at_ = now + kProbeTimeout;
}

void LeaderPlan::probe_arrived(TimePoint now) {
  if (state_ != State::kProbing) return;  // too late: given up meanwhile
  state_ = State::kProven;
  elect_at_ = now;
}

void LeaderPlan::elected(Election election, TimePoint now) {
  leader_ = election == Election::kWon;
  if (leader_) {
    watch_pause_ = watch_interval_;
    watch_at_ = now;
  } else {
    elect_at_ = now + kElectAgain;
    retry_ = kFirstRetry;
  }
}

void LeaderPlan::watched(Watched watched, TimePoint now) {
  watch_pause_ = watched == Watched::kChanges
                     ? watch_interval_
                     : std::min(watch_pause_ + watch_pause_ / 4, idle_interval_);
  watch_at_ = now + watch_pause_;
  retry_ = kFirstRetry;
}

void LeaderPlan::pruned(TimePoint now) {
  prune_at_ = now + prune_interval_;
  retry_ = kFirstRetry;
}

}  // namespace weir::postgres
