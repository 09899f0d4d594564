#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <random>
#include <thread>

#include "drivers/postgres/admin.hpp"
#include "tests/integration/postgres/journal_fixture.hpp"
#include "weir/error.hpp"

namespace weir::postgres::test {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Names = std::set<std::string>;
using namespace std::chrono_literals;

/// The error a pull ends with.
Error failure(spi::ChangeFeed& feed, Duration limit = 5s) {
  try {
    (void)feed.pull(in(limit));
  } catch (const Error& error) {
    return error;
  }
  return Error{ErrorCode::kInternal, "the pull succeeded"};
}

class FeedTest : public JournalTest {
 protected:
  void SetUp() override {
    JournalTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    run("CREATE TABLE t(a int)");
    track("t");
  }
  /// As if `weir.prune` had been called one retention apart.
  void prune_now() {
    run("SELECT weir.prune('1 second'); "
        "UPDATE weir.meta SET candidate_at = candidate_at - interval '1 hour'");
    run("SELECT weir.prune('1 second')");
  }
};

TEST_F(FeedTest, TheFirstPullBringsTheSnapshotAndNothingElse) {
  run("INSERT INTO t VALUES (1)");
  const spi::Pull first = pull();
  EXPECT_THAT(first.changes, IsEmpty());
  EXPECT_THAT(first.reset, IsEmpty());
  EXPECT_FALSE(first.snapshot.standby);
  EXPECT_THAT(first.incarnation, HasSubstr("-00000001-"));
  EXPECT_TRUE(first.snapshot.sees(std::stoull(value("SELECT min(xid) FROM weir.journal"))));
}

TEST_F(FeedTest, TheSnapshotSeesEveryChangeThatWasTold) {
  (void)pull();
  run("INSERT INTO t VALUES (1)");
  const spi::Pull next = pull();
  ASSERT_EQ(next.changes.size(), 1U);
  EXPECT_TRUE(next.snapshot.sees(next.changes.front().id));
}

TEST_F(FeedTest, ALostConnectionIsReplacedWithinThePullAndNothingIsMissed) {
  (void)pull();
  run("INSERT INTO t VALUES (1); SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
      "WHERE application_name = 'weir' AND datname = current_database()");
  EXPECT_EQ(changes(), Names{"t"});
}

TEST_F(FeedTest, AFailedPullTeachesNothingAndTheNextOneStartsFromTheSamePlace) {
  (void)pull();
  run("INSERT INTO t VALUES (1)");
  run("UPDATE weir.meta SET version = 99");
  EXPECT_EQ(failure(*feed_).code(), ErrorCode::kMigration);
  run("UPDATE weir.meta SET version = 2");
  EXPECT_EQ(changes(), Names{"t"});
}

TEST_F(FeedTest, APullReturnsByItsDeadlineWhenTheJournalIsLocked) {
  (void)pull();
  Pq other = connect(dsn());
  other.exec("BEGIN; LOCK TABLE weir.journal IN ACCESS EXCLUSIVE MODE", in(5s));
  run("SELECT 1");
  const TimePoint begin = system_clock().now();
  EXPECT_EQ(failure(*feed_, 300ms).code(), ErrorCode::kTimeout);
  EXPECT_LT(system_clock().now() - begin, 3s);
  other.exec("COMMIT", in(5s));
  run("INSERT INTO t VALUES (1)");
  EXPECT_EQ(changes(), Names{"t"});
}

TEST_F(FeedTest, APullReturnsByItsDeadlineWhenTheBackendIsFrozenAndTheNextOneWorks) {
  (void)pull();
  const std::string pid = value(
      "SELECT pid FROM pg_stat_activity WHERE application_name = 'weir' AND datname = "
      "current_database()");
  shell("kill -STOP " + pid);
  const TimePoint begin = system_clock().now();
  const ErrorCode code = failure(*feed_, 300ms).code();
  const Duration took = system_clock().now() - begin;
  shell("kill -CONT " + pid);
  EXPECT_EQ(code, ErrorCode::kTimeout);
  EXPECT_LT(took, 3s);
  run("INSERT INTO t VALUES (1)");
  EXPECT_EQ(changes(), Names{"t"});
}

TEST_F(FeedTest, AMissingSchemaIsAMigrationErrorNamingTheFix) {
  run("DROP EVENT TRIGGER weir_ddl; DROP EVENT TRIGGER weir_drop; DROP SCHEMA weir CASCADE");
  const Error error = failure(*feed_);
  EXPECT_EQ(error.code(), ErrorCode::kMigration);
  EXPECT_THAT(error.what(), HasSubstr("weir migrate up"));
}

TEST_F(FeedTest, ANewerSchemaIsRefusedNamingBothVersions) {
  run("UPDATE weir.meta SET version = 99");
  const Error error = failure(*feed_);
  EXPECT_EQ(error.code(), ErrorCode::kMigration);
  EXPECT_THAT(error.what(), HasSubstr("version 99"));
  EXPECT_THAT(error.what(), HasSubstr("newer weir library"));
}

TEST_F(FeedTest, AnOlderSchemaIsRefusedNamingTheFix) {
  run("UPDATE weir.meta SET version = 0; DROP FUNCTION weir.pull");
  const Error error = failure(*feed_);
  EXPECT_EQ(error.code(), ErrorCode::kMigration);
  EXPECT_THAT(error.what(), HasSubstr("weir migrate up"));
}

TEST_F(FeedTest, ADamagedSchemaIsAMigrationErrorNamingTheDamage) {
  run("DROP FUNCTION weir.changes");
  (void)pull();  // the first one reads no journal
  const Error error = failure(*feed_);
  EXPECT_EQ(error.code(), ErrorCode::kMigration);
  EXPECT_THAT(error.what(), HasSubstr("weir.changes"));
}

TEST_F(FeedTest, AServerThatIsNotThereIsAConnectionError) {
  new_feed(with(dsn(), {{"host", "127.0.0.1"}, {"port", "1"}}));
  EXPECT_EQ(failure(*feed_).code(), ErrorCode::kConnection);
}

TEST_F(FeedTest, PruningWhatWasReadLosesNothing) {
  run("INSERT INTO t VALUES (1)");
  run("SELECT weir.prune('1 second')");
  changes();
  run("UPDATE weir.meta SET candidate_at = candidate_at - interval '1 hour'");
  EXPECT_NE(value("SELECT weir.prune('1 second')"), "0");
  run("INSERT INTO t VALUES (2)");
  EXPECT_EQ(changes(), Names{"t"});
}

TEST_F(FeedTest, PruningWhatWasNotYetReadIsAReset) {
  changes();
  run("INSERT INTO t VALUES (1)");
  prune_now();
  EXPECT_EQ(changes(), Names{"reset: journal rows not yet read were pruned"});
  EXPECT_THAT(changes(), IsEmpty());
}

TEST_F(FeedTest, PruningSparesTheRowsOfATransactionThatWasUnderWayWhenItsSnapshotWasTaken) {
  Pq slow = connect(dsn());
  slow.exec("BEGIN; INSERT INTO t VALUES (1)", in(5s));
  const std::string xid = test::value(slow, "SELECT pg_current_xact_id()");
  run("SELECT weir.prune('1 second')");
  changes();
  slow.exec("COMMIT", in(5s));
  run("UPDATE weir.meta SET candidate_at = candidate_at - interval '1 hour'; SELECT weir.prune('1 "
      "second')");
  EXPECT_EQ(value(fmt::format("SELECT count(*) FROM weir.journal WHERE xid = '{}'", xid)), "1");
  EXPECT_EQ(changes(), Names{"t"});
}

TEST_F(FeedTest, PruningComesNoEarlierThanItsRetention) {
  run("INSERT INTO t VALUES (1)");
  run("SELECT weir.prune('1 hour')");
  EXPECT_EQ(value("SELECT weir.prune('1 hour')"), "0");
  EXPECT_NE(value("SELECT count(*) FROM weir.journal"), "0");
  EXPECT_THROW(run("SELECT weir.prune('0.5 seconds')"), Error);
}

TEST_F(FeedTest, ALostIncarnationRowIsANewIncarnationAndAReset) {
  const std::string before = pull().incarnation;
  run("INSERT INTO t VALUES (1); TRUNCATE weir.incarnation");
  const spi::Pull after = pull();
  EXPECT_NE(after.incarnation, before);
  EXPECT_THAT(after.reset, HasSubstr("incarnation"));
  EXPECT_THAT(after.changes, IsEmpty());
  run("INSERT INTO t VALUES (1)");
  EXPECT_EQ(changes(), Names{"t"});
}

TEST_F(FeedTest, OfSeveralConcurrentHandshakesOneMakesTheIncarnation) {
  run("TRUNCATE weir.incarnation");
  std::set<std::string> seen;
  std::mutex mutex;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      const std::string incarnation =
          make_change_feed(options_for(dsn()), system_clock())->pull(in(10s)).incarnation;
      const std::lock_guard lock{mutex};
      seen.insert(incarnation);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(seen.size(), 1U);
}

TEST_F(FeedTest, ARestoredDumpIsAnotherIncarnationWithAnEmptyJournalAndKeepsTracking) {
  run("INSERT INTO t VALUES (1)");
  // Journal rows from a cluster whose transaction ids were far ahead must not be told for ever.
  run("INSERT INTO weir.journal(xid, kind, relation) VALUES ('9000000000', 'r', 't'::regclass)");
  const std::string before = pull().incarnation;
  const std::string copy = unique_name("copy");
  run(fmt::format("CREATE DATABASE {}", copy));
  const std::string copy_dsn = with(dsn(), {{"dbname", copy}});
  shell(
      fmt::format("pg_dump -d \"{}\" | psql -q -X -v ON_ERROR_STOP=1 -d \"{}\"", dsn(), copy_dsn));
  {
    const auto feed = make_change_feed(options_for(copy_dsn), system_clock());
    const std::string incarnation = feed->pull(in(5s)).incarnation;
    EXPECT_NE(incarnation, before);
    Pq other = connect(copy_dsn);
    EXPECT_EQ(test::value(other, "SELECT count(*) FROM weir.journal"), "0");
    EXPECT_EQ(test::value(other, "SELECT count(*) FROM weir.tracked"), "1");
    other.exec("INSERT INTO t VALUES (2)", in(5s));
    EXPECT_EQ(feed->pull(in(5s)).changes.size(), 1U);
    EXPECT_EQ(feed->pull(in(5s)).incarnation, incarnation);
  }
  EXPECT_EQ(pull().incarnation, before);
  run(fmt::format("DROP DATABASE {} WITH (FORCE)", copy));
}

TEST_F(FeedTest, ADatabaseCopiedFromThisOneAsATemplateIsAnotherIncarnation) {
  const std::string before = pull().incarnation;
  const std::string copy = unique_name("copy");
  const std::string original = value("SELECT current_database()");
  feed_.reset();
  Pq maintenance = connect(with(dsn(), {{"dbname", "postgres"}}));
  maintenance.exec(
      fmt::format("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'",
                  original),
      in(5s));
  for (int attempt = 0;; ++attempt) {  // the terminated sessions take a moment to leave
    try {
      maintenance.exec(fmt::format("CREATE DATABASE {} TEMPLATE {}", copy, original), in(20s));
      break;
    } catch (const Error& error) {
      if (error.sqlstate() != "55006" || attempt == 10) throw;
    }
  }
  const auto feed = make_change_feed(options_for(with(dsn(), {{"dbname", copy}})), system_clock());
  EXPECT_NE(feed->pull(in(5s)).incarnation, before);
  maintenance.exec(fmt::format("DROP DATABASE {} WITH (FORCE)", copy), in(20s));
}

TEST_F(FeedTest, TooManyChangesSinceTheLastPullAreAReset) {
  changes();
  run("INSERT INTO weir.journal(kind, target) SELECT 't', g::text FROM generate_series(1, 100001) "
      "g");
  EXPECT_EQ(changes(), Names{"reset: more than 100000 changes since the last pull"});
  EXPECT_THAT(changes(), IsEmpty());
}

TEST_F(FeedTest, ALargeJournalIsNotReadThroughForAPullThatBringsFew) {
  run("INSERT INTO weir.journal(xid, kind, target) SELECT (1 + g % 500)::text::xid8, 't', g::text "
      "FROM generate_series(1, 200000) g; ANALYZE weir.journal; BEGIN");
  // Often enough for the server to have gone over to a generic plan.
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(
        value("SELECT count(*) FROM weir.pull((SELECT max(xid) FROM weir.journal), '{7}', 1000) "
              "WHERE kind <> 't'"),
        "1");
  }
  EXPECT_EQ(value("SELECT seq_scan FROM pg_stat_xact_user_tables "
                  "WHERE relid = 'weir.journal'::regclass"),
            "0");
  run("COMMIT");
}

