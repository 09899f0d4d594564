#pragma once

#include <atomic>

#include "weir/clock.hpp"

namespace weir::test {

/// A clock that moves only when told to. Thread safety: shared object safe.
class FakeClock final : public Clock {
 public:
  explicit FakeClock(TimePoint start = TimePoint{std::chrono::hours{1}})
      : since_epoch_{start.time_since_epoch().count()} {}

  [[nodiscard]] TimePoint now() const noexcept override {
    return TimePoint{Duration{since_epoch_.load()}};
  }
  void advance(Duration step) noexcept { since_epoch_.fetch_add(step.count()); }
  void set(TimePoint now) noexcept { since_epoch_.store(now.time_since_epoch().count()); }

 private:
  std::atomic<Duration::rep> since_epoch_;
};

}  // namespace weir::test
