#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "tests/integration/sqlite/sqlite_harness.hpp"
#include "tests/support/error_of.hpp"

namespace weir::test {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

const char* const kSchema =
    "CREATE TABLE t (id INTEGER PRIMARY KEY, v, u UNIQUE); CREATE TABLE w (k TEXT PRIMARY KEY, v) "
    "WITHOUT ROWID;"
    "CREATE TABLE other (id INTEGER PRIMARY KEY, v); CREATE TABLE b (id INTEGER PRIMARY KEY, data "
    "BLOB);"
    "CREATE TABLE parent (id INTEGER PRIMARY KEY); CREATE TABLE log (what);"
    "CREATE TABLE child (id INTEGER PRIMARY KEY, p REFERENCES parent (id) ON DELETE CASCADE);"
    "CREATE VIRTUAL TABLE f USING fts5(text);"
    "INSERT INTO t VALUES (1, 1, 1), (2, 2, 2); INSERT INTO w VALUES ('a', 1), ('b', 2);"
    "INSERT INTO b VALUES (1, zeroblob(8)); INSERT INTO parent VALUES (1); INSERT INTO child "
    "VALUES (1, 1)";

class FeedTest : public SqliteTest {};

// Every way of writing that hooks and triggers of one connection are known to miss.
TEST_F(FeedTest, EveryWriteByAnotherProcessIsSeen) {
  open(kSchema);
  for (const char* sql : {
           "UPDATE t SET v = 9 WHERE id = 1",
           "UPDATE t SET id = 50 WHERE id = 2",
           "INSERT OR REPLACE INTO t VALUES (1, 7, 1)",
           "INSERT OR REPLACE INTO t VALUES (60, 7, 1)",
           "INSERT INTO t VALUES (60, 0, 0) ON CONFLICT (id) DO UPDATE SET v = 100",
           "UPDATE w SET v = 5 WHERE k = 'a'",
           "DELETE FROM w WHERE k = 'a'",
           "DELETE FROM w",
           "DELETE FROM t",
           "PRAGMA foreign_keys = ON; DELETE FROM parent",
           "CREATE TABLE made AS SELECT 1 AS x",
           "INSERT INTO made VALUES (2)",
           "ALTER TABLE made ADD COLUMN y DEFAULT 5",
           "DROP TABLE made",
           "INSERT INTO f VALUES ('hello')",
           "VACUUM",
           "PRAGMA user_version = 7",
       }) {
    ASSERT_THAT(changes(), IsEmpty()) << "before " << sql;
    sqlite3_command(file_.path(), sql);
    EXPECT_THAT(changes(), ElementsAre("*")) << sql;
  }
}

TEST_F(FeedTest, BlobWritesAndBackupsByOthersAreSeen) {
  open(kSchema);
  PlainConnection other{file_.path()};
  sqlite3_blob* blob = nullptr;
  ASSERT_EQ(sqlite3_blob_open(other.get(), "main", "b", "data", 1, 1, &blob), SQLITE_OK);
  ASSERT_EQ(sqlite3_blob_write(blob, "zz", 2, 0), SQLITE_OK);
  ASSERT_EQ(sqlite3_blob_close(blob), SQLITE_OK);
  EXPECT_THAT(changes(), ElementsAre("*"));

  PlainConnection source{":memory:"};
  source.exec("CREATE TABLE t (id INTEGER PRIMARY KEY, v, u); INSERT INTO t VALUES (777, 7, 7)");
  sqlite3_backup* backup = sqlite3_backup_init(other.get(), "main", source.get(), "main");
  ASSERT_NE(backup, nullptr);
  ASSERT_EQ(sqlite3_backup_step(backup, -1), SQLITE_DONE);
  ASSERT_EQ(sqlite3_backup_finish(backup), SQLITE_OK);
  EXPECT_THAT(changes(), ElementsAre("*"));
  EXPECT_EQ(integer("SELECT id FROM t"), 777);
}

TEST_F(FeedTest, WhatOthersRollBackOrOnlyReadIsNoChange) {
  open(kSchema);
  PlainConnection other{file_.path()};
  other.exec(
      "BEGIN; INSERT INTO t VALUES (3, 3, 3); ROLLBACK; SELECT * FROM t; BEGIN; SELECT * FROM t; "
      "COMMIT");
  EXPECT_THAT(changes(), IsEmpty());
}

TEST_F(FeedTest, OwnWritesNameExactlyTheirTables) {
  Options options = file_.options();
  options.sqlite.foreign_keys = true;
  open(kSchema, options);
  write("CREATE TRIGGER tr AFTER INSERT ON other BEGIN INSERT INTO log VALUES (new.id); END");
  EXPECT_THAT(changes(), ElementsAre("*"));
  const std::vector<std::pair<std::string, std::vector<std::string>>> cases{
      {"UPDATE t SET v = 9 WHERE id = 1", {"main.t"}},
      {"INSERT OR REPLACE INTO t VALUES (60, 7, 1)", {"main.t"}},
      {"INSERT INTO t VALUES (60, 0, 0) ON CONFLICT (id) DO UPDATE SET v = 100", {"main.t"}},
      {"UPDATE w SET v = 5", {"main.w"}},
      {"DELETE FROM w", {"main.w"}},
      {"DELETE FROM t", {"main.t"}},
      {"INSERT INTO other VALUES (1, 1)", {"main.other", "main.log"}},
      {"DELETE FROM parent", {"main.parent", "main.child"}},
      {"CREATE INDEX i ON t (v)", {"*"}},
      {"VACUUM", {"*"}},
  };
  for (const auto& [sql, expected] : cases) {
    write(sql);
    const auto found = changes();
    if (expected.front() == "*") {
      EXPECT_THAT(found, Contains("*")) << sql;
    } else {
      EXPECT_THAT(found, ::testing::UnorderedElementsAreArray(expected)) << sql;
    }
    EXPECT_THAT(changes(), IsEmpty()) << sql;
  }
}

// The WAL file starts over every thousand pages or so, and large transactions write to it before
// they commit.
TEST_F(FeedTest, ManyLargeOwnCommitsNeverVoidEverything) {
  open(kSchema);
  for (int i = 0; i < 12; ++i) {
    writer_->begin(spi::Isolation::kSerializable, spi::TransactionAccess::kReadWrite, soon());
    write(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1500) "
        "INSERT INTO other (v) SELECT randomblob(4000) FROM n");
    EXPECT_THAT(changes(), IsEmpty()) << i;  // in the middle of it
    writer_->commit(soon());
    EXPECT_THAT(changes(), ElementsAre("main.other")) << i;
    write("DELETE FROM other");
    EXPECT_THAT(changes(), ElementsAre("main.other")) << i;
  }
}

