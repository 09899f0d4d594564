#include "src/app/listen/config.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "weir/error.hpp"

namespace weir::app {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

const ListenConfig::Environment kNothing = [](const std::string&) { return std::nullopt; };

ListenConfig parse(const std::string& text,
                   const ListenConfig::Environment& environment = kNothing) {
  return ListenConfig::parse(text, "weir.toml", environment);
}

std::string refusal(const std::string& text,
                    const ListenConfig::Environment& environment = kNothing) {
  try {
    (void)parse(text, environment);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kConfig);
    return error.what();
  }
  return "accepted";
}

/// A good database, and what else is given to it.
std::string database(const std::string& more = {}) {
  return "[[database]]\nname = \"shop\"\ndsn = \"postgresql://u@h/shop\"\n" + more;
}

TEST(ListenConfigTest, ADatabaseIsAllItNeeds) {
  const ListenConfig config = parse(database());
  ASSERT_EQ(config.databases.size(), 1U);
  EXPECT_EQ(config.databases[0].name, "shop");
  EXPECT_EQ(config.databases[0].interval, 20ms);
  EXPECT_EQ(config.databases[0].idle_interval, 80ms);
  EXPECT_EQ(config.databases[0].track, TrackNew::kReport);
  EXPECT_FALSE(config.redis);
  EXPECT_EQ(config.http.host, "127.0.0.1");
  EXPECT_EQ(config.log.level, LogLevel::kInfo);
  EXPECT_EQ(config.summary(), "1 database (shop), no stream, http on 127.0.0.1:9717");
}

TEST(ListenConfigTest, EveryKeyIsRead) {
  const ListenConfig config = parse(R"(
[[database]]
name = "shop"
dsn = "postgresql://u@h/shop"
interval = "10ms"
idle_interval = "250ms"
prune_retention = "2h"
prune_interval = "5min"
track = "on"
track_interval = "30s"
schemas = ["public", "sales"]
[[database]]
name = "billing-2"
dsn = "host=h dbname=billing"
[redis]
url = "redis://localhost"
user = "weir"
password = "p@ss"
stream = "changes"
keep = 5000
[http]
listen = "[::1]:80"
[log]
level = "debug"
format = "json"
)");
  ASSERT_EQ(config.databases.size(), 2U);
  const DatabaseConfig expected{.name = "shop",
                                .dsn = "postgresql://u@h/shop",
                                .interval = 10ms,
                                .idle_interval = 250ms,
                                .prune_retention = 2h,
                                .prune_interval = 5min,
                                .track = TrackNew::kOn,
                                .track_interval = 30s,
                                .schemas = {"public", "sales"}};
  EXPECT_EQ(config.databases[0], expected);
  EXPECT_EQ(config.redis, (RedisConfig{.url = "redis://localhost",
                                       .user = "weir",
                                       .password = "p@ss",
                                       .stream = "changes",
                                       .keep = 5000}));
  EXPECT_EQ(config.http, (HttpConfig{.host = "::1", .port = 80}));
  EXPECT_EQ(config.log, (LogConfig{.level = LogLevel::kDebug, .format = LogFormat::kJson}));
}

TEST(ListenConfigTest, HttpCanBeTurnedOff) {
  EXPECT_EQ(parse(database("[http]\nlisten = \"off\"\n")).http.host, "");
}

TEST(ListenConfigTest, VariablesOfTheEnvironmentAreFilledIn) {
  const std::map<std::string, std::string> variables{{"PW", "s$cret}"}, {"HOST", "db1"}};
  const auto environment = [&](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional{found->second};
  };
  const ListenConfig config =
      parse("[[database]]\nname = \"a\"\ndsn = \"host=${HOST} password='${PW}' user=a$$b\"\n",
            environment);
  EXPECT_EQ(config.databases[0].dsn, "host=db1 password='s$cret}' user=a$b");
  EXPECT_THAT(refusal("[[database]]\nname = \"a\"\ndsn = \"host=${NONE}\"\n", environment),
              AllOf(HasSubstr("weir.toml:3"), HasSubstr("database.dsn"), HasSubstr("NONE")));
}

struct Bad {
  std::string text;
  int line;
  std::string key;
  std::string why;
};

