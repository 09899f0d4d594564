#include "drivers/sqlite/analyzer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "weir/error.hpp"

namespace weir::sqlite {
namespace {

using enum spi::StatementKind;
using enum spi::Cacheability;

class AnalyzerTest : public ::testing::Test {
 protected:
  AnalyzerTest() : handle_{Location{}, Writing::kAllowed, system_clock(), spi::Deadline{}} {
    location_.attach["y"] = "unused";
    handle_.exec(
        "ATTACH ':memory:' AS y; CREATE TABLE y.far (id INTEGER PRIMARY KEY, v);"
        "CREATE TABLE a (id INTEGER PRIMARY KEY, v, created TEXT);"
        "CREATE TABLE b (id INTEGER PRIMARY KEY AUTOINCREMENT, aid REFERENCES a (id) ON DELETE "
        "CASCADE, w);"
        "CREATE TABLE w (k TEXT PRIMARY KEY, v) WITHOUT ROWID;"
        "CREATE TABLE log (what); CREATE TABLE gen (x, double AS (x * 2));"
        "CREATE VIEW va AS SELECT id, v FROM a; CREATE VIEW vva AS SELECT va.id FROM va JOIN b ON "
        "b.aid = va.id;"
        "CREATE VIEW vnow AS SELECT date('now') AS d;"
        "CREATE TRIGGER ta AFTER INSERT ON a BEGIN INSERT INTO log VALUES (new.v); END;"
        "CREATE TRIGGER tv INSTEAD OF INSERT ON va BEGIN INSERT INTO b (aid) VALUES (new.id); END;"
        "CREATE VIRTUAL TABLE f USING fts5(text); CREATE VIRTUAL TABLE r USING rtree(id, lo, hi);"
        "CREATE TEMP TABLE t (x); PRAGMA foreign_keys = ON",
        "set up");
    recorder_.install(handle_.get());
  }
  spi::Analysis analyze(std::string_view sql) {
    return analyze_statement(handle_, recorder_, location_, sql);
  }

