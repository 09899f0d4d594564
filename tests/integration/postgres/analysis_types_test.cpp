// What a statement can reach by the types in it, without naming it: functions of a parent's row
// type, of a domain, of a record; operator classes; casts inside json functions; role names.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "tests/integration/postgres/analysis_fixture.hpp"

namespace weir::postgres::test {
namespace {

using spi::Analysis;
using spi::Cacheability;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kReads = " LANGUAGE sql STABLE AS 'SELECT count(*)::text FROM public.hidden'";

class AnalysisTypesTest : public AnalysisTest {
 protected:
  void expect_refused(const std::string& sql, const std::string& reason) {
    const Analysis analysis = analyze(sql);
    EXPECT_EQ(analysis.cacheability, Cacheability::kTtlOnly) << sql << ": " << report(analysis);
    EXPECT_THAT(analysis.reasons, Contains(HasSubstr(reason))) << sql;
  }
  void expect_provable(const std::string& sql) {
    const Analysis analysis = analyze(sql);
    EXPECT_EQ(analysis.cacheability, Cacheability::kProvable) << sql << ": " << report(analysis);
  }
  /// The statement's one value moves with a table that none of its names leads to.
  void expect_reads_hidden(const std::string& sql) {
    const std::string before = value(sql);
    run("INSERT INTO hidden VALUES (1)");
    EXPECT_NE(value(sql), before) << sql << " does not read it: this case is void";
  }
};

TEST_F(AnalysisTypesTest, AFunctionOfAParentsRowTypeTakesAChildsRow) {
  run("INSERT INTO puppies VALUES (1, 'Rex', 'woof', 3); INSERT INTO measures VALUES "
      "('2024-02-01', 1);"
      "CREATE TYPE form AS (a int); CREATE TABLE typed OF form; INSERT INTO typed VALUES (1);"
      "SELECT weir.track('typed')");
  for (const char* type : {"animals", "measures", "form"}) {
    run(fmt::format("CREATE FUNCTION tell({}) RETURNS text{}", type, kReads));
  }
  for (const char* sql : {"SELECT tell(p) FROM puppies p", "SELECT p.tell FROM puppies p",
                          "SELECT tell(m) FROM measures_2024_1 m", "SELECT tell(t) FROM typed t"}) {
    expect_reads_hidden(sql);
    expect_refused(sql, "public.tell may read anything");
  }
  run("CREATE FUNCTION length(animals) RETURNS int LANGUAGE sql STABLE AS 'SELECT 1'");
  analyzer_.forget();
  expect_refused("SELECT length(p) FROM puppies p", "public.length may read anything");
  expect_provable("SELECT length(name) FROM customers");
}

TEST_F(AnalysisTypesTest, AFunctionOfADomainTakesWhatTheDomainIsMadeOf) {
  run("INSERT INTO measures VALUES ('2024-02-01', 1); CREATE FUNCTION upper(day) RETURNS text" +
      std::string{kReads} + "; CREATE FUNCTION before(day, day) RETURNS text" + kReads +
      "; CREATE OPERATOR @> (LEFTARG = day, RIGHTARG = day, FUNCTION = before)");
  expect_reads_hidden("SELECT upper(at) FROM measures");
  expect_refused("SELECT upper(at) FROM measures", "public.upper may read anything");
  expect_reads_hidden("SELECT at @> at FROM measures");
  expect_refused("SELECT at @> at FROM measures", "public.before may read anything");
  expect_provable("SELECT lower(name) FROM customers");
}

TEST_F(AnalysisTypesTest, AFunctionsDomainArgumentIsChecked) {
  run("CREATE FUNCTION twice(a small) RETURNS int LANGUAGE sql STABLE RETURN a * 2;"
      "CREATE FUNCTION shrunk(a int) RETURNS small LANGUAGE sql STABLE RETURN a;"
      "CREATE FUNCTION plus(a positive) RETURNS int LANGUAGE sql STABLE RETURN a + 1");
  expect_refused("SELECT twice(id) FROM customers", "is_small may read anything");
  expect_refused("SELECT shrunk(id) FROM customers", "is_small may read anything");
  expect_provable("SELECT plus(id) FROM customers");
}

TEST_F(AnalysisTypesTest, AFunctionOfARowTypeTakesAnyRecord) {
  run(
      fmt::format("CREATE TYPE two AS (a int, b int); CREATE FUNCTION tell(two) RETURNS text{}; "
                  "CREATE FUNCTION length(two) RETURNS text{}; INSERT INTO items VALUES (1, 2, 3)",
                  kReads, kReads));
  for (const char* sql :
       {"SELECT length(ROW(1, 2))", "SELECT length(x) FROM (SELECT 1 AS a, 2 AS b) x",
        "SELECT x.length FROM (SELECT 1 AS a, 2 AS b) x", "SELECT x.tell FROM (VALUES (1, 2)) x",
        "WITH x AS (SELECT 1 AS a, 2 AS b) SELECT x.tell FROM x",
        "WITH x AS (SELECT 1 AS a, 2 AS b) SELECT y.tell FROM x AS y",
        "SELECT (ROW(1, 2)).tell::text"}) {
    if (std::string_view{sql}.find("ROW(1, 2)).tell") == std::string_view::npos) {
      expect_reads_hidden(sql);
    }
    expect_refused(sql, "may read anything");
  }
  expect_provable("SELECT length(name) FROM customers");
  expect_provable("SELECT i.qty FROM items i");
}

TEST_F(AnalysisTypesTest, ACallBringsTheTypesOfItsResult) {
  run(
      fmt::format("CREATE FUNCTION pair_of(a int) RETURNS pair LANGUAGE sql STABLE "
                  "BEGIN ATOMIC SELECT a, NULL::date; END;"
                  "CREATE FUNCTION out_pair(a int, OUT p pair, OUT n int) LANGUAGE sql STABLE "
                  "BEGIN ATOMIC SELECT NULL::pair, a; END;"
                  "CREATE FUNCTION rows_of(a int) RETURNS SETOF pairs LANGUAGE sql STABLE "
                  "BEGIN ATOMIC SELECT * FROM pairs; END;"
                  "CREATE FUNCTION upper(pair) RETURNS text{}",
                  kReads));
  for (const char* sql :
       {"SELECT abs(pair_of(1))", "SELECT abs((out_pair(1)).p)", "SELECT upper(pair_of(1))",
        "SELECT upper(p) FROM out_pair(1)", "SELECT upper(r.p) FROM rows_of(1) r"}) {
    const Analysis analysis = analyze(sql);
    EXPECT_EQ(analysis.cacheability, Cacheability::kTtlOnly) << sql << ": " << report(analysis);
    EXPECT_THAT(analysis.reasons, Contains(HasSubstr("may read anything"))) << sql;
  }
  expect_provable("SELECT upper(status) FROM orders");
}

TEST_F(AnalysisTypesTest, OperatorClassesRunWhereNoOperatorIsNamed) {
  run("CREATE TYPE version AS (major int, minor int);"
      "CREATE FUNCTION version_cmp(version, version) RETURNS int LANGUAGE sql STABLE AS "
      "'SELECT CASE WHEN count(*) > 0 THEN 1 ELSE -1 END * sign(($1).major - ($2).major)::int FROM "
      "public.hidden';"
      "CREATE FUNCTION version_lt(version, version) RETURNS boolean LANGUAGE sql STABLE AS "
      "'SELECT public.version_cmp($1, $2) < 0';"
      "CREATE FUNCTION version_eq(version, version) RETURNS boolean LANGUAGE sql STABLE AS "
      "'SELECT public.version_cmp($1, $2) = 0';"
      "CREATE FUNCTION version_gt(version, version) RETURNS boolean LANGUAGE sql STABLE AS "
      "'SELECT public.version_cmp($1, $2) > 0';"
      "CREATE OPERATOR <# (LEFTARG = version, RIGHTARG = version, FUNCTION = version_lt);"
      "CREATE OPERATOR =# (LEFTARG = version, RIGHTARG = version, FUNCTION = version_eq);"
      "CREATE OPERATOR ># (LEFTARG = version, RIGHTARG = version, FUNCTION = version_gt);"
      "CREATE OPERATOR CLASS version_ops DEFAULT FOR TYPE version USING btree AS "
      "OPERATOR 1 <#, OPERATOR 3 =#, OPERATOR 5 >#, FUNCTION 1 version_cmp(version, version);"
      "CREATE TABLE releases (v version); INSERT INTO releases VALUES ('(1,0)'), ('(2,0)');"
      "SELECT weir.track('releases')");
  expect_reads_hidden("SELECT string_agg(v::text, ' ') FROM (SELECT v FROM releases ORDER BY v) s");
  for (const char* sql :
       {"SELECT v FROM releases ORDER BY v", "SELECT v FROM releases GROUP BY v",
        "SELECT DISTINCT v FROM releases", "SELECT v FROM releases UNION SELECT v FROM releases",
        "SELECT greatest(v, v) FROM releases", "SELECT least(v, '(1,1)') FROM releases",
        "SELECT row_number() OVER (PARTITION BY v) FROM releases",
        "SELECT rank() OVER (ORDER BY v) FROM releases", "SELECT count(DISTINCT v) FROM releases",
        "SELECT v FROM releases WHERE v IN (SELECT v FROM releases)",
        "SELECT max(ARRAY[v]) FROM releases", "SELECT v FROM releases ORDER BY v USING <#"}) {
    const Analysis analysis = analyze(sql);
    EXPECT_NE(analysis.cacheability, Cacheability::kProvable) << sql;
    EXPECT_THAT(analysis.reasons, Contains(HasSubstr("public.version_"))) << sql;
  }
  expect_provable("SELECT name FROM customers ORDER BY name");
}

TEST_F(AnalysisTypesTest, AnOperatorClassOfUsersForABuiltinTypeIsNeverOverlooked) {
  run("CREATE FUNCTION odd_cmp(int, int) RETURNS int LANGUAGE plpgsql STABLE AS "
      "$$BEGIN RETURN (SELECT count(*) FROM public.hidden); END$$;"
      "CREATE OPERATOR CLASS odd_ops FOR TYPE int USING btree AS OPERATOR 1 <, OPERATOR 2 <=, "
      "OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 odd_cmp(int, int);"
      "CREATE INDEX ON items (product_id odd_ops)");
  expect_refused("SELECT * FROM items WHERE product_id = 3", "odd_cmp may read anything");
}

TEST_F(AnalysisTypesTest, ACastToJsonRunsInsideTheJsonFunctions) {
  run("CREATE FUNCTION mood_to_json(mood) RETURNS json LANGUAGE sql STABLE AS "
      "'SELECT to_json(count(*)) FROM public.hidden';"
      "CREATE CAST (mood AS json) WITH FUNCTION mood_to_json(mood)");
  expect_reads_hidden("SELECT to_json(mood)::text FROM customers");
  expect_refused("SELECT to_json(mood) FROM customers", "mood_to_json may read anything");
  expect_refused("SELECT row_to_json(x) FROM customers x", "mood_to_json may read anything");
}

TEST_F(AnalysisTypesTest, AFunctionsOutColumnsAreNoColumnsOfATable) {
  run("CREATE TABLE valued (key date, value date, d jsonb); SELECT weir.track('valued')");
  expect_provable("SELECT value::timestamp FROM valued");
  for (const char* sql : {"SELECT value::date FROM valued v, json_each_text('{}') AS j",
                          "SELECT j.value::date FROM valued v, json_each_text('{}') AS j",
                          "SELECT s.value::date FROM valued v, "
                          "(SELECT (jsonb_each_text(d)).* FROM valued) AS s"}) {
    expect_refused(sql, "text cast to date may say 'now'");
  }
  run("CREATE TYPE noted AS (born text); CREATE TABLE notes (n noted); SELECT weir.track('notes');"
      "CREATE FUNCTION told() RETURNS SETOF noted LANGUAGE sql STABLE BEGIN ATOMIC SELECT note "
      "FROM customers; END;"
      "CREATE FUNCTION sum(text, text) RETURNS text LANGUAGE sql STABLE RETURN $1 || $2");
  expect_provable("SELECT born::timestamp FROM customers");
  expect_refused("SELECT s.born::date FROM customers c, (SELECT (n).* FROM notes) s",
                 "text cast to date");
  expect_refused("SELECT t.born::date FROM customers c, told() t", "text cast to date");
  expect_refused("SELECT sum(name, note)::date FROM customers", "text cast to date");
}

TEST_F(AnalysisTypesTest, JsonReadIntoTimesMaySayNow) {
  run("CREATE TYPE dated AS (at date)");
  for (const char* sql : {"SELECT (json_populate_record(NULL::dated, '{\"at\": \"x\"}')).at",
                          "SELECT * FROM jsonb_populate_recordset(NULL::dated, '[]')",
                          "SELECT at FROM customers c, jsonb_to_recordset(c.data) AS x (at date)",
                          "SELECT at FROM json_to_record('{}') AS x (at timestamptz)"}) {
    expect_refused(sql, "json");
  }
}

TEST_F(AnalysisTypesTest, HstoreReadIntoTimesMaySayNow) {
  if (value("SELECT count(*) FROM pg_available_extensions WHERE name = 'hstore'") == "0") {
    if (weir::test::servers_required()) FAIL() << "the server has no contrib extensions";
    GTEST_SKIP() << "the server has no contrib extensions";
  }
  run("CREATE EXTENSION hstore; CREATE TYPE dated AS (at date); CREATE TABLE bags (h hstore);"
      "SELECT weir.track('bags')");
  expect_refused("SELECT populate_record(NULL::dated, h) FROM bags", "populate_record");
  expect_refused("SELECT (NULL::dated) #= h FROM bags", "populate_record");
  expect_provable("SELECT h -> 'a' FROM bags");
}

TEST_F(AnalysisTypesTest, WhatShowsRoleNamesIsNotProvable) {
  run("CREATE TYPE granted AS (acl aclitem, note text); CREATE DOMAIN who AS regrole;"
      "CREATE TABLE people (id int, r regrole); CREATE TABLE teams (id int, rs regrole[]);"
      "CREATE TABLE rights (a aclitem); CREATE TABLE grants (g granted); CREATE TABLE whos (w who);"
      "CREATE TABLE clocked (c timetz[]);"
      "SELECT weir.track(t) FROM unnest(ARRAY['people', 'teams', 'rights', 'grants', 'whos', "
      "'clocked']::regclass[]) t");
  for (const char* sql :
       {"SELECT r FROM people", "SELECT * FROM teams", "SELECT a FROM rights",
        "SELECT g FROM grants", "SELECT w FROM whos",
        "SELECT makeaclitem(10, 10, 'SELECT', false)::text", "SELECT acldefault('r', 10)",
        "SELECT '{tester}'::_regrole", "SELECT 'tester=r/tester'::aclitem"}) {
    expect_refused(sql, "role");
  }
  expect_refused("SELECT c FROM clocked", "timetz");
  expect_refused("SELECT pg_get_userbyid(10)", "pg_get_userbyid");
}

TEST_F(AnalysisTypesTest, ATimeInAZoneDependsOnToday) {
  run("CREATE TABLE shifts (begins time, day timestamptz); INSERT INTO shifts VALUES ('10:00', "
      "now()); SELECT weir.track('shifts')");
  for (const char* sql : {"SELECT begins AT TIME ZONE 'Europe/Berlin' FROM shifts",
                          "SELECT timezone('Europe/Berlin', begins) FROM shifts",
                          "SELECT placed::time AT TIME ZONE 'Europe/Berlin' FROM orders",
                          "SELECT make_time(1, 2, 3) AT TIME ZONE 'Europe/Berlin'"}) {
    EXPECT_EQ(value("SELECT pg_typeof(x) FROM (" + std::string{sql} + " LIMIT 1) AS s (x)"),
              "time with time zone")
        << sql;
    expect_refused(sql, "which a zone makes depend on today");
  }
  expect_provable("SELECT begins, extract(hour FROM begins) FROM shifts");
  expect_provable("SELECT max(placed AT TIME ZONE 'Europe/Berlin') FROM orders");
}

TEST_F(AnalysisTypesTest, AnAliasElsewhereMakesNoColumn) {
  expect_refused(
      "SELECT g.age FROM orders, generate_series(placed, placed, '1 day') AS g, "
      "(SELECT 1 AS age) AS y",
      "age()");
}

}  // namespace
}  // namespace weir::postgres::test
