#pragma once

#include <algorithm>

#include "weir/clock.hpp"

namespace weir::app {

/// When something that failed may be tried again: after `first`, then twice as long each time, up
/// to `longest`; at once after a success.
///
/// Thread safety: distinct objects safe; shared object unsafe.
class Backoff {
 public:
  Backoff(Duration first, Duration longest) : first_{first}, longest_{longest}, next_{first} {}

  [[nodiscard]] bool may_try(TimePoint now) const noexcept { return now >= retry_at_; }
  [[nodiscard]] bool failing() const noexcept { return failing_; }
  void failed(TimePoint now) noexcept {
    failing_ = true;
    retry_at_ = now + next_;
    next_ = std::min(next_ * 2, longest_);
  }
  void succeeded() noexcept {
    failing_ = false;
    retry_at_ = TimePoint{};
    next_ = first_;
  }

 private:
  Duration first_;
  Duration longest_;
  Duration next_;
  TimePoint retry_at_{};
  bool failing_{false};
};

}  // namespace weir::app
