// facts.md B6, B9: what a crash takes with it, and how it is noticed.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "drivers/postgres/admin.hpp"
#include "tests/integration/postgres/journal_fixture.hpp"
#include "tests/integration/postgres/private_cluster.hpp"

namespace weir::postgres::test {
namespace {

using namespace std::chrono_literals;

class FeedCrashTest : public ::testing::Test {
 protected:
  void SetUp() override {
    WEIR_POSTGRES_DSN_OR_SKIP(unused);
    cluster_.emplace();
    make_admin(options_for(cluster_->dsn()), system_clock())->migrate_up(spi::DryRun::kNo, {});
    run("CREATE TABLE t(id int, x xid8 DEFAULT pg_current_xact_id()); SELECT weir.track('t'); "
        "CHECKPOINT");
    feed_ = make_change_feed(options_for(cluster_->dsn()), system_clock());
  }
  std::string run(const std::string& sql) {
    Pq connection = connect(cluster_->dsn());
    return value(connection, sql);
  }
  spi::Pull pull() { return feed_->pull(in(20s)); }

  std::optional<PrivateCluster> cluster_;
  std::unique_ptr<spi::ChangeFeed> feed_;
};

TEST_F(FeedCrashTest, ACrashThatLosesACommittedWriteIsANewIncarnationThoughItsIdIsUsedAgain) {
  const std::string before = pull().incarnation;
  const std::string walwriter =
      run("SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'");
  shell("kill -STOP " + walwriter);
  const std::string lost =
      run("SET synchronous_commit = off; INSERT INTO t VALUES (1) RETURNING x");
  const spi::Pull told = pull();
  ASSERT_EQ(told.changes.size(), 1U);
  ASSERT_EQ(std::to_string(told.changes.front().id), lost);

  cluster_->crash_and_restart();
  shell("kill -KILL " + walwriter + " 2>/dev/null || true");  // stopped, it outlives its server

  // The premise: the write is gone, and what it was called is somebody else's name now.
  ASSERT_EQ(run("SELECT count(*) FROM t"), "0");
  ASSERT_LE(std::stoull(run("INSERT INTO t VALUES (2) RETURNING x")), std::stoull(lost));

  const spi::Pull after = pull();
  EXPECT_NE(after.incarnation, before);
  EXPECT_THAT(after.reset, ::testing::HasSubstr("incarnation"));
  EXPECT_THAT(after.changes, ::testing::IsEmpty());
  run("INSERT INTO t VALUES (3)");
  EXPECT_EQ(pull().changes.size(), 1U);
}

TEST_F(FeedCrashTest, ATransactionPreparedBeforeTheCrashIsToldWhenItIsCommittedAfterIt) {
  run("BEGIN; INSERT INTO t VALUES (1); PREPARE TRANSACTION 'p'");
  (void)pull();
  cluster_->crash_and_restart();
  EXPECT_FALSE(pull().reset.empty());
  EXPECT_THAT(pull().changes, ::testing::IsEmpty());
  run("COMMIT PREPARED 'p'");
  EXPECT_EQ(pull().changes.size(), 1U);
}

// The settings it starts with may be others, so what was read before is void all the same.
TEST_F(FeedCrashTest, AnOrderlyRestartKeepsTheIncarnationAndVoidsForItsSettings) {
  const std::string before = pull().incarnation;
  cluster_->restart();
  run("INSERT INTO t VALUES (1)");
  const spi::Pull after = pull();
  EXPECT_EQ(after.incarnation, before);
  EXPECT_THAT(after.reset, ::testing::HasSubstr("without a journal row"));
  run("INSERT INTO t VALUES (2)");
  EXPECT_EQ(pull().changes.size(), 1U);
}

}  // namespace
}  // namespace weir::postgres::test
