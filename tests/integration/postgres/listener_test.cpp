// facts.md A5, B1, B3, B4: wake-ups, and doing without.
#include "drivers/postgres/listener.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <thread>

#include "drivers/postgres/listener_probe.hpp"
#include "tests/integration/postgres/journal_fixture.hpp"
#include "weir/error.hpp"

namespace weir::postgres::test {
namespace {

using namespace std::chrono_literals;

class ListenerTest : public JournalTest {
 protected:
  void SetUp() override {
    JournalTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    run("CREATE TABLE t(a int)");
    track("t");
  }
  [[nodiscard]] Options options() const {
    Options options = options_for(dsn());
    options.listen.watch_interval = 10ms;
    options.postgres.application_name = "weir listener";
    return options;
  }
  std::unique_ptr<spi::Listener> listener() { return make_listener(options(), system_clock()); }
  /// Steps until `enough` is content with a step, for 20 s at most.
  static bool step_until(spi::Listener& listener,
                         const std::function<bool(const spi::ListenStep&)>& enough) {
    const spi::Deadline limit = in(20s);
    while (!limit.passed(system_clock())) {
      if (enough(listener.step(in(100ms)))) return true;
    }
    return false;
  }
  static bool leads(const spi::ListenStep& step) { return step.leader; }
  static bool woken(const spi::ListenStep& step) { return step.woken; }
};

TEST_F(ListenerTest, ProvesThatWakeUpsArriveAndIsElectedWhenAlone) {
  const auto alone = listener();
  ASSERT_TRUE(step_until(*alone, leads));
  EXPECT_TRUE(alone->step(in(20ms)).wake_ups_arrive);
}

TEST_F(ListenerTest, TheLeaderAnnouncesACommitAndEveryListenerIsWoken) {
  const auto leader = listener();
  ASSERT_TRUE(step_until(*leader, leads));
  const auto follower = listener();
  ASSERT_TRUE(step_until(*follower, [](const auto& step) { return step.wake_ups_arrive; }));
  EXPECT_FALSE(follower->step(in(20ms)).leader);
  run("INSERT INTO t VALUES (1)");
  std::size_t announced = 0;
  EXPECT_TRUE(step_until(*leader, [&](const spi::ListenStep& step) {
    announced += step.announced;
    return step.woken;
  }));
  EXPECT_EQ(announced, 1U);
  EXPECT_TRUE(step_until(*follower, woken));
}

TEST_F(ListenerTest, ABatchHoldsEveryChangeBetweenItsSnapshots) {
  run("CREATE TABLE k(id int PRIMARY KEY); SELECT weir.track('k')");
  const auto leader = listener();
  std::vector<spi::AnnouncedBatch> batches;
  const auto take = [&](const spi::ListenStep& step) {
    batches.insert(batches.end(), step.batches.begin(), step.batches.end());
    return !batches.empty();
  };
  ASSERT_TRUE(step_until(*leader, take));
  ASSERT_EQ(batches.size(), 1U);  // the election's: whoever does not know so much must pull
  EXPECT_EQ(batches[0].from, batches[0].to);
  EXPECT_EQ(batches[0].incarnation, value("SELECT weir.current_incarnation()"));
  const spi::Snapshot elected = batches[0].to;
  batches.clear();

  run("BEGIN; INSERT INTO t VALUES (1); INSERT INTO k VALUES (7); SELECT weir.invalidate_tag('x'); "
      "SELECT weir.invalidate_tags_matching('y*'); COMMIT");
  ASSERT_TRUE(step_until(*leader, take));
  ASSERT_EQ(batches.size(), 1U);
  const spi::AnnouncedBatch& batch = batches[0];
  EXPECT_TRUE(batch.from.covers(elected));  // a look in between may have found nothing
  std::map<spi::ChangeKind, std::string> told;
  for (const spi::Change& change : batch.changes) {
    told.emplace(change.kind, change.target + change.rows);
    EXPECT_TRUE(batch.to.sees(change.id));
    EXPECT_FALSE(batch.from.sees(change.id));
  }
  EXPECT_EQ(told, (std::map<spi::ChangeKind, std::string>{
                      {spi::ChangeKind::kRelation, value("SELECT 't'::regclass::oid")},
                      {spi::ChangeKind::kRows, value("SELECT 'k'::regclass::oid || '1:7'")},
                      {spi::ChangeKind::kTag, "x"},
                      {spi::ChangeKind::kTagPattern, "y*"}}));
}

TEST_F(ListenerTest, MoreChangesThanAreToldMakeABatchThatAsksForAPull) {
  const auto leader = listener();
  ASSERT_TRUE(step_until(*leader, leads));
  const auto elected = spi::Snapshot::parse(value("SELECT pg_current_snapshot()"));
  run("SELECT weir.invalidate_tag('tag ' || n) FROM generate_series(1, 1001) n");
  std::vector<spi::AnnouncedBatch> batches;  // of after the changes; a new election's does as well
  ASSERT_TRUE(step_until(*leader, [&](const spi::ListenStep& step) {
    for (const spi::AnnouncedBatch& batch : step.batches) {
      if (!elected.covers(batch.to)) batches.push_back(batch);
    }
    return !batches.empty();
  }));
  EXPECT_TRUE(batches[0].changes.empty());
  EXPECT_EQ(batches[0].from, batches[0].to);
}

TEST_F(ListenerTest, NothingIsAnnouncedWhileNothingIsWritten) {
  const auto alone = listener();
  ASSERT_TRUE(step_until(*alone, leads));
  for (int i = 0; i < 10; ++i) {
    const spi::ListenStep step = alone->step(in(20ms));
    EXPECT_FALSE(step.woken);
    EXPECT_EQ(step.announced, 0U);
  }
}

TEST_F(ListenerTest, AnotherTakesOverWhenTheLeaderIsGone) {
  auto first = listener();
  ASSERT_TRUE(step_until(*first, leads));
  const auto second = listener();
  ASSERT_TRUE(step_until(*second, [](const auto& step) { return step.wake_ups_arrive; }));
  EXPECT_FALSE(second->step(in(50ms)).leader);
  first.reset();
  EXPECT_TRUE(step_until(*second, leads));
}

TEST_F(ListenerTest, ALostConnectionIsAnErrorOnceAndThenReplaced) {
  const auto alone = listener();
  ASSERT_TRUE(step_until(*alone, leads));
  run("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
      "WHERE application_name = 'weir listener' AND datname = current_database()");
  bool lost = false;
  const spi::Deadline limit = in(20s);
  while (!lost && !limit.passed(system_clock())) {
    try {
      (void)alone->step(in(100ms));
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kConnection);
      lost = true;
    }
  }
  EXPECT_TRUE(lost);
  ASSERT_TRUE(step_until(*alone, leads));
  run("INSERT INTO t VALUES (1)");
  EXPECT_TRUE(step_until(*alone, woken));
}

TEST_F(ListenerTest, AnInterruptionEndsALongStepAtOnce) {
  const auto alone = listener();
  ASSERT_TRUE(step_until(*alone, leads));
  const TimePoint begin = system_clock().now();
  std::thread interrupter{[&] { alone->interrupt(); }};
  (void)alone->step(in(60s));
  interrupter.join();
  EXPECT_LT(system_clock().now() - begin, 10s);
}

TEST_F(ListenerTest, AnInterruptionWaitsForTheNextStepWhenNoneRuns) {
  const auto alone = listener();
  alone->interrupt();
  const TimePoint begin = system_clock().now();
  (void)alone->step(in(60s));
  EXPECT_LT(system_clock().now() - begin, 10s);
}

TEST_F(ListenerTest, AStepKeepsItsDeadlineWhenTheServerIsNotThere) {
  Options nowhere = options();
  nowhere.database = with(dsn(), {{"host", "127.0.0.1"}, {"port", "1"}});
  const auto listener = make_listener(nowhere, system_clock());
  EXPECT_THROW((void)listener->step(in(1s)), Error);
  const TimePoint begin = system_clock().now();
  EXPECT_NO_THROW((void)listener->step(in(50ms)));  // the next try is not due yet
  EXPECT_LT(system_clock().now() - begin, 5s);
}

TEST_F(ListenerTest, ItPrunesWhenItIsTime) {
  run("INSERT INTO t VALUES (1); SELECT weir.prune('1 second'); "
      "UPDATE weir.meta SET candidate_at = candidate_at - interval '2 hours'");
  Options pruning = options();
  pruning.listen.prune_interval = 10ms;
  const auto alone = make_listener(pruning, system_clock());
  std::size_t pruned = 0;
  EXPECT_TRUE(step_until(*alone, [&](const spi::ListenStep& step) {
    pruned += step.pruned;
    return pruned > 0;
  }));
}

TEST_F(ListenerTest, ATableThatAskedForItWakesAtCommitWithoutALeader) {
  run("SELECT weir.track('t', wake => true)");
  Pq listening = connect(dsn());
  listening.exec(fmt::format("LISTEN {}", kWakeUpChannel), in(5s));
  run("BEGIN; INSERT INTO t VALUES (1); ROLLBACK");
  EXPECT_FALSE(listening.wait_readable(in(100ms)));
  run("INSERT INTO t VALUES (1)");
  EXPECT_TRUE(listening.wait_readable(in(10s)));
  const auto heard = listening.notifications();
  ASSERT_EQ(heard.size(), 1U);
  EXPECT_EQ(heard.front().payload, "");
}

TEST_F(ListenerTest, BehindATransactionPoolerItFindsOutThatNothingArrivesAndDoesNotLead) {
  WEIR_PGBOUNCER_DSN_OR_SKIP(bouncer);
  Options pooled = options();
  pooled.database = with(bouncer, {{"dbname", value("SELECT current_database()")}});
  EXPECT_FALSE(wake_ups_arrive({pooled.database, ""}, system_clock(), in(1s)));
  EXPECT_TRUE(wake_ups_arrive({dsn(), ""}, system_clock(), in(5s)));
  const auto deaf = make_listener(pooled, system_clock());
  std::string why;
  const spi::Deadline limit = in(3s);
  while (!limit.passed(system_clock())) {
    const spi::ListenStep step = deaf->step(in(100ms));
    ASSERT_FALSE(step.leader);
    ASSERT_FALSE(step.wake_ups_arrive);
    why = step.deaf_because;
  }
  EXPECT_THAT(why, ::testing::HasSubstr("a pooler in transaction mode"));
  EXPECT_EQ(
      value("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = 2003134834 "
            "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"),
      "0");
}

TEST_F(ListenerTest, DeclaredTransactionPoolingDoesNotEvenListen) {
  Options pooled = options();
  pooled.postgres.pooling = Pooling::kTransaction;
  const auto quiet = make_listener(pooled, system_clock());
  const spi::ListenStep step = quiet->step(in(200ms));
  EXPECT_FALSE(step.leader);
  EXPECT_FALSE(step.wake_ups_arrive);
  EXPECT_EQ(value("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'weir listener' "
                  "AND datname = current_database() AND query LIKE 'LISTEN%'"),
            "0");
}

}  // namespace
}  // namespace weir::postgres::test
