#pragma once

#include <chrono>

#include "weir/clock.hpp"

namespace weir::spi {

/// The moment by which a call must have returned, one way or the other.
struct Deadline {
  TimePoint at{TimePoint::max()};

  [[nodiscard]] static Deadline after(const Clock& clock, Duration limit) { return Deadline{clock.now() + limit}; }
  [[nodiscard]] bool passed(const Clock& clock) const { return clock.now() >= at; }
  /// Time left, rounded up to whole milliseconds and never negative.
  [[nodiscard]] std::chrono::milliseconds left(const Clock& clock) const {
    if (at == TimePoint::max()) return std::chrono::hours{24};
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(at - clock.now());
    return left.count() > 0 ? left : std::chrono::milliseconds{0};
  }
  [[nodiscard]] Deadline earlier(Deadline other) const { return Deadline{at < other.at ? at : other.at}; }
};

}  // namespace weir::spi