TEST_F(FeedTest, ThePullWorksThroughAPoolerInTransactionMode) {
  WEIR_PGBOUNCER_DSN_OR_SKIP(bouncer);
  new_feed(with(bouncer, {{"dbname", value("SELECT current_database()")}}));
  (void)pull();
  for (int i = 0; i < 20; ++i) {
    run("INSERT INTO t VALUES (1)");
    EXPECT_EQ(changes(), Names{"t"});
  }
  run("TRUNCATE weir.incarnation");
  EXPECT_FALSE(pull().reset.empty());
  run("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
      "WHERE datname = current_database() AND pid <> pg_backend_pid()");
  new_feed(with(bouncer, {{"dbname", value("SELECT current_database()")}}));
  EXPECT_NO_THROW((void)pull());
}

// facts.md B11: writers with savepoints, rollbacks, two-phase commits and random pauses; every
// committed row is told exactly once.
TEST_F(FeedTest, EveryCommittedChangeIsToldExactlyOnceUnderConcurrentWriters) {
  constexpr int kWriters = 6;
  const unsigned seed = std::random_device{}();
  RecordProperty("seed", std::to_string(seed));
  for (int i = 0; i < kWriters; ++i) {
    run(fmt::format("CREATE TABLE w{}(a int)", i));
    track(fmt::format("w{}", i));
  }
  (void)pull();
  run("CREATE TABLE committed(xid xid8)");
  const std::string database = value("SELECT current_database()");
  std::atomic<int> running{kWriters};
  const auto write = [&](int writer) {
    std::mt19937 random{seed + static_cast<unsigned>(writer)};
    Pq connection = connect(dsn());
    const auto limit = in(60s);
    for (int i = 0; i < 60; ++i) {
      connection.exec("BEGIN", limit);
      const bool savepoints = random() % 3 == 0;
      for (auto n = random() % 3 + 1; n > 0; --n) {
        if (savepoints) connection.exec("SAVEPOINT s", limit);
        connection.exec(fmt::format("INSERT INTO w{} VALUES ({})", writer, i), limit);
        const double pause = random() % 10 == 0 ? 0.02 : 0.002;
        connection.exec(fmt::format("SELECT pg_sleep({})", random() % 2 == 0 ? 0.0 : pause), limit);
        if (savepoints) connection.exec("RELEASE s", limit);
      }
      connection.exec("INSERT INTO committed VALUES (pg_current_xact_id())", limit);
      switch (random() % 10) {
        case 0:
          connection.exec("ROLLBACK", limit);
          break;
        case 1: {
          const std::string gid = fmt::format("{}_{}_{}", database, writer, i);
          connection.exec(fmt::format("PREPARE TRANSACTION '{}'", gid), limit);
          connection.exec("SELECT pg_sleep(0.02)", limit);
          connection.exec(fmt::format("COMMIT PREPARED '{}'", gid), limit);
          break;
        }
        default:
          connection.exec("COMMIT", limit);
      }
    }
    --running;
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < kWriters; ++i) threads.emplace_back(write, i);
  std::map<spi::ChangeId, int> told;
  spi::Snapshot last;
  for (bool more = true; more;) {
    more = running > 0;  // read first: the pull after the last commit must be one of ours
    const spi::Pull pulled = pull();
    EXPECT_THAT(pulled.reset, IsEmpty());
    EXPECT_TRUE(pulled.snapshot.covers(last));
    last = pulled.snapshot;
    for (const spi::Change& change : pulled.changes) {
      if (change.kind == spi::ChangeKind::kRelation) ++told[change.id];
    }
  }
  for (std::thread& thread : threads) thread.join();
  const Rows committed = db().exec("SELECT xid FROM committed", in(5s));
  EXPECT_GT(committed.size(), 200U);
  EXPECT_EQ(told.size(), committed.size());
  for (std::size_t row = 0; row < committed.size(); ++row) {
    EXPECT_EQ(told[committed.unsigned_integer(row, 0)], 1) << "seed " << seed;
  }
}

