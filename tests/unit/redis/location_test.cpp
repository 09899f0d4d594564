#include "drivers/redis/location.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/error_of.hpp"

namespace weir::redis {
namespace {

using test::error_of;
using ::testing::HasSubstr;
using ::testing::Not;

Location parse(const std::string& url) { return parse_location({.url = url}); }

TEST(RedisLocationTest, APlainAddressHasTheUsualPortAndDatabase) {
  const Location location = parse("redis://cache.example");
  EXPECT_EQ(location.topology, Topology::kSingle);
  ASSERT_EQ(location.endpoints.size(), 1U);
  EXPECT_EQ(to_string(location.endpoints[0]), "cache.example:6379");
  EXPECT_EQ(location.database, 0U);
  EXPECT_FALSE(location.tls);
  EXPECT_EQ(location.display_name, "redis://cache.example:6379");
}

TEST(RedisLocationTest, UserPasswordAndDatabaseAreDecodedAndNeverShown) {
  const Location location = parse("rediss://an%40app:s%3Acret%25@[::1]:7000/12");
  EXPECT_EQ(location.credentials.user, "an@app");
  EXPECT_EQ(location.credentials.password, "s:cret%");
  EXPECT_EQ(to_string(location.endpoints[0]), "[::1]:7000");
  EXPECT_EQ(location.database, 12U);
  EXPECT_TRUE(location.tls);
  EXPECT_EQ(location.display_name, "rediss://[::1]:7000/12");
}

TEST(RedisLocationTest, APasswordAloneIsForTheDefaultUser) {
  const Location location = parse("redis://:secret@localhost");
  EXPECT_EQ(location.credentials.user, "");
  EXPECT_EQ(location.credentials.password, "secret");
}

TEST(RedisLocationTest, FieldsOfTheOptionsGoBeforeTheAddress) {
  const Location location =
      parse_location({.url = "redis://a:b@localhost", .user = "c", .password = "d@/:"});
  EXPECT_EQ(location.credentials.user, "c");
  EXPECT_EQ(location.credentials.password, "d@/:");
}

TEST(RedisLocationTest, ASocketHasAPath) {
  const Location location = parse("unix:///run/redis/redis.sock?db=3");
  EXPECT_EQ(location.endpoints[0].path, "/run/redis/redis.sock");
  EXPECT_EQ(location.database, 3U);
  EXPECT_EQ(location.display_name, "unix:///run/redis/redis.sock?db=3");
  EXPECT_EQ(parse("redis+unix://u:p@/s.sock").credentials.user, "u");
}

TEST(RedisLocationTest, SentinelsLeadToAService) {
  const Location location = parse("redis+sentinel://:pw@a:1,b,[::2]:3/orders/4");
  EXPECT_EQ(location.topology, Topology::kSentinel);
  ASSERT_EQ(location.endpoints.size(), 3U);
  EXPECT_EQ(to_string(location.endpoints[1]), "b:26379");
  EXPECT_EQ(to_string(location.endpoints[2]), "[::2]:3");
  EXPECT_EQ(location.service, "orders");
  EXPECT_EQ(location.database, 4U);
  EXPECT_EQ(location.display_name, "redis+sentinel://a:1,b:26379,[::2]:3/orders/4");
}

TEST(RedisLocationTest, AClusterHasSeveralSeeds) {
  const Location location = parse("rediss+cluster://a:1,b:2");
  EXPECT_EQ(location.topology, Topology::kCluster);
  EXPECT_EQ(location.endpoints.size(), 2U);
  EXPECT_TRUE(location.tls);
}

TEST(RedisLocationTest, EveryBadAddressIsRefusedSayingWhatIsWrong) {
  const struct {
    const char* url;
    const char* said;
  } rows[] = {
      {"http://localhost", "must begin with redis://"},
      {"localhost:6379", "must begin with redis://"},
      {"redis://", "'' where HOST"},
      {"redis://localhost:0", "'localhost:0' where HOST"},
      {"redis://localhost:70000", "'localhost:70000' where HOST"},
      {"redis://local host", "'local host' where HOST"},
      {"redis://::1", "'::1' where HOST"},
      {"redis://[::1", "'[::1' where HOST"},
      {"redis://[::1]6379", "'[::1]6379' where HOST"},
      {"redis://a,b", "several hosts"},
      {"redis://a/x", "database number 'x'"},
      {"redis://a/-1", "database number '-1'"},
      {"redis://a/70000", "must be 0 to 65535"},
      {"redis://a?db=1", "'a?db=1' where HOST"},
      {"redis://a/0?timeout=1", "parameters"},
      {"redis://user@a", "user and no password"},
      {"redis://u:%zz@a", "'%' in its password"},
      {"redis://u:p%0@a", "'%' in its password"},
      {"redis://u:p%00@a", "'%' in its password"},
      {"unix://relative/path", "absolute path"},
      {"unix:///a?timeout=1", "other than ?db="},
      {"redis+sentinel://a:1", "names no service"},
      {"redis+sentinel://a:1/", "names no service"},
      {"redis+cluster://a:1/2", "only database 0"},
      {"redis://u:pass/word@a", "%2F for '/'"},
  };
  for (const auto& row : rows) {
    const std::string message = error_of(ErrorCode::kConfig, [&] { (void)parse(row.url); });
    EXPECT_THAT(message, HasSubstr("redis.url")) << row.url;
    EXPECT_THAT(message, HasSubstr(row.said)) << row.url;
  }
}

TEST(RedisLocationTest, NoRefusalShowsAPassword) {
  for (const char* const url :
       {"redis://u:secret@a:x", "redis://u:secret@", "redis://u:secret%@a", "rediss:/u:secret@a",
        "redis://u:secret@a/db", "redis://secret@a", "redis+sentinel://u:secret@a",
        // A '/' that should have been %2F cuts the password in two.
        "redis://u:secret/word@a", "redis://u:1/secret@a", "redis+sentinel://u:1/secret@a:2",
        "unix://u:/secret@/run/redis.sock", "unix:///secret@/run/redis.sock"}) {
    EXPECT_THAT(error_of(ErrorCode::kConfig, [&] { (void)parse(url); }), Not(HasSubstr("secret")))
        << url;
  }
}

TEST(RedisLocationTest, ASentinelUserNeedsAPassword) {
  EXPECT_THAT(error_of(ErrorCode::kConfig,
                       [] { (void)parse_location({.url = "redis://a", .sentinel_user = "u"}); }),
              HasSubstr("redis.sentinel_password"));
}

}  // namespace
}  // namespace weir::redis
