#include "src/sql/duration.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <string>

namespace weir::detail {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

TEST(DurationTest, ReadsEveryUnit) {
  EXPECT_EQ(parse_duration("250ms"), 250ms);
  EXPECT_EQ(parse_duration("30s"), 30s);
  EXPECT_EQ(parse_duration("5m"), 5min);
  EXPECT_EQ(parse_duration("5min"), 5min);
  EXPECT_EQ(parse_duration("1h"), 1h);
  EXPECT_EQ(parse_duration("1d"), 24h);
  EXPECT_EQ(parse_duration("0"), 0ms);
  EXPECT_EQ(parse_duration("0s"), 0ms);
  EXPECT_EQ(parse_duration("007s"), 7s);
}

TEST(DurationTest, RefusesEverythingElse) {
  for (const std::string text :
       {"", "5", "s", "-5s", "+5s", "1.5s", "5 s", " 5s", "5s ", "5S", "5sec", "1h30m", "0x5s",
        "5ss", "99999999999999999999s", "infinite", "00"}) {
    EXPECT_EQ(parse_duration(text), std::nullopt) << '"' << text << '"';
  }
}

TEST(DurationTest, BoundsTheLongestExactly) {
  EXPECT_EQ(parse_duration("3650d"), kLongestDuration);
  EXPECT_EQ(parse_duration("3651d"), std::nullopt);
  const auto longest = kLongestDuration.count();
  EXPECT_EQ(parse_duration(std::to_string(longest) + "ms"), kLongestDuration);
  EXPECT_EQ(parse_duration(std::to_string(longest + 1) + "ms"), std::nullopt);
}

TEST(DurationTest, FormatsWhatItReads) {
  EXPECT_EQ(format_duration(0ms), "0");
  EXPECT_EQ(format_duration(1500ms), "1500ms");
  EXPECT_EQ(format_duration(90s), "90s");
  EXPECT_EQ(format_duration(5min), "5m");
  EXPECT_EQ(format_duration(36h), "36h");
  EXPECT_EQ(format_duration(48h), "2d");
  for (const milliseconds duration : {milliseconds{1}, milliseconds{999}, milliseconds{1min},
                                      milliseconds{25h}, kLongestDuration}) {
    EXPECT_EQ(parse_duration(format_duration(duration)), duration);
  }
}

}  // namespace
}  // namespace weir::detail