// --- History
// ----------------------------------------------------------------------------------------------

class HistoryFeedTest : public FeedTest {
 protected:
  void SetUp() override {
    FeedTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    feed_->want_history();
  }
  /// The relations of a history, one name for each change.
  std::multiset<std::string> relations(const spi::History& history) {
    std::multiset<std::string> names;
    for (const spi::Change& change : history.changes) {
      if (change.kind == spi::ChangeKind::kRelation)
        names.insert(value("SELECT " + change.target + "::regclass"));
    }
    return names;
  }
};

TEST_F(HistoryFeedTest, TheFirstPullBringsWhatTheJournalRetains) {
  const spi::Snapshot before = pull().snapshot;
  new_feed(dsn());
  feed_->want_history();
  run("INSERT INTO t VALUES (1); SELECT weir.invalidate_tag('x'); "
      "SELECT weir.invalidate_tags_matching('y*')");
  const spi::Pull first = pull();
  ASSERT_TRUE(first.history);
  EXPECT_TRUE(before.covers(first.history->complete_from));
  EXPECT_EQ(relations(*first.history), std::multiset<std::string>{"t"});
  std::multiset<std::string> targets;
  for (const spi::Change& change : first.history->changes) {
    if (!before.sees(change.id)) targets.insert(change.target);
    EXPECT_TRUE(first.snapshot.sees(change.id));
  }
  EXPECT_EQ(targets, (std::multiset<std::string>{value("SELECT 't'::regclass::oid"), "x", "y*"}));
  EXPECT_THAT(first.changes, IsEmpty());
  run("INSERT INTO t VALUES (1)");
  EXPECT_EQ(changes(), Names{"t"}) << "and it goes on from there";
}