TEST_F(FeedTest, OwnRollbacksAndFailedWritesVoidNothing) {
  open(kSchema);
  for (int i = 0; i < 3; ++i) {
    writer_->begin(spi::Isolation::kSerializable, spi::TransactionAccess::kReadWrite, soon());
    write(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1500) "
        "INSERT INTO other (v) SELECT randomblob(4000) FROM n");
    writer_->rollback(soon());
    EXPECT_THAT(changes(), IsEmpty()) << i;
    error_of(ErrorCode::kConstraint, [&] { write("INSERT INTO t VALUES (1, 1, 1)"); });
    EXPECT_THAT(changes(), IsEmpty()) << i;
  }
}

TEST_F(FeedTest, ACommitByOthersRightBeforeOrAfterAnOwnOneIsNotTakenForIt) {
  open(kSchema);
  PlainConnection other{file_.path()};
  other.exec("UPDATE other SET v = 1");
  other.exec("INSERT INTO w VALUES ('x', 1)");
  write("UPDATE t SET v = 10");
  EXPECT_THAT(changes(), UnorderedElementsAre("*", "main.t"));
  write("UPDATE t SET v = 11");
  other.exec("INSERT INTO w VALUES ('y', 1)");
  EXPECT_THAT(changes(), UnorderedElementsAre("*", "main.t"));
  write("UPDATE t SET v = 12");
  EXPECT_THAT(changes(), ElementsAre("main.t"));
}

TEST_F(FeedTest, ATriggerAddedByOthersIsInThePreparedWritesChanges) {
  open(kSchema);
  write("UPDATE t SET v = 1");
  sqlite3_command(file_.path(),
                  "CREATE TRIGGER late AFTER UPDATE ON t BEGIN INSERT INTO log VALUES (1); END");
  (void)changes();
  write("UPDATE t SET v = 1");
  EXPECT_THAT(changes(), UnorderedElementsAre("main.t", "main.log"));
}

