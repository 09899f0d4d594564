#include "src/cache/share_rules.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "src/base/cost_average.hpp"

namespace weir::detail {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

TEST(ShareRulesTest, WhatCostsTheDatabaseNoMoreThanALookupIsRecomputed) {
  EXPECT_TRUE(cheaper_to_recompute({microseconds{80}, microseconds{200}}));
  EXPECT_TRUE(cheaper_to_recompute({microseconds{200}, microseconds{200}}));
  EXPECT_FALSE(cheaper_to_recompute({microseconds{201}, microseconds{200}}));
  EXPECT_FALSE(cheaper_to_recompute({std::nullopt, microseconds{200}})) << "not known yet";
}

TEST(ShareRulesTest, WhatIsCostlyOrUnknownWantsALease) {
  EXPECT_TRUE(wants_lease(std::nullopt, milliseconds{20}));
  EXPECT_TRUE(wants_lease(milliseconds{21}, milliseconds{20}));
  EXPECT_FALSE(wants_lease(milliseconds{20}, milliseconds{20}));
}

TEST(ShareRulesTest, AgeIsCountedByTheStoresClockAndNeverTooYoung) {
  EXPECT_EQ(age_now(milliseconds{5}, milliseconds{1000}, milliseconds{400}), milliseconds{606});
  // A store that says more is left than was given makes nothing younger than it was.
  EXPECT_EQ(age_now(milliseconds{5}, milliseconds{1000}, milliseconds{5000}), milliseconds{5});
}

TEST(LeaseWaitTest, LooksLessAndLessOftenUntilTheLimit) {
  const TimePoint start{};
  LeaseWait wait{start + milliseconds{200}};
  std::vector<std::int64_t> looks;
  TimePoint now = start;
  while (const auto next = wait.next(now)) {
    now = *next;
    looks.push_back(std::chrono::duration_cast<milliseconds>(now - start).count());
  }
  EXPECT_EQ(looks, (std::vector<std::int64_t>{2, 6, 14, 30, 62, 112, 162, 200}));
}

TEST(LeaseWaitTest, NeverWaitsWhenTheLimitIsNow) {
  EXPECT_EQ(LeaseWait{TimePoint{}}.next(TimePoint{}), std::nullopt);
}

TEST(CostAverageTest, FollowsWhatIsMeasured) {
  CostAverage average;
  EXPECT_EQ(average.value(), std::nullopt);
  average.record(nanoseconds{800});
  EXPECT_EQ(average.value(), nanoseconds{800});
  average.record(nanoseconds{1600});
  EXPECT_EQ(average.value(), nanoseconds{900});
  average.record(nanoseconds{0});
  EXPECT_LT(*average.value(), nanoseconds{900});
}

}  // namespace
}  // namespace weir::detail
