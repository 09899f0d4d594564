#include "drivers/postgres/params.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <limits>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "tests/support/error_of.hpp"

namespace weir::postgres {
namespace {

using ::testing::HasSubstr;

/// The texts `encode` sends; "NULL" for a null.
template <typename... T>
std::vector<std::string> texts(const T&... values) {
  const Params params = Params::of(values...);
  const PqParams encoded = encode(params);
  std::vector<std::string> all;
  for (int i = 0; i < encoded.count(); ++i) {
    const char* value = encoded.values()[i];
    all.push_back(value == nullptr
                      ? "NULL"
                      : std::string(value, static_cast<std::size_t>(encoded.lengths()[i])));
  }
  return all;
}

template <typename T>
std::string text(const T& value) {
  return texts(value).front();
}

TEST(PostgresParamsTest, ScalarsAreTextTheServerInfersTheTypeOf) {
  EXPECT_EQ(texts(42, -7, std::int64_t{INT64_MIN}, true, false, "it's", 0.1, nullptr,
                  std::optional<int>{}),
            (std::vector<std::string>{"42", "-7", "-9223372036854775808", "t", "f", "it's", "0.1",
                                      "NULL", "NULL"}));
  const Params params = Params::of(1, "x");
  EXPECT_EQ(encode(params).types(), nullptr);
}

TEST(PostgresParamsTest, BytesAreSentInBinaryAsBytea) {
  const std::vector<std::byte> bytes{std::byte{0}, std::byte{0xff}, std::byte{'a'}};
  const Params params = Params::of(1, bytes, std::vector<std::byte>{});
  const PqParams encoded = encode(params);
  ASSERT_TRUE(encoded.typed());
  EXPECT_EQ(encoded.types()[0], 0U);
  EXPECT_EQ(encoded.types()[1], 17U);
  EXPECT_EQ(encoded.formats()[1], 1);
  EXPECT_EQ(std::string(encoded.values()[1], 3), std::string("\0\xff"
                                                             "a",
                                                             3));
  ASSERT_NE(encoded.values()[2], nullptr) << "no bytes are not NULL";
  EXPECT_EQ(encoded.lengths()[2], 0);
}

TEST(PostgresParamsTest, TheSignatureTellsWhichParametersAreBytes) {
  const std::vector<std::byte> bytes{std::byte{1}};
  EXPECT_EQ(type_signature(Params::of(1, "a")), "");
  EXPECT_EQ(type_signature(Params::of(bytes, 1)), ",1");
  EXPECT_NE(type_signature(Params::of(bytes, 1)), type_signature(Params::of(1, bytes)));
}

TEST(PostgresParamsTest, DoublesReadBackExactly) {
  std::mt19937_64 random{20240305};
  for (int i = 0; i < 20'000; ++i) {
    const std::uint64_t word = random();
    double value = 0;
    static_assert(sizeof value == sizeof word);
    std::memcpy(&value, &word, sizeof value);
    if (!std::isfinite(value)) continue;
    const std::string written = double_text(value);
    double read = 0;
    std::from_chars(written.data(), written.data() + written.size(), read);
    ASSERT_EQ(std::memcmp(&read, &value, sizeof value), 0) << written;
  }
  EXPECT_EQ(double_text(0.1), "0.1");
  EXPECT_EQ(double_text(-0.0), "-0");
  EXPECT_EQ(double_text(1.0), "1");
  EXPECT_EQ(double_text(std::numeric_limits<double>::infinity()), "Infinity");
  EXPECT_EQ(double_text(-std::numeric_limits<double>::infinity()), "-Infinity");
  EXPECT_EQ(double_text(std::numeric_limits<double>::quiet_NaN()), "NaN");
}

TEST(PostgresParamsTest, TimesAreIsoInUtc) {
  using namespace std::chrono;
  const sys_days day{year{2024} / 3 / 5};
  EXPECT_EQ(text(day), "2024-03-05");
  EXPECT_EQ(text(sys_time<seconds>{day + 12h + 34min + 56s}), "2024-03-05 12:34:56+00");
  EXPECT_EQ(text(sys_time<microseconds>{day + 12h + 7us}), "2024-03-05 12:00:00.000007+00");
  EXPECT_EQ(text(sys_time<microseconds>{sys_days{year{1970} / 1 / 1}} - 1us),
            "1969-12-31 23:59:59.999999+00");
  EXPECT_EQ(text(sys_days{year{0} / 12 / 31}), "0001-12-31 BC");
  EXPECT_EQ(text(sys_days{year{-43} / 3 / 15}), "0044-03-15 BC");
  EXPECT_EQ(date_text(2932897), "10000-01-01");
  EXPECT_EQ(date_text(106'751'991), "294247-01-10");
}

TEST(PostgresParamsTest, CalendarAgreesWithTheStandardLibrary) {
  using namespace std::chrono;
  for (std::int64_t day = -800'000; day < 4'000'000; day += 97) {
    const year_month_day date{sys_days{days{day}}};
    const int year_number = static_cast<int>(date.year());
    const int shown = year_number <= 0 ? 1 - year_number : year_number;
    std::array<char, 64> expected{};
    std::snprintf(expected.data(), expected.size(), "%04d-%02u-%02u%s", shown,
                  static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                  year_number <= 0 ? " BC" : "");
    ASSERT_EQ(date_text(day), expected.data());
  }
}

TEST(PostgresParamsTest, ArraysAreLiteralsWithEveryTextQuoted) {
  EXPECT_EQ(text(std::vector<int>{}), "{}");
  EXPECT_EQ(text(std::vector<std::int64_t>{1, -2, 3}), "{1,-2,3}");
  EXPECT_EQ(text(std::vector<double>{0.5, std::numeric_limits<double>::quiet_NaN()}), "{0.5,NaN}");
  EXPECT_EQ(text(std::vector<std::string>{"a", "", "NULL", "{,}", "q\"", "b\\", " s "}),
            R"({"a","","NULL","{,}","q\"","b\\"," s "})");
  EXPECT_EQ(text(std::vector<std::optional<std::string>>{"a", std::nullopt}), R"({"a",NULL})");
  using namespace std::chrono;
  EXPECT_EQ(text(std::vector<sys_days>{sys_days{year{2024} / 3 / 5}}), R"({"2024-03-05"})");
}

TEST(PostgresParamsTest, NulBytesAndMalformedUtf8AreRefusedNamingTheParameter) {
  using namespace std::string_literals;
  EXPECT_THAT(test::error_of(ErrorCode::kUsage, [] { texts(1, "a\0b"s); }),
              HasSubstr("parameter 2"));
  EXPECT_THAT(test::error_of(ErrorCode::kUsage, [] { texts("\xff"s); }), HasSubstr("parameter 1"));
  EXPECT_THAT(test::error_of(ErrorCode::kUsage,
                             [] {
                               texts(1, 2, std::vector<std::string>{"a", "\0"s});
                             }),
              HasSubstr("parameter 3"));
}

}  // namespace
}  // namespace weir::postgres