TEST_F(HistoryFeedTest, OfOneRelationItTellsTheNewestFewChanges) {
  for (int i = 0; i < 20; ++i) run("INSERT INTO t VALUES (1)");
  const spi::Pull first = pull();
  ASSERT_TRUE(first.history);
  EXPECT_EQ(relations(*first.history).count("t"), spi::History::kNewest);
  const std::uint64_t newest = std::stoull(value("SELECT max(xid) FROM weir.journal"));
  EXPECT_TRUE(std::any_of(first.history->changes.begin(), first.history->changes.end(),
                          [&](const spi::Change& change) { return change.id == newest; }));
}

TEST_F(HistoryFeedTest, AChangeUncommittedAtTheFirstPullComesWithALaterOne) {
  Pq other = connect(dsn());
  other.exec("BEGIN; INSERT INTO t VALUES (1)", in(5s));
  const spi::Pull first = pull();
  ASSERT_TRUE(first.history);
  EXPECT_EQ(relations(*first.history).count("t"), 0U);
  other.exec("COMMIT", in(5s));
  EXPECT_EQ(changes(), Names{"t"});
}

TEST_F(HistoryFeedTest, AfterPruningItReachesBackToWhatWasPruned) {
  run("INSERT INTO t VALUES (1)");
  const spi::Snapshot before = pull().snapshot;
  run("INSERT INTO t VALUES (2)");
  prune_now();
  new_feed(dsn());
  feed_->want_history();
  const spi::Pull first = pull();
  ASSERT_TRUE(first.history);
  EXPECT_FALSE(before.covers(first.history->complete_from));
  EXPECT_TRUE(first.snapshot.covers(first.history->complete_from));
}

