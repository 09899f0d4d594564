#include "weir/spi/deadline.hpp"

#include <gtest/gtest.h>

#include "tests/support/fake_clock.hpp"

namespace weir::spi {
namespace {

using namespace std::chrono_literals;

TEST(DeadlineTest, PassesWhenItsTimeHasCome) {
  test::FakeClock clock;
  const Deadline deadline = Deadline::after(clock, 10ms);
  EXPECT_FALSE(deadline.passed(clock));
  clock.advance(10ms - 1ns);
  EXPECT_FALSE(deadline.passed(clock));
  clock.advance(1ns);
  EXPECT_TRUE(deadline.passed(clock));
}

TEST(DeadlineTest, LeftIsRoundedUpSoThatNobodySpins) {
  test::FakeClock clock;
  const Deadline deadline = Deadline::after(clock, 2ms);
  EXPECT_EQ(deadline.left(clock), 2ms);
  clock.advance(1ns);
  EXPECT_EQ(deadline.left(clock), 2ms);
  clock.advance(2ms - 2ns);
  EXPECT_EQ(deadline.left(clock), 1ms);
  clock.advance(1h);
  EXPECT_EQ(deadline.left(clock), 0ms);
}

TEST(DeadlineTest, TheLongestLimitsMeanNeverAndDoNotOverflow) {
  const test::FakeClock clock;
  EXPECT_EQ(Deadline::after(clock, Duration::max()).at, TimePoint::max());
  EXPECT_EQ(Deadline{}.left(clock), 24h);
  EXPECT_EQ(Deadline::after(clock, 24h * 365).left(clock), 24h);
  EXPECT_FALSE(Deadline{}.passed(clock));
}

TEST(DeadlineTest, EarlierTakesTheEarlierOfTwo) {
  const test::FakeClock clock;
  const Deadline soon = Deadline::after(clock, 1s);
  EXPECT_EQ(soon.earlier(Deadline{}).at, soon.at);
  EXPECT_EQ(Deadline{}.earlier(soon).at, soon.at);
}

}  // namespace
}  // namespace weir::spi
