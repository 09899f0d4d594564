#include "src/cache/breaker.hpp"

#include <algorithm>

#include "src/cache/ttl.hpp"

namespace weir::detail {
namespace {

constexpr double kShortened = 0.25;

}  // namespace

void Breaker::set_until(TimePoint until) noexcept {
  // Release: whoever passes again sees what was settled before.
  until_.store(std::max<Duration::rep>(until.time_since_epoch().count(), kClosed + 1),
               std::memory_order_release);
}

Breaker::Pass Breaker::probe(TimePoint now, Duration::rep until) noexcept {
  const Duration::rep later = (now + rules_.probe_limit).time_since_epoch().count();
  return until_.compare_exchange_strong(until, std::max(later, kClosed + 1),
                                        std::memory_order_acq_rel)
             ? Pass::kProbe
             : Pass::kNo;
}

Breaker::Turn Breaker::succeeded(Pass pass) {
  // The usual case writes nothing. Relaxed: a count that is reset late opens it early, no more.
  if (pass == Pass::kYes && failures_.load(std::memory_order_relaxed) == 0) return Turn::kNone;
  const MutexLock lock{mutex_};
  if (pass == Pass::kProbe) {
    if (closed()) return Turn::kNone;  // given up for lost, and another one closed it
    failures_.store(0, std::memory_order_relaxed);
    until_.store(kClosed, std::memory_order_release);  // pairs with pass
    return Turn::kClosed;
  }
  if (closed()) failures_.store(0, std::memory_order_relaxed);
  return Turn::kNone;
}

Breaker::Turn Breaker::failed(Pass pass, Failure failure, TimePoint now, std::uint64_t random) {
  const MutexLock lock{mutex_};
  const bool was_closed = closed();
  if (!was_closed && pass != Pass::kProbe) return Turn::kNone;  // it began before
  if (was_closed) {
    const std::uint32_t failures = failures_.load(std::memory_order_relaxed) + 1;
    failures_.store(failures, std::memory_order_relaxed);
    if (failure == Failure::kError && failures < rules_.failures) return Turn::kNone;
    pause_ = rules_.first_pause;
  } else {
    pause_ = std::min(rules_.longest_pause, pause_ * 2);
  }
  set_until(now + jittered(pause_, kShortened, random));
  return was_closed ? Turn::kOpened : Turn::kNone;
}

void Breaker::learned_nothing(Pass pass, TimePoint now) {
  const MutexLock lock{mutex_};
  if (pass == Pass::kProbe && !closed()) set_until(now);
}

}  // namespace weir::detail