TEST_F(HistoryFeedTest, OfEverySetOfKeyValuesItTellsTheNewestFewChanges) {
  run("CREATE TABLE k(id int PRIMARY KEY, v int); SELECT weir.track('k'); INSERT INTO k VALUES "
      "(1), (2); UPDATE k SET v = 1 WHERE id = 1");
  for (int i = 0; i < 20; ++i) run("UPDATE k SET v = 2 WHERE id = 2");
  std::multiset<std::string> rows;
  const spi::Pull first = pull();
  ASSERT_TRUE(first.history);
  for (const spi::Change& change : first.history->changes)
    if (change.kind == spi::ChangeKind::kRows) rows.insert(change.rows);
  EXPECT_EQ(rows.count("1:2"), spi::History::kNewest);
  EXPECT_EQ(rows.count("1:1"), 1U);
  EXPECT_EQ(rows.size(), spi::History::kNewest + 2);
}

TEST_F(HistoryFeedTest, AResetBringsItAgain) {
  (void)pull();
  run("INSERT INTO t VALUES (1)");
  prune_now();
  run("INSERT INTO t VALUES (2)");
  const spi::Pull reset = pull();
  EXPECT_THAT(reset.reset, HasSubstr("pruned"));
  ASSERT_TRUE(reset.history);
  EXPECT_EQ(relations(*reset.history), std::multiset<std::string>{"t"});
}

