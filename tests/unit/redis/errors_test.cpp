#include "drivers/redis/errors.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weir::redis {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Error refuse(const std::string& text) {
  return refusal("SET", "redis://cache:6379", {.kind = Reply::Kind::kError, .text = text});
}

TEST(RedisErrorsTest, EachRefusalHasItsCodeAndSaysWhetherToTryAgain) {
  const struct {
    const char* text;
    ErrorCode code;
    bool retryable;
    const char* advice;
  } rows[] = {
      {"NOAUTH Authentication required.", ErrorCode::kPermission, false, "redis.password"},
      {"WRONGPASS invalid", ErrorCode::kPermission, false, "redis.password"},
      {"NOPERM this user has no permissions", ErrorCode::kPermission, false, "rights"},
      {"READONLY You can't write", ErrorCode::kConnection, true, "replica"},
      {"LOADING Redis is loading", ErrorCode::kConnection, true, "starting"},
      {"CLUSTERDOWN Hash slot not served", ErrorCode::kConnection, true, "CLUSTER INFO"},
      {"MASTERDOWN Link is down", ErrorCode::kConnection, true, "replica"},
      {"MOVED 1 a:1", ErrorCode::kConnection, true, "redis+cluster://"},
      {"OOM command not allowed", ErrorCode::kDatabase, true, "maxmemory"},
      {"BUSY Redis is busy", ErrorCode::kDatabase, true, "script"},
      {"WRONGTYPE Operation", ErrorCode::kDatabase, false, "redis.name_space"},
      {"ERR unknown", ErrorCode::kDatabase, false, "ERR unknown"},
  };
  for (const auto& row : rows) {
    const Error error = refuse(row.text);
    EXPECT_EQ(error.code(), row.code) << row.text;
    EXPECT_EQ(error.retryable(), row.retryable) << row.text;
    EXPECT_TRUE(error.connection_usable()) << row.text;
    EXPECT_EQ(error.backend(), "redis");
    EXPECT_THAT(error.what(), HasSubstr(row.advice));
    EXPECT_THAT(error.what(), HasSubstr("redis://cache:6379: SET"));
  }
  EXPECT_EQ(refuse("OOM x").sqlstate(), "OOM");
}

TEST(RedisErrorsTest, WhatAServerSaysIsShortAndPlain) {
  const Error error = refuse("ERR unknown command 'x', with args beginning with: 'key' 'value'");
  EXPECT_THAT(error.what(), Not(HasSubstr("value")));
  EXPECT_EQ(printable("a\r\n\x1B[2J"), "a???[2J");
  EXPECT_LT(printable(std::string(10'000, 'x')).size(), 300U);
}

TEST(RedisErrorsTest, AnAnswerOfAnotherKindIsAnErrorNotACrash) {
  try {
    require({.kind = Reply::Kind::kArray}, Reply::Kind::kString, "GET", "s");
    FAIL() << "accepted a list";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kDatabase);
    EXPECT_THAT(error.what(), HasSubstr("an array, not a string"));
  }
}

}  // namespace
}  // namespace weir::redis
