#include "weir/error.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace weir {
namespace {

TEST(ErrorTest, EveryCodeHasItsOwnName) {
  std::set<std::string_view> names;
  const int count = static_cast<int>(ErrorCode::kInternal) + 1;
  for (int code = 0; code < count; ++code) names.insert(to_string(static_cast<ErrorCode>(code)));
  EXPECT_EQ(names.size(), static_cast<std::size_t>(count));
  EXPECT_EQ(names.count("unknown"), 0U);
}

TEST(ErrorTest, KeepsMessageCodeAndDetails) {
  const Error error{ErrorCode::kSyntax,
                    "query: syntax error at \"form\"",
                    {.sqlstate = "42601", .backend = "postgresql", .position = 10}};
  EXPECT_STREQ(error.what(), "query: syntax error at \"form\"");
  EXPECT_EQ(error.code(), ErrorCode::kSyntax);
  EXPECT_EQ(error.sqlstate(), "42601");
  EXPECT_EQ(error.backend(), "postgresql");
  EXPECT_EQ(error.position(), 10U);
  EXPECT_FALSE(error.retryable());
  EXPECT_TRUE(error.connection_usable());
}

TEST(ErrorTest, SubclassesCarryTheirCodeAndAreCaughtAsError) {
  const auto code_of = [](auto&& error) {
    try {
      throw error;
    } catch (const Error& caught) {
      return caught.code();
    }
  };
  EXPECT_EQ(code_of(ConnectionError{"connect: refused"}), ErrorCode::kConnection);
  EXPECT_EQ(code_of(ConstraintError{"insert: duplicate key", {.constraint = "users_pkey"}}),
            ErrorCode::kConstraint);
}

}  // namespace
}  // namespace weir
