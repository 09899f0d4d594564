#include "drivers/postgres/errors.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "drivers/postgres/pq.hpp"
#include "tests/support/error_of.hpp"

namespace weir::postgres {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(PostgresErrorsTest, EverySqlstateHasItsCode) {
  const std::pair<const char*, ErrorCode> table[] = {
      {"42601", ErrorCode::kSyntax},
      {"42702", ErrorCode::kSyntax},
      {"42804", ErrorCode::kSyntax},
      {"42P18", ErrorCode::kSyntax},
      {"42P01", ErrorCode::kUndefinedObject},
      {"42703", ErrorCode::kUndefinedObject},
      {"42883", ErrorCode::kUndefinedObject},
      {"42704", ErrorCode::kUndefinedObject},
      {"3F000", ErrorCode::kUndefinedObject},
      {"42501", ErrorCode::kPermission},
      {"42P07", ErrorCode::kDatabase},
      {"42710", ErrorCode::kDatabase},
      {"23505", ErrorCode::kConstraint},
      {"23503", ErrorCode::kConstraint},
      {"23514", ErrorCode::kConstraint},
      {"23P01", ErrorCode::kConstraint},
      {"40002", ErrorCode::kConstraint},
      {"40001", ErrorCode::kSerialization},
      {"40P01", ErrorCode::kDeadlock},
      {"57014", ErrorCode::kCancelled},
      {"57P01", ErrorCode::kConnection},
      {"57P03", ErrorCode::kConnection},
      {"08006", ErrorCode::kConnection},
      {"28P01", ErrorCode::kConnection},
      {"53300", ErrorCode::kConnection},
      {"25P03", ErrorCode::kConnection},
      {"08P01", ErrorCode::kDatabase},
      {"22012", ErrorCode::kDatabase},
      {"25P02", ErrorCode::kDatabase},
      {"P0001", ErrorCode::kDatabase},
      {"0A000", ErrorCode::kDatabase},
      {"53100", ErrorCode::kDatabase},
      {"", ErrorCode::kDatabase},
  };
  for (const auto& [sqlstate, code] : table) EXPECT_EQ(error_code(sqlstate), code) << sqlstate;
}

Error thrown(const ServerError& error) {
  try {
    throw_server_error(error, "query");
  } catch (const Error& caught) {
    return caught;
  }
}

TEST(PostgresErrorsTest, MessageNamesOperationPositionAndSqlstate) {
  const Error error = thrown({.sqlstate = "42601",
                              .severity = "ERROR",
                              .message = "syntax error at or near \"FORM\"",
                              .position = 10});
  EXPECT_STREQ(error.what(),
               "postgresql: query failed: syntax error at or near \"FORM\" at character 10 "
               "(SQLSTATE 42601)");
  EXPECT_EQ(error.position(), 10U);
  EXPECT_EQ(error.backend(), "postgresql");
  EXPECT_TRUE(error.connection_usable());
  EXPECT_FALSE(error.retryable());
}

TEST(PostgresErrorsTest, ValuesInDataExceptionsAreLeftOut) {
  const Error error = thrown({.sqlstate = "22P02",
                              .severity = "ERROR",
                              .message = "invalid input syntax for type integer: \"s3\"cret\""});
  EXPECT_THAT(error.what(), HasSubstr("invalid input syntax for type integer"));
  EXPECT_THAT(error.what(), Not(HasSubstr("s3")));
  EXPECT_THAT(error.what(), Not(HasSubstr("cret")));
}

TEST(PostgresErrorsTest, OnlyConflictsAreRetryable) {
  EXPECT_TRUE(thrown({.sqlstate = "40001", .severity = "ERROR"}).retryable());
  EXPECT_TRUE(thrown({.sqlstate = "40P01", .severity = "ERROR"}).retryable());
  EXPECT_FALSE(thrown({.sqlstate = "23505", .severity = "ERROR"}).retryable());
}

TEST(PostgresErrorsTest, ConstraintsAreNamed) {
  try {
    throw_server_error({.sqlstate = "23505",
                        .severity = "ERROR",
                        .message = "duplicate key",
                        .constraint = "users_pk"},
                       "query");
  } catch (const ConstraintError& error) {
    EXPECT_EQ(error.constraint(), "users_pk");
    return;
  }
  FAIL() << "not a ConstraintError";
}

TEST(PostgresErrorsTest, FatalErrorsEndTheConnection) {
  for (const char* sqlstate : {"57P01", "53300", "XX000"}) {
    try {
      throw_server_error({.sqlstate = sqlstate, .severity = "FATAL", .message = "gone"}, "query");
    } catch (const ConnectionError& error) {
      EXPECT_FALSE(error.connection_usable());
      continue;
    }
    FAIL() << sqlstate << " is not a ConnectionError";
  }
}

TEST(PostgresDsnTest, DisplayNameHasEverythingButThePassword) {
  EXPECT_EQ(display_name("postgresql://app:s3cret@db:6432/shop?sslmode=disable"),
            "postgresql://app@db:6432/shop");
  EXPECT_EQ(display_name("host=a,b port=1,2 user=u dbname=d password='s3 cret'"),
            "postgresql://u@a:1,b:2/d");
  EXPECT_EQ(display_name("postgresql://u@a,b:7/d"), "postgresql://u@a,b:7/d");
}

TEST(PostgresDsnTest, BadDsnsAreRefusedWithoutQuotingThem) {
  for (const char* dsn :
       {"shop s3cret", "postgresql://app:s3cret@[db/shop", "host=x s3cret", "password='s3cret",
        "postgresql://app:s3cret%zz@db/shop", "postgresql://app@db:1/shop?s3cret"}) {
    const std::string message =
        test::error_of(ErrorCode::kConfig, [&] { (void)display_name(dsn); });
    EXPECT_THAT(message, HasSubstr("not a PostgreSQL DSN: "));
    EXPECT_THAT(message, Not(HasSubstr("s3cret"))) << dsn;
  }
  EXPECT_THAT(test::error_of(ErrorCode::kConfig, [] { (void)display_name("hots=x"); }),
              HasSubstr("hots"));
}

}  // namespace
}  // namespace weir::postgres
