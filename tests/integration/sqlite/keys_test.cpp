// Tables tracked by rows: what each way of writing tells, here and elsewhere.
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "tests/integration/sqlite/sqlite_harness.hpp"
#include "tests/support/error_of.hpp"
#include "weir/spi/admin.hpp"

namespace weir::test {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;

const char* const kSchema =
    "CREATE TABLE users (id INTEGER PRIMARY KEY, mail TEXT UNIQUE, age INT);"
    "CREATE TABLE orders (id INTEGER PRIMARY KEY, user INTEGER REFERENCES users (id) ON DELETE "
    "CASCADE ON UPDATE CASCADE, ref TEXT, note);"
    "CREATE TABLE pairs (a INTEGER, b TEXT, v INT, PRIMARY KEY (a, b)) WITHOUT ROWID;"
    "CREATE TABLE plain (x);"
    "CREATE TABLE log (id INTEGER PRIMARY KEY, what);"
    "CREATE TRIGGER note AFTER UPDATE OF note ON orders BEGIN INSERT INTO log (what) VALUES "
    "(new.note); END;"
    "INSERT INTO users VALUES (1, 'a', 10), (2, 'b', 20), (3, 'c', 30);"
    "INSERT INTO orders VALUES (1, 1, 'x', 0), (2, 1, 'y', 0), (3, 2, 'z', 0);"
    "INSERT INTO pairs VALUES (1, 'p', 1), (1, 'q', 2), (2, 'p', 3);"
    "INSERT INTO log VALUES (1, 0); INSERT INTO plain VALUES (0)";

class KeysTest : public SqliteTest {
 protected:
  void open_tracked() {
    Options options = file_.options();
    options.sqlite.foreign_keys = true;
    open(kSchema, options);
    auto admin = driver_->open_admin();
    admin->migrate_up(spi::DryRun::kNo, {});
    admin->track({}, spi::DryRun::kNo, {});
    EXPECT_THAT(changes(), Contains("*"));
  }
  // What the next pull brings, with ',' between the items of rows.
  std::vector<std::string> told() {
    std::vector<std::string> found = changes();
    for (std::string& change : found)
      std::replace(change.begin(), change.end(), spi::Change::kRowSeparator, ',');
    return found;
  }
  std::vector<std::string> after_elsewhere(const std::string& sql) {
    sqlite3_command(file_.path(), "PRAGMA foreign_keys = ON; " + sql);
    return told();
  }
  std::int64_t count(const std::string& table) {
    return PlainConnection{file_.path()}.integer("SELECT count(*) FROM " + table);
  }
};

struct Write {
  const char* sql;
  std::vector<std::string> told;
};

const std::vector<Write>& writes() {
  static const std::vector<Write> kWrites{
      {"INSERT INTO orders VALUES (9, 3, 'n', 0)", {"main.orders id:i9,user:i3"}},
      {"INSERT INTO orders (user) VALUES (NULL)", {"main.orders id:i10"}},
      {"UPDATE orders SET ref = 'm' WHERE id = 1", {"main.orders id:i1,user:i1"}},
      {"UPDATE orders SET user = 2 WHERE id = 1", {"main.orders id:i1,user:i1,user:i2"}},
      {"UPDATE orders SET id = 77 WHERE id = 9", {"main.orders id:i77,id:i9,user:i3"}},
      {"DELETE FROM orders WHERE user = 3", {"main.orders id:i77,user:i3"}},
      {"INSERT INTO users VALUES (1, 'z', 0) ON CONFLICT (id) DO UPDATE SET mail = 'aa'",
       {"main.users id:i1,mail:ta,mail:taa"}},
      {"INSERT OR IGNORE INTO users VALUES (4, 'd', 0)", {"main.users id:i4,mail:td"}},
      // Takes the users 2 and 4 away, and 2's orders with them.
      {"PRAGMA foreign_keys = OFF; REPLACE INTO users VALUES (4, 'b', 0)",
       {"main.users id:i2,id:i4,mail:tb,mail:td"}},
      {"UPDATE OR REPLACE users SET mail = 'c' WHERE id = 4",
       {"main.users id:i3,id:i4,mail:tb,mail:tc"}},
      {"UPDATE pairs SET v = 9 WHERE a = 2", {"main.pairs a:i2,b:tp"}},
      {"REPLACE INTO pairs VALUES (1, 'q', 5)", {"main.pairs a:i1,b:tq"}},
      {"UPDATE OR REPLACE pairs SET b = 'p' WHERE b = 'q'", {"main.pairs a:i1,b:tp,b:tq"}},
      {"UPDATE orders SET note = 5 WHERE id = 3", {"main.orders id:i3,user:i2", "main.log id:i2"}},
      {"DELETE FROM pairs", {"main.pairs a:i1,a:i2,b:tp"}},
      {"UPDATE users SET age = age", {"main.users id:i1,id:i4,mail:taa,mail:tc"}},
  };
  return kWrites;
}

TEST_F(KeysTest, EveryWayOfWritingByOthersTellsOldAndNewRows) {
  open_tracked();
  for (const Write& write : writes())
    EXPECT_THAT(after_elsewhere(write.sql), ::testing::UnorderedElementsAreArray(write.told))
        << write.sql;
}

TEST_F(KeysTest, EveryWayOfWritingHereTellsTheSame) {
  open_tracked();
  for (const Write& each : writes()) {
    std::string sql = each.sql;
    if (sql.starts_with("PRAGMA")) sql = "DELETE FROM orders WHERE user = 2; ";
    if (sql.starts_with("DELETE FROM orders WHERE user = 2")) {
      write("DELETE FROM orders WHERE user = 2");
      (void)changes();
      write("REPLACE INTO users VALUES (4, 'b', 0)");
      // The children's table was looked at for what the rows taken away leave behind.
      EXPECT_THAT(told(), Contains(each.told.front()));
      write("INSERT INTO orders VALUES (3, NULL, 'z', 0)");
      (void)changes();
      continue;
    }
    if (sql.starts_with("UPDATE orders SET note")) {
      write(sql);
      EXPECT_THAT(told(), UnorderedElementsAre("main.orders id:i3", "main.log id:i2"));
      continue;
    }
    write(sql);
    EXPECT_THAT(told(), ::testing::IsSupersetOf(each.told)) << sql;
  }
}

TEST_F(KeysTest, OwnWritesNameNothingButTheirRows) {
  open_tracked();
  write("UPDATE orders SET ref = 'm' WHERE user = 1");
  EXPECT_THAT(told(), ElementsAre("main.orders id:i1,id:i2,user:i1"));
  write("INSERT INTO plain VALUES (1)");
  EXPECT_THAT(told(), ElementsAre("main.plain"));
  write("UPDATE orders SET ref = 'm' WHERE id = 999");
  EXPECT_THAT(told(), IsEmpty());
  write("INSERT INTO pairs VALUES (5, 'x', 1)");
  EXPECT_THAT(told(), ElementsAre("main.pairs a:i5,b:tx"));
}

TEST_F(KeysTest, ATransactionTellsAllItsRowsAndNoneThatItTookBack) {
  open_tracked();
  writer_->begin(spi::Isolation::kSerializable, spi::TransactionAccess::kReadWrite, soon());
  write("UPDATE orders SET ref = 'm' WHERE id = 1");
  writer_->savepoint("s", soon());
  write("UPDATE orders SET ref = 'm' WHERE id = 3");
  writer_->rollback_to("s", soon());
  write("DELETE FROM pairs WHERE a = 2");
  EXPECT_THAT(told(), IsEmpty());
  writer_->commit(soon());
  EXPECT_THAT(told(), UnorderedElementsAre("main.orders id:i1,user:i1", "main.pairs a:i2,b:tp"));
  writer_->begin(spi::Isolation::kSerializable, spi::TransactionAccess::kReadWrite, soon());
  write("DELETE FROM pairs");
  writer_->rollback(soon());
  EXPECT_THAT(told(), IsEmpty());
  // Whether what was taken back was all is not known by table.
  writer_->begin(spi::Isolation::kSerializable, spi::TransactionAccess::kReadWrite, soon());
  writer_->savepoint("s", soon());
  write("DELETE FROM pairs");
  writer_->rollback_to("s", soon());
  writer_->commit(soon());
  EXPECT_THAT(told(), ElementsAre("main.pairs"));
}

// Deletes and updates of a foreign key's action, also those of a REPLACE, reach the children's
// triggers.
TEST_F(KeysTest, ForeignKeyActionsTellTheChildren) {
  open_tracked();
  EXPECT_THAT(
      after_elsewhere("UPDATE users SET id = 8 WHERE id = 2"),
      UnorderedElementsAre("main.users id:i2,id:i8,mail:tb", "main.orders id:i3,user:i2,user:i8"));
  EXPECT_THAT(
      after_elsewhere("REPLACE INTO users VALUES (1, 'q', 1)"),
      UnorderedElementsAre("main.users id:i1,mail:ta,mail:tq", "main.orders id:i1,id:i2,user:i1"));
  write("DELETE FROM users WHERE id = 8");
  EXPECT_THAT(told(),
              UnorderedElementsAre("main.users id:i8,mail:tb", "main.orders id:i3,user:i8"));
}

TEST_F(KeysTest, ValuesThatCannotBeToldMakeTheChangeWhole) {
  open_tracked();
  EXPECT_THAT(
      after_elsewhere("PRAGMA foreign_keys = OFF; INSERT INTO orders VALUES (20, 1.5, 'x', 0)"),
      ElementsAre("main.orders"));
  EXPECT_THAT(after_elsewhere("UPDATE orders SET ref = 'r' WHERE id = 20"),
              Contains("main.orders"));
  EXPECT_THAT(after_elsewhere("UPDATE users SET mail = x'31' WHERE id = 1"),
              Contains("main.users"));
  write("UPDATE users SET mail = 'mm' WHERE id = 1");
  EXPECT_THAT(told(), ElementsAre("main.users"));
  EXPECT_THAT(after_elsewhere("UPDATE users SET mail = 'nn' WHERE id = 1"),
              Contains("main.users id:i1,mail:tmm,mail:tnn"));
}

TEST_F(KeysTest, ABulkWriteTellsTheTableAndLeavesABoundedLog) {
  open_tracked();
  const std::string many =
      "WITH RECURSIVE n(i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) INSERT "
      "INTO "
      "orders SELECT i, 1, 'x', 0 FROM n";
  EXPECT_THAT(after_elsewhere(many), Contains("main.orders"));
  EXPECT_LT(count("weir_key"), 1000);
  EXPECT_EQ(count("weir_dirty"), 0);
  EXPECT_THAT(after_elsewhere("UPDATE orders SET ref = 'r' WHERE id = 1"),
              ElementsAre("main.orders id:i1,user:i1"));
  write("UPDATE orders SET ref = 'bulk'");
  EXPECT_THAT(told(), ElementsAre("main.orders"));
  EXPECT_LT(count("weir_key"), 1000);
  write("UPDATE orders SET ref = 'r' WHERE id = 1");
  EXPECT_THAT(told(), ElementsAre("main.orders id:i1,user:i1"));
}

TEST_F(KeysTest, WhoeverFellBehindThePrunedPartTakesTablesForChanged) {
  open_tracked();
  const auto second_driver = make_sqlite_driver(file_.options());
  const auto second = second_driver->open_feed();
  (void)second->pull(soon());
  for (int i = 0; i < 40; ++i) {  // 1600 rows, a little at a time
    sqlite3_command(file_.path(),
                    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40) "
                    "INSERT INTO pairs SELECT abs(random()), 'x', 0 FROM n");
    EXPECT_THAT(told(),
                AllOf(Contains(StartsWith("main.pairs a:i")), Not(Contains("main.orders"))));
  }
  std::vector<std::string> seen;
  for (const auto& change : second->pull(soon()).changes) {
    seen.push_back(change.target);
    EXPECT_EQ(change.kind, spi::ChangeKind::kRelation);
  }
  EXPECT_THAT(seen, ::testing::IsSupersetOf({"main.pairs", "main.orders", "main.users"}));
}

