#include <atomic>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <thread>

#include "tests/integration/sqlite/sqlite_harness.hpp"
#include "tests/support/error_of.hpp"

namespace weir::test {
namespace {

using ::testing::HasSubstr;

class ConnectionTest : public SqliteTest {};

spi::Deadline after_ms(int limit) {
  return spi::Deadline::after(system_clock(), std::chrono::milliseconds{limit});
}

TEST_F(ConnectionTest, ANewFileIsCreatedInWalModeAndAnExistingOneKeepsItsMode) {
  connect(file_.options());
  EXPECT_EQ(run(*reader_, "PRAGMA journal_mode").rows->text(0, 0), "wal");
  PlainConnection{file_.path("old.db")}.exec("CREATE TABLE t (x)");
  Options options = file_.options();
  options.database = "sqlite:" + file_.path("old.db");
  const auto old = make_sqlite_driver(options);
  EXPECT_EQ(run(*old->connect(spi::Access::kRead, soon()), "PRAGMA journal_mode").rows->text(0, 0),
            "delete");
}

TEST_F(ConnectionTest, WhatCannotBeOpenedSaysWhichFile) {
  const auto refused = [&](const Options& options) {
    const auto driver = make_sqlite_driver(options);
    return error_of(ErrorCode::kConnection,
                    [&] { (void)driver->connect(spi::Access::kRead, soon()); });
  };
  Options options = file_.options();
  options.sqlite.create = false;
  EXPECT_THAT(refused(options),
              ::testing::AllOf(HasSubstr(file_.path()), HasSubstr("sqlite.create")));
  EXPECT_FALSE(std::filesystem::exists(file_.path()));
  options = file_.options();
  options.database = "sqlite:" + file_.path("no/such/folder.db");
  EXPECT_THAT(refused(options), HasSubstr("no/such/folder.db"));
  std::ofstream{file_.path()} << std::string(8192, 'x');
  EXPECT_THAT(refused(file_.options()), HasSubstr("not a database"));
}

TEST_F(ConnectionTest, APathThatLooksLikeAUriIsAPath) {
  Options options;
  options.database = "sqlite:" + file_.path("file:x?mode=memory");
  const auto driver = make_sqlite_driver(options);
  (void)driver->connect(spi::Access::kWrite, soon());
  EXPECT_TRUE(std::filesystem::exists(file_.path("file:x?mode=memory")));
}

TEST_F(ConnectionTest, OneFileUnderTwoNamesIsRefusedNamingBoth) {
  const std::string far = file_.path("far.db");
  for (const std::string& path : {file_.path(), far})
    PlainConnection{path}.exec("CREATE TABLE t (x)");
  std::filesystem::create_symlink(file_.path(), file_.path("link.db"));
  std::filesystem::create_hard_link(file_.path(), file_.path("hard.db"));
  std::filesystem::create_symlink(far, file_.path("far-link.db"));
  std::filesystem::create_directory_symlink(file_.path(""), file_.path("folder"));
  using Attached = std::map<std::string, std::string>;
  for (const Attached& attach :
       {Attached{{"y", file_.path()}}, Attached{{"y", file_.path("link.db")}},
        Attached{{"y", file_.path("hard.db")}}, Attached{{"y", file_.path("folder/a.db")}},
        Attached{{"a", far}, {"y", far}}, Attached{{"a", far}, {"y", file_.path("far-link.db")}}}) {
    Options options = file_.options();
    options.sqlite.attach = attach;
    const auto driver = make_sqlite_driver(options);
    const std::string other = attach.size() == 1 ? "'main'" : "'a'";
    for (const spi::Access access : {spi::Access::kRead, spi::Access::kWrite}) {
      EXPECT_THAT(error_of(ErrorCode::kConfig, [&] { (void)driver->connect(access, soon()); }),
                  ::testing::AllOf(HasSubstr("sqlite.attach"), HasSubstr("'y'"), HasSubstr(other)))
          << attach.at("y");
    }
    error_of(ErrorCode::kConfig, [&] { (void)driver->open_feed()->pull(soon()); });
  }
  // Files that do not exist yet.
  Options options;
  options.database = "sqlite:" + file_.path("new.db");
  options.sqlite.attach = {{"y", file_.path("folder/new.db")}};
  const auto driver = make_sqlite_driver(options);
  error_of(ErrorCode::kConfig, [&] { (void)driver->connect(spi::Access::kWrite, soon()); });
}

TEST_F(ConnectionTest, KeywordsNameAttachedDatabasesToo) {
  Options options = file_.options();
  options.sqlite.attach = {{"order", file_.path("y.db")}, {"Select", file_.path("z.db")}};
  open("CREATE TABLE t (x)", options);
  write("CREATE TABLE \"order\".far (x)");
  write("CREATE TABLE \"select\".further (x)");
  (void)changes();
  write("INSERT INTO far VALUES (1)");
  write("INSERT INTO further VALUES (2)");
  EXPECT_THAT(changes(), ::testing::ElementsAre("order.far", "Select.further"));
  EXPECT_EQ(integer("SELECT x FROM far"), 1);
  EXPECT_THAT(reader_->analyze("SELECT x FROM \"SELECT\".further", soon()).dependencies,
              ::testing::ElementsAre("Select.further"));
  PlainConnection{file_.path("z.db")}.exec("INSERT INTO further VALUES (3)");
  EXPECT_THAT(changes(), ::testing::ElementsAre("*"));
  EXPECT_FALSE(driver_->open_admin()->doctor(soon()).empty());
}

TEST_F(ConnectionTest, AReaderWritesNothing) {
  open("CREATE TABLE t (x)");
  EXPECT_THAT(error_of(ErrorCode::kUsage, [&] { run(*reader_, "INSERT INTO t VALUES (1)"); }),
              HasSubstr("reading"));
  EXPECT_THAT(error_of(ErrorCode::kUsage, [&] { run(*reader_, "CREATE TABLE x (y)"); }),
              HasSubstr("reading"));
  error_of(ErrorCode::kUsage, [&] {
    reader_->begin(spi::Isolation::kSerializable, spi::TransactionAccess::kReadWrite, soon());
  });
  error_of(ErrorCode::kUsage,
           [&] { reader_->invalidate(spi::InvalidationKind::kTag, "x", soon()); });
  EXPECT_EQ(integer("SELECT count(*) FROM t"), 0);
  EXPECT_TRUE(driver_->separate_writer());
  EXPECT_EQ(driver_->max_connections(spi::Access::kWrite), 1U);
  EXPECT_EQ(driver_->open_listener(), nullptr);
}

TEST_F(ConnectionTest, WhatWouldChangeTheConnectionIsRefusedNamingTheDeclaredWay) {
  open("CREATE TABLE t (x)");
  const auto refused = [&](std::string_view sql) {
    return error_of(ErrorCode::kRefused, [&] { write(sql); });
  };
  EXPECT_THAT(refused("BEGIN"), HasSubstr("transact"));
  EXPECT_THAT(refused("ROLLBACK"), HasSubstr("transact"));
  EXPECT_THAT(refused("PRAGMA foreign_keys = ON"), HasSubstr("Options::sqlite"));
  EXPECT_THAT(refused("ATTACH ':memory:' AS z"), HasSubstr("sqlite.attach"));
  refused("SELECT load_extension('x')");
  Session session;
  session.role = "somebody";
  EXPECT_THAT(error_of(ErrorCode::kConfig, [&] { reader_->use_session(session, soon()); }),
              HasSubstr("no roles"));
  EXPECT_EQ(write("PRAGMA foreign_keys").rows->slot(0, 0), 0U);
}

// They would stay on the one connection all writers share, and stand before the real tables there.
TEST_F(ConnectionTest, TemporaryObjectsAreRefusedEverywhere) {
  open("CREATE TABLE t (x)");
  Options memory;
  memory.database = "sqlite::memory:";
  const auto private_driver = make_sqlite_driver(memory);
  const auto private_one = private_driver->connect(spi::Access::kWrite, soon());
  run(*private_one, "CREATE TABLE t (x)");
  const auto refused = [&](spi::Connection& connection) {
    for (const char* sql :
         {"CREATE TEMP TABLE t (x)", "CREATE TEMPORARY TABLE t AS SELECT 1 AS x",
          "CREATE TEMP TABLE IF NOT EXISTS t (x)", "CREATE TABLE temp.t (x)",
          "CREATE TABLE TeMp.t (x)", "CREATE TABLE \"temp\".t AS SELECT 1 AS x",
          "CREATE TEMP VIEW t AS SELECT 1 AS x", "CREATE VIEW temp.t AS SELECT 1 AS x",
          "CREATE TEMP TRIGGER tr AFTER INSERT ON t BEGIN DELETE FROM t; END",
          "CREATE TRIGGER temp.tr AFTER INSERT ON main.t BEGIN DELETE FROM t; END",
          "CREATE VIRTUAL TABLE temp.t USING fts5(x)"}) {
      EXPECT_THAT(error_of(ErrorCode::kRefused, [&] { run(connection, sql); }),
                  ::testing::AllOf(HasSubstr("temporary"), HasSubstr("WITH")))
          << sql;
      const spi::Analysis analysis = connection.analyze(sql, soon());
      EXPECT_EQ(analysis.kind, spi::StatementKind::kSessionChange) << sql;
      EXPECT_THAT(analysis.refusal, HasSubstr("temporary")) << sql;
    }
    EXPECT_EQ(run(connection, "SELECT count(*) FROM temp.sqlite_schema").rows->slot(0, 0), 0U);
  };
  refused(*writer_);
  refused(*reader_);
  refused(*private_one);
  writer_->begin(spi::Isolation::kSerializable, spi::TransactionAccess::kReadWrite, soon());
  refused(*writer_);
  write("INSERT INTO t VALUES (1)");
  writer_->commit(soon());
  EXPECT_EQ(PlainConnection{file_.path()}.integer("SELECT x FROM t"), 1);
  // What SQLite does in the temporary schema by itself goes on.
  write("ALTER TABLE t RENAME TO u");
  write("ALTER TABLE u RENAME COLUMN x TO y");
  write("DROP TABLE IF EXISTS temp.t");
  write("REINDEX");
  write("VACUUM");
  EXPECT_EQ(run(*reader_, "SELECT y FROM u ORDER BY y").rows->slot(0, 0), 1U);
}

TEST_F(ConnectionTest, InvalidatingNamesATableAsSqliteDoes) {
  Options options = file_.options();
  options.sqlite.attach = {{"Far", file_.path("y.db")}};
  open(
      "CREATE TABLE Orders (x); CREATE TABLE \"a.b\" (x); CREATE VIEW v AS SELECT 1;"
      "CREATE VIRTUAL TABLE f USING fts5(x)",
      options);
  write("CREATE TABLE far.there (x)");
  write("CREATE TABLE far.orders (x)");
  (void)changes();
  const auto invalidate = [&](std::string_view table) {
    writer_->invalidate(spi::InvalidationKind::kTable, table, soon());
    return changes();
  };
  for (const char* name : {"Orders", "orders", "ORDERS", "main.orders", "MAIN.Orders"})
    EXPECT_THAT(invalidate(name), ::testing::ElementsAre("main.Orders")) << name;
  EXPECT_THAT(invalidate("a.b"), ::testing::ElementsAre("main.a.b"));
  EXPECT_THAT(invalidate("THERE"), ::testing::ElementsAre("Far.there"));
  EXPECT_THAT(invalidate("far.ORDERS"), ::testing::ElementsAre("Far.orders"));
  for (const char* name : {"nowhere", "main.nowhere", "far.t", "other.t", "", "main.", ".t"}) {
    EXPECT_THAT(error_of(ErrorCode::kUndefinedObject, [&] { invalidate(name); }),
                ::testing::AllOf(HasSubstr("'" + std::string{name} + "'"), HasSubstr("main")))
        << name;
  }
  EXPECT_THAT(error_of(ErrorCode::kUsage, [&] { invalidate("V"); }), HasSubstr("view"));
  EXPECT_THAT(error_of(ErrorCode::kUsage, [&] { invalidate("f"); }), HasSubstr("virtual"));
  EXPECT_THAT(changes(), ::testing::IsEmpty());
  EXPECT_EQ(writer_->state(), spi::TransactionState::kIdle);
}

TEST_F(ConnectionTest, ForeignKeysAreEnforcedWhereTheOptionSaysSo) {
  const char* schema =
      "CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE c (p REFERENCES p (id))";
  open(schema);
  write("INSERT INTO c VALUES (1)");
  Options options = file_.options();
  options.sqlite.foreign_keys = true;
  const auto strict = make_sqlite_driver(options);
  const auto connection = strict->connect(spi::Access::kWrite, soon());
  writer_.reset();
  error_of(ErrorCode::kConstraint, [&] { run(*connection, "INSERT INTO c VALUES (2)"); });
}

TEST_F(ConnectionTest, AWriterThatStaysBusyIsARetryableErrorAfterTheBusyTimeout) {
  Options options = file_.options();
  options.sqlite.busy_timeout = std::chrono::milliseconds{50};
  open("CREATE TABLE t (x)", options);
  PlainConnection other{file_.path()};
  other.exec("BEGIN IMMEDIATE");
  try {
    write("INSERT INTO t VALUES (1)");
    FAIL() << "nothing thrown";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kDeadlock);
    EXPECT_TRUE(e.retryable());
    EXPECT_TRUE(e.connection_usable());
  }
  other.exec("ROLLBACK");
  EXPECT_EQ(write("INSERT INTO t VALUES (1)").affected, 1U);
}

TEST_F(ConnectionTest, AWaitForALockEndsAtTheDeadlineAndAtACancel) {
  open("CREATE TABLE t (x)");
  PlainConnection other{file_.path()};
  other.exec("BEGIN IMMEDIATE");
  error_of(ErrorCode::kTimeout, [&] {
    (void)writer_->run({.sql = "INSERT INTO t VALUES (1)", .deadline = after_ms(60)});
  });
  std::atomic<bool> done{false};
  std::thread canceller{[&] {
    while (!done.load()) {
      writer_->cancel();
      std::this_thread::yield();
    }
  }};
  error_of(ErrorCode::kCancelled, [&] { write("INSERT INTO t VALUES (1)"); });
  done.store(true);
  canceller.join();
  other.exec("ROLLBACK");
  EXPECT_EQ(write("INSERT INTO t VALUES (1)").affected, 1U);
}

TEST_F(ConnectionTest, AWaitForALockEndsWhenTheLockIsFree) {
  open("CREATE TABLE t (x)");
  PlainConnection other{file_.path()};
  other.exec("BEGIN IMMEDIATE");
  std::thread freer{[&] { other.exec("COMMIT"); }};
  EXPECT_EQ(write("INSERT INTO t VALUES (1)").affected, 1U);
  freer.join();
}

TEST_F(ConnectionTest, ATransactionSqliteRolledBackByItselfMustBeRolledBackToGoOn) {
  open("CREATE TABLE t (x UNIQUE)");
  write("INSERT INTO t VALUES (1)");
  writer_->begin(spi::Isolation::kSerializable, spi::TransactionAccess::kReadWrite, soon());
  write("INSERT INTO t VALUES (2)");
  error_of(ErrorCode::kConstraint, [&] { write("INSERT OR ROLLBACK INTO t VALUES (1)"); });
  EXPECT_EQ(writer_->state(), spi::TransactionState::kFailed);
  error_of(ErrorCode::kUsage, [&] { write("INSERT INTO t VALUES (3)"); });
  error_of(ErrorCode::kDatabase, [&] { writer_->commit(soon()); });
  writer_->rollback(soon());
  EXPECT_EQ(writer_->state(), spi::TransactionState::kIdle);
  EXPECT_EQ(integer("SELECT count(*) FROM t"), 1);
  error_of(ErrorCode::kUsage, [&] { writer_->commit(soon()); });
}

TEST_F(ConnectionTest, ATransactionLeftOpenIsRolledBackWithItsConnection) {
  open("CREATE TABLE t (x)");
  writer_->begin(spi::Isolation::kSerializable, spi::TransactionAccess::kReadWrite, soon());
  write("INSERT INTO t VALUES (1)");
  writer_ = nullptr;
  EXPECT_EQ(changes(), std::vector<std::string>{});
  writer_ = driver_->connect(spi::Access::kWrite, soon());
  write("INSERT INTO t VALUES (2)");
  EXPECT_EQ(changes(), std::vector<std::string>{"main.t"});
  EXPECT_EQ(integer("SELECT x FROM t"), 2);
}

TEST_F(ConnectionTest, MaintenanceRunsOutsideTransactions) {
  open("CREATE TABLE t (x)");
  (void)write("VACUUM");
  (void)write("PRAGMA wal_checkpoint(TRUNCATE)");
  (void)write("PRAGMA optimize");
  (void)write("ANALYZE");
  EXPECT_EQ(writer_->state(), spi::TransactionState::kIdle);
  EXPECT_EQ(write("INSERT INTO t VALUES (1)").affected, 1U);
}

TEST_F(ConnectionTest, MaintenanceInATransactionDoesNotHideWhatTheTransactionWrote) {
  open("CREATE TABLE t (x)");
  for (const char* sql : {"VACUUM", "PRAGMA wal_checkpoint"}) {
    writer_->begin(spi::Isolation::kSerializable, spi::TransactionAccess::kReadWrite, soon());
    write("INSERT INTO t VALUES (1)");
    try {
      (void)write(sql);
    } catch (const Error&) {  // refused by SQLite
    }
    writer_->commit(soon());
    EXPECT_THAT(changes(), ::testing::Contains("main.t")) << sql;
  }
}

TEST_F(ConnectionTest, AStatementThatWasStoppedHalfWayWroteNothing) {
  open("CREATE TABLE t (x)");
  error_of(ErrorCode::kTimeout, [&] {
    (void)writer_->run(
        {.sql =
             "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000) "
             "INSERT INTO t SELECT i FROM n",
         .deadline = after_ms(100)});
  });
  EXPECT_EQ(integer("SELECT count(*) FROM t"), 0);
  EXPECT_THAT(changes(), ::testing::IsEmpty());
  EXPECT_EQ(write("INSERT INTO t VALUES (1)").affected, 1U);
}

TEST_F(ConnectionTest, AStatementThatFailsKeepsWhatSqliteKeepsOutsideTransactions) {
  open("CREATE TABLE t (x UNIQUE); INSERT INTO t VALUES (2)");
  error_of(ErrorCode::kConstraint, [&] { write("INSERT INTO t VALUES (1), (2), (3)"); });
  EXPECT_EQ(integer("SELECT count(*) FROM t"), 1);
  EXPECT_EQ(changes(), std::vector<std::string>{});
  error_of(ErrorCode::kConstraint, [&] { write("INSERT OR FAIL INTO t VALUES (1), (2), (3)"); });
  EXPECT_EQ(integer("SELECT count(*) FROM t"), 2);
  EXPECT_EQ(changes(), std::vector<std::string>{"main.t"});
  EXPECT_EQ(writer_->state(), spi::TransactionState::kIdle);
}

TEST_F(ConnectionTest, DeclaredTypesNameTheColumns) {
  open("CREATE TABLE t (a BOOLEAN, b DECIMAL(10,2), c)");
  const auto rows = run(*reader_, "SELECT a, b, c, a + 1 FROM t").rows;
  EXPECT_EQ(rows->column_type(0), "BOOLEAN");
  EXPECT_EQ(rows->column_type(1), "DECIMAL(10,2)");
  EXPECT_EQ(rows->column_type(2), "");
  EXPECT_EQ(rows->column_name(3), "a + 1");
}

class MemoryTest : public ::testing::Test {
 protected:
  static Options options() {
    Options options;
    options.database = "sqlite::memory:";
    return options;
  }
  std::unique_ptr<spi::Driver> driver_{make_sqlite_driver(options())};
};

TEST_F(MemoryTest, TheDatabaseOutlivesItsConnections) {
  EXPECT_FALSE(driver_->separate_writer());
  EXPECT_EQ(driver_->max_connections(spi::Access::kRead), 1U);
  (void)driver_->connect(spi::Access::kWrite, soon())
      ->run({.sql = "CREATE TABLE t (x)", .deadline = soon()});
  const auto connection = driver_->connect(spi::Access::kRead, soon());
  EXPECT_EQ(connection->run({.sql = "SELECT * FROM t", .deadline = soon()}).rows->columns(), 1U);
}

TEST_F(MemoryTest, ASecondConnectionWaitsForTheFirst) {
  auto first = driver_->connect(spi::Access::kWrite, soon());
  EXPECT_THAT(error_of(ErrorCode::kConnection,
                       [&] { (void)driver_->connect(spi::Access::kRead, after_ms(30)); }),
              HasSubstr("one connection"));
  std::thread ender{[&] { first.reset(); }};
  EXPECT_NE(driver_->connect(spi::Access::kRead, soon()), nullptr);
  ender.join();
}

}  // namespace
}  // namespace weir::test
