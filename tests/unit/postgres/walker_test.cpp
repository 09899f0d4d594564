#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "drivers/postgres/sql_tree.hpp"
#include "drivers/postgres/statement_shape.hpp"
#include "drivers/postgres/statement_walker.hpp"
#include "drivers/postgres/time_words.hpp"

namespace weir::postgres {
namespace {

using spi::StatementKind;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

std::vector<std::string> names(const std::vector<ObjectName>& objects) {
  std::vector<std::string> texts;
  for (const ObjectName& object : objects) texts.push_back(object.to_string());
  return texts;
}

std::vector<std::string> relations(std::string_view sql) {
  return names(read_statement(sql).relations);
}

std::vector<std::string> functions(std::string_view sql) {
  std::vector<std::string> texts;
  for (const FunctionUse& use : read_statement(sql).functions) {
    texts.push_back(use.name.to_string() + "/" + std::to_string(use.arguments) +
                    (use.form == FunctionUse::Form::kAttribute ? "@" + use.qualifier : ""));
  }
  return texts;
}

std::vector<std::string> operators(std::string_view sql) {
  std::vector<std::string> texts;
  for (const OperatorUse& use : read_statement(sql).operators) {
    texts.push_back(use.name.to_string() + "/" + std::to_string(use.operands));
  }
  return texts;
}

TEST(WalkerTest, KindsAreToldApart) {
  using enum StatementKind;
  const std::vector<std::pair<std::string, StatementKind>> cases{
      {"SELECT 1", kRead},
      {"VALUES (1),(2)", kRead},
      {"TABLE t", kRead},
      {"WITH a AS (SELECT 1) SELECT * FROM a", kRead},
      {"(SELECT 1) UNION (SELECT 2)", kRead},
      {"INSERT INTO t VALUES (1)", kWrite},
      {"INSERT INTO t DEFAULT VALUES RETURNING a", kWrite},
      {"INSERT INTO t SELECT * FROM u ON CONFLICT (id) DO UPDATE SET v=excluded.v", kWrite},
      {"UPDATE t SET a=1 FROM u WHERE u.id=t.id", kWrite},
      {"UPDATE t SET (a,b)=(SELECT 1,2)", kWrite},
      {"DELETE FROM t USING u WHERE u.id=t.id", kWrite},
      {"MERGE INTO t USING u ON t.id=u.id WHEN MATCHED THEN DELETE", kWrite},
      {"WITH d AS (DELETE FROM t RETURNING *) SELECT * FROM d", kWrite},
      {"SELECT * INTO n FROM t", kWrite},
      {"SELECT * FROM t FOR UPDATE", kWrite},
      {"SELECT * FROM (SELECT * FROM t FOR SHARE) x", kWrite},
      {"TRUNCATE t, u", kWrite},
      {"CALL p()", kWrite},
      {"DO $$BEGIN END$$", kWrite},
      {"NOTIFY c", kWrite},
      {"LOCK TABLE t", kWrite},
      {"COPY t FROM STDIN", kWrite},
      {"EXECUTE p", kWrite},
      {"CREATE TABLE n (a int)", kSchemaChange},
      {"CREATE TEMP TABLE n AS SELECT 1", kSchemaChange},
      {"CREATE INDEX ON t (a)", kSchemaChange},
      {"CREATE VIEW v AS SELECT 1", kSchemaChange},
      {"CREATE MATERIALIZED VIEW v AS SELECT 1", kSchemaChange},
      {"REFRESH MATERIALIZED VIEW v", kSchemaChange},
      {"ALTER TABLE t ADD COLUMN b int", kSchemaChange},
      {"DROP TABLE t", kSchemaChange},
      {"GRANT SELECT ON t TO r", kSchemaChange},
      {"COMMENT ON TABLE t IS 'x'", kSchemaChange},
      {"CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'select 1'", kSchemaChange},
      {"CREATE RULE r AS ON INSERT TO t DO ALSO (SELECT 1; SELECT 2)", kSchemaChange},
      {"SET timezone = 'UTC'", kSessionChange},
      {"SET LOCAL work_mem = '1MB'", kSessionChange},
      {"SET ROLE x", kSessionChange},
      {"SET SESSION AUTHORIZATION x", kSessionChange},
      {"RESET ALL", kSessionChange},
      {"DISCARD ALL", kSessionChange},
      {"SET CONSTRAINTS ALL DEFERRED", kSessionChange},
      {"PREPARE p AS SELECT 1", kSessionChange},
      {"DEALLOCATE ALL", kSessionChange},
      {"LISTEN c", kSessionChange},
      {"UNLISTEN *", kSessionChange},
      {"LOAD 'x'", kSessionChange},
      {"BEGIN", kTransactionControl},
      {"START TRANSACTION ISOLATION LEVEL SERIALIZABLE", kTransactionControl},
      {"COMMIT", kTransactionControl},
      {"ROLLBACK TO SAVEPOINT s", kTransactionControl},
      {"SAVEPOINT s", kTransactionControl},
      {"PREPARE TRANSACTION 'x'", kTransactionControl},
      {"SELECT 1; SELECT 2", kMultiple},
      {"SELECT 1;", kRead},
      {"EXPLAIN ANALYZE DELETE FROM t", kOther},
      {"SHOW timezone", kOther},
      {"VACUUM", kOther},
      {"DECLARE c CURSOR FOR SELECT 1", kOther},
      {"FETCH c", kOther},
      {"", kOther},
      {" ; ", kOther},
      {"-- nothing", kOther},
      {"SELEC 1", kOther},
      {"SELECT (", kOther},
      {"SELECT ?", kOther},
  };
  for (const auto& [sql, kind] : cases) {
    const StatementShape shape = read_statement(sql);
    EXPECT_EQ(static_cast<int>(shape.kind), static_cast<int>(kind)) << sql;
    EXPECT_EQ(shape.never.empty(), kind == kRead) << sql;
    EXPECT_EQ(shape.refusal.empty(),
              kind != kSessionChange && kind != kTransactionControl && kind != kMultiple)
        << sql;
    EXPECT_EQ(shape.may_change_session, kind != kRead) << sql;
  }
}

TEST(WalkerTest, RefusalsNameTheDeclaredWay) {
  for (const char* sql : {"SET search_path = x", "SET LOCAL work_mem = '1MB'", "SET ROLE x"}) {
    EXPECT_EQ(read_statement(sql).refusal,
              "SET is refused on a pooled connection: declare it instead, with "
              "Database::with_session({.role = ..., .settings = ...})");
  }
  EXPECT_THAT(read_statement("RESET ALL").refusal, HasSubstr("RESET is refused"));
  EXPECT_THAT(read_statement("SELECT 1; SELECT 2; SELECT 3").refusal,
              HasSubstr("one statement per call: this text has 3"));
  EXPECT_THAT(read_statement("COMMIT").refusal, HasSubstr("transact"));
}

TEST(WalkerTest, RelationsAreFoundWhereverTheyAreNamed) {
  EXPECT_THAT(relations("SELECT (SELECT max(v) FROM b) FROM a WHERE EXISTS (SELECT 1 FROM c)"),
              UnorderedElementsAre("a", "b", "c"));
  EXPECT_THAT(relations("SELECT * FROM s.a, LATERAL (SELECT * FROM b LIMIT 1) x"),
              UnorderedElementsAre("s.a", "b"));
  EXPECT_THAT(relations("SELECT * FROM a LEFT JOIN (b NATURAL JOIN c) ON true"),
              UnorderedElementsAre("a", "b", "c"));
  EXPECT_THAT(relations("SELECT 1 FROM a UNION ALL SELECT 2 FROM b EXCEPT SELECT 3 FROM c"),
              UnorderedElementsAre("a", "b", "c"));
  EXPECT_THAT(relations("SELECT count(*) FILTER (WHERE EXISTS (SELECT 1 FROM b)), sum(v) OVER "
                        "(PARTITION BY (SELECT 1 FROM c)) FROM a ORDER BY (SELECT 1 FROM d) LIMIT "
                        "(SELECT 1 FROM e) OFFSET (SELECT 1 FROM f)"),
              UnorderedElementsAre("a", "b", "c", "d", "e", "f"));
  EXPECT_THAT(relations("VALUES ((SELECT 1 FROM a)), (2)"), ElementsAre("a"));
  EXPECT_THAT(
      relations("SELECT * FROM f((SELECT 1 FROM a)), ROWS FROM (g(ARRAY(SELECT 1 FROM b)))"),
      UnorderedElementsAre("a", "b"));
  EXPECT_THAT(
      relations("SELECT ARRAY[(SELECT 1 FROM a)], ROW((SELECT 1 FROM b)), CASE WHEN (SELECT "
                "true FROM c) THEN 1 END, (ARRAY[1])[(SELECT 1 FROM d)]"),
      UnorderedElementsAre("a", "b", "c", "d"));
  EXPECT_THAT(relations("SELECT x FROM a GROUP BY GROUPING SETS ((x), ((SELECT 1 FROM b))) HAVING "
                        "(SELECT true FROM c)"),
              UnorderedElementsAre("a", "b", "c"));
  EXPECT_THAT(relations("SELECT * FROM \"MiXed\", \"select\", ONLY a, a AS b"),
              UnorderedElementsAre("MiXed", "select", "a"));
  EXPECT_THAT(relations("SELECT xmlelement(name x, (SELECT 1 FROM a))"), ElementsAre("a"));
  EXPECT_THAT(
      relations("SELECT DISTINCT ON ((SELECT 1 FROM a)) 1 FROM b TABLESAMPLE system ((SELECT "
                "1 FROM c))"),
      UnorderedElementsAre("a", "b", "c"));
  EXPECT_THAT(relations("TABLE a"), ElementsAre("a"));
}

TEST(WalkerTest, WithNamesHideTablesOnlyInTheirScope) {
  EXPECT_THAT(relations("WITH b AS (SELECT * FROM a) SELECT * FROM b"), ElementsAre("a"));
  EXPECT_THAT(relations("WITH b AS (SELECT * FROM b) SELECT * FROM b"), ElementsAre("b"));
  EXPECT_THAT(relations("WITH RECURSIVE b AS (SELECT 1 UNION ALL SELECT * FROM b) SELECT * FROM b"),
              IsEmpty());
  EXPECT_THAT(relations("WITH a AS (SELECT * FROM b), b AS (SELECT 1) SELECT * FROM a, b"),
              ElementsAre("b"));
  EXPECT_THAT(relations("WITH a AS (SELECT 1), b AS (SELECT * FROM a) SELECT * FROM b"), IsEmpty());
  EXPECT_THAT(relations("WITH RECURSIVE a AS (SELECT * FROM b), b AS (SELECT 1) SELECT * FROM a"),
              IsEmpty());
  EXPECT_THAT(relations("SELECT * FROM (WITH a AS (SELECT 1) SELECT * FROM a) x, a"),
              ElementsAre("a"));
  EXPECT_THAT(relations("WITH a AS (SELECT 1) SELECT * FROM (SELECT * FROM a) x, s.a"),
              ElementsAre("s.a"));
  EXPECT_THAT(relations("WITH u AS (SELECT * FROM c) SELECT * FROM a"),
              UnorderedElementsAre("a", "c"));
  EXPECT_THAT(relations("WITH a AS (SELECT 1) (SELECT * FROM a UNION SELECT * FROM b) ORDER BY 1"),
              ElementsAre("b"));
  EXPECT_THAT(
      relations("SELECT * FROM (WITH a AS (SELECT 1) SELECT * FROM a) x UNION SELECT * FROM a"),
      ElementsAre("a"));
  const StatementShape insert =
      read_statement("WITH t AS (SELECT 1) INSERT INTO t SELECT * FROM t");
  EXPECT_THAT(names(insert.writes), ElementsAre("t"));  // the target is never a WITH query
  EXPECT_THAT(insert.relations, IsEmpty());
}

TEST(WalkerTest, WritesAreNamed) {
  EXPECT_THAT(names(read_statement("TRUNCATE a, s.b").writes), ElementsAre("a", "s.b"));
  EXPECT_THAT(names(read_statement("COPY a FROM STDIN").writes), ElementsAre("a"));
  EXPECT_THAT(names(read_statement("COPY a TO STDOUT").writes), IsEmpty());
  EXPECT_THAT(names(read_statement("WITH x AS (UPDATE a SET v=1 RETURNING 1), y AS (DELETE FROM b "
                                   "RETURNING 1) INSERT INTO c SELECT * FROM x, y")
                        .writes),
              UnorderedElementsAre("a", "b", "c"));
  EXPECT_THAT(names(read_statement("SELECT 1 INTO n").writes), ElementsAre("n"));
}

TEST(WalkerTest, FunctionsAreFoundInEveryDisguise) {
  EXPECT_THAT(functions("SELECT f(1, 2), s.g(), count(*)"),
              UnorderedElementsAre("f/2", "s.g/0", "count/0"));
  EXPECT_THAT(functions("SELECT t.f, (t).g, ((1)).h FROM t"),
              UnorderedElementsAre("f/1@t", "g/1@", "h/1@"));
  EXPECT_THAT(functions("SELECT extract(year FROM a), a AT TIME ZONE 'UTC', trim(b), overlay(a "
                        "placing b from 1), substring(a from 1 for 2), position(a in b)"),
              UnorderedElementsAre("pg_catalog.extract/2", "pg_catalog.timezone/2",
                                   "pg_catalog.btrim/1", "pg_catalog.overlay/3",
                                   "pg_catalog.substring/3", "pg_catalog.position/2"));
  EXPECT_THAT(functions("SELECT a FROM unnest(x, y) u"), ElementsAre("unnest/1"));
  EXPECT_THAT(functions("SELECT a LIKE b ESCAPE 'x', a SIMILAR TO b"),
              UnorderedElementsAre("pg_catalog.like_escape/2", "pg_catalog.similar_to_escape/1"));
}

TEST(WalkerTest, OperatorsAreFoundWrittenOrImplied) {
  EXPECT_THAT(operators("SELECT a + b, - c, a OPERATOR(s.###) b"),
              UnorderedElementsAre("+/2", "-/1", "s.###/2"));
  EXPECT_THAT(operators("SELECT a LIKE b"), Contains("~~/2"));
  EXPECT_THAT(operators("SELECT a != b"), ElementsAre("<>/2"));
  EXPECT_THAT(operators("SELECT a FROM b ORDER BY a USING OPERATOR(s.>>)"), ElementsAre("s.>>/2"));
  for (const char* sql :
       {"SELECT * FROM a JOIN b USING (x)", "SELECT * FROM a NATURAL JOIN b",
        "SELECT a IN (SELECT 1)", "SELECT a IN (1, 2)", "SELECT CASE a WHEN 1 THEN 2 END",
        "SELECT a BETWEEN 1 AND 2", "SELECT nullif(a, b)", "SELECT a IS DISTINCT FROM b",
        "SELECT 1 UNION SELECT 2"}) {
    EXPECT_THAT(operators(sql), Contains("=/2")) << sql;
  }
  EXPECT_THAT(operators("SELECT a BETWEEN 1 AND 2"), Contains(">=/2"));
  EXPECT_THAT(operators("SELECT a FROM b ORDER BY a"), IsEmpty());
}

TEST(WalkerTest, ParametersAreCountedByTheHighest) {
  EXPECT_EQ(read_statement("SELECT $1, $3").parameters, 3U);
  EXPECT_EQ(read_statement("SELECT 1").parameters, 0U);
  EXPECT_EQ(read_statement("SELECT * FROM t LIMIT $2 OFFSET $1").parameters, 2U);
  EXPECT_EQ(read_statement("INSERT INTO t VALUES ($1, $2)").parameters, 2U);
}

TEST(WalkerTest, MovingTimesAreSeen) {
  for (const char* sql :
       {"SELECT 'now'::timestamptz", "SELECT * FROM t WHERE d = 'TODAY'",
        "SELECT * FROM t WHERE d > ' tomorrow 10:00'", "SELECT E'\\x6eow'", "SELECT U&'\\006eow'",
        "SELECT '[today,)'::daterange", "SELECT '{yesterday}'::date[]", "SELECT $$now$$",
        "SELECT current_date", "SELECT localtimestamp(3)", "SELECT current_time",
        "SELECT current_schema", "SELECT ctid FROM t", "SELECT t.xmin FROM t",
        "SELECT tableoid FROM t", "SELECT * FROM t TABLESAMPLE system (1)"}) {
    EXPECT_THAT(read_statement(sql).ttl_only, Not(IsEmpty())) << sql;
  }
  for (const char* sql : {"SELECT 'know'", "SELECT 'nowhere'", "SELECT now", "SELECT current_user",
                          "SELECT session_user, current_role, current_catalog, user"}) {
    EXPECT_THAT(read_statement(sql).ttl_only, IsEmpty()) << sql;
  }
  EXPECT_EQ(time_word("2020-01-01"), "");
  EXPECT_EQ(time_word("(1,Now)"), "now");
}

TEST(WalkerTest, CastsToTimesKnowWhereTheirTextComesFrom) {
  const auto of_unknown = [](std::string_view expression) {
    for (const CastUse& cast : read_statement("SELECT " + std::string{expression}).casts) {
      if (cast.type.name == "date" && cast.of_unknown) return true;
    }
    return false;
  };
  for (const char* text : {"(a->>'x')::date", "(a || b)::date", "lower(a)::date", "f(a)::date",
                           "(SELECT a)::date", "CAST(substr(a, 1) AS date)", "date(a || b)",
                           "coalesce(x, a || b)::date", "(CASE WHEN x THEN a || b END)::date",
                           "((a - b)::text)::date", "(a.b).c::date", "* FROM f() AS x(d date)"}) {
    EXPECT_TRUE(of_unknown(text)) << text;
  }
  for (const char* text :
       {"a::date", "a.b::date", "'2020-01-01'::date", "$1::date", "date '2020-01-01'",
        "date_trunc('day', a)::date", "(a + 1)::date", "max(a)::date", "a::timestamp::date",
        "coalesce(a, b)::date", "date(a)"}) {
    EXPECT_FALSE(of_unknown(text)) << text;
  }
}

TEST(WalkerTest, CustomSettingsAreToldFromServerSettings) {
  const auto form = [](std::string_view sql) { return read_statement(sql).functions.at(0).form; };
  EXPECT_EQ(form("SELECT current_setting('app.user')"), FunctionUse::Form::kCustomSetting);
  EXPECT_EQ(form("SELECT current_setting('app.user'::text, true)"),
            FunctionUse::Form::kCustomSetting);
  EXPECT_EQ(form("SELECT current_setting('work_mem')"), FunctionUse::Form::kCall);
  EXPECT_EQ(form("SELECT current_setting(a || 'app.user')"), FunctionUse::Form::kCall);
}

TEST(WalkerTest, ANodeTypeOfALaterParserIsNotCached) {
  const auto never = [](const char* json) {
    const SqlTree tree = read_json(json);
    EXPECT_EQ(tree.problem, "");
    StatementShape shape;
    StatementWalker{shape}.visit(tree.root);
    return shape.never;
  };
  EXPECT_THAT(never(R"({"SelectStmt":{"targetList":[{"A_Star":{}}]}})"), IsEmpty());
  EXPECT_THAT(never(R"({"SelectStmt":{"targetList":[{"JsonTable":{"x":1}}]}})"),
              ElementsAre("JsonTable is not understood"));
  EXPECT_THAT(never(R"({"SelectStmt":{"newClause":{"relname":"t"}}})"),
              ElementsAre("SelectStmt.newClause is not understood"));
  // A node in a later member of a known type is found by itself.
  EXPECT_THAT(never(R"({"SelectStmt":{"newList":[{"Later":{}}]}})"),
              ElementsAre("Later is not understood"));
}

TEST(WalkerTest, FunctionBodiesAreReadLikeStatements) {
  const StatementShape body = read_function_body(
      "CREATE FUNCTION f() RETURNS int LANGUAGE sql STABLE BEGIN ATOMIC SELECT 1 FROM a; SELECT "
      "now() FROM b; END");
  EXPECT_THAT(names(body.relations), UnorderedElementsAre("a", "b"));
  ASSERT_EQ(body.functions.size(), 1U);
  EXPECT_EQ(body.functions[0].name.name, "now");
  EXPECT_THAT(names(read_function_body("CREATE FUNCTION f() RETURNS int LANGUAGE sql STABLE RETURN "
                                       "(SELECT 1 FROM c)")
                        .relations),
              ElementsAre("c"));
}

TEST(WalkerTest, HostileTextsAreRefusedAndNotParsed) {
  const auto repeat = [](const std::string& text, int times) {
    std::string all;
    for (int i = 0; i < times; ++i) all += text;
    return all;
  };
  for (const std::string& sql :
       {"SELECT " + std::string(10'000, '(') + "1" + std::string(10'000, ')'),
        "SELECT 1" + repeat("+1", 50'000), "SELECT " + repeat("- ", 50'000) + "1",
        "SELECT 1" + repeat("::int", 20'000), "SELECT 1 FROM a" + repeat(" NATURAL JOIN a", 20'000),
        repeat("SELECT (", 5'000) + "1" + std::string(5'000, ')'),
        "SELECT 1" + repeat(" UNION SELECT 1", 20'000), "SELECT " + repeat("NOT ", 20'000) + "true",
        "SELECT " + repeat("CASE WHEN true THEN ", 5'000) + "1" + repeat(" END", 5'000),
        "SELECT '" + std::string(1'000'000, 'x') + "'", "SELECT " + std::string(10'000, '['),
        "SELECT a" + repeat("[1]", 50'000)}) {
    const StatementShape shape = read_statement(sql);
    EXPECT_EQ(static_cast<int>(shape.kind), static_cast<int>(StatementKind::kOther))
        << sql.substr(0, 40);
    EXPECT_THAT(shape.never, Not(IsEmpty()));
  }
}

TEST(WalkerTest, LongHarmlessListsAreParsed) {
  std::string list = "SELECT * FROM t WHERE a IN (0";
  for (int i = 1; i < 10'000; ++i) list += "," + std::to_string(i);
  EXPECT_EQ(static_cast<int>(read_statement(list + ")").kind),
            static_cast<int>(StatementKind::kRead));
  std::string values = "INSERT INTO t VALUES (1,NULL,true)";
  for (int i = 1; i < 5'000; ++i) values += ",(1,NULL,default)";
  EXPECT_EQ(static_cast<int>(read_statement(values).kind), static_cast<int>(StatementKind::kWrite));
}

TEST(WalkerTest, ReasonsDoNotQuoteTheStatement) {
  const StatementShape shape = read_statement("SELECT 'secret' secret2 'secret3' FROM WHERE");
  ASSERT_EQ(shape.never.size(), 1U);
  EXPECT_THAT(shape.never[0], Not(HasSubstr("secret")));
}

TEST(WalkerTest, BrokenTreesAreProblemsNotCrashes) {
  for (const char* json : {"", "{", "[", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":tru}",
                           "\"\\u12\"", "\"\\", "[1,]x", "{}{}", "nul", "\"\\ud800\""}) {
    EXPECT_NE(read_json(json).problem, "") << json;
  }
  EXPECT_NE(read_json(std::string(100'000, '[')).problem, "");
  EXPECT_EQ(read_json("{\"a\":[1,-2.5e3,true,null,\"\\u0041\\n\\\"\"]}").problem, "");
}

TEST(WalkerTest, ThreadsParseAtTheSameTime) {
  std::vector<std::thread> threads;
  std::vector<int> failures(8, 0);
  for (std::size_t i = 0; i < failures.size(); ++i) {
    threads.emplace_back([i, &failures] {
      const std::string table = "t" + std::to_string(i);
      for (int round = 0; round < 100; ++round) {
        const std::string sql = round % 3 == 0 ? "SELECT FROM FROM " + table
                                               : "SELECT * FROM " + table + " WHERE a = 'x'";
        const std::vector<std::string> found = relations(sql);
        const bool right = round % 3 == 0 ? found.empty() : found == std::vector{table};
        if (!right) ++failures[i];
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(failures, ::testing::Each(0));
}

}  // namespace
}  // namespace weir::postgres
