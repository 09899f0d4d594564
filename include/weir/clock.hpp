#pragma once

#include <chrono>

namespace weir {

/// A point of a monotonic clock; only differences between points of the same process mean anything.
using TimePoint = std::chrono::steady_clock::time_point;
using Duration = std::chrono::steady_clock::duration;

/// Where the time comes from; handed in, so that tests can move it.
///
/// Thread safety: shared object safe.
class Clock {
 public:
  Clock() = default;
  Clock(const Clock&) = delete;
  Clock& operator=(const Clock&) = delete;
  virtual ~Clock() = default;
  [[nodiscard]] virtual TimePoint now() const noexcept = 0;
};

/// The machine's monotonic clock. Lifetime: the whole process.
[[nodiscard]] const Clock& system_clock() noexcept;

}  // namespace weir
