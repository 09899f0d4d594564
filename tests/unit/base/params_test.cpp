#include "weir/params.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <random>
#include <vector>

#include "tests/support/error_of.hpp"

namespace weir {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// A parameter in words, read back through the view.
std::string describe(const ParamView& param) {
  switch (param.type()) {
    case ParamType::kNull:
      return "null";
    case ParamType::kBool:
      return param.boolean() ? "true" : "false";
    case ParamType::kInt64:
      return fmt::format("int {}", param.integer());
    case ParamType::kDouble:
      return fmt::format("double {} {:x}", param.real(),
                         std::bit_cast<std::uint64_t>(param.real()));
    case ParamType::kText:
      return fmt::format("text {} '{}'", param.text().size(), param.text());
    case ParamType::kBytes:
      return fmt::format("bytes {} '{}'", param.text().size(), param.text());
    case ParamType::kTimestamp:
      return fmt::format("micros {}", param.integer());
    case ParamType::kDate:
      return fmt::format("day {}", param.integer());
    case ParamType::kArray: {
      std::string text = fmt::format("array {} of {}:", param.array().size(),
                                     int{static_cast<std::uint8_t>(param.array().element_type())});
      param.array().for_each(
          [&](const ParamView& element) { text += " (" + describe(element) + ")"; });
      return text;
    }
  }
  return "?";
}

std::vector<std::string> describe(const Params& params) {
  std::vector<std::string> all;
  params.for_each([&](const ParamView& param) { all.push_back(describe(param)); });
  return all;
}

template <typename... T>
std::vector<std::string> described(const T&... values) {
  return describe(Params::of(values...));
}

TEST(ParamsTest, EmptyListHasNoBytes) {
  const Params params;
  EXPECT_TRUE(params.empty());
  EXPECT_EQ(params.encoded(), "");
  EXPECT_TRUE(describe(params).empty());
}

TEST(ParamsTest, EveryIntegerTypeIsAnInt64) {
  EXPECT_THAT(
      described(short{-1}, 2, 3L, 4LL, 5U, std::int8_t{-6}, std::uint8_t{7}, std::uint64_t{8}),
      ElementsAre("int -1", "int 2", "int 3", "int 4", "int 5", "int -6", "int 7", "int 8"));
  EXPECT_THAT(described(INT64_MIN, INT64_MAX, static_cast<std::uint64_t>(INT64_MAX)),
              ElementsAre("int -9223372036854775808", "int 9223372036854775807",
                          "int 9223372036854775807"));
  EXPECT_THAT(described(true, false), ElementsAre("true", "false"));
}

TEST(ParamsTest, AnUnsignedIntegerAboveInt64IsRefusedAndTheListStaysAsItWas) {
  Params params = Params::of(1, "two");
  const std::string before{params.encoded()};
  const std::string message =
      test::error_of(ErrorCode::kUsage, [&] { params.add(std::uint64_t{1} << 63U); });
  EXPECT_THAT(message, HasSubstr("9223372036854775807"));
  EXPECT_THAT(test::error_of(ErrorCode::kUsage,
                             [&] {
                               params.add(std::vector<std::uint64_t>{1, UINT64_MAX});
                             }),
              HasSubstr("9223372036854775807"));
  EXPECT_EQ(params.size(), 2U);
  EXPECT_EQ(params.encoded(), before);
  params.add(3);
  EXPECT_THAT(describe(params), ElementsAre("int 1", "text 3 'two'", "int 3"));
}

TEST(ParamsTest, DoublesKeepEveryBit) {
  const double quiet = std::numeric_limits<double>::quiet_NaN();
  const auto other = std::bit_cast<double>(std::bit_cast<std::uint64_t>(quiet) | 1U);
  for (const double value :
       {0.0, -0.0, 0.1, 5e-324, 1.7976931348623157e308, HUGE_VAL, -HUGE_VAL, quiet, other}) {
    Params::of(value).for_each([&](const ParamView& param) {
      EXPECT_EQ(std::bit_cast<std::uint64_t>(param.real()), std::bit_cast<std::uint64_t>(value));
    });
  }
  EXPECT_NE(Params::of(0.0).encoded(), Params::of(-0.0).encoded());
  EXPECT_NE(Params::of(quiet).encoded(), Params::of(other).encoded());
  EXPECT_EQ(Params::of(quiet).encoded(), Params::of(quiet).encoded());
  EXPECT_NE(Params::of(1.0).encoded(), Params::of(1).encoded());
  EXPECT_NE(Params::of(1).encoded(), Params::of(true).encoded());
  EXPECT_EQ(Params::of(0.1F).encoded(), Params::of(static_cast<double>(0.1F)).encoded());
}

TEST(ParamsTest, TextComesInEveryShape) {
  const char* const pointer = "pointer";
  const char array[8] = {'a', 'r', 'r', 'a', 'y'};
  const char full[2] = {'f', 'u'};  // no NUL behind it
  EXPECT_THAT(described("literal", pointer, array, full, std::string{"string"},
                        std::string_view{"view"}, ""),
              ElementsAre("text 7 'literal'", "text 7 'pointer'", "text 5 'array'", "text 2 'fu'",
                          "text 6 'string'", "text 4 'view'", "text 0 ''"));
  EXPECT_THAT(described(std::string("a\0b", 3)), ElementsAre(std::string("text 3 'a\0b'", 12)));
  EXPECT_THAT(described(std::string_view{}), ElementsAre("text 0 ''"));
}

// As in libpq and SQLite.
TEST(ParamsTest, ANullCharPointerIsNull) {
  const char* const nothing = nullptr;
  EXPECT_THAT(described(nothing), ElementsAre("null"));
  EXPECT_THAT(described(std::vector<const char*>{"a", nullptr}),
              ElementsAre("array 2 of 4: (text 1 'a') (null)"));
}

TEST(ParamsTest, NullIsNullWhateverItWouldBe) {
  EXPECT_THAT(described(nullptr, std::nullopt, std::optional<int>{}, std::optional<std::string>{}),
              ElementsAre("null", "null", "null", "null"));
  EXPECT_THAT(described(std::optional{5}, std::optional<std::string>{"x"}),
              ElementsAre("int 5", "text 1 'x'"));
}

TEST(ParamsTest, BytesAreNotText) {
  const std::vector<std::byte> vector{std::byte{'a'}, std::byte{0}, std::byte{'c'}};
  const std::array<std::byte, 1> array{std::byte{'z'}};
  const std::string expected("bytes 3 'a\0c'", 13);
  EXPECT_THAT(
      described(vector, std::span<const std::byte>{vector}, array, std::vector<std::byte>{}),
      ElementsAre(expected, expected, "bytes 1 'z'", "bytes 0 ''"));
  EXPECT_NE(Params::of("z").encoded(), Params::of(array).encoded());
}

TEST(ParamsTest, TimesAreMicrosecondsRoundedDownAndDaysAreDates) {
  using namespace std::chrono;
  const sys_days day = 1970y / January / 2;
  EXPECT_THAT(
      described(day, 1969y / December / 31, sys_time<hours>{24h}, sys_time<nanoseconds>{1'999ns},
                sys_time<nanoseconds>{-1ns}, std::optional{day}),
      ElementsAre("day 1", "day -1", "micros 86400000000", "micros 1", "micros -1", "day 1"));
  EXPECT_THAT(described(sys_time<duration<double>>{duration<double>{-0.5}}),
              ElementsAre("micros -500000"));
  EXPECT_THAT(described(sys_time<microseconds>{9'200'000'000'000'000'000us}),
              ElementsAre("micros 9200000000000000000"));
}

TEST(ParamsTest, ImpossibleTimesAreRefused) {
  using namespace std::chrono;
  Params params;
  EXPECT_THAT(test::error_of(ErrorCode::kUsage, [&] { params.add(2023y / February / 29); }),
              HasSubstr("not a date"));
  for (const auto seconds : {INT64_MAX, INT64_MIN}) {
    EXPECT_THAT(test::error_of(ErrorCode::kUsage,
                               [&] { params.add(sys_seconds{std::chrono::seconds{seconds}}); }),
                HasSubstr("292,000 years"));
  }
  EXPECT_THAT(test::error_of(
                  ErrorCode::kUsage,
                  [&] { params.add(sys_time<duration<double>>{duration<double>{std::nan("")}}); }),
              HasSubstr("292,000 years"));
  EXPECT_TRUE(params.empty());
}

TEST(ParamsTest, RangesAreArrays) {
  const std::vector<int> numbers{1, -2};
  const int raw[] = {3};
  EXPECT_THAT(described(numbers, std::span{numbers}.first(1), raw, std::vector<double>{}),
              ElementsAre("array 2 of 2: (int 1) (int -2)", "array 1 of 2: (int 1)",
                          "array 1 of 2: (int 3)", "array 0 of 3:"));
  EXPECT_THAT(described(std::vector<std::string>{"a", ""}, std::array<std::string_view, 1>{"b"}),
              ElementsAre("array 2 of 4: (text 1 'a') (text 0 '')", "array 1 of 4: (text 1 'b')"));
  EXPECT_THAT(described(std::vector<std::optional<int>>{1, std::nullopt}, std::array{true, false}),
              ElementsAre("array 2 of 2: (int 1) (null)", "array 2 of 1: (true) (false)"));
  EXPECT_THAT(described(std::vector<std::vector<std::byte>>{{std::byte{'x'}}}),
              ElementsAre("array 1 of 5: (bytes 1 'x')"));
  using namespace std::chrono;
  EXPECT_THAT(
      described(std::vector{sys_days{1970y / January / 2}}, std::vector{1970y / January / 3},
                std::vector{sys_seconds{1s}}, std::optional<std::vector<int>>{numbers}),
      ElementsAre("array 1 of 7: (day 1)", "array 1 of 7: (day 2)",
                  "array 1 of 6: (micros 1000000)", "array 2 of 2: (int 1) (int -2)"));
  EXPECT_NE(Params::of(std::vector<int>{}).encoded(),
            Params::of(std::vector<std::string>{}).encoded());
}

TEST(ParamsTest, WhatCouldMeanTwoThingsIsNoParameter) {
  EXPECT_FALSE(detail::PlainScalar<char>);
  EXPECT_FALSE(detail::PlainScalar<char8_t>);
  EXPECT_FALSE(detail::PlainScalar<char32_t>);
  EXPECT_FALSE(detail::PlainScalar<long double>);
  EXPECT_FALSE(detail::PlainScalar<std::byte>);
  EXPECT_FALSE(detail::IsElement<std::vector<int>>::value);
  EXPECT_TRUE(detail::PlainScalar<unsigned char>);  // a number; only ranges of them are refused
}

TEST(ParamsTest, CountIsLimitedAsInPostgresProtocol) {
  Params params;
  for (int i = 0; i < 65535; ++i) params.add(nullptr);
  EXPECT_THAT(test::error_of(ErrorCode::kUsage, [&] { params.add(1); }), HasSubstr("65535"));
  EXPECT_EQ(params.size(), 65535U);
  EXPECT_EQ(params.encoded().size(), 65535U);
}

TEST(ParamsTest, FourGibibytesAreRefusedBeforeTheyAreRead) {
  Params params = Params::of(1);
  for (const std::size_t size : {std::size_t{UINT32_MAX} - 5, std::size_t{UINT32_MAX},
                                 std::size_t{5} << 30U, SIZE_MAX / 2}) {
    const std::string_view huge{"x", size};  // never read
    EXPECT_THAT(test::error_of(ErrorCode::kUsage, [&] { params.add(huge); }),
                HasSubstr("4294967295"));
  }
  EXPECT_THAT(describe(params), ElementsAre("int 1"));
}

// Below, at and above the inline capacity, and far above.
class ParamsOwnershipTest : public ::testing::TestWithParam<std::size_t> {
 protected:
  static Params make() { return Params::of(7, std::string(GetParam(), 'x'), nullptr); }
  static std::vector<std::string> expected() {
    return {"int 7", fmt::format("text {} '{}'", GetParam(), std::string(GetParam(), 'x')), "null"};
  }
};

TEST_P(ParamsOwnershipTest, CopiesAreEqualAndIndependent) {
  Params original = make();
  Params copy{original};
  EXPECT_EQ(copy.encoded(), original.encoded());
  copy.add(8);
  EXPECT_EQ(describe(original), expected());
  EXPECT_EQ(copy.size(), 4U);

  Params assigned = Params::of(std::string(1000, 'y'));
  assigned = original;
  EXPECT_EQ(describe(assigned), expected());
  const Params& alias = assigned;
  assigned = alias;
  EXPECT_EQ(describe(assigned), expected());
}

TEST_P(ParamsOwnershipTest, MovesLeaveAnEmptyUsableList) {
  Params original = make();
  Params moved{std::move(original)};
  EXPECT_EQ(describe(moved), expected());
  EXPECT_TRUE(original.empty());  // NOLINT(bugprone-use-after-move): promised
  EXPECT_EQ(original.encoded(), "");
  original.add(1).add(std::string(500, 'z'));
  EXPECT_EQ(original.size(), 2U);

  Params assigned = Params::of(std::string(1000, 'y'));
  assigned = std::move(moved);
  EXPECT_EQ(describe(assigned), expected());
  Params& alias = assigned;
  assigned = std::move(alias);
  EXPECT_EQ(describe(assigned), expected());
  assigned = Params::of(1);
  EXPECT_THAT(describe(assigned), ElementsAre("int 1"));
}

INSTANTIATE_TEST_SUITE_P(Sizes, ParamsOwnershipTest,
                         ::testing::Values(0, 100, Params::kInline - 9 - 5 - 1,
                                           Params::kInline - 9 - 5, Params::kInline - 9 - 4, 1000,
                                           1'000'000));

/// A random list and what is in it, in words that differ when it does.
struct Draw {
  Params params;
  std::string words;
};

Draw draw_list(std::mt19937_64& random) {
  const auto pick = [&](int n) { return std::uniform_int_distribution<int>{0, n - 1}(random); };
  const auto text = [&] {
    static constexpr std::string_view kTexts[] = {
        "", "a", "b", "ab", std::string_view{"\0", 1}, "\4", "\2\1\0", "\4\1"};
    return std::string{kTexts[pick(8)]};
  };
  Draw draw;
  for (int left = pick(4); left > 0; --left) {
    switch (pick(9)) {
      case 0:
        draw.params.add(nullptr);
        draw.words += "N;";
        break;
      case 1: {
        const bool value = pick(2) == 0;
        draw.params.add(value);
        draw.words += value ? "t;" : "f;";
        break;
      }
      case 2: {
        const int value = pick(3) - 1;
        draw.params.add(value);
        draw.words += fmt::format("i{};", value);
        break;
      }
      case 3: {
        const double value = pick(2) == 0 ? 0.0 : -0.0;
        draw.params.add(value);
        draw.words += fmt::format("d{};", value);
        break;
      }
      case 4: {
        const std::string value = text();
        draw.params.add(value);
        draw.words += fmt::format("s{}:{};", value.size(), value);
        break;
      }
      case 5: {
        const std::string value = text();
        draw.params.add(std::as_bytes(std::span{value}));
        draw.words += fmt::format("b{}:{};", value.size(), value);
        break;
      }
      case 6: {
        const std::chrono::sys_days value{std::chrono::days{pick(2)}};
        draw.params.add(value);
        draw.words += fmt::format("D{};", value.time_since_epoch().count());
        break;
      }
      case 7: {
        std::vector<std::optional<int>> values(static_cast<std::size_t>(pick(3)));
        draw.words += "I[";
        for (auto& value : values) {
          if (pick(3) != 0) value = pick(2);
          draw.words += value ? fmt::format("{},", *value) : "N,";
        }
        draw.words += "];";
        draw.params.add(values);
        break;
      }
      default: {
        std::vector<std::string> values(static_cast<std::size_t>(pick(3)));
        draw.words += "S[";
        for (auto& value : values) {
          value = text();
          draw.words += fmt::format("{}:{},", value.size(), value);
        }
        draw.words += "];";
        draw.params.add(values);
      }
    }
  }
  return draw;
}

TEST(ParamsPropertyTest, EncodingsAreEqualExactlyWhenTheListsAre) {
  std::mt19937_64 random{20240607};
  std::map<std::string, std::string, std::less<>> words_of;
  std::map<std::string, std::string, std::less<>> encoding_of;
  std::size_t repeated = 0;
  for (int round = 0; round < 60'000; ++round) {
    const Draw draw = draw_list(random);
    const std::string encoded{draw.params.encoded()};
    const auto [words, fresh] = words_of.try_emplace(encoded, draw.words);
    ASSERT_EQ(words->second, draw.words) << "two lists, one encoding";
    const auto encoding = encoding_of.try_emplace(draw.words, encoded).first;
    ASSERT_EQ(encoding->second, encoded) << "one list, two encodings";
    repeated += fresh ? 0U : 1U;
  }
  EXPECT_GT(words_of.size(), 5000U);
  EXPECT_GT(repeated, 5000U);
}

}  // namespace
}  // namespace weir
