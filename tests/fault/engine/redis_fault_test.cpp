// A real Redis that is frozen, killed, emptied, full, or brought back with an old dump, under two
// processes that share results through it: every answer is the database's, and none of it is an
// error.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "tests/support/real_database.hpp"
#include "tests/support/redis_server.hpp"
#include "tests/support/servers.hpp"
#include "weir/weir.hpp"

namespace weir::test {
namespace {

using namespace std::chrono_literals;

class RedisFaultTest : public ::testing::Test {
 protected:
  void SetUp() override {
    WEIR_POSTGRES_DSN_OR_SKIP(dsn);
    database_ = RealDatabase::make(Engine::kPostgres, dsn);
    foreign_ = database_->foreign();
    foreign_->run("CREATE TABLE item (id int PRIMARY KEY, n int); INSERT INTO item VALUES (1, 1)");
    database_->install();
    redis_ = std::make_unique<PrivateRedis>("plain");
    one_.emplace(process());
    two_.emplace(process());
  }

  /// Without memory: every lookup goes to Redis.
  Database process() {
    Options options = database_->options();
    options.memory.capacity = Bytes{0};
    options.policy.max_staleness = 0ms;
    options.redis = RedisOptions{.url = redis_->url(), .min_cost = std::chrono::microseconds{0}};
    return Database::open(options);
  }
  /// Expensive enough for the cost rule, whatever else the machine does.
  static std::string sum(int i = 0) {
    return fmt::format(
        "SELECT sum(n) + {0} - {0} FROM item WHERE (SELECT count(*) FROM generate_series(1, "
        "100000)) > 0",
        i);
  }
  /// The process's answer, which is the database's.
  Source ask(const Database& process, int i = 0) {
    const Result result = process.query(sum(i));
    EXPECT_EQ(result.one<std::int64_t>(), truth_) << "from " << to_string(result.source());
    return result.source();
  }
  void write() {
    foreign_->run("UPDATE item SET n = n + 1");
    ++truth_;
  }
  /// Until Redis answers this process again.
  bool shares_again(const Database& process) {
    return eventually([&] { return ask(process) == Source::kRedis; }, 60s);
  }

  std::unique_ptr<RealDatabase> database_;
  std::unique_ptr<ForeignConnection> foreign_;
  std::unique_ptr<PrivateRedis> redis_;
  std::optional<Database> one_;
  std::optional<Database> two_;
  std::int64_t truth_{1};
};

TEST_F(RedisFaultTest, AnOldDumpThatComesBackAfterACrashServesNothingOld) {
  (void)ask(*one_);
  ASSERT_EQ(ask(*two_), Source::kRedis);
  ASSERT_EQ(redis_->cli(1, "SAVE"), "OK");
  write();
  (void)ask(*one_);
  ASSERT_EQ(ask(*two_), Source::kRedis) << "the new answer is there";
  redis_->kill(1);
  EXPECT_NE(ask(*one_), Source::kRedis);
  redis_->start(1);
  ASSERT_EQ(redis_->cli(1, "DBSIZE"), "1") << "the dump was not loaded";
  ASSERT_TRUE(shares_again(*one_));  // each answer on the way is checked
  ASSERT_TRUE(shares_again(*two_));
  EXPECT_GE(one_->metrics().redis_stale_total + two_->metrics().redis_stale_total, 1U)
      << "nobody met the old one";
  const Database three = process();
  EXPECT_EQ(ask(three), Source::kRedis) << "the dump's place was taken by the new answer";
}

TEST_F(RedisFaultTest, ADumpStillTrueIsServedAfterARestart) {
  (void)ask(*one_);
  ASSERT_EQ(redis_->cli(1, "SAVE"), "OK");
  redis_->kill(1);
  redis_->start(1);
  const Database three = process();
  EXPECT_EQ(ask(three), Source::kRedis);
}

TEST_F(RedisFaultTest, WhatIsFlushedCostsOneRead) {
  (void)ask(*one_);
  ASSERT_EQ(ask(*two_), Source::kRedis);
  ASSERT_EQ(redis_->cli(1, "FLUSHALL"), "OK");
  EXPECT_EQ(ask(*two_), Source::kDatabase);
  EXPECT_EQ(ask(*one_), Source::kRedis);
}

TEST_F(RedisFaultTest, AFrozenServerCostsAFewTimeoutsAndIsAskedAgainWhenItThaws) {
  (void)ask(*one_);
  ASSERT_EQ(ask(*one_), Source::kRedis);
  redis_->freeze(1);
  for (int i = 0; i < 80; ++i) {
    if (i % 20 == 0) write();
    EXPECT_NE(ask(*one_, i), Source::kRedis);
  }
  const Metrics frozen = one_->metrics();
  EXPECT_TRUE(frozen.redis_open);
  EXPECT_LE(frozen.redis_errors_total + frozen.redis_put_errors_total, 20U)
      << "it was asked again and again";
  redis_->thaw(1);
  ASSERT_TRUE(shares_again(*one_));
  EXPECT_FALSE(one_->metrics().redis_open);
}

TEST_F(RedisFaultTest, AFullServerKeepsWhatItHasAndRefusesTheRest) {
  (void)ask(*one_);
  ASSERT_EQ(redis_->cli(1, "CONFIG SET maxmemory-policy noeviction"), "OK");
  ASSERT_EQ(redis_->cli(1, "CONFIG SET maxmemory 1"), "OK");
  EXPECT_EQ(ask(*two_), Source::kRedis);
  EXPECT_EQ(ask(*one_, 1), Source::kDatabase);
  EXPECT_GE(one_->metrics().redis_put_errors_total, 1U);
  ASSERT_EQ(redis_->cli(1, "CONFIG SET maxmemory 0"), "OK");
  ASSERT_TRUE(eventually(
      [&] {
        (void)ask(*one_, 1);
        return ask(*two_, 1) == Source::kRedis;
      },
      60s));
}

TEST_F(RedisFaultTest, AKilledServerIsAMissForEverybody) {
  (void)ask(*one_);
  redis_->kill(1);
  for (int i = 0; i < 50; ++i) {
    if (i % 10 == 0) write();
    EXPECT_EQ(ask(*one_), Source::kDatabase);
    EXPECT_EQ(ask(*two_), Source::kDatabase);
  }
  redis_->start(1);
  ASSERT_TRUE(shares_again(*one_));
  ASSERT_TRUE(shares_again(*two_));
}

}  // namespace
}  // namespace weir::test
