// What becomes of tracked tables when the schema goes to version 2 and back, and in a restored
// dump.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "drivers/postgres/migrations.hpp"
#include "tests/integration/postgres/journal_fixture.hpp"
#include "weir/error.hpp"

namespace weir::postgres::test {
namespace {

using ::testing::HasSubstr;
using namespace std::chrono_literals;

using Names = std::set<std::string>;

/// The schema's names, so far as they could be left over.
constexpr const char* kObjects =
    "SELECT string_agg(o, ' ' ORDER BY o) FROM (SELECT format('%s %s', oid::regprocedure, "
    "md5(prosrc)) FROM pg_proc WHERE pronamespace = 'weir'::regnamespace UNION ALL "
    "SELECT format('%s %s %s', relname, relkind, CASE relkind WHEN 'v' THEN "
    "md5(pg_get_viewdef(oid)) END) FROM pg_class WHERE relnamespace = 'weir'::regnamespace) x(o)";

class RowKeysMigrationTest : public JournalTest {
 protected:
  void install() override { up(1); }
  void up(std::size_t number) { in_one(std::string{migrations()[number - 1].up_sql}); }
  void down(std::size_t number) { in_one(std::string{migrations()[number - 1].down_sql}); }
  void in_one(const std::string& sql) {
    try {
      run("BEGIN");
      run(sql);
      run("COMMIT");
    } catch (...) {
      run("ROLLBACK");
      throw;
    }
  }
};

TEST_F(RowKeysMigrationTest, GoingUpLeavesTrackedTablesAsTheyAreUntilTheyAreTrackedAgain) {
  run("CREATE TABLE p(id int PRIMARY KEY); CREATE TABLE w(id int PRIMARY KEY);"
      "SELECT weir.track('p'), weir.track('w', wake => true)");
  up(2);
  EXPECT_EQ(value("SELECT version FROM weir.meta"), "2");
  EXPECT_EQ(
      value("SELECT string_agg(relation::regclass || ' ' || wake, ',' ORDER BY relation) FROM "
            "weir.tracked"),
      "p false,w true");
  EXPECT_EQ(value("SELECT count(*) FROM weir.key_columns('p')"), "0");
  new_feed(dsn());
  changes();
  run("INSERT INTO p VALUES (1)");
  EXPECT_EQ(changes(), Names{"p"});
  EXPECT_EQ(value("SELECT outcome FROM weir.track('p')"), "tracked by id");
  EXPECT_EQ(value("SELECT outcome FROM weir.track('w')"), "tracked by id");
  EXPECT_EQ(value("SELECT wake FROM weir.tracked WHERE relation = 'w'::regclass"), "t");
  changes();
  run("INSERT INTO p VALUES (2)");
  EXPECT_EQ(changes(), Names{"p: 1:2"});
}

TEST_F(RowKeysMigrationTest, GoingDownLeavesWhatVersionOneHadWithItsTablesTracked) {
  const std::string before = value(kObjects);
  up(2);
  run("CREATE TABLE p(id int PRIMARY KEY); CREATE TABLE w(id int PRIMARY KEY); CREATE TABLE n(id "
      "int PRIMARY KEY); CREATE TABLE d(id int PRIMARY KEY);"
      "SELECT weir.track('p'), weir.track('w', wake => true), weir.track('n', keys => '{}'), "
      "weir.track('d'); ALTER TABLE d DISABLE TRIGGER weir_write; INSERT INTO p VALUES (1)");
  down(2);
  EXPECT_EQ(value("SELECT version FROM weir.meta"), "1");
  EXPECT_EQ(value(kObjects), before);
  EXPECT_EQ(
      value("SELECT string_agg(relation::regclass || ' ' || wake, ',' ORDER BY relation) FROM "
            "weir.tracked"),
      "p false,w true,n false");
  EXPECT_EQ(value("SELECT count(*) FROM pg_trigger WHERE tgname ~ '^weir_(insert|update|delete)'"),
            "0");
  run("INSERT INTO p VALUES (2); UPDATE n SET id = 2; DELETE FROM w");
  EXPECT_EQ(value("SELECT count(DISTINCT relation) FROM weir.journal WHERE kind = 'r'"), "3");
  EXPECT_EQ(value("SELECT outcome FROM weir.track('p')"), "already tracked");
  up(2);
  EXPECT_EQ(value("SELECT outcome FROM weir.track('p')"), "tracked by id");
  down(2);
  down(1);
  EXPECT_EQ(value("SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'weir%'"), "0");
  run("INSERT INTO p VALUES (3)");
}

TEST_F(RowKeysMigrationTest, TheSchemasOwnerGoesDownWithTablesOfOthersLeftUntracked) {
  up(2);
  const std::string installer = role();
  const std::string owner = role();
  run(
      fmt::format("CREATE TABLE p(id int PRIMARY KEY); SELECT weir.track('p'); ALTER TABLE p OWNER "
                  "TO {1}; DROP EVENT TRIGGER weir_ddl; DROP EVENT TRIGGER weir_drop;"
                  "ALTER SCHEMA weir OWNER TO {0}",
                  installer, owner));
  run(fmt::format(
      "DO $$ DECLARE o text; BEGIN FOR o IN SELECT oid::regprocedure FROM pg_proc WHERE "
      "pronamespace = 'weir'::regnamespace LOOP EXECUTE format('ALTER FUNCTION %s OWNER TO {0}', "
      "o); END LOOP; FOR o IN SELECT oid::regclass FROM pg_class WHERE relnamespace = "
      "'weir'::regnamespace AND relkind IN ('r', 'v') LOOP EXECUTE format('ALTER TABLE %s OWNER TO "
      "{0}', o); END LOOP; END $$",
      installer));
  Pq connection = connect(with(dsn(), {{"user", installer}, {"password", "secret"}}));
  connection.exec("BEGIN", in(5s));
  connection.exec(std::string{migrations()[1].down_sql}, in(20s));
  connection.exec("COMMIT", in(5s));
  EXPECT_EQ(value("SELECT version FROM weir.meta"), "1");
  EXPECT_EQ(value("SELECT count(*) FROM weir.tracked"), "0");
  run("INSERT INTO p VALUES (1)");
  run("DROP TABLE p; DROP SCHEMA weir CASCADE");
}

TEST_F(RowKeysMigrationTest, OnlyVersionOneGoesUpToTwo) {
  up(2);
  try {
    up(2);
    FAIL() << "went up twice";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("has version 2"));
  }
}

TEST_F(RowKeysMigrationTest, ARestoredTableIsToldAsAWholeUntilItIsTrackedAgain) {
  up(2);
  // So that neither oids nor column numbers are what they were.
  run("CREATE TABLE p(gone int, id int PRIMARY KEY, a int); ALTER TABLE p DROP COLUMN gone;"
      "CREATE TABLE c(gone int, id int PRIMARY KEY, a int); ALTER TABLE c DROP COLUMN gone;"
      "SELECT weir.track('p'), weir.track('c', keys => '{a}', wake => true)");
  const std::string copy = unique_name("copy");
  run(fmt::format("CREATE DATABASE {}", copy));
  const std::string copy_dsn = with(dsn(), {{"dbname", copy}});
  shell(
      fmt::format("pg_dump -d \"{}\" | psql -q -X -v ON_ERROR_STOP=1 -d \"{}\"", dsn(), copy_dsn));
  {
    Pq other = connect(copy_dsn);
    const auto feed = make_change_feed(options_for(copy_dsn), system_clock());
    (void)feed->pull(in(5s));
    EXPECT_EQ(test::value(other, "SELECT count(*) FROM weir.tracked"), "2");
    EXPECT_EQ(test::value(other, "SELECT count(*) FROM weir.key_columns('p')"), "0");
    other.exec("INSERT INTO p VALUES (1, 2)", in(5s));
    EXPECT_EQ(feed->pull(in(5s)).changes.size(), 1U);
    EXPECT_EQ(test::value(other, "SELECT outcome FROM weir.track('p')"), "tracked by id");
    EXPECT_EQ(test::value(other, "SELECT outcome FROM weir.track('c')"), "tracked by a");
    EXPECT_EQ(
        test::value(other, "SELECT string_agg(attnum || name, ',') FROM weir.key_columns('c')"),
        "2a");
    EXPECT_EQ(test::value(other, "SELECT wake FROM weir.tracked WHERE relation = 'c'::regclass"),
              "t");
    EXPECT_EQ(test::value(other,
                          "SELECT count(*) FROM pg_proc WHERE proname LIKE 'write\\_%' AND "
                          "pronamespace = 'weir'::regnamespace"),
              "2");
    (void)feed->pull(in(5s));
    other.exec("UPDATE c SET a = 1; INSERT INTO p VALUES (3, 2)", in(5s));
    const auto changes = feed->pull(in(5s)).changes;
    ASSERT_EQ(changes.size(), 1U);
    EXPECT_EQ(changes[0].kind, spi::ChangeKind::kRows);
    EXPECT_EQ(changes[0].rows, "1:3");
  }
  run(fmt::format("DROP DATABASE {} WITH (FORCE)", copy));
}

}  // namespace
}  // namespace weir::postgres::test
