// What only PostgreSQL can get wrong: sessions, roles, the catalog behind a view.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "tests/support/error_of.hpp"
#include "tests/support/real_database.hpp"
#include "tests/support/servers.hpp"
#include "weir/weir.hpp"

namespace weir::test {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

class PostgresDatabaseTest : public ::testing::Test {
 protected:
  void SetUp() override {
    WEIR_POSTGRES_DSN_OR_SKIP(dsn);
    database_ = RealDatabase::make(Engine::kPostgres, dsn);
    foreign_ = database_->foreign();
    foreign_->run(
        "CREATE TABLE a (id int, note text); CREATE TABLE b (id int, note text);"
        "INSERT INTO a VALUES (1, 'a'); INSERT INTO b VALUES (2, 'b');"
        "CREATE VIEW seen AS SELECT id, note FROM a");
    database_->install();
  }
  /// A database that asks the journal before each hit, over one connection.
  Database open() {
    Options options = database_->options();
    options.pool.max_size = 1;
    return Database::open(options).with({.max_staleness = 0ms});
  }

  std::unique_ptr<RealDatabase> database_;
  std::unique_ptr<ForeignConnection> foreign_;
};

TEST_F(PostgresDatabaseTest, AViewMadeAnewOverAnotherTableIsReadAndFollowedThere) {
  const Database db = open();
  const auto ask = [&db] { return db.query("SELECT id FROM seen"); };
  EXPECT_EQ(ask().one<int>(), 1);
  EXPECT_EQ(ask().source(), Source::kMemory);
  foreign_->run("CREATE OR REPLACE VIEW seen AS SELECT id, note FROM b");
  EXPECT_EQ(ask().one<int>(), 2);
  EXPECT_EQ(ask().source(), Source::kMemory) << ask().reason();
  foreign_->run("UPDATE b SET id = 3");
  EXPECT_EQ(ask().one<int>(), 3);
  EXPECT_EQ(ask().source(), Source::kMemory);
  foreign_->run("UPDATE a SET id = 4");  // no longer its own
  EXPECT_EQ(ask().source(), Source::kMemory);
}

TEST_F(PostgresDatabaseTest, WhatAFunctionSetIsGoneForTheNextCaller) {
  foreign_->run(
      "CREATE FUNCTION upset() RETURNS int LANGUAGE plpgsql AS $$ BEGIN "
      "PERFORM set_config('DateStyle', 'SQL, DMY', false), "
      "set_config('app.tenant', '17', false), set_config('search_path', 'pg_catalog', false), "
      "set_config('role', 'pg_monitor', false); RETURN 1; END $$;"
      "CREATE FUNCTION upset_by_trigger() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
      "PERFORM public.upset(); RETURN NEW; END $$;"
      "CREATE TRIGGER upset BEFORE UPDATE ON b FOR EACH ROW EXECUTE FUNCTION upset_by_trigger()");
  const Database db = open();
  const Database tenant = db.with_session({.settings = {{"app.tenant", "5"}}});
  const std::string user = db.query("SELECT current_user").one<std::string>();
  const auto expect_as_declared = [&](const char* after) {
    EXPECT_EQ(db.query("SELECT '01/02/2024'::date::text AS d").one<std::string>(), "2024-01-02")
        << after;
    EXPECT_EQ(db.query("SELECT current_user").one<std::string>(), user) << after;
    EXPECT_EQ(db.query("SELECT note FROM a").one<std::string>(), "a") << after;
    EXPECT_NE(
        db.query("SELECT coalesce(current_setting('app.tenant', true), '')").one<std::string>(),
        "17")
        << after;
    EXPECT_EQ(tenant.query("SELECT current_setting('app.tenant')").one<std::string>(), "5")
        << after;
  };
  expect_as_declared("opening");
  (void)db.query("SELECT upset()");
  db.clear();
  expect_as_declared("a function");
  db.execute("UPDATE b SET id = id");
  db.clear();
  expect_as_declared("a trigger");
  tenant.transact([](Transaction& tx) { (void)tx.query("SELECT public.upset()"); });
  db.clear();
  expect_as_declared("a transaction");
}

TEST_F(PostgresDatabaseTest, ALoginThatLosesItsRightsIsServedNothingMore) {
  const std::string app = "app_" + foreign_->run("SELECT current_database()")[0][0].value();
  foreign_->run("CREATE ROLE " + app + " LOGIN BYPASSRLS PASSWORD 'secret';" +  //
                "GRANT SELECT ON a TO " + app + "; ALTER TABLE a ENABLE ROW LEVEL SECURITY");
  {
    Options options = database_->options();
    options.database += " user=" + app + " password=secret";
    const Database db = Database::open(options)
                            .with({.max_staleness = 0ms})
                            .with_session({.settings = {{"app.tenant", "5"}}});
    const auto ask = [&db] { return db.query("SELECT count(*) FROM a"); };
    EXPECT_EQ(ask().one<int>(), 1);
    EXPECT_EQ(ask().source(), Source::kMemory) << ask().reason();
    foreign_->run("ALTER ROLE " + app + " NOBYPASSRLS");
    EXPECT_EQ(ask().one<int>(), 0);
  }
  foreign_->run("DROP OWNED BY " + app + "; DROP ROLE " + app);
}

TEST_F(PostgresDatabaseTest, SeveralStatementsInOneCallAreRefusedByName) {
  const Database db = open();
  EXPECT_THAT(error_of(ErrorCode::kRefused, [&] { (void)db.query("SELECT 1; SELECT 2"); }),
              HasSubstr("one statement per call: this text has 2"));
  EXPECT_THAT(error_of(ErrorCode::kRefused, [&] { db.execute("DELETE FROM a; DELETE FROM b"); }),
              HasSubstr("transact"));
  EXPECT_EQ(db.query("SELECT count(*) FROM a;").one<int>(), 1);
  EXPECT_THAT(error_of(ErrorCode::kRefused, [&] { db.execute("SET TimeZone = 'UTC'"); }),
              HasSubstr("Database::with_session({.role = ..., .settings = ...})"));
}

// An analysis is the same for all tenants; what each session may store is not asked of the first.
TEST_F(PostgresDatabaseTest, EverySessionCachesATextThatAnotherSessionAskedFirst) {
  const Database db = open();
  const char* const sql = "SELECT note FROM a WHERE id = 1";
  (void)db.query(sql);
  const auto hits = [&](const Session& session) {
    const Database declared = db.with_session(session);
    (void)declared.query(sql);
    (void)declared.query(sql);  // the first may be planned under other settings
    const Result result = declared.query(sql);
    EXPECT_EQ(result.source(), Source::kMemory) << result.reason();
  };
  for (const char* tenant : {"1", "2", "3"}) hits({.settings = {{"app.tenant", tenant}}});
  for (const char* zone : {"UTC", "Asia/Tokyo"}) hits({.settings = {{"TimeZone", zone}}});
  hits({.settings = {{"app.tenant", "1"}, {"TimeZone", "UTC"}}});
}

TEST_F(PostgresDatabaseTest, ADeclaredSearchPathDecidesWhatANameMeans) {
  foreign_->run(
      "CREATE SCHEMA other; CREATE TABLE other.a (id int, note text); INSERT INTO other.a VALUES "
      "(9, 'other')");
  database_->track();
  const Database db = open();
  const char* const sql = "SELECT id FROM a";
  EXPECT_EQ(db.query(sql).one<int>(), 1);
  const Database other = db.with_session({.search_path = "other"});
  EXPECT_EQ(other.query(sql).one<int>(), 9);
  (void)other.query(sql);
  EXPECT_EQ(other.query(sql).source(), Source::kMemory) << other.query(sql).reason();
  foreign_->run("UPDATE other.a SET id = 10");
  EXPECT_EQ(other.query(sql).one<int>(), 10);
  foreign_->run("UPDATE a SET id = 2");
  EXPECT_EQ(other.query(sql).source(), Source::kMemory) << "that was the other table";
  EXPECT_EQ(db.query(sql).one<int>(), 2);
}

}  // namespace
}  // namespace weir::test
