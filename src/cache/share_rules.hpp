#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "weir/clock.hpp"

namespace weir::detail {

// The decisions of the shared tier, without I/O.

/// What a result costs, here and there.
struct ShareCost {
  std::optional<std::chrono::nanoseconds> database{};  ///< Empty: not known yet.
  std::chrono::nanoseconds fetch{};                    ///< From the shared tier.
};
/// Whether it is cheaper to ask the database than the shared tier. What is not known yet is worth
/// asking for: the process that starts is the one that has most to gain.
[[nodiscard]] constexpr bool cheaper_to_recompute(const ShareCost& cost) noexcept {
  return cost.database && *cost.database <= cost.fetch;
}
/// Whether one process should compute it while the others wait. Pure.
[[nodiscard]] constexpr bool wants_lease(std::optional<std::chrono::nanoseconds> database,
                                         std::chrono::nanoseconds above) noexcept {
  return !database || *database > above;
}

/// How old the rows of a shared entry are: `age` when it was written, and what of its life has
/// passed since, by the store's clock alone. The store counts in whole milliseconds.
[[nodiscard]] constexpr std::chrono::milliseconds age_now(
    std::chrono::milliseconds age, std::chrono::milliseconds lifetime,
    std::chrono::milliseconds remaining) noexcept {
  const std::chrono::milliseconds since = lifetime - remaining + std::chrono::milliseconds{1};
  return age + (since > std::chrono::milliseconds{0} ? since : std::chrono::milliseconds{0});
}

/// When one who waits for another process's result looks again: after 2 ms, then after twice as
/// long each time, up to 50 ms, until the limit.
///
/// Thread safety: unsafe.
class LeaseWait {
 public:
  explicit LeaseWait(TimePoint limit) noexcept : limit_{limit} {}

  /// The next moment to look, or empty when it is time to go on alone.
  [[nodiscard]] std::optional<TimePoint> next(TimePoint now) noexcept {
    if (now >= limit_) return std::nullopt;
    const Duration pause = pause_;
    pause_ = pause * 2 < kLongest ? pause * 2 : kLongest;
    return pause < limit_ - now ? now + pause : limit_;
  }

 private:
  static constexpr Duration kLongest = std::chrono::milliseconds{50};
  TimePoint limit_;
  Duration pause_{std::chrono::milliseconds{2}};
};

}  // namespace weir::detail
