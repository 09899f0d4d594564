#include "src/app/listen/backoff.hpp"

#include <gtest/gtest.h>

#include "tests/support/fake_clock.hpp"

namespace weir::app {
namespace {

using namespace std::chrono_literals;

TEST(BackoffTest, WaitsTwiceAsLongAfterEachFailureUpToTheLongest) {
  test::FakeClock clock;
  Backoff backoff{100ms, 350ms};
  EXPECT_TRUE(backoff.may_try(clock.now()));
  for (const auto wait : {100ms, 200ms, 350ms, 350ms}) {
    backoff.failed(clock.now());
    EXPECT_TRUE(backoff.failing());
    clock.advance(wait - 1ms);
    EXPECT_FALSE(backoff.may_try(clock.now()));
    clock.advance(1ms);
    EXPECT_TRUE(backoff.may_try(clock.now()));
  }
}

TEST(BackoffTest, ASuccessMakesItBeginAnew) {
  test::FakeClock clock;
  Backoff backoff{100ms, 1s};
  backoff.failed(clock.now());
  backoff.failed(clock.now());
  backoff.succeeded();
  EXPECT_FALSE(backoff.failing());
  EXPECT_TRUE(backoff.may_try(clock.now()));
  backoff.failed(clock.now());
  clock.advance(100ms);
  EXPECT_TRUE(backoff.may_try(clock.now()));
}

}  // namespace
}  // namespace weir::app