TEST_F(HistoryFeedTest, AJournalTooLongIsToldInPartAndSaysWhere) {
  // More different things than are told at once, a thousand for each of some old ids.
  run("UPDATE weir.meta SET pruned = '1:1:'; INSERT INTO weir.journal (xid, kind, target) "
      "SELECT (10 + i / 1000)::text::xid8, 't', 'tag ' || i FROM generate_series(0, 100099) i");
  const spi::Pull first = pull();
  ASSERT_TRUE(first.history);
  EXPECT_EQ(first.history->changes.size(), 100'001U);
  EXPECT_EQ(first.history->complete_from, (spi::Snapshot{11, 11, {}, false}));
}

TEST_F(HistoryFeedTest, AnUnreadableJournalCostsTheHistoryAndNotThePull) {
  Pq other = connect(dsn());
  other.exec("BEGIN; LOCK TABLE weir.journal IN ACCESS EXCLUSIVE MODE", in(5s));
  EXPECT_FALSE(feed_->pull(in(2s)).history);
  other.exec("COMMIT", in(5s));
}

TEST_F(HistoryFeedTest, APullThatFailedAfterItsHistoryStartsWithItAgain) {
  run("INSERT INTO t VALUES (1)");
  run("ALTER FUNCTION weir.pull RENAME TO pull_away");
  EXPECT_EQ(failure(*feed_).code(), ErrorCode::kMigration);
  run("ALTER FUNCTION weir.pull_away RENAME TO pull");
  const spi::Pull first = pull();
  ASSERT_TRUE(first.history);
  EXPECT_EQ(relations(*first.history), std::multiset<std::string>{"t"});
}

TEST_F(HistoryFeedTest, AfterAReloadTwoFeedsTellTheSameEpoch) {
  (void)pull();
  const std::unique_ptr<spi::ChangeFeed> other =
      make_change_feed(options_for(dsn()), system_clock());
  EXPECT_EQ(pull().epoch, other->pull(in(5s)).epoch);
  const std::string before = pull().epoch;
  run("SELECT pg_reload_conf()");
  std::string epoch = before;
  const TimePoint limit = system_clock().now() + 20s;
  while (epoch == before && system_clock().now() < limit) epoch = pull().epoch;
  EXPECT_NE(epoch, before);
  std::string others = before;
  while (others == before && system_clock().now() < limit) others = other->pull(in(5s)).epoch;
  EXPECT_EQ(others, epoch);
}

}  // namespace
}  // namespace weir::postgres::test
