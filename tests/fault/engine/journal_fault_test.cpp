// What weir cannot prove it does not serve: the journal locked, gone, or its connections cut, a
// notification lost, and a slow read that ends after the write that voids it.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "tests/support/real_database.hpp"
#include "tests/support/servers.hpp"
#include "weir/open_driver.hpp"
#include "weir/weir.hpp"

namespace weir::test {
namespace {

using namespace std::chrono_literals;

constexpr const char* kSum = "SELECT sum(n) AS n FROM item";

/// Tries until `condition` holds; false when it never does.
bool eventually(const std::function<bool()>& condition) {
  const TimePoint end = system_clock().now() + 30s;
  while (!condition()) {
    if (system_clock().now() >= end) return false;
    std::this_thread::yield();
  }
  return true;
}

class JournalFaultTest : public ::testing::TestWithParam<Engine> {
 protected:
  void SetUp() override { start({}); }

  void start(ListenOptions listen) {
    std::string server;
    if (GetParam() == Engine::kPostgres) {
      WEIR_POSTGRES_DSN_OR_SKIP(dsn);
      server = dsn;
    }
    database_ = RealDatabase::make(GetParam(), server);
    foreign_ = database_->foreign();
    foreign_->run("CREATE TABLE item (id INT PRIMARY KEY, n INT)");
    foreign_->run("INSERT INTO item VALUES (1, 1), (2, 2)");
    database_->install();
    Options options = database_->options();
    options.pull_timeout = 200ms;
    options.listen = listen;
    weir_.emplace(Database::open(options));
    direct_ = std::make_unique<Direct>(database_->options());
  }

  /// The answer at `bound`, which must be the database's.
  Source ask(std::chrono::milliseconds bound, const char* sql = kSum) {
    const Result result = weir_->with({.max_staleness = bound}).query(sql);
    EXPECT_EQ(difference(*result.buffer(), *direct_->run(sql), RowOrder::kAny), "")
        << sql << " from " << to_string(result.source()) << " " << result.reason();
    reason_ = result.reason_code();
    why_ = result.reason();
    return result.source();
  }
  void fill() {
    ASSERT_TRUE(eventually([&] { return ask(0ms) == Source::kMemory; })) << why_;
  }
  void foreign_write() { foreign_->run("UPDATE item SET n = n + 1 WHERE id = 1"); }

  std::unique_ptr<RealDatabase> database_;
  std::unique_ptr<ForeignConnection> foreign_;
  std::optional<Database> weir_;
  std::unique_ptr<Direct> direct_;
  ReasonCode reason_{};
  std::string why_;
};

TEST_P(JournalFaultTest, WhenTheJournalIsGoneNothingOldIsServed) {
  fill();
  open_driver(database_->options())->open_admin()->migrate_down(spi::DryRun::kNo, {});
  for (int i = 0; i < 3; ++i) {
    foreign_write();
    ask(0ms);
  }
  database_->install();
  foreign_write();
  ASSERT_TRUE(eventually([&] { return ask(0ms) == Source::kMemory; })) << why_;
  foreign_write();
  ask(0ms);
}

TEST_P(JournalFaultTest, ADatabaseOpenedBeforeTheMigrationCachesAfterIt) {
  open_driver(database_->options())->open_admin()->migrate_down(spi::DryRun::kNo, {});
  weir_.emplace(Database::open(database_->options()));
  ask(0ms);
  database_->install();
  fill();
  foreign_write();
  ask(0ms);
}

TEST_P(JournalFaultTest, WhatATransactionReadAndRolledBackIsNeverServed) {
  for (int i = 0; i < 5; ++i) {
    ask(0ms);
    Transaction transaction = weir_->begin();
    transaction.execute("UPDATE item SET n = n + 100");
    EXPECT_GT(transaction.query(kSum).one<std::int64_t>(), 200);
    transaction.rollback();
    ask(1h);
    ask(0ms);
    foreign_write();
  }
}

class PostgresFaultTest : public JournalFaultTest {};

TEST_P(PostgresFaultTest, WhileTheJournalCannotBePulledNothingIsServedFromMemory) {
  fill();
  const auto locking = database_->foreign();
  locking->run(
      "BEGIN; UPDATE item SET n = n + 10; LOCK TABLE weir.journal IN ACCESS EXCLUSIVE MODE");
  EXPECT_EQ(ask(0ms), Source::kDatabase);
  EXPECT_EQ(reason_, ReasonCode::kNotValidated);
  locking->run("COMMIT");
  ask(0ms);
  fill();
  foreign_write();
  ask(0ms);
}

TEST_P(PostgresFaultTest, AfterEveryConnectionWasCutAnswersAreRight) {
  fill();
  for (int i = 0; i < 3; ++i) {
    foreign_write();
    foreign_->run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
        "AND pid <> pg_backend_pid()");
    direct_ = std::make_unique<Direct>(database_->options());
    ask(0ms);
    fill();
  }
}

TEST_P(PostgresFaultTest, WithoutNotificationsTheBoundStillHolds) {
  start({.enabled = false});
  fill();
  for (int i = 0; i < 5; ++i) {
    foreign_write();
    const TimePoint committed = system_clock().now();
    while (system_clock().now() - committed < 30ms) std::this_thread::yield();
    ask(30ms);
    ASSERT_TRUE(eventually([&] { return ask(30ms) == Source::kMemory; })) << why_;
  }
}

TEST_P(PostgresFaultTest, ASlowReadThatEndsAfterAWriteIsNotServedAsNew) {
  // It has read the table when it waits for the lock.
  foreign_->run(
      "CREATE FUNCTION slow_sum() RETURNS bigint LANGUAGE plpgsql STABLE AS 'DECLARE s bigint; "
      "BEGIN SELECT sum(n) INTO s FROM item; PERFORM pg_advisory_xact_lock(1); RETURN s; END'");
  const Database slow = weir_->with({.max_staleness = 1h, .depends_on = {"public.item"}});
  const std::string sql = "SELECT slow_sum()";
  const auto gate = database_->foreign();
  for (int i = 0; i < 3; ++i) {
    gate->run("SELECT pg_advisory_lock(1)");
    std::optional<std::int64_t> old;
    {
      std::jthread reader{[&] { old = slow.query(sql).one<std::int64_t>(); }};
      EXPECT_TRUE(eventually([&] {
        return foreign_->run("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
                   .size() == 1;
      }));
      foreign_write();
      ask(0ms);  // learns of the write
      gate->run("SELECT pg_advisory_unlock(1)");
    }
    const Result now = slow.query(sql);
    EXPECT_EQ(now.one<std::int64_t>(), *old + 1) << "from " << to_string(now.source());
    EXPECT_EQ(slow.query(sql).source(), Source::kMemory);
    foreign_write();
    ask(0ms);
  }
}

INSTANTIATE_TEST_SUITE_P(Engine, PostgresFaultTest, ::testing::Values(Engine::kPostgres),
                         ::testing::PrintToStringParamName());
INSTANTIATE_TEST_SUITE_P(Engines, JournalFaultTest,
                         ::testing::Values(Engine::kSqlite, Engine::kPostgres),
                         ::testing::PrintToStringParamName());

}  // namespace
}  // namespace weir::test
