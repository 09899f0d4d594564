#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <random>
#include <string>

#include "tests/unit/base/sample_result.hpp"
#include "weir/result.hpp"

namespace weir {
namespace {

std::string json_of_text(std::string_view text) {
  test::Sample sample;
  sample.column("t");
  sample.builder.text(text);
  const std::string json = sample.finish().json();
  return json.substr(6, json.size() - 8);  // between [{"t": and }]
}

std::string json_of_bytes(std::string_view bytes) {
  test::Sample sample;
  sample.column("x");
  sample.builder.bytes(bytes);
  const std::string json = sample.finish().json();
  return json.substr(6, json.size() - 8);
}

TEST(ResultJsonTest, WritesEveryKindOfCell) {
  test::Sample sample;
  sample.column("n").column("b").column("i").column("d").column("t").column("x").column("o",
                                                                                        "numeric");
  sample.builder.null();
  sample.builder.boolean(true);
  sample.builder.integer(INT64_MIN);
  sample.builder.real(0.1);
  sample.builder.text("text");
  sample.builder.bytes("any");
  sample.builder.other("12.50");
  sample.builder.null();
  sample.builder.boolean(false);
  sample.builder.integer(INT64_MAX);
  for (int i = 0; i < 4; ++i) sample.builder.null();
  EXPECT_EQ(
      sample.finish().json(),
      R"([{"n":null,"b":true,"i":-9223372036854775808,"d":0.1,"t":"text","x":"YW55","o":"12.50"},)"
      R"({"n":null,"b":false,"i":9223372036854775807,"d":null,"t":null,"x":null,"o":null}])");
}

TEST(ResultJsonTest, EmptyResultsAndRowsWithoutColumns) {
  test::Sample sample;
  EXPECT_EQ(sample.column("a").finish().json(), "[]");
  EXPECT_EQ(sample.finish(0).json(), "[]");
  EXPECT_EQ(sample.finish(2).json(), "[{},{}]");
}

TEST(ResultJsonTest, ColumnNamesAreEscapedAndMayRepeat) {
  test::Sample sample;
  sample.column("a\"\\\n").column("b").column("b");
  for (int i = 0; i < 3; ++i) sample.builder.integer(i);
  EXPECT_EQ(sample.finish().json(), R"([{"a\"\\\n":0,"b":1,"b":2}])");
}

TEST(ResultJsonTest, EscapesControlCharactersQuotesAndBackslashes) {
  EXPECT_EQ(json_of_text("\"\\/\b\f\n\r\t"), R"("\"\\/\b\f\n\r\t")");
  EXPECT_EQ(json_of_text(std::string_view{"\0\x01\x07\x0B\x0E\x1F\x7F", 7}),
            "\"\\u0000\\u0001\\u0007\\u000b\\u000e\\u001f\x7F\"");
  EXPECT_EQ(json_of_text("žluťoučký 🐎 €"), "\"žluťoučký 🐎 €\"");
}

// The number of U+FFFD is the one browsers produce; Unicode 15.0, table 3-8.
TEST(ResultJsonTest, MalformedUtf8BecomesReplacementCharacters) {
  EXPECT_EQ(json_of_text("a\xFFz"), "\"a\uFFFDz\"");
  EXPECT_EQ(json_of_text("\x61\xF1\x80\x80\xE1\x80\xC2\x62\x80\x63\x80\xBF\x64"),
            "\"a\uFFFD\uFFFD\uFFFDb\uFFFDc\uFFFD\uFFFDd\"");
  EXPECT_EQ(json_of_text("\xC0\xAF"), "\"\uFFFD\uFFFD\"");
  EXPECT_EQ(json_of_text("\xED\xA0\x80"), "\"\uFFFD\uFFFD\uFFFD\"");
  EXPECT_EQ(json_of_text("\xE2\x82"), "\"\uFFFD\"");
  EXPECT_EQ(json_of_text("\xE2\x82\""), "\"\uFFFD\\\"\"");
}

TEST(ResultJsonTest, BytesAreBase64) {  // RFC 4648, section 10
  EXPECT_EQ(json_of_bytes(""), R"("")");
  EXPECT_EQ(json_of_bytes("f"), R"("Zg==")");
  EXPECT_EQ(json_of_bytes("fo"), R"("Zm8=")");
  EXPECT_EQ(json_of_bytes("foo"), R"("Zm9v")");
  EXPECT_EQ(json_of_bytes("foob"), R"("Zm9vYg==")");
  EXPECT_EQ(json_of_bytes("fooba"), R"("Zm9vYmE=")");
  EXPECT_EQ(json_of_bytes("foobar"), R"("Zm9vYmFy")");
  EXPECT_EQ(json_of_bytes(std::string_view{"\xFB\xFF\xFE\x00", 4}), R"("+//+AA==")");
}

TEST(ResultJsonTest, DoublesRoundTripAndOthersAreStrings) {
  test::Sample sample;
  sample.column("d");
  for (const double value : {1.0, -0.0, 1e22, 1e-7, HUGE_VAL, -HUGE_VAL, std::nan("")})
    sample.builder.real(value);
  EXPECT_EQ(
      sample.finish().json(),
      R"([{"d":1.0},{"d":-0.0},{"d":1e+22},{"d":1e-07},{"d":"Infinity"},{"d":"-Infinity"},{"d":"NaN"}])");
}

TEST(ResultJsonTest, AnotherParserReadsBackRandomRows) {
  std::mt19937_64 random{11};
  test::Sample sample;
  sample.column("d").column("i").column("t");
  std::vector<double> reals;
  std::vector<std::int64_t> integers;
  std::vector<std::string> texts;
  for (int row = 0; row < 5000; ++row) {
    double real = std::bit_cast<double>(random());
    if (!std::isfinite(real)) real = 0.5;
    reals.push_back(real);
    integers.push_back(static_cast<std::int64_t>(random()));
    std::string text;
    for (auto left = random() % 12; left > 0; --left) text += static_cast<char>(random() % 128);
    texts.push_back(text + "é");
    sample.builder.real(real);
    sample.builder.integer(integers.back());
    sample.builder.text(texts.back());
  }
  const auto parsed = nlohmann::json::parse(sample.finish().json());
  ASSERT_EQ(parsed.size(), reals.size());
  for (std::size_t row = 0; row < parsed.size(); ++row) {
    EXPECT_EQ(std::bit_cast<std::uint64_t>(parsed[row]["d"].get<double>()),
              std::bit_cast<std::uint64_t>(reals[row]));
    EXPECT_EQ(parsed[row]["i"].get<std::int64_t>(), integers[row]);
    EXPECT_EQ(parsed[row]["t"].get<std::string>(), texts[row]);
  }
}

}  // namespace
}  // namespace weir
