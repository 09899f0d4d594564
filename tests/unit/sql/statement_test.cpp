#include "src/sql/statement.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "weir/error.hpp"

namespace weir::detail {
namespace {

using ::testing::HasSubstr;

std::string refusal(std::string_view sql, Bytes longest) {
  try {
    check_statement_text(sql, longest);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
    return error.what();
  }
  return "accepted";
}

TEST(StatementTextTest, TheLongestAllowedIsAccepted) {
  EXPECT_EQ(refusal(std::string(100, 'x'), Bytes{100}), "accepted");
  EXPECT_EQ(refusal("SELECT 'é€😀'", Bytes::kibi(1)), "accepted");
}

TEST(StatementTextTest, ATooLongOneIsRefusedNamingSizeAndBound) {
  EXPECT_EQ(refusal(std::string(101, 'x'), Bytes{100}),
            "statement: the text is 101 bytes long; max_statement allows 100");
}

TEST(StatementTextTest, NulIsRefusedNamingTheOffset) {
  const std::string message = refusal(std::string_view{"SELECT \0 1", 10}, Bytes::kibi(1));
  EXPECT_THAT(message, HasSubstr("statement"));
  EXPECT_THAT(message, HasSubstr("NUL"));
  EXPECT_THAT(message, HasSubstr("7"));
}

TEST(StatementTextTest, MalformedUtf8IsRefusedNamingTheOffset) {
  const std::string message = refusal("SELECT '\xC3\x28'", Bytes::kibi(1));
  EXPECT_THAT(message, HasSubstr("UTF-8"));
  EXPECT_THAT(message, HasSubstr("8"));
}

}  // namespace
}  // namespace weir::detail