TEST_F(KeysTest, OwnWritesAreNotToldOnceMoreWithTheNextCommitOfOthers) {
  open_tracked();
  write("UPDATE orders SET ref = 'm' WHERE id = 1");
  (void)changes();
  EXPECT_THAT(after_elsewhere("DELETE FROM pairs WHERE a = 2"),
              ElementsAre("main.pairs a:i2,b:tp"));
}

TEST_F(KeysTest, AProcessWithTheSqliteLibraryAloneIsNoticed) {
  open_tracked();
  PlainConnection other{file_.path()};
  other.exec("PRAGMA recursive_triggers = ON");
  other.exec("REPLACE INTO users VALUES (2, 'a', 0)");
  EXPECT_THAT(told(), Contains("main.users id:i1,id:i2,mail:ta,mail:tb"));
}

TEST_F(KeysTest, ARenamedColumnMakesTheTableCountAsUntracked) {
  open_tracked();
  EXPECT_THAT(after_elsewhere("ALTER TABLE orders RENAME COLUMN user TO owner"), Contains("*"));
  const auto analysis = reader_->analyze("SELECT * FROM orders WHERE id = 1", soon());
  EXPECT_THAT(analysis.keys, IsEmpty());
  EXPECT_THAT(after_elsewhere("UPDATE orders SET owner = 2 WHERE id = 1"), Contains("main.orders"));
  write("UPDATE orders SET owner = 1 WHERE id = 1");
  EXPECT_THAT(told(), ElementsAre("main.orders"));
  driver_->open_admin()->track({"orders"}, spi::DryRun::kNo, {});
  (void)changes();
  EXPECT_THAT(after_elsewhere("UPDATE orders SET owner = 2 WHERE id = 1"),
              Contains("main.orders id:i1,owner:i1,owner:i2"));
}

