#pragma once

#include <atomic>
#include <cstdint>

#include "src/base/mutex.hpp"
#include "weir/clock.hpp"

namespace weir::detail {

/// When a `Breaker` opens, and for how long.
struct BreakerRules {
  std::uint32_t failures{3};  ///< In a row, until it opens. A call that took too long opens it at
                              ///< once.
  Duration first_pause{std::chrono::milliseconds{100}};  ///< Doubled after each probe that failed.
  Duration longest_pause{std::chrono::seconds{10}};
  Duration probe_limit{std::chrono::seconds{1}};  ///< A probe that is not heard of for this long is
                                                  ///< given up.
};

/// Keeps callers from a store that does not work.
///
/// Purpose: with a dead or hung store, a lookup costs a load and a branch and not a timeout.
/// States: closed, every call passes; open, none does until the pause is over; half open, one
/// caller probes and the others are kept away. Transitions: closed → open after some failures in a
/// row, or one call that took too long; open → half open when the pause is over; half open → closed
/// when the probe succeeded, → open for twice as long when it failed. Pauses are shortened at
/// random by up to a quarter, so that processes do not probe together. What a call that began
/// before it opened has to tell changes nothing any more. Thread safety: shared object safe. `pass`
/// takes no lock.
class Breaker {
 public:
  enum class Pass : std::uint8_t {
    kNo,     ///< Go on without the store.
    kYes,    ///< Call it, and tell how it went.
    kProbe,  ///< The same; it depends on this call whether the others may again.
  };
  enum class Failure : std::uint8_t { kError, kTooLong };
  /// What a call's outcome changed.
  enum class Turn : std::uint8_t { kNone, kOpened, kClosed };

  explicit Breaker(const BreakerRules& rules = {}) noexcept : rules_{rules} {}

  [[nodiscard]] Pass pass(TimePoint now) noexcept {
    const Duration::rep until = until_.load(std::memory_order_acquire);  // pairs with set_until
    if (until == kClosed) return Pass::kYes;
    return now.time_since_epoch().count() < until ? Pass::kNo : probe(now, until);
  }
  [[nodiscard]] bool closed() const noexcept {
    return until_.load(std::memory_order_acquire) == kClosed;
  }

  /// Whether `pass` would say no.
  [[nodiscard]] bool denies(TimePoint now) const noexcept {
    return now.time_since_epoch().count() < until_.load(std::memory_order_acquire);
  }

  /// REQUIRES (these three): `pass` is what the call was let through with.
  Turn succeeded(Pass pass) WEIR_EXCLUDES(mutex_);
  /// `random` is any number that differs from call to call.
  Turn failed(Pass pass, Failure failure, TimePoint now, std::uint64_t random)
      WEIR_EXCLUDES(mutex_);
  /// The call ended without telling anything of the store: somebody else may probe.
  void learned_nothing(Pass pass, TimePoint now) WEIR_EXCLUDES(mutex_);

 private:
  static constexpr Duration::rep kClosed = 0;

  [[nodiscard]] Pass probe(TimePoint now, Duration::rep until) noexcept;
  void set_until(TimePoint until) noexcept;

  const BreakerRules rules_;
  std::atomic<Duration::rep> until_{kClosed};  // open: when the next probe may start
  std::atomic<std::uint32_t> failures_{0};     // in a row, while closed; written under mutex_

  Mutex mutex_;
  Duration pause_ WEIR_GUARDED_BY(mutex_){0};
};

}  // namespace weir::detail
