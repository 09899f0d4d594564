#include "drivers/postgres/key_value.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace weir::postgres {
namespace {

using spi::KeyText;

std::string show(const KeyText& key) {
  switch (key.form) {
    case KeyText::Form::kValue:
      return "'" + key.text + "'";
    case KeyText::Form::kNothing:
      return "nothing";
    case KeyText::Form::kUnknown:
      return "unknown";
  }
  return {};
}

template <typename T>
std::string value_of(std::string_view type, const T& value) {
  const Params params = Params::of(value);
  std::string text;
  params.for_each([&](const ParamView& param) { text = show(key_value(type, param)); });
  return text;
}

struct Case {
  std::string type;
  std::string text;
  std::string expected;
};

TEST(KeyValueTest, TextsBecomeWhatTheColumnPrints) {
  const std::vector<Case> cases{
      {"int", "42", "'42'"},
      {"int", "042", "'42'"},
      {"int", " \t\n\v\f\r-7 ", "'-7'"},
      {"int", "+7", "'7'"},
      {"int", "-0", "'0'"},
      {"int", "9223372036854775807", "'9223372036854775807'"},
      {"int", "-9223372036854775808", "'-9223372036854775808'"},
      {"int", "9223372036854775808", "unknown"},
      {"int", "0x1F", "unknown"},
      {"int", "1_000", "unknown"},
      {"int", "1.0", "unknown"},
      {"int", "1e3", "unknown"},
      {"int", "+-1", "unknown"},
      {"int", "- 1", "unknown"},
      {"int", "", "unknown"},
      {"int", "+", "unknown"},
      {"int",
       "\xC2\xA0"
       "1",
       "unknown"},
      {"bool", "t", "'true'"},
      {"bool", " TRUE ", "'true'"},
      {"bool", "Yes", "'true'"},
      {"bool", "y", "'true'"},
      {"bool", "on", "'true'"},
      {"bool", "1", "'true'"},
      {"bool", "f", "'false'"},
      {"bool", "False", "'false'"},
      {"bool", "no", "'false'"},
      {"bool", "n", "'false'"},
      {"bool", "OFF", "'false'"},
      {"bool", "0", "'false'"},
      {"bool", "tr", "unknown"},
      {"bool", "2", "unknown"},
      {"bool", "", "unknown"},
      {"uuid", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'"},
      {"uuid", "{a0eebc999c0b4ef8bb6d6bb9bd380a11}", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'"},
      {"uuid", "a0ee-bc99-9c0b-4ef8-bb6d-6bb9-bd38-0a11", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'"},
      {"uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1", "unknown"},
      {"uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11-", "unknown"},
      {"uuid", " a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "unknown"},
      {"uuid", "{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "unknown"},
      {"uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}", "unknown"},
      {"uuid", "a0e-ebc999c0b4ef8bb6d6bb9bd380a11", "unknown"},
      {"uuid", "g0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "unknown"},
      {"uuid", "a0-eebc999c0b4ef8bb6d6bb9bd380a11", "unknown"},
      {"uuid", "{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11)", "unknown"},
      {"uuid", "{}", "unknown"},
      {"uuid", "{", "unknown"},
      {"uuid", "", "unknown"},
      {"text", "", "''"},
      {"text", " As it is ", "' As it is '"},
      {"text",
       "a\x1f"
       "b",
       "'a?b'"},
      {"text", std::string(64, 'x'), "'" + std::string(64, 'x') + "'"},
      {"text", std::string(64, 'x') + "yz", "'" + std::string(64, 'x') + "'"},
      {"numeric", "1", "unknown"},
      {"", "1", "unknown"},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(value_of(c.type, c.text), c.expected) << c.type << " '" << c.text << "'";
    EXPECT_EQ(show(key_text(c.type, c.text)), c.expected) << c.type << " '" << c.text << "'";
  }
}

TEST(KeyValueTest, ATextIsCutAfterCharactersNotBytes) {
  std::string sixty_four;
  for (int i = 0; i < 64; ++i)
    sixty_four += i % 2 == 0 ? "\xC3\xA9" : "\xF0\x9F\x90\xA6";  // é, a bird
  EXPECT_EQ(value_of("text", sixty_four), "'" + sixty_four + "'");
  EXPECT_EQ(value_of("text", sixty_four + "\xC3\xA9"), "'" + sixty_four + "'");
}

TEST(KeyValueTest, ParametersOfOtherTypesAreUnderstoodOnlyWhereNothingIsLost) {
  EXPECT_EQ(value_of("int", std::int64_t{-5}), "'-5'");
  EXPECT_EQ(value_of("int", std::numeric_limits<std::int64_t>::min()), "'-9223372036854775808'");
  EXPECT_EQ(value_of("text", std::int64_t{5}), "'5'");
  EXPECT_EQ(value_of("uuid", std::int64_t{5}), "unknown");
  EXPECT_EQ(value_of("bool", true), "'true'");
  EXPECT_EQ(value_of("bool", false), "'false'");
  EXPECT_EQ(value_of("int", true), "unknown");
  EXPECT_EQ(value_of("text", true), "unknown");
  EXPECT_EQ(value_of("int", 5.0), "unknown");
  EXPECT_EQ(value_of("text", 5.0), "unknown");
  EXPECT_EQ(value_of("text", std::vector<std::byte>{std::byte{65}}), "unknown");
  EXPECT_EQ(value_of("text", std::chrono::sys_days{}), "unknown");
  EXPECT_EQ(value_of("text", std::vector<std::string>{"a"}), "unknown");
  for (const char* type : {"int", "bool", "uuid", "text"})
    EXPECT_EQ(value_of(type, nullptr), "nothing") << type;
}

}  // namespace
}  // namespace weir::postgres