TEST_F(KeysTest, AnotherUniqueIndexMakesTheTriggersStale) {
  open_tracked();
  EXPECT_THAT(after_elsewhere("CREATE UNIQUE INDEX u ON orders (ref)"), Contains("*"));
  EXPECT_THAT(reader_->analyze("SELECT * FROM orders WHERE id = 1", soon()).keys, IsEmpty());
  EXPECT_THAT(after_elsewhere("UPDATE orders SET note = 2 WHERE id = 1"), Contains("main.orders"));
}

TEST_F(KeysTest, AnalysesNameTheKeysOfTrackedTables) {
  open_tracked();
  const auto analysis = reader_->analyze(
      "SELECT * FROM orders o JOIN users u ON u.id = o.user WHERE o.user = ?1", soon());
  ASSERT_EQ(analysis.keys.size(), 2U);
  EXPECT_EQ(analysis.keys[0].relation, "main.orders");
  EXPECT_EQ(analysis.keys[0].column, "user");
  EXPECT_EQ(analysis.keys[0].values.front().parameter, 1U);
  EXPECT_EQ(analysis.keys[1].column, "id");
  for (const auto& relation : analysis.relations) EXPECT_EQ(relation.whole, "");
  const auto why = [&](const char* sql) {
    std::string all;
    for (const auto& relation : reader_->analyze(sql, soon()).relations)
      all += relation.whole + ";";
    return all;
  };
  EXPECT_THAT(why("SELECT * FROM orders"), HasSubstr("none of its key columns (id, user)"));
  EXPECT_THAT(why("SELECT * FROM plain WHERE x = 1"), HasSubstr("tracked as a whole"));
  sqlite3_command(file_.path(), "CREATE VIEW v AS SELECT * FROM orders");
  EXPECT_THAT(why("SELECT * FROM v, users WHERE users.id = 1"), HasSubstr("view"));
  EXPECT_THAT(why("SELECT 1 FROM v, users WHERE users.id = 1"), HasSubstr("view"));
}

