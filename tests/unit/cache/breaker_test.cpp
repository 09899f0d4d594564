#include "src/cache/breaker.hpp"

#include <gtest/gtest.h>

namespace weir::detail {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Failure = Breaker::Failure;
using Pass = Breaker::Pass;
using Turn = Breaker::Turn;

constexpr BreakerRules kRules{.failures = 3,
                              .first_pause = milliseconds{100},
                              .longest_pause = milliseconds{300},
                              .probe_limit = seconds{1}};

class BreakerTest : public ::testing::Test {
 protected:
  Turn fail(Pass pass, Failure failure = Failure::kError, std::uint64_t random = 0) {
    return breaker_.failed(pass, failure, now_, random);
  }
  void open() { ASSERT_EQ(fail(Pass::kYes, Failure::kTooLong), Turn::kOpened); }

  Breaker breaker_{kRules};
  TimePoint now_{seconds{10}};
};

TEST_F(BreakerTest, LetsEverybodyPassWhileItIsClosed) {
  EXPECT_EQ(breaker_.pass(now_), Pass::kYes);
  EXPECT_EQ(breaker_.succeeded(Pass::kYes), Turn::kNone);
  EXPECT_TRUE(breaker_.closed());
}

TEST_F(BreakerTest, OpensAfterFailuresInARow) {
  EXPECT_EQ(fail(Pass::kYes), Turn::kNone);
  EXPECT_EQ(fail(Pass::kYes), Turn::kNone);
  EXPECT_EQ(breaker_.pass(now_), Pass::kYes);
  EXPECT_EQ(fail(Pass::kYes), Turn::kOpened);
  EXPECT_EQ(breaker_.pass(now_), Pass::kNo);
  EXPECT_TRUE(breaker_.denies(now_));
}

TEST_F(BreakerTest, ASuccessInBetweenStartsTheCountAgain) {
  (void)fail(Pass::kYes);
  (void)fail(Pass::kYes);
  (void)breaker_.succeeded(Pass::kYes);
  EXPECT_EQ(fail(Pass::kYes), Turn::kNone);
  EXPECT_TRUE(breaker_.closed());
}

TEST_F(BreakerTest, OneCallThatTookTooLongOpensIt) {
  EXPECT_EQ(fail(Pass::kYes, Failure::kTooLong), Turn::kOpened);
}

TEST_F(BreakerTest, AfterThePauseOneCallerProbesAndTheOthersAreKeptAway) {
  open();
  now_ += milliseconds{100};
  EXPECT_EQ(breaker_.pass(now_), Pass::kProbe);
  EXPECT_EQ(breaker_.pass(now_), Pass::kNo);
}

TEST_F(BreakerTest, AProbeThatSucceedsClosesIt) {
  open();
  now_ += milliseconds{100};
  EXPECT_EQ(breaker_.succeeded(breaker_.pass(now_)), Turn::kClosed);
  EXPECT_EQ(breaker_.pass(now_), Pass::kYes);
  EXPECT_EQ(fail(Pass::kYes), Turn::kNone) << "and it counts from the start";
}

TEST_F(BreakerTest, EachProbeThatFailsDoublesThePauseUpToTheLongest) {
  open();
  for (const milliseconds pause :
       {milliseconds{100}, milliseconds{200}, milliseconds{300}, milliseconds{300}}) {
    EXPECT_EQ(breaker_.pass(now_ + pause - milliseconds{1}), Pass::kNo) << pause.count();
    now_ += pause;
    const Pass pass = breaker_.pass(now_);
    ASSERT_EQ(pass, Pass::kProbe) << pause.count();
    EXPECT_EQ(fail(pass), Turn::kNone);
  }
}

TEST_F(BreakerTest, PausesAreShortenedAtRandom) {
  EXPECT_EQ(fail(Pass::kYes, Failure::kTooLong, UINT64_MAX), Turn::kOpened);
  EXPECT_EQ(breaker_.pass(now_ + milliseconds{74}), Pass::kNo);
  EXPECT_EQ(breaker_.pass(now_ + milliseconds{76}), Pass::kProbe);
}

TEST_F(BreakerTest, AProbeThatIsNeverHeardOfIsGivenUp) {
  open();
  now_ += milliseconds{100};
  ASSERT_EQ(breaker_.pass(now_), Pass::kProbe);
  EXPECT_EQ(breaker_.pass(now_ + milliseconds{999}), Pass::kNo);
  EXPECT_EQ(breaker_.pass(now_ + seconds{1}), Pass::kProbe);
}

TEST_F(BreakerTest, AProbeThatLearnedNothingLeavesItToTheNext) {
  open();
  now_ += milliseconds{100};
  breaker_.learned_nothing(breaker_.pass(now_), now_);
  EXPECT_EQ(breaker_.pass(now_), Pass::kProbe);
}

TEST_F(BreakerTest, CallsFromBeforeItOpenedChangeNothing) {
  open();
  EXPECT_EQ(breaker_.succeeded(Pass::kYes), Turn::kNone);
  EXPECT_EQ(fail(Pass::kYes, Failure::kTooLong), Turn::kNone);
  EXPECT_EQ(breaker_.pass(now_), Pass::kNo);
  EXPECT_EQ(breaker_.pass(now_ + milliseconds{100}), Pass::kProbe) << "not a longer pause";
}

}  // namespace
}  // namespace weir::detail
