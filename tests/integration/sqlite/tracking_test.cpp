#include <filesystem>
#include <string>
#include <vector>

#include "tests/integration/sqlite/sqlite_harness.hpp"
#include "tests/support/error_of.hpp"
#include "weir/spi/admin.hpp"
#include "weir/weir.hpp"

namespace weir::test {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

const char* const kSchema =
    "CREATE TABLE a (id INTEGER PRIMARY KEY, v UNIQUE); CREATE TABLE \"odd 'name\" (k TEXT PRIMARY "
    "KEY, v) WITHOUT ROWID;"
    "CREATE TABLE b (id INTEGER PRIMARY KEY, data BLOB); CREATE TABLE plain (x);"
    "INSERT INTO a VALUES (1, 1), (2, 2); INSERT INTO b VALUES (1, zeroblob(8))";

class TrackingTest : public SqliteTest {
 protected:
  // As wholes; keys_test.cpp is about rows. Without tables all of them.
  void open_tracked(const std::vector<std::string>& tables) {
    static const std::vector<std::string> kAll{"a", "b", "odd 'name", "plain"};
    open(kSchema);
    auto admin = driver_->open_admin();
    admin->migrate_up(spi::DryRun::kNo, {});
    for (const std::string& table : tables.empty() ? kAll : tables)
      admin->track_keys(table, {}, spi::DryRun::kNo, {});
    EXPECT_THAT(changes(), Contains("*"));
  }
  std::vector<std::string> after_elsewhere(const std::string& sql) {
    sqlite3_command(file_.path(), sql);
    return changes();
  }
  std::vector<std::string> findings(spi::Severity at_least) {
    std::vector<std::string> found;
    for (const spi::Finding& finding : driver_->open_admin()->doctor(soon())) {
      if (finding.severity >= at_least) found.push_back(finding.check + " " + finding.object);
    }
    return found;
  }
};

TEST_F(TrackingTest, WritesByOthersToATrackedTableNameItAndTheUntrackedOnes) {
  open_tracked({"a", "odd 'name"});
  for (int round = 0; round < 3; ++round) {  // the marks are taken away in between
    for (const char* sql :
         {"UPDATE a SET v = v + 10", "INSERT INTO a (v) VALUES (random())",
          "DELETE FROM a WHERE id > 2", "INSERT OR REPLACE INTO a VALUES (1, 5)",
          "INSERT OR ABORT INTO a (v) VALUES (random()), (random())",
          "INSERT OR FAIL INTO a (v) VALUES (random()), (random())",
          "INSERT OR ROLLBACK INTO a (v) VALUES (random()), (random())",
          "INSERT INTO a VALUES (1, 6), (2, 7) ON CONFLICT (id) DO UPDATE SET v = random()",
          "UPDATE OR REPLACE a SET v = 6 WHERE id = 1", "UPDATE a SET v = random()"}) {
      EXPECT_THAT(after_elsewhere(sql), UnorderedElementsAre("main.a", "main.b", "main.plain"))
          << sql;
    }
    EXPECT_THAT(after_elsewhere("REPLACE INTO \"odd 'name\" VALUES ('k', 1)"),
                UnorderedElementsAre("main.odd 'name", "main.b", "main.plain"));
    EXPECT_THAT(after_elsewhere("INSERT INTO plain VALUES (1)"),
                UnorderedElementsAre("main.b", "main.plain"));
  }
}

TEST_F(TrackingTest, SeveralCommitsBetweenTwoPullsAreAllSeen) {
  open_tracked({});
  EXPECT_THAT(
      after_elsewhere("UPDATE a SET v = v + 10; UPDATE a SET v = v + 10; DELETE FROM plain; "
                      "INSERT INTO plain VALUES (1)"),
      UnorderedElementsAre("main.a", "main.plain"));
  EXPECT_THAT(changes(), IsEmpty());
}

TEST_F(TrackingTest, TwoProcessesThatTakeMarksAwayDoNotHideThemFromEachOther) {
  open_tracked({});
  const auto second_driver = make_sqlite_driver(file_.options());
  const auto second = second_driver->open_feed();
  (void)second->pull(soon());
  const auto seen_by_second = [&] {
    std::vector<std::string> found;
    for (const auto& change : second->pull(soon()).changes) found.push_back(change.target);
    return found;
  };
  for (int i = 0; i < 4; ++i) {
    sqlite3_command(file_.path(), "UPDATE a SET v = v + 10");
    if (i % 2 == 0) {
      EXPECT_THAT(changes(), Contains("main.a")) << i;
      EXPECT_THAT(seen_by_second(), Contains("main.a")) << i;
    } else {
      EXPECT_THAT(seen_by_second(), Contains("main.a")) << i;
      EXPECT_THAT(changes(), Contains("main.a")) << i;
    }
    sqlite3_command(file_.path(), "UPDATE plain SET x = 1; INSERT INTO plain VALUES (2)");
    EXPECT_THAT(seen_by_second(), Contains("main.plain")) << i;
    EXPECT_THAT(changes(), Contains("main.plain")) << i;
  }
}

// Without WAL the marks stay, so a table once written counts as changed with every commit: too
// often, never too seldom.
TEST_F(TrackingTest, MarksThatCannotBeTakenAwayStillTell) {
  open_tracked({});
  writer_.reset();
  reader_.reset();
  feed_.reset();
  driver_.reset();
  sqlite3_command(file_.path(), "PRAGMA journal_mode = DELETE");
  connect(file_.options());
  for (int i = 0; i < 3; ++i)
    EXPECT_THAT(after_elsewhere("UPDATE a SET v = v + 10"), Contains("main.a")) << i;
  EXPECT_THAT(after_elsewhere("INSERT INTO plain VALUES (1)"), Contains("main.plain"));
}

TEST_F(TrackingTest, OwnWritesStillNameExactlyTheirTables) {
  open_tracked({});
  write("UPDATE a SET v = v + 10");
  EXPECT_THAT(changes(), ElementsAre("main.a"));
  write("INSERT INTO plain VALUES (1)");
  EXPECT_THAT(changes(), ElementsAre("main.plain"));
}

TEST_F(TrackingTest, DdlVacuumAndBackupsByOthersMeanEverything) {
  open_tracked({});
  for (const char* sql : {"CREATE TABLE more (x)", "ALTER TABLE a ADD COLUMN c", "VACUUM",
                          "CREATE INDEX i ON a (c)"}) {
    EXPECT_THAT(after_elsewhere(sql), Contains("*")) << sql;
  }
  PlainConnection source{":memory:"};
  source.exec("CREATE TABLE a (id INTEGER PRIMARY KEY, v)");
  PlainConnection target{file_.path()};
  sqlite3_backup* backup = sqlite3_backup_init(target.get(), "main", source.get(), "main");
  ASSERT_NE(backup, nullptr);
  ASSERT_EQ(sqlite3_backup_step(backup, -1), SQLITE_DONE);
  ASSERT_EQ(sqlite3_backup_finish(backup), SQLITE_OK);
  EXPECT_THAT(changes(), Contains("*"));
}

TEST_F(TrackingTest, ABulkWriteLeavesOneMark) {
  open_tracked({});
  sqlite3_command(file_.path(),
                  "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) "
                  "INSERT INTO plain SELECT i FROM n; UPDATE plain SET x = x + 1");
  EXPECT_EQ(PlainConnection{file_.path()}.integer("SELECT count(*) FROM weir_dirty"), 1);
  EXPECT_THAT(changes(), ElementsAre("main.plain"));
  EXPECT_EQ(PlainConnection{file_.path()}.integer("SELECT count(*) FROM weir_dirty"), 0);
}

// The two holes the design documents: in exchange for table precision on others' writes.
TEST_F(TrackingTest, BlobWritesByOthersGoUnnoticedOnTrackedTablesAndOnlyThere) {
  open_tracked({"b"});
  PlainConnection other{file_.path()};
  sqlite3_blob* blob = nullptr;
  ASSERT_EQ(sqlite3_blob_open(other.get(), "main", "b", "data", 1, 1, &blob), SQLITE_OK);
  ASSERT_EQ(sqlite3_blob_write(blob, "zz", 2, 0), SQLITE_OK);
  ASSERT_EQ(sqlite3_blob_close(blob), SQLITE_OK);
  EXPECT_THAT(changes(), ::testing::AllOf(::testing::Not(Contains("main.b")), Contains("main.a")));
  EXPECT_THAT(findings(spi::Severity::kNote), Contains("trigger-holes "));
}

TEST_F(TrackingTest, ARenamedTableCountsAsUntrackedUntilTrackedAnew) {
  open_tracked({});
  EXPECT_THAT(after_elsewhere("ALTER TABLE a RENAME TO a2"), Contains("*"));
  EXPECT_THAT(after_elsewhere("INSERT INTO plain VALUES (1)"),
              UnorderedElementsAre("main.plain", "main.a2"));
  EXPECT_THAT(after_elsewhere("UPDATE a2 SET v = v + 10"), Contains("main.a2"));
  EXPECT_THAT(findings(spi::Severity::kError), ElementsAre("trigger-outdated main.a2"));
  driver_->open_admin()->track({"main.a2"}, spi::DryRun::kNo, {});
  EXPECT_THAT(findings(spi::Severity::kWarning), IsEmpty());
  (void)changes();
  EXPECT_THAT(after_elsewhere("UPDATE a2 SET v = v + 10"), ElementsAre("main.a2 id:i1\x1f"
                                                                       "id:i2"));
}

TEST_F(TrackingTest, InvalidationsByHandReachOtherProcesses) {
  open_tracked({});
  const auto second = make_sqlite_driver(file_.options());
  const auto connection = second->connect(spi::Access::kWrite, soon());
  connection->invalidate(spi::InvalidationKind::kTag, "user:42", soon());
  connection->invalidate(spi::InvalidationKind::kTagPattern, "user:*", soon());
  connection->invalidate(spi::InvalidationKind::kTable, "a", soon());
  EXPECT_THAT(changes(), ElementsAre("#user:42", "#~user:*", "main.a"));
  EXPECT_THAT(changes(), IsEmpty());
}

TEST_F(TrackingTest, InvalidationsThatWerePrunedMeanEverything) {
  open_tracked({});
  const auto second = make_sqlite_driver(file_.options());
  const auto connection = second->connect(spi::Access::kWrite, soon());
  connection->begin(spi::Isolation::kSerializable, spi::TransactionAccess::kReadWrite, soon());
  for (int i = 0; i < 1500; ++i) connection->invalidate(spi::InvalidationKind::kTag, "x", soon());
  connection->commit(soon());
  EXPECT_EQ(PlainConnection{file_.path()}.integer("SELECT count(*) FROM weir_invalidation"), 1000);
  EXPECT_THAT(changes(), ElementsAre("*"));
  connection->invalidate(spi::InvalidationKind::kTag, "y", soon());
  EXPECT_THAT(changes(), ElementsAre("#y"));
}

TEST_F(TrackingTest, MigrationsGoUpAndDownAndLeaveNothing) {
  open(kSchema);
  auto admin = driver_->open_admin();
  EXPECT_EQ(admin->status().installed, 0);
  EXPECT_THAT(admin->status().pending, ElementsAre("0001 journal", "0002 keys"));
  error_of(ErrorCode::kMigration, [&] { admin->track({}, spi::DryRun::kNo, {}); });

  const auto planned = admin->migrate_up(spi::DryRun::kYes, {});
  ASSERT_EQ(planned.size(), 2U);
  EXPECT_THAT(planned[0].sql, HasSubstr("CREATE TABLE weir_meta"));
  EXPECT_EQ(admin->status().installed, 0);

  std::vector<std::string> told;
  admin->migrate_up(spi::DryRun::kNo,
                    [&](const spi::AdminStep& step) { told.push_back(step.action); });
  EXPECT_THAT(told, ElementsAre("0001 journal: up", "0002 keys: up"));
  EXPECT_EQ(admin->status().installed, 2);
  EXPECT_THAT(admin->migrate_up(spi::DryRun::kNo, {}), IsEmpty());

  const auto dry = admin->track({}, spi::DryRun::kYes, {});
  ASSERT_EQ(dry.size(), 4U);
  EXPECT_EQ(dry[0].action, "tracked by id");
  EXPECT_THAT(findings(spi::Severity::kOk), ::testing::Not(Contains("tracked main.a")));
  EXPECT_EQ(admin->track({"A"}, spi::DryRun::kNo, {})[0].object, "main.a");
  EXPECT_EQ(admin->track({"main.a"}, spi::DryRun::kNo, {})[0].action, "already tracked");
  EXPECT_THAT(findings(spi::Severity::kWarning),
              UnorderedElementsAre("untracked-table main.b", "untracked-table main.odd 'name",
                                   "untracked-table main.plain"));
  error_of(ErrorCode::kUndefinedObject, [&] { admin->track({"nowhere"}, spi::DryRun::kNo, {}); });

  EXPECT_EQ(admin->untrack({"a"}, spi::DryRun::kNo, {})[0].action, "untracked");
  EXPECT_EQ(admin->untrack({"a"}, spi::DryRun::kNo, {})[0].action, "not tracked");
  admin->track({}, spi::DryRun::kNo, {});
  admin->migrate_down(spi::DryRun::kNo, {});
  EXPECT_EQ(PlainConnection{file_.path()}.integer(
                "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'weir%' OR sql LIKE '%weir%'"),
            0);
  sqlite3_command(file_.path(), "UPDATE a SET v = v + 10");
  EXPECT_THAT(changes(), Contains("*"));
}

TEST_F(TrackingTest, TablesOfANewerLibraryFailThePullAndAreFoundByTheDoctor) {
  open_tracked({});
  sqlite3_command(
      file_.path(),
      "UPDATE weir_meta SET value = '99' WHERE key = 'version'; CREATE TABLE newer (x)");
  EXPECT_THAT(error_of(ErrorCode::kMigration, [&] { (void)changes(); }), HasSubstr("99"));
  EXPECT_THAT(error_of(ErrorCode::kMigration, [&] { (void)changes(); }), HasSubstr("99"));
  EXPECT_THAT(findings(spi::Severity::kError), ElementsAre("schema-version "));
  error_of(ErrorCode::kMigration, [&] { driver_->open_admin()->migrate_up(spi::DryRun::kNo, {}); });
}

// Whatever is broken of weir's tables, the message says what mends it, and that does.
TEST_F(TrackingTest, DamagedTablesAreNamedAndMigratingDownAndUpMendsThem) {
  for (const char* damage :
       {"DELETE FROM weir_meta", "UPDATE weir_meta SET value = 'one'",
        "UPDATE weir_meta SET value = '0'", "UPDATE weir_meta SET value = ''",
        "DROP TABLE weir_meta", "DROP TABLE weir_journal", "DROP TABLE weir_dirty",
        "DROP TABLE weir_invalidation", "DROP TABLE weir_key",
        "DROP TABLE weir_meta; CREATE TABLE weir_meta (x)"}) {
    SCOPED_TRACE(damage);
    writer_.reset();
    reader_.reset();
    feed_.reset();
    driver_.reset();
    for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(file_.path() + suffix);
    open_tracked({});
    EXPECT_EQ(write("INSERT INTO plain VALUES (1)").affected, 1U);
    (void)changes();
    sqlite3_command(file_.path(), std::string{damage} + "; CREATE TABLE newer (x)");
    const auto says = ::testing::AllOf(HasSubstr(file_.path()), HasSubstr("damaged"),
                                       HasSubstr("weir migrate down"));
    const auto admin = driver_->open_admin();
    EXPECT_THAT(error_of(ErrorCode::kMigration, [&] { (void)changes(); }), says);
    EXPECT_THAT(error_of(ErrorCode::kMigration, [&] { (void)changes(); }), says);
    EXPECT_THAT(error_of(ErrorCode::kMigration, [&] { (void)admin->status(); }), says);
    EXPECT_THAT(error_of(ErrorCode::kMigration, [&] { admin->migrate_up(spi::DryRun::kNo, {}); }),
                says);
    EXPECT_THAT(error_of(ErrorCode::kMigration, [&] { admin->track({}, spi::DryRun::kNo, {}); }),
                says);
    EXPECT_THAT(error_of(ErrorCode::kMigration,
                         [&] { writer_->invalidate(spi::InvalidationKind::kTag, "x", soon()); }),
                says);
    EXPECT_THAT(findings(spi::Severity::kError), ElementsAre("tables-damaged "));
    admin->migrate_down(spi::DryRun::kNo, {});
    EXPECT_EQ(PlainConnection{file_.path()}.integer(
                  "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'weir%'"),
              0);
    admin->migrate_up(spi::DryRun::kNo, {});
    admin->track({}, spi::DryRun::kNo, {});
    EXPECT_THAT(changes(), Contains("*"));
    EXPECT_THAT(after_elsewhere("UPDATE a SET v = v + 10"), ElementsAre("main.a id:i1\x1f"
                                                                        "id:i2"));
  }
}

TEST_F(TrackingTest, ExplainSaysHowWritesByOthersAreNoticed) {
  PlainConnection{file_.path("y.db")}.exec("CREATE TABLE far (x)");
  Options options = file_.options();
  options.sqlite.attach = {{"y", file_.path("y.db")}};
  open(kSchema, options);
  const Database database = Database::open(options, make_sqlite_driver(options));
  const auto explained = [&](const std::string& table) {
    return database.explain("SELECT * FROM " + table).to_string();
  };
  const auto voids = HasSubstr("(tracked; any write by others to the file voids it)");
  EXPECT_THAT(explained("a"), voids);
  auto admin = driver_->open_admin();
  admin->migrate_up(spi::DryRun::kNo, {});
  admin->track({"a"}, spi::DryRun::kNo, {});
  (void)database.with({.max_staleness = std::chrono::milliseconds{0}}).query("SELECT * FROM a");
  EXPECT_THAT(explained("a"), HasSubstr("main.a (tracked)"));
  EXPECT_THAT(explained("plain"), voids);
  EXPECT_THAT(explained("far"), voids);
  EXPECT_THAT(explained("sqlite_schema"), HasSubstr("(not tracked)"));
}

TEST_F(TrackingTest, TheDoctorFindsAMissingJournalAndARollbackJournal) {
  PlainConnection{file_.path()}.exec("CREATE TABLE a (x); CREATE VIRTUAL TABLE f USING fts5(t)");
  connect(file_.options());
  EXPECT_THAT(findings(spi::Severity::kWarning), ElementsAre("journal-mode main"));
  EXPECT_THAT(findings(spi::Severity::kNote),
              ::testing::IsSupersetOf({"journal-missing ", "virtual-table main.f"}));
  for (const auto& finding : driver_->open_admin()->doctor(soon())) {
    if (finding.severity >= spi::Severity::kWarning) {
      EXPECT_NE(finding.fix, "") << finding.check;
    }
  }
}

TEST(MemoryAdminTest, AnInMemoryDatabaseNeedsNoUpkeep) {
  Options options;
  options.database = "sqlite::memory:";
  const auto driver = make_sqlite_driver(options);
  const auto admin = driver->open_admin();
  EXPECT_THAT(admin->migrate_up(spi::DryRun::kNo, {}), IsEmpty());
  EXPECT_THAT(admin->track({}, spi::DryRun::kNo, {}), IsEmpty());
  EXPECT_EQ(admin->doctor(soon()).size(), 1U);
}

}  // namespace
}  // namespace weir::test
