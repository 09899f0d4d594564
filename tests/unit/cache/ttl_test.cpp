#include "src/cache/ttl.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <random>

namespace weir::detail {
namespace {

using namespace std::chrono_literals;

TEST(JitteredTest, IsNeverLongerThanTheTtlAndNeverShorterThanItsShare) {
  std::mt19937_64 random{1};
  for (int i = 0; i < 10'000; ++i) {
    const Duration ttl = jittered(10s, 0.25, random());
    ASSERT_LE(ttl, 10s);
    ASSERT_GE(ttl, 7500ms);
  }
}

TEST(JitteredTest, SpreadsEvenlyOverTheShare) {
  EXPECT_EQ(jittered(10s, 0.1, 0), 10s);
  EXPECT_EQ(jittered(10s, 0.1, std::uint64_t{1} << 63U), 9500ms);
  EXPECT_LT(jittered(10s, 0.1, std::numeric_limits<std::uint64_t>::max()), 9001ms);
}

TEST(JitteredTest, LeavesTheTtlAloneWithoutAShare) {
  EXPECT_EQ(jittered(10s, 0, std::numeric_limits<std::uint64_t>::max()), 10s);
}

TEST(JitteredTest, KeepsTheLongestTtlInRange) {
  const Duration longest = std::chrono::hours{24 * 3650};
  EXPECT_GE(jittered(longest, 0.5, std::numeric_limits<std::uint64_t>::max()), longest / 2 - 1s);
  EXPECT_LE(jittered(longest, 0.5, 0), longest);
}

}  // namespace
}  // namespace weir::detail