  AccessRecorder recorder_;
  Handle handle_;
  Location location_;
};

struct ReadCase {
  std::string sql;
  spi::Cacheability cacheability;
  std::vector<std::string> dependencies;
};

TEST_F(AnalyzerTest, ReadsDependOnTheirTables) {
  const std::vector<ReadCase> cases{
      {"SELECT v FROM a", kProvable, {"main.a"}},
      {"SELECT v FROM A WHERE ID = 1", kProvable, {"main.a"}},
      {"SELECT * FROM main.a", kProvable, {"main.a"}},
      {"SELECT count(*) FROM a", kProvable, {"main.a"}},
      {"SELECT count(*) FROM \"A\"", kProvable, {"main.a"}},
      {"SELECT 1 FROM a LIMIT 0", kProvable, {"main.a"}},
      {"SELECT 1", kProvable, {}},
      {"VALUES (1), (2)", kProvable, {}},
      {"SELECT v FROM a WHERE 0", kProvable, {"main.a"}},
      {"SELECT EXISTS (SELECT 1 FROM b)", kProvable, {"main.b"}},
      {"SELECT v FROM a WHERE id IN (SELECT aid FROM b)", kProvable, {"main.a", "main.b"}},
      {"SELECT a.v FROM a LEFT JOIN b ON b.id = a.id", kProvable, {"main.a", "main.b"}},
      {"SELECT (SELECT max(w) FROM b) FROM a", kProvable, {"main.a", "main.b"}},
      {"SELECT a.v FROM a JOIN b USING (id)", kProvable, {"main.a", "main.b"}},
      {"SELECT a.v FROM a NATURAL JOIN b", kProvable, {"main.a", "main.b"}},
      {"SELECT a.v FROM a JOIN vva USING (id)", kProvable, {"main.a", "main.b"}},
      {"SELECT v FROM a UNION SELECT w FROM b", kProvable, {"main.a", "main.b"}},
      {"SELECT * FROM a, w", kProvable, {"main.a", "main.w"}},
      {"SELECT v, row_number() OVER (ORDER BY id) FROM a", kProvable, {"main.a"}},
      {"WITH c AS (SELECT w FROM b) SELECT * FROM c", kProvable, {"main.b"}},
      {"WITH c AS (SELECT w FROM b) SELECT count(*) FROM c", kProvable, {"main.b"}},
      {"WITH a AS (SELECT w FROM b) SELECT * FROM a", kProvable, {"main.b"}},
      {"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9) SELECT i FROM "
       "n",
       kProvable,
       {}},
      {"SELECT v FROM va", kProvable, {"main.a"}},
      {"SELECT id FROM vva", kProvable, {"main.a", "main.b"}},
      {"SELECT count(*) FROM vva", kProvable, {"main.a", "main.b"}},
      {"SELECT v FROM w", kProvable, {"main.w"}},
      {"SELECT rowid, * FROM a", kProvable, {"main.a"}},
      {"SELECT double FROM gen", kProvable, {"main.gen"}},
      {"SELECT v FROM y.far", kProvable, {"y.far"}},
      {"SELECT count(*) FROM far", kProvable, {"y.far"}},
      {"SELECT a.v FROM a JOIN y.far f2 ON f2.id = a.id", kProvable, {"main.a", "y.far"}},
      {"SELECT value FROM json_each('[1,2]')", kProvable, {}},
      {"SELECT v FROM a WHERE id IN (SELECT value FROM json_each($1))", kProvable, {"main.a"}},
      {"SELECT count(*) FROM json_tree('[1]')", kProvable, {}},
      {"SELECT upper(v), round(id), json_extract(v, '$.a'), v ->> '$.b' FROM a",
       kProvable,
       {"main.a"}},
      {"SELECT group_concat(v, ','), sum(id) FROM a GROUP BY v HAVING count(*) > 1",
       kProvable,
       {"main.a"}},
      {"SELECT v FROM a WHERE v LIKE 'x%' OR v GLOB 'y*'", kProvable, {"main.a"}},
      {"SELECT strftime('%Y', '2024-01-01') FROM a", kProvable, {"main.a"}},
      {"SELECT date(id, 'unixepoch') FROM a", kProvable, {"main.a"}},
      {"SELECT sqlite_version()", kProvable, {}},
      {"SELECT v FROM a INDEXED BY nothing", kNever, {}},
      {"SELECT date('now')", kTtlOnly, {}},
      {"SELECT strftime('%Y', created) FROM a", kTtlOnly, {"main.a"}},
      {"SELECT d FROM vnow", kTtlOnly, {}},
      {"SELECT CURRENT_TIMESTAMP", kTtlOnly, {}},
      {"SELECT current_date FROM a", kTtlOnly, {"main.a"}},
      {"SELECT random()", kTtlOnly, {}},
      {"SELECT v FROM a ORDER BY random()", kTtlOnly, {"main.a"}},
      {"SELECT hex(randomblob(4))", kTtlOnly, {}},
      {"SELECT text FROM f WHERE f MATCH 'x'", kTtlOnly, {}},
      {"SELECT count(*) FROM f", kTtlOnly, {}},
      {"SELECT id FROM r WHERE lo > 1", kTtlOnly, {}},
      {"SELECT * FROM f_data", kTtlOnly, {}},
      {"SELECT last_insert_rowid()", kNever, {}},
      {"SELECT changes(), total_changes()", kNever, {}},
      {"SELECT x FROM t", kNever, {}},
      {"SELECT count(*) FROM t", kNever, {}},
      {"SELECT x FROM temp.t", kNever, {}},
      {"SELECT name FROM sqlite_schema", kNever, {}},
      {"SELECT count(*) FROM sqlite_master", kNever, {}},
      {"SELECT * FROM y.sqlite_schema", kNever, {}},
      {"SELECT * FROM sqlite_sequence", kNever, {}},
      {"SELECT name FROM pragma_table_info('a')", kNever, {}},
      {"SELECT count(*) FROM pragma_table_info('a')", kNever, {}},
      {"SELECT count(*) FROM dbstat", kNever, {}},
      {"EXPLAIN SELECT v FROM a", kNever, {}},
      {"EXPLAIN QUERY PLAN SELECT v FROM a", kNever, {}},
      {"PRAGMA user_version", kNever, {}},
      {"PRAGMA table_info(a)", kNever, {}},
      {"PRAGMA data_version", kNever, {}},
      {"PRAGMA journal_mode", kNever, {}},
  };
  for (const ReadCase& c : cases) {
    const spi::Analysis analysis = analyze(c.sql);
    if (c.sql.find("INDEXED BY") == std::string::npos) {
      EXPECT_EQ(analysis.kind, kRead) << c.sql;
    }
    EXPECT_EQ(analysis.cacheability, c.cacheability)
        << c.sql << ": " << ::testing::PrintToString(analysis.reasons);
    EXPECT_THAT(analysis.dependencies, ::testing::UnorderedElementsAreArray(c.dependencies))
        << c.sql;
    EXPECT_EQ(analysis.reasons.empty(), c.cacheability == kProvable) << c.sql;
    EXPECT_THAT(analysis.writes, ::testing::IsEmpty()) << c.sql;
    EXPECT_EQ(analysis.refusal, "") << c.sql;
  }
}

struct WriteCase {
  std::string sql;
  spi::StatementKind kind;
  std::vector<std::string> writes;
};

TEST_F(AnalyzerTest, WritesNameTheirTablesWithTriggersAndForeignKeys) {
  const std::vector<WriteCase> cases{
      {"INSERT INTO w VALUES ('a', 1)", kWrite, {"main.w"}},
      {"INSERT INTO a (v) VALUES (1)", kWrite, {"main.a", "main.log"}},
      {"REPLACE INTO w VALUES ('a', 1)", kWrite, {"main.w"}},
      {"INSERT INTO w VALUES ('a', 1) ON CONFLICT DO UPDATE SET v = 2", kWrite, {"main.w"}},
      {"INSERT INTO w VALUES ('a', 1) RETURNING v", kWrite, {"main.w"}},
      {"UPDATE w SET v = 2", kWrite, {"main.w"}},
      {"UPDATE w SET v = far.v FROM far", kWrite, {"main.w"}},
      {"DELETE FROM log", kWrite, {"main.log"}},
      {"DELETE FROM a WHERE id = 1", kWrite, {"main.a", "main.b"}},
      {"INSERT INTO va VALUES (1, 2)", kWrite, {"main.va", "main.b"}},
      {"INSERT INTO far VALUES (1, 2)", kWrite, {"y.far"}},
      {"WITH c AS (SELECT 1) INSERT INTO log SELECT * FROM c", kWrite, {"main.log"}},
      {"CREATE TABLE made (x)", kSchemaChange, {}},
      {"CREATE TABLE made AS SELECT * FROM a", kSchemaChange, {}},
      {"CREATE INDEX i ON a (v)", kSchemaChange, {}},
      {"CREATE VIEW made AS SELECT 1", kSchemaChange, {}},
      {"CREATE TRIGGER made AFTER DELETE ON w BEGIN DELETE FROM log; END", kSchemaChange, {}},
      {"DROP TABLE w", kSchemaChange, {}},
      {"DROP VIEW va", kSchemaChange, {}},
      {"ALTER TABLE a ADD COLUMN z", kSchemaChange, {}},
      {"ALTER TABLE a RENAME TO c", kSchemaChange, {}},
      {"ANALYZE", kSchemaChange, {}},
      {"REINDEX", kSchemaChange, {}},
      {"VACUUM", kSchemaChange, {}},
      {"PRAGMA user_version = 5", kSchemaChange, {}},
  };
  for (const WriteCase& c : cases) {
    const spi::Analysis analysis = analyze(c.sql);
    EXPECT_EQ(analysis.kind, c.kind) << c.sql << ": " << ::testing::PrintToString(analysis.reasons);
    EXPECT_EQ(analysis.cacheability, kNever) << c.sql;
    EXPECT_EQ(analysis.refusal, "") << c.sql;
    EXPECT_THAT(analysis.dependencies, ::testing::IsEmpty()) << c.sql;
    std::vector<std::string> writes;
    for (const auto& use : analysis.writes) writes.push_back(use.id);
    if (c.kind == kWrite) {
      EXPECT_THAT(writes, ::testing::UnorderedElementsAreArray(c.writes)) << c.sql;
    }
  }
}

TEST_F(AnalyzerTest, WhatChangesTheConnectionIsRefusedAndNotDone) {
  const std::vector<std::pair<std::string, spi::StatementKind>> cases{
      {"BEGIN", kTransactionControl},
      {"BEGIN IMMEDIATE", kTransactionControl},
      {"COMMIT", kTransactionControl},
      {"END", kTransactionControl},
      {"ROLLBACK", kTransactionControl},
      {"SAVEPOINT s", kTransactionControl},
      {"RELEASE s", kTransactionControl},
      {"ROLLBACK TO s", kTransactionControl},
      {"ATTACH ':memory:' AS z", kSessionChange},
      {"DETACH y", kSessionChange},
      {"PRAGMA foreign_keys = OFF", kSessionChange},
      {"PRAGMA case_sensitive_like(1)", kSessionChange},
      {"PRAGMA journal_mode = DELETE", kSessionChange},
      {"PRAGMA query_only = 0", kSessionChange},
      {"PRAGMA main.schema_version = 1", kSessionChange},
      {"SELECT load_extension('x')", kSessionChange},
      {"CREATE TEMP TABLE made (x)", kSessionChange},
      {"CREATE TABLE temp.made (x)", kSessionChange},
  };
  for (const auto& [sql, kind] : cases) {
    const spi::Analysis analysis = analyze(sql);
    EXPECT_EQ(analysis.kind, kind) << sql;
    EXPECT_NE(analysis.refusal, "") << sql;
  }
  EXPECT_EQ(handle_.integer("PRAGMA foreign_keys", "test"), 1);
  EXPECT_EQ(handle_.integer("SELECT count(*) FROM pragma_database_list", "test"), 3);
  EXPECT_EQ(handle_.integer("SELECT 'A' LIKE 'a'", "test"), 1);
}

TEST_F(AnalyzerTest, WhatIsNotOneStatementIsNotUnderstood) {
  EXPECT_EQ(analyze("SELECT 1; SELECT 2").kind, kMultiple);
  EXPECT_THAT(analyze("SELECT 1; SELECT 2").refusal, ::testing::HasSubstr("byte 11"));
  EXPECT_EQ(analyze("SELECT 1; -- just a comment").kind, kRead);
  for (const char* sql : {"", ";", "-- nothing", "SELEC 1", "SELECT * FROM nowhere",
                          "SELECT nothing FROM a", "SELECT $1::int", "SELECT $1, ?"}) {
    const spi::Analysis analysis = analyze(sql);
    EXPECT_EQ(analysis.kind, kOther) << sql;
    EXPECT_EQ(analysis.cacheability, kNever) << sql;
    EXPECT_FALSE(analysis.reasons.empty()) << sql;
  }
}

TEST_F(AnalyzerTest, ParametersAreCounted) {
  EXPECT_EQ(analyze("SELECT v FROM a WHERE id = $1 OR id = $1").parameters, 1U);
  EXPECT_EQ(analyze("SELECT $3").parameters, 3U);
  EXPECT_EQ(analyze("SELECT ?, ?, ?1").parameters, 2U);
  EXPECT_EQ(analyze("SELECT :a, :b, :a").parameters, 2U);
}

TEST_F(AnalyzerTest, TheAnswerIsTheSameTheSecondTimeAndLeavesNoTransactionOpen) {
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(analyze("SELECT value FROM json_each('[1]') JOIN a").cacheability, kProvable) << i;
    EXPECT_EQ(analyze("SELECT name FROM sqlite_schema").cacheability, kNever) << i;
    EXPECT_NE(sqlite3_get_autocommit(handle_.get()), 0);
  }
  handle_.exec("BEGIN", "test");
  EXPECT_EQ(analyze("SELECT v FROM a").cacheability, kProvable);
  EXPECT_EQ(sqlite3_get_autocommit(handle_.get()), 0);
}

TEST_F(AnalyzerTest, AFunctionOfTheApplicationIsNotTrusted) {
  sqlite3_create_function(
      handle_.get(), "mine", 0, SQLITE_UTF8 | SQLITE_DETERMINISTIC, nullptr,
      [](sqlite3_context* context, int, sqlite3_value**) { sqlite3_result_int(context, 1); },
      nullptr, nullptr);
  EXPECT_EQ(analyze("SELECT mine() FROM a").cacheability, kTtlOnly);
}

}  // namespace
}  // namespace weir::sqlite