// SQLite's authorizer is not told of a table of which only columns of USING are used.
TEST_F(KeysTest, TablesUsedOnlyThroughUsingAreReadToo) {
  open_tracked();
  for (const char* sql :
       {"SELECT users.age FROM users JOIN log USING (id)",
        "SELECT users.age FROM users NATURAL JOIN log",
        "SELECT age FROM users JOIN (SELECT o.ref FROM orders o JOIN log USING (id)) "
        "WHERE users.id = 1"}) {
    EXPECT_THAT(reader_->analyze(sql, soon()).dependencies, Contains("main.log")) << sql;
  }
}

TEST_F(KeysTest, ColumnsAreChosenOrNone) {
  open_tracked();
  auto admin = driver_->open_admin();
  const auto action = [&](const std::string& table, const std::vector<std::string>& columns) {
    return admin->track_keys(table, columns, spi::DryRun::kNo, {}).front().action;
  };
  EXPECT_EQ(action("orders", {"REF", "ref"}), "tracked by ref");
  EXPECT_EQ(action("orders", {"ref"}), "already tracked");
  EXPECT_EQ(admin->track({"orders"}, spi::DryRun::kNo, {}).front().action, "already tracked");
  (void)changes();
  EXPECT_THAT(after_elsewhere("UPDATE orders SET ref = 'm' WHERE id = 1"),
              Contains("main.orders ref:tm,ref:tx"));
  EXPECT_EQ(action("orders", {}), "tracked");
  EXPECT_EQ(admin->track({"orders"}, spi::DryRun::kNo, {}).front().action, "already tracked");
  (void)changes();
  EXPECT_THAT(after_elsewhere("UPDATE orders SET ref = 'n' WHERE id = 1"), Contains("main.orders"));
  EXPECT_THAT(error_of(ErrorCode::kUsage, [&] { (void)action("orders", {"gone"}); }),
              HasSubstr("gone"));
  EXPECT_THAT(error_of(ErrorCode::kUsage, [&] { (void)action("orders", {"note"}); }),
              HasSubstr("note"));
  admin->untrack({"orders"}, spi::DryRun::kNo, {});
  EXPECT_EQ(admin->track({"orders"}, spi::DryRun::kNo, {}).front().action, "tracked by id, user");
}

