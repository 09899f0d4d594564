#pragma once

#include <chrono>

#include "weir/clock.hpp"

namespace weir::spi {

/// The moment by which a call must have returned, one way or the other.
struct Deadline {
  TimePoint at{TimePoint::max()};

  /// `limit` from now; never, when that is further than a `TimePoint` reaches.
  [[nodiscard]] static Deadline after(const Clock& clock, Duration limit) {
    const TimePoint now = clock.now();
    return Deadline{limit > TimePoint::max() - now ? TimePoint::max() : now + limit};
  }
  [[nodiscard]] bool passed(const Clock& clock) const { return clock.now() >= at; }
  /// Time left, rounded up to whole milliseconds; never negative, and a day at most, so that it
  /// fits `poll`.
  [[nodiscard]] std::chrono::milliseconds left(const Clock& clock) const {
    const TimePoint now = clock.now();
    if (at <= now) return std::chrono::milliseconds{0};
    const Duration longest = std::chrono::hours{24};
    return std::chrono::ceil<std::chrono::milliseconds>(at - now < longest ? at - now : longest);
  }
  [[nodiscard]] Deadline earlier(Deadline other) const {
    return Deadline{at < other.at ? at : other.at};
  }
};

}  // namespace weir::spi
