#include "src/app/parameters.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/error_of.hpp"

namespace weir::app {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

std::string encoded(const std::string& word) {
  return std::string{parse_parameters({word}).encoded()};
}
template <typename T>
std::string of(const T& value) {
  return std::string{Params::of(value).encoded()};
}

TEST(ParametersTest, NumbersAreThoseWrittenAsTheyArePrinted) {
  EXPECT_EQ(encoded("42"), of(42));
  EXPECT_EQ(encoded("-7"), of(-7));
  EXPECT_EQ(encoded("0"), of(0));
  EXPECT_EQ(encoded("9223372036854775807"), of(INT64_MAX));
  EXPECT_EQ(encoded("1.5"), of(1.5));
  EXPECT_EQ(encoded("-0.25"), of(-0.25));
}

TEST(ParametersTest, EverythingElseIsText) {
  for (const std::string word :
       {"", "042", "+1", "1.50", "1.", ".5", "1e3", "0x10", "nan", "inf", "true", "NULL",
        "2026-01-31", "a:b", "9223372036854775808", "-", " 1"}) {
    EXPECT_EQ(encoded(word), of(word)) << word;
  }
}

TEST(ParametersTest, PrefixesSayTheType) {
  EXPECT_EQ(encoded("int:42"), of(42));
  EXPECT_EQ(encoded("int:042"), of(42));
  EXPECT_EQ(encoded("double:42"), of(42.0));
  EXPECT_EQ(encoded("bool:true"), of(true));
  EXPECT_EQ(encoded("bool:false"), of(false));
  EXPECT_EQ(encoded("text:42"), of("42"));
  EXPECT_EQ(encoded("text:"), of(""));
  EXPECT_EQ(encoded("text:int:42"), of("int:42"));
  EXPECT_EQ(encoded("null:"), of(nullptr));
  EXPECT_EQ(encoded("bytes:00fF"), of(std::vector<std::byte>{std::byte{0x00}, std::byte{0xFF}}));
  EXPECT_EQ(encoded("bytes:"), of(std::vector<std::byte>{}));
}

TEST(ParametersTest, AWrongValueIsRefusedByNumberWithoutBeingShown) {
  for (const std::string word :
       {"int:", "int:4711x", "int:9223372036854775808", "double:4711x", "bool:4711", "bytes:471",
        "bytes:4711xx", "bytes:+4", "null:4711"}) {
    const std::string message = test::error_of(ErrorCode::kUsage, [&] {
      (void)parse_parameters({"ok", word});
    });
    EXPECT_THAT(message, AllOf(HasSubstr("parameter 2"), Not(HasSubstr("471")))) << word;
  }
}

}  // namespace
}  // namespace weir::app