TEST_F(KeysTest, TablesWhoseReplacedRowsCannotBeToldAreTrackedAsAWhole) {
  open_tracked();
  sqlite3_command(file_.path(), "CREATE UNIQUE INDEX u ON log (abs(what))");
  auto admin = driver_->open_admin();
  EXPECT_THAT(admin->track({"log"}, spi::DryRun::kNo, {}).front().action,
              HasSubstr("as a whole: the unique index u"));
  EXPECT_THAT(
      error_of(ErrorCode::kUsage, [&] { admin->track_keys("log", {"id"}, spi::DryRun::kNo, {}); }),
      HasSubstr("unique index u"));
  (void)changes();
  EXPECT_THAT(after_elsewhere("UPDATE log SET what = 8"), Contains("main.log"));
  bool noted = false;
  for (const spi::Finding& finding : admin->doctor(soon()))
    noted = noted || finding.meaning.find("unique index u") != std::string::npos;
  EXPECT_TRUE(noted);
}

TEST_F(KeysTest, AttachedFilesAreToldByTable) {
  PlainConnection{file_.path("y.db")}.exec(
      "CREATE TABLE far (id INTEGER PRIMARY KEY, v); INSERT INTO far VALUES (1, 1)");
  Options options = file_.options();
  options.sqlite.attach = {{"y", file_.path("y.db")}};
  open(kSchema, options);
  auto admin = driver_->open_admin();
  admin->migrate_up(spi::DryRun::kNo, {});
  admin->track({}, spi::DryRun::kNo, {});
  (void)changes();
  const auto analysis =
      reader_->analyze("SELECT * FROM y.far, users u WHERE far.id = 1 AND u.id = 1", soon());
  ASSERT_EQ(analysis.keys.size(), 1U);
  EXPECT_EQ(analysis.keys[0].relation, "main.users");
  write("UPDATE y.far SET v = 2");
  EXPECT_THAT(told(), ElementsAre("y.far"));
}

// A file whose tables are of the first version goes on as before.
TEST_F(KeysTest, TheFirstVersionOfWeirsTablesStillWorks) {
  open_tracked();
  auto admin = driver_->open_admin();
  admin->migrate_down(spi::DryRun::kNo, {});
  admin->migrate_up(spi::DryRun::kNo, {});
  PlainConnection{file_.path()}.exec(
      "ALTER TABLE weir_journal DROP COLUMN chosen; ALTER TABLE weir_journal DROP COLUMN keys; "
      "DROP "
      "TABLE weir_key; UPDATE weir_meta SET value = '1' WHERE key = 'version'");
  EXPECT_EQ(admin->status().installed, 1);
  EXPECT_EQ(admin->track({"orders"}, spi::DryRun::kNo, {}).front().action, "tracked");
  error_of(ErrorCode::kMigration,
           [&] { admin->track_keys("orders", {"id"}, spi::DryRun::kNo, {}); });
  (void)changes();
  EXPECT_THAT(after_elsewhere("UPDATE orders SET ref = 'n' WHERE id = 1"), Contains("main.orders"));
  write("UPDATE orders SET ref = 'n' WHERE id = 1");
  EXPECT_THAT(told(), ElementsAre("main.orders"));
  admin->migrate_up(spi::DryRun::kNo, {});
  EXPECT_EQ(admin->track({"orders"}, spi::DryRun::kNo, {}).front().action, "tracked by id, user");
  (void)changes();
  EXPECT_THAT(after_elsewhere("UPDATE orders SET ref = 'n' WHERE id = 1"),
              Contains("main.orders id:i1,user:i1"));
}

}  // namespace
}  // namespace weir::test
