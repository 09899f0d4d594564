// facts.md B5, B7, B8: reading a standby, and what promotion does.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "drivers/postgres/admin.hpp"
#include "drivers/postgres/listener.hpp"
#include "tests/integration/postgres/journal_fixture.hpp"
#include "tests/integration/postgres/private_cluster.hpp"
#include "weir/error.hpp"

namespace weir::postgres::test {
namespace {

using namespace std::chrono_literals;

class FeedStandbyTest : public ::testing::Test {
 protected:
  void SetUp() override {
    WEIR_POSTGRES_DSN_OR_SKIP(unused);
    cluster_.emplace();
    make_admin(options_for(cluster_->dsn()), system_clock())->migrate_up(spi::DryRun::kNo, {});
    primary_.emplace(connect(cluster_->dsn()));
    primary_->exec(
        "CREATE TABLE t(id int); CREATE TABLE k(id int PRIMARY KEY);"
        "SELECT weir.track('t'), weir.track('k')",
        in(10s));
    standby_dsn_ = cluster_->start_standby();
    standby_.emplace(connect(standby_dsn_));
    feed_ = make_change_feed(options_for(standby_dsn_), system_clock());
  }
  void TearDown() override {
    primary_.reset();
    standby_.reset();
  }
  /// Waits until the standby has replayed everything the primary wrote.
  void catch_up() {
    const std::string reached = value(*primary_, "SELECT pg_current_wal_insert_lsn()");
    value(*primary_, "SELECT pg_logical_emit_message(true, 'beyond', 'it')");
    const spi::Deadline limit = in(20s);
    while (value(*standby_, fmt::format("SELECT pg_last_wal_replay_lsn() >= '{}', pg_sleep(0.02)",
                                        reached)) != "t") {
      ASSERT_FALSE(limit.passed(system_clock()));
    }
  }
  spi::Pull pull() { return feed_->pull(in(20s)); }

  std::optional<PrivateCluster> cluster_;
  std::optional<Pq> primary_;
  std::optional<Pq> standby_;
  std::string standby_dsn_;
  std::unique_ptr<spi::ChangeFeed> feed_;
};

TEST_F(FeedStandbyTest, ItsSnapshotsTrustOnlyWhatIsBelowXminAndEachChangeIsToldOnce) {
  catch_up();
  const spi::Pull first = pull();
  EXPECT_TRUE(first.snapshot.standby);
  EXPECT_EQ(
      first.incarnation,
      make_change_feed(options_for(cluster_->dsn()), system_clock())->pull(in(5s)).incarnation);

  Pq slow = connect(cluster_->dsn());
  slow.exec("BEGIN; INSERT INTO t VALUES (1)", in(5s));
  const spi::ChangeId open = std::stoull(value(slow, "SELECT pg_current_xact_id()"));
  primary_->exec("INSERT INTO t VALUES (2)", in(5s));
  primary_->exec("BEGIN; INSERT INTO k VALUES (3); INSERT INTO k VALUES (4); COMMIT", in(5s));
  catch_up();
  const spi::Pull second = pull();
  EXPECT_EQ(second.changes.size(), 3U);
  EXPECT_FALSE(second.snapshot.sees(open));
  EXPECT_TRUE(second.snapshot.in_progress.empty());
  EXPECT_TRUE(pull().changes.empty());

  slow.exec("COMMIT", in(5s));
  catch_up();
  const spi::Pull third = pull();
  ASSERT_EQ(third.changes.size(), 1U);
  EXPECT_EQ(third.changes.front().id, open);
  EXPECT_TRUE(pull().changes.empty());
}

TEST_F(FeedStandbyTest, PromotionIsANewIncarnation) {
  catch_up();
  const std::string before = pull().incarnation;
  cluster_->promote_standby();
  const spi::Pull after = pull();
  EXPECT_NE(after.incarnation, before);
  EXPECT_THAT(after.incarnation, ::testing::HasSubstr("-00000002-"));
  EXPECT_THAT(after.reset, ::testing::HasSubstr("incarnation"));
  EXPECT_FALSE(after.snapshot.standby);
  standby_.emplace(connect(standby_dsn_));
  standby_->exec("INSERT INTO t VALUES (1)", in(5s));
  EXPECT_EQ(pull().changes.size(), 1U);
}

TEST_F(FeedStandbyTest, AListenerThereIsDeafButNotBroken) {
  Options options = options_for(standby_dsn_);
  options.listen.prune_interval = 10ms;
  const auto listener = make_listener(options, system_clock());
  for (int i = 0; i < 5; ++i) {
    const spi::ListenStep step = listener->step(in(50ms));
    EXPECT_FALSE(step.leader);
    EXPECT_FALSE(step.wake_ups_arrive);
  }
}

TEST_F(FeedStandbyTest, TheDoctorSaysItIsOne) {
  const auto findings = make_admin(options_for(standby_dsn_), system_clock())->doctor(in(20s));
  EXPECT_TRUE(std::any_of(findings.begin(), findings.end(),
                          [](const spi::Finding& f) { return f.check == "standby"; }));
}

}  // namespace
}  // namespace weir::postgres::test