TEST_F(FeedTest, AFileReplacedByAnotherIsAnotherIncarnationAndItsConnectionsAreUseless) {
  open(kSchema);
  const std::string incarnation = feed_->pull(soon()).incarnation;
  EXPECT_EQ(reader_->info().incarnation, incarnation);
  PlainConnection{file_.path("b.db")}.exec(
      "CREATE TABLE t (id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES (888, 8)");
  std::filesystem::remove(file_.path() + "-wal");
  std::filesystem::remove(file_.path() + "-shm");
  std::filesystem::rename(file_.path("b.db"), file_.path());
  EXPECT_TRUE(reader_->usable());  // nobody looked yet
  const spi::Pull pull = feed_->pull(soon());
  EXPECT_NE(pull.incarnation, incarnation);
  EXPECT_FALSE(reader_->usable());
  EXPECT_FALSE(reader_->ping(soon()));
  const auto fresh = driver_->connect(spi::Access::kRead, soon());
  EXPECT_EQ(fresh->info().incarnation, pull.incarnation);
  EXPECT_TRUE(fresh->usable());
  EXPECT_EQ(run(*fresh, "SELECT id FROM t").rows->slot(0, 0), 888U);
  sqlite3_command(file_.path(), "UPDATE t SET v = 1");
  EXPECT_THAT(changes(), ElementsAre("*"));
}

TEST_F(FeedTest, AMissingFileFailsThePull) {
  open(kSchema);
  std::filesystem::rename(file_.path(), file_.path("gone.db"));
  EXPECT_THAT(error_of(ErrorCode::kConnection, [&] { (void)feed_->pull(soon()); }),
              ::testing::HasSubstr(file_.path()));
  std::filesystem::rename(file_.path("gone.db"), file_.path());
  EXPECT_THAT(changes(), IsEmpty());
}

TEST_F(FeedTest, AttachedFilesAreWatchedToo) {
  PlainConnection{file_.path("y.db")}.exec(
      "PRAGMA journal_mode = WAL; CREATE TABLE far (id INTEGER PRIMARY KEY, v)");
  Options options = file_.options();
  options.sqlite.attach = {{"y", file_.path("y.db")}};
  open(kSchema, options);
  EXPECT_THAT(reader_->analyze("SELECT * FROM far", soon()).dependencies, ElementsAre("y.far"));
  sqlite3_command(file_.path("y.db"), "INSERT INTO far VALUES (1, 1)");
  EXPECT_THAT(changes(), ElementsAre("*"));
  write("INSERT INTO y.far VALUES (2, 2)");
  EXPECT_THAT(changes(), ElementsAre("y.far"));
  writer_->begin(spi::Isolation::kSerializable, spi::TransactionAccess::kReadWrite, soon());
  write("INSERT INTO far VALUES (3, 3)");
  write("UPDATE t SET v = 3");
  writer_->commit(soon());
  EXPECT_THAT(changes(), UnorderedElementsAre("y.far", "main.t"));
  EXPECT_EQ(integer("SELECT count(*) FROM far"), 3);
}

TEST_F(FeedTest, AFeedThatWasAwayLongerThanTheLogReachesIsToldEverything) {
  open(kSchema);
  const auto late = driver_->open_feed();
  (void)late->pull(soon());
  writer_->begin(spi::Isolation::kSerializable, spi::TransactionAccess::kReadWrite, soon());
  for (int i = 0; i < 20'000; ++i) writer_->invalidate(spi::InvalidationKind::kTag, "tag", soon());
  writer_->commit(soon());
  const auto found = late->pull(soon()).changes;
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found.front().kind, spi::ChangeKind::kEverything);
}

TEST_F(FeedTest, DriversOfOneProcessAreOthersToEachOther) {
  open(kSchema);
  const auto second = make_sqlite_driver(file_.options());
  EXPECT_NE(second->open_feed()->pull(soon()).incarnation, feed_->pull(soon()).incarnation);
  const auto connection = second->connect(spi::Access::kWrite, soon());
  run(*connection, "UPDATE t SET v = 4");
  EXPECT_THAT(changes(), ElementsAre("*"));
}

}  // namespace
}  // namespace weir::test