TEST(ListenConfigTest, WhatIsWrongIsToldWithFileLineAndKey) {
  const std::vector<Bad> table{
      {"", 1, "", "there is no [[database]]"},
      {"x = 1\n", 1, "x", "must be one of [[database]], [redis], [http], [log]"},
      {"[database]\nname = \"a\"\n", 1, "database", "must be [[database]]"},
      {"[[database]]\nname = \"a\"\n", 1, "database.dsn", "missing"},
      {"[[database]]\ndsn = \"host=h\"\n", 1, "database.name", "missing"},
      {"[[database]]\nname = \"\"\ndsn = \"host=h\"\n", 2, "database.name", "empty"},
      {"[[database]]\nname = \"A b\"\ndsn = \"host=h\"\n", 2, "database.name", "a to z"},
      {"[[database]]\nname = 7\ndsn = \"host=h\"\n", 2, "database.name", "must be a string"},
      {"[[database]]\nname = \"a\"\ndsn = \"sqlite:x\"\n", 3, "database.dsn", "SQLite"},
      {"[[database]]\nname = \"a\"\ndsn = \"nonsense\"\n", 3, "database.dsn", "not understood"},
      {"[[database]]\nname = \"a\"\ndsn = \"host=h bogus=1\"\n", 3, "database.dsn", ""},
      {"[[database]]\nname = \"a\"\ndsn = \"host=$HOME\"\n", 3, "database.dsn", "${NAME}"},
      {"[[database]]\nname = \"a\"\ndsn = \"host=${}\"\n", 3, "database.dsn", "${NAME}"},
      {"[[database]]\nname = \"a\"\ndsn = \"host=${HOME\"\n", 3, "database.dsn", "${NAME}"},
      {database() + database(), 5, "database.name", "another database's"},
      {database("intervall = \"1s\"\n"), 4, "intervall", "unknown key"},
      {database("interval = \"1\"\n"), 4, "database.interval", "a duration from 1ms to 1m"},
      {database("interval = 20\n"), 4, "database.interval", "is 20; must be a duration"},
      {database("interval = \"2m\"\n"), 4, "database.interval", "\"2m\""},
      {database("idle_interval = \"19ms\"\n"), 4, "database.idle_interval", "from 20ms to 1m"},
      {database("prune_retention = \"999ms\"\n"), 4, "database.prune_retention", "from 1s"},
      {database("prune_interval = \"9ms\"\n"), 4, "database.prune_interval", "from 10ms"},
      {database("track = \"yes\"\n"), 4, "database.track", "\"off\", \"on\", \"report\""},
      {database("track = true\n"), 4, "database.track", "is true; must be a string"},
      {database("track_interval = \"1ms\"\n"), 4, "database.track_interval", "from 100ms"},
      {database("schemas = \"public\"\n"), 4, "database.schemas", "must be a list of strings"},
      {database("schemas = [\"a\",\n 1]\n"), 5, "database.schemas", "must be a string"},
      {database("schemas = [\"\"]\n"), 4, "database.schemas", "empty"},
      {database("[redis]\nstream = \"s\"\n"), 4, "redis.url", "missing"},
      {database("[redis]\nurl = \"redis://h\"\nstream = \"\"\n"), 6, "redis.stream", "1 to 256"},
      {database("[redis]\nurl = \"redis://h\"\nkeep = 99\n"), 6, "redis.keep", "100 to 100000000"},
      {database("[redis]\nurl = \"redis://h\"\nkeep = \"1\"\n"), 6, "redis.keep", "a number"},
      {database("[redis]\nurl = \"redis://h\"\nttl = 1\n"), 6, "ttl",
       "url, user, password, stream, keep"},
      {database("[redis]\nurl = \"http://h\"\n"), 5, "redis.url", "not understood"},
      {database("[http]\nlisten = \"localhost\"\n"), 5, "http.listen", "HOST:PORT"},
      {database("[http]\nlisten = \"h:70000\"\n"), 5, "http.listen", "HOST:PORT"},
      {database("[http]\nlisten = \":80\"\n"), 5, "http.listen", "HOST:PORT"},
      {database("[http]\nlisten = \"\"\n"), 5, "http.listen", "HOST:PORT"},
      {database("[http]\nport = 1\n"), 5, "port", "unknown key"},
      {database("[log]\nlevel = \"loud\"\n"), 5, "log.level", "\"debug\", \"error\", \"info\""},
      {database("[log]\nformat = \"xml\"\n"), 5, "log.format", "\"json\", \"text\""},
      {database("log = 3\n[x]\n"), 4, "log", "unknown key"},
      {"log = 3\n" + database(), 1, "log", "must be [log]"},
      {database("[log\n"), 4, "", ""},
  };
  for (const Bad& bad : table) {
    EXPECT_THAT(refusal(bad.text),
                AllOf(StartsWith(fmt::format("listen: weir.toml:{}: ", bad.line)),
                      HasSubstr(bad.key), HasSubstr(bad.why)))
        << bad.text;
  }
}

TEST(ListenConfigTest, NoMessageShowsAPassword) {
  for (const char* dsn :
       {"postgresql://u:hunter2@h/d?bogus=1", "host=h password=hunter2 bogus=1", "hunter2"}) {
    EXPECT_THAT(refusal(fmt::format("[[database]]\nname = \"a\"\ndsn = \"{}\"\n", dsn)),
                AllOf(HasSubstr("database.dsn"), Not(HasSubstr("hunter2"))));
  }
}

TEST(ListenConfigTest, NoMessageShowsTheValueOfAVariable) {
  const auto environment = [](const std::string&) { return std::optional<std::string>{"Sesame1"}; };
  const std::string variable = "\"${PW}\"\n";
  for (const std::string& text :
       {"[[database]]\nname = " + variable, database("track = " + variable),
        database("interval = " + variable), database("[http]\nlisten = " + variable),
        database("[log]\nlevel = " + variable), database("[redis]\nurl = \"redis://u:${PW}\"\n"),
        database("[redis]\nurl = \"redis://u:x@h/${PW}\"\n")}) {
    EXPECT_THAT(refusal(text, environment), AllOf(HasSubstr("${PW}"), Not(HasSubstr("Sesame1"))));
  }
  // Nor the part of it that a message has room for.
  const auto wordy = [](const std::string&) { return std::optional{std::string(200, 'z')}; };
  for (const char* const key : {"track", "interval"}) {
    EXPECT_THAT(refusal(database(key + (" = " + variable)), wordy),
                AllOf(HasSubstr("${PW}"), Not(HasSubstr("zzz"))));
  }
}

TEST(ListenConfigTest, TheOptionsAreTheFilesOnes) {
  const Options options = options_of(
      {.name = "a", .dsn = "host=h", .interval = 5ms, .idle_interval = 7ms, .prune_retention = 3h});
  EXPECT_EQ(options.database, "host=h");
  EXPECT_EQ(options.listen.watch_interval, 5ms);
  EXPECT_EQ(options.listen.idle_interval, 7ms);
  EXPECT_EQ(options.listen.prune_retention, 3h);
}

}  // namespace
}  // namespace weir::app
