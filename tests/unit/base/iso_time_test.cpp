#include "src/base/iso_time.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>

namespace weir::detail {
namespace {

using namespace std::chrono;
using namespace std::chrono_literals;

using Micros = sys_time<microseconds>;

Micros parsed(std::string_view text) {
  const IsoTime result = parse_iso_time(text);
  EXPECT_EQ(result.fault, IsoTimeFault::kNone) << text;
  return result.time;
}

TEST(IsoTimeTest, ReadsWhatTheDatabasesWrite) {
  const Micros day = sys_days{2024y / February / 29};
  EXPECT_EQ(parsed("2024-02-29"), day);
  EXPECT_EQ(parsed("2024-02-29 13:14:15"), day + 13h + 14min + 15s);
  EXPECT_EQ(parsed("2024-02-29 13:14:15.6"), day + 13h + 14min + 15s + 600ms);
  EXPECT_EQ(parsed("2024-02-29 13:14:15.000001"), day + 13h + 14min + 15s + 1us);
  EXPECT_EQ(parsed("2024-02-29T13:14:15Z"), day + 13h + 14min + 15s);
  EXPECT_EQ(parsed("2024-02-29 13:14"), day + 13h + 14min);
  EXPECT_EQ(parsed("2024-02-29 13:14:15.123456789"), day + 13h + 14min + 15s + 123456us);
}

TEST(IsoTimeTest, TakesTheOffsetOff) {
  const Micros noon = sys_days{2024y / January / 1} + 12h;
  EXPECT_EQ(parsed("2024-01-01 12:00:00+00"), noon);
  EXPECT_EQ(parsed("2024-01-01 17:30:00+05:30"), noon);
  EXPECT_EQ(parsed("2024-01-01 17:30:00.25+0530"), noon + 250ms);
  EXPECT_EQ(parsed("2024-01-01 08:30:00-03:30"), noon);
  EXPECT_EQ(parsed("2024-01-01 12:19:32+00:19:32"), noon);  // Amsterdam before 1937
  EXPECT_EQ(parsed("2024-01-01 01:00+02"), noon - 13h);     // the day before in UTC
}

TEST(IsoTimeTest, EveryDayOfFourCenturiesIsRight) {
  sys_days day = sys_days{1800y / January / 1};
  for (; day < sys_days{2201y / January / 1}; day += days{1}) {
    const year_month_day date{day};
    const std::string text = fmt::format("{:04}-{:02}-{:02}", int{date.year()},
                                         unsigned{date.month()}, unsigned{date.day()});
    ASSERT_EQ(parsed(text), Micros{day}) << text;
  }
}

TEST(IsoTimeTest, ReachesFromYearZeroToTheEndOfTheMicroseconds) {
  EXPECT_EQ(parsed("0000-01-01"), Micros{sys_days{0y / January / 1}});
  EXPECT_EQ(parsed("0000-12-31"), Micros{sys_days{0y / December / 31}});
  EXPECT_EQ(parsed("0001-01-01"), Micros{sys_days{1y / January / 1}});
  EXPECT_EQ(parsed("32767-12-31"), Micros{sys_days{year::max() / December / 31}});
  // PostgreSQL: SELECT extract(epoch FROM timestamp '294246-12-31 23:59:59.999999')
  EXPECT_EQ(parsed("294246-12-31 23:59:59.999999").time_since_epoch(),
            microseconds{9223371244799999999});
  EXPECT_EQ(parse_iso_time("294247-01-01").fault,
            IsoTimeFault::kRange);  // PostgreSQL has thirty years more
  EXPECT_EQ(parse_iso_time("999999-01-01").fault, IsoTimeFault::kRange);
}

TEST(IsoTimeTest, SaysWhyATextIsNoTime) {
  EXPECT_EQ(parse_iso_time("infinity").fault, IsoTimeFault::kInfinite);
  EXPECT_EQ(parse_iso_time("-infinity").fault, IsoTimeFault::kInfinite);
  EXPECT_EQ(parse_iso_time("0044-03-15 BC").fault, IsoTimeFault::kBeforeYearZero);
  EXPECT_EQ(parse_iso_time("0044-03-15 12:00:00+00 BC").fault, IsoTimeFault::kBeforeYearZero);
  for (const char* const text : {"",
                                 " ",
                                 "2024",
                                 "2024-1-01",
                                 "2024-01-1",
                                 "24-01-01",
                                 "2024-13-01",
                                 "2024-00-01",
                                 "2024-01-00",
                                 "2024-04-31",
                                 "2023-02-29",
                                 "1900-02-29",
                                 "2024-01-01 ",
                                 "2024-01-01 1:00",
                                 "2024-01-01 24:00:00",
                                 "2024-01-01 12",
                                 "2024-01-01 12:60",
                                 "2024-01-01 12:00:60",
                                 "2024-01-01 12:00:00.",
                                 "2024-01-01 12:00:00+",
                                 "2024-01-01 12:00+5",
                                 "2024-01-01 12:00+05:3",
                                 "2024-01-01 12:00+05:60",
                                 "2024-01-01 12:00 +05",
                                 "2024-01-01 12:00ZZ",
                                 "2024-01-01x",
                                 "2024-01-01+02",
                                 "12:00:00",
                                 "01/02/2024",
                                 "01.02.2024",
                                 "Mon Jan  1 2024",
                                 "-2024-01-01",
                                 "1234567-01-01",
                                 "2024-01-01 12:00:00 CET",
                                 "now",
                                 "BC",
                                 " BC",
                                 "2024-01-01\n",
                                 "２０２４-01-01"}) {
    EXPECT_EQ(parse_iso_time(text).fault, IsoTimeFault::kForm) << '"' << text << '"';
  }
}

}  // namespace
}  // namespace weir::detail
