#include <gtest/gtest.h>

#include "weir/clock.hpp"

namespace weir {
namespace {

TEST(SystemClockTest, NeverRunsBackwards) {
  const TimePoint first = system_clock().now();
  const TimePoint second = system_clock().now();
  EXPECT_LE(first, second);
}

TEST(SystemClockTest, IsTheMonotonicClock) {
  const auto before = std::chrono::steady_clock::now();
  const TimePoint now = system_clock().now();
  const auto after = std::chrono::steady_clock::now();
  EXPECT_LE(before, now);
  EXPECT_LE(now, after);
}

}  // namespace
}  // namespace weir
