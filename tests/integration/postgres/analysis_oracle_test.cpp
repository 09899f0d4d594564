#include <fmt/format.h>
#include <gmock/gmock.h>
#include <libpq-fe.h>

#include <memory>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "drivers/postgres/function_rules.hpp"
#include "tests/integration/postgres/analysis_fixture.hpp"

namespace weir::postgres::test {
namespace {

using spi::Cacheability;
using spi::StatementKind;
using ::testing::IsEmpty;

constexpr auto kRead = StatementKind::kRead;
constexpr auto kWrite = StatementKind::kWrite;
constexpr auto kOther = StatementKind::kOther;
constexpr auto kProvable = Cacheability::kProvable;
constexpr auto kTtl = Cacheability::kTtlOnly;
constexpr auto kNever = Cacheability::kNever;

struct Case {
  const char* sql{};
  StatementKind kind{};
  Cacheability cacheability{};
  std::vector<std::string> relations{};
  const char* reason{""};  ///< Part of one of the reasons.
};

const std::vector<Case>& cases() {
  static const std::vector<Case> all{
      // Plain reads.
      {"SELECT 1", kRead, kProvable, {}},
      {"SELECT * FROM orders", kRead, kProvable, {"public.orders"}},
      {"SELECT * FROM orders WHERE id = $1 AND status = $2", kRead, kProvable, {"public.orders"}},
      {"TABLE orders", kRead, kProvable, {"public.orders"}},
      {"VALUES (1, 'a'), (2, 'b')", kRead, kProvable, {}},
      {"SELECT o.*, c.name FROM orders o LEFT JOIN customers c ON c.id = o.customer_id",
       kRead,
       kProvable,
       {"public.customers", "public.orders"}},
      {"SELECT * FROM orders o JOIN items i ON i.order_id = o.id JOIN products p ON p.id = "
       "i.product_id "
       "WHERE o.total BETWEEN 1 AND 100 ORDER BY o.placed DESC LIMIT 10 OFFSET 5",
       kRead,
       kProvable,
       {"public.items", "public.orders", "public.products"}},
      {"SELECT (SELECT max(total) FROM orders) FROM customers WHERE EXISTS (SELECT 1 FROM items)",
       kRead,
       kProvable,
       {"public.customers", "public.items", "public.orders"}},
      {"SELECT * FROM customers c, LATERAL (SELECT * FROM orders o WHERE o.customer_id = c.id "
       "LIMIT 1) x",
       kRead,
       kProvable,
       {"public.customers", "public.orders"}},
      {"SELECT a.id FROM orders a LEFT JOIN items b ON b.order_id = a.id WHERE false",
       kRead,
       kProvable,
       {"public.items", "public.orders"}},
      {"SELECT id FROM orders UNION SELECT id FROM customers EXCEPT SELECT 1 INTERSECT SELECT 2",
       kRead,
       kProvable,
       {"public.customers", "public.orders"}},
      {"SELECT * FROM customers NATURAL JOIN products",
       kRead,
       kProvable,
       {"public.customers", "public.products"}},
      {"SELECT * FROM (customers JOIN products USING (id)) AS j",
       kRead,
       kProvable,
       {"public.customers", "public.products"}},
      {"SELECT * FROM other.orders", kRead, kProvable, {"other.orders"}},
      {"SELECT \"Id\", \"select\" FROM \"MiXed\"", kRead, kProvable, {"public.MiXed"}},
      {"SELECT c FROM customers c", kRead, kProvable, {"public.customers"}},
      {"SELECT * FROM ONLY animals", kRead, kProvable, {"public.animals"}},
      {"SELECT u.age, u.name FROM customers u WHERE u.age > 3",
       kRead,
       kProvable,
       {"public.customers"}},
      // WITH.
      {"WITH items AS (SELECT * FROM orders) SELECT * FROM items",
       kRead,
       kProvable,
       {"public.orders"}},
      {"WITH orders AS (SELECT * FROM orders) SELECT * FROM orders",
       kRead,
       kProvable,
       {"public.orders"}},
      {"WITH RECURSIVE r AS (SELECT id FROM customers WHERE id = 1 UNION ALL SELECT o.id::int FROM "
       "orders o JOIN r ON "
       "o.id = r.id + 1) SELECT * FROM r",
       kRead,
       kProvable,
       {"public.customers", "public.orders"}},
      {"WITH u AS (SELECT * FROM items) SELECT 1 FROM orders",
       kRead,
       kProvable,
       {"public.items", "public.orders"}},
      // Functions and operators.
      {"SELECT lower(name), initcap(name), length(note), coalesce(name, 'x'), nullif(age, 3), "
       "greatest(age, 1) FROM "
       "customers",
       kRead,
       kProvable,
       {"public.customers"}},
      {"SELECT count(*), sum(total), avg(total), min(placed), max(placed), array_agg(id ORDER BY "
       "id), string_agg(status, "
       "',') FROM orders GROUP BY customer_id HAVING count(*) > 1",
       kRead,
       kProvable,
       {"public.orders"}},
      {"SELECT row_number() OVER (PARTITION BY customer_id ORDER BY placed), lag(total, 1) OVER w "
       "FROM orders WINDOW w "
       "AS (ORDER BY id)",
       kRead,
       kProvable,
       {"public.orders"}},
      {"SELECT to_char(placed, 'YYYY-MM'), date_trunc('month', placed), extract(year FROM placed), "
       "placed AT TIME ZONE "
       "'UTC' FROM orders",
       kRead,
       kProvable,
       {"public.orders"}},
      {"SELECT concat(name, age), format('%s', name), name || age FROM customers",
       kRead,
       kProvable,
       {"public.customers"}},
      {"SELECT json_agg(o), json_build_object('a', 1), to_jsonb(o.*), jsonb_object_agg(id, total) "
       "FROM orders o GROUP BY o.id",
       kRead,
       kProvable,
       {"public.orders"}},
      {"SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY total), mode() WITHIN GROUP (ORDER BY "
       "status) FROM orders",
       kRead,
       kProvable,
       {"public.orders"}},
      {"SELECT data->>'a', data @> '{\"a\":1}', data ? 'a', data #>> '{a}', "
       "jsonb_array_elements('[1]') FROM customers",
       kRead,
       kProvable,
       {"public.customers"}},
      {"SELECT * FROM generate_series(1, 3) g(n), unnest(ARRAY[1,2], ARRAY['a']) u(a, b)",
       kRead,
       kProvable,
       {}},
      {"SELECT name LIKE 'a%', name ILIKE 'b', name ~ 'c', name SIMILAR TO 'd', name !~* 'e' FROM "
       "customers",
       kRead,
       kProvable,
       {"public.customers"}},
      {"SELECT age = ANY ($1), age IN (1, 2), age NOT IN (SELECT 1), tags && ARRAY['x'], tags[1] "
       "FROM customers",
       kRead,
       kProvable,
       {"public.customers"}},
      {"SELECT CASE age WHEN 1 THEN 'a' ELSE 'b' END, CASE WHEN age > 1 THEN 2 END FROM customers",
       kRead,
       kProvable,
       {"public.customers"}},
      {"SELECT mood, mood > 'sad', mood::text, 'ok'::mood FROM customers",
       kRead,
       kProvable,
       {"public.customers"}},
      {"SELECT born + 1, born - born, age(placed, placed), placed - interval '1 day', born < "
       "placed FROM customers, "
       "orders",
       kRead,
       kProvable,
       {"public.customers", "public.orders"}},
      {"SELECT to_tsvector('english', name) @@ to_tsquery('a') FROM customers",
       kRead,
       kProvable,
       {"public.customers"}},
      {"SELECT current_user, session_user, current_database(), current_role", kRead, kProvable, {}},
      {"SELECT round(total), abs(total), total::int, total % 3, -total, pi() FROM orders",
       kRead,
       kProvable,
       {"public.orders"}},
      {"SELECT xmlelement(name x, name), 'a' COLLATE \"C\", ROW(1, 2) < ROW(1, 3) FROM customers",
       kRead,
       kProvable,
       {"public.customers"}},
      {"SELECT 5::positive", kRead, kProvable, {}},
      {"SELECT sold @> '2020-05-05'::date, lower(sold) FROM products",
       kRead,
       kProvable,
       {"public.products"}},
      // Times.
      {"SELECT now()", kRead, kTtl, {}, "now()"},
      {"SELECT * FROM orders WHERE placed > now() - interval '1 hour'",
       kRead,
       kTtl,
       {"public.orders"},
       "now()"},
      {"SELECT current_date", kRead, kTtl, {}, "current_date"},
      {"SELECT localtimestamp, current_time(2)", kRead, kTtl, {}, "localtimestamp"},
      {"SELECT * FROM orders WHERE placed >= 'today'", kRead, kTtl, {"public.orders"}, "'today'"},
      {"SELECT 'now'::timestamptz", kRead, kTtl, {}, "'now'"},
      {"SELECT age(placed) FROM orders", kRead, kTtl, {"public.orders"}, "age()"},
      {"SELECT born::timestamp, placed::date, date(placed), date(coalesce(born, placed)) FROM "
       "customers, "
       "orders",
       kRead,
       kProvable,
       {"public.customers", "public.orders"}},
      {"SELECT note::date FROM customers", kRead, kTtl, {"public.customers"}, "text cast to date"},
      {"SELECT date(note) FROM customers", kRead, kTtl, {"public.customers"}, "text cast to date"},
      {"SELECT (data->>'d')::timestamptz FROM customers",
       kRead,
       kTtl,
       {"public.customers"},
       "text cast"},
      {"SELECT s.born::date FROM (SELECT note AS born FROM customers) s",
       kRead,
       kTtl,
       {"public.customers"},
       "text cast"},
      {"SELECT born::date FROM text_dates",
       kRead,
       kTtl,
       {"public.customers", "public.text_dates"},
       "text cast"},
      {"SELECT note::day FROM customers", kRead, kTtl, {"public.customers"}, "text cast"},
      {"SELECT note::pair FROM customers", kRead, kTtl, {"public.customers"}, "text cast"},
      {"SELECT * FROM jsonb_to_record('{}') AS x(d date)", kRead, kTtl, {}, "jsonb_to_record"},
      {"SELECT '10:00'::timetz", kRead, kTtl, {}, "timetz"},
      {"SELECT * FROM clocks", kRead, kTtl, {"public.clocks"}, "clocks.at is timetz"},
      // Chance, session, effects.
      {"SELECT random()", kRead, kTtl, {}, "random()"},
      {"SELECT gen_random_uuid(), clock_timestamp()", kRead, kTtl, {}, "gen_random_uuid()"},
      {"SELECT * FROM orders TABLESAMPLE bernoulli (10)",
       kRead,
       kTtl,
       {"public.orders"},
       "TABLESAMPLE"},
      {"SELECT pg_backend_pid()", kRead, kNever, {}, "pg_backend_pid"},
      {"SELECT txid_current()", kRead, kNever, {}, "txid_current"},
      {"SELECT current_query()", kRead, kNever, {}, "current_query"},
      {"SELECT pg_advisory_lock(1)", kRead, kNever, {}, "pg_advisory_lock"},
      {"SELECT g.pg_advisory_xact_lock FROM generate_series(1, 2) g",
       kRead,
       kNever,
       {},
       "pg_advisory_xact_lock"},
      {"SELECT ('numbers'::text).nextval", kWrite, kNever, {}, "nextval"},
      {"SELECT nextval('numbers')", kWrite, kNever, {}, "nextval"},
      {"SELECT setval('numbers', 5)", kWrite, kNever, {}, "setval"},
      {"SELECT currval('numbers')", kRead, kNever, {}, "currval"},
      {"SELECT pg_notify('a', 'b')", kWrite, kNever, {}, "pg_notify"},
      {"SELECT set_config('timezone', 'UTC', false)", kWrite, kNever, {}, "set_config"},
      {"SELECT query_to_xml('select * from hidden', true, false, '')",
       kWrite,
       kNever,
       {},
       "query_to_xml"},
      {"SELECT current_setting('work_mem')", kRead, kTtl, {}, "current_setting"},
      {"SELECT version()", kRead, kTtl, {}, "version"},
      {"SELECT pg_total_relation_size('orders')", kRead, kTtl, {}, "pg_total_relation_size"},
      {"SELECT has_table_privilege('orders', 'select')", kRead, kTtl, {}, "has_table_privilege"},
      {"SELECT table_to_xml('orders', true, false, '')", kRead, kTtl, {}, "table_to_xml"},
      {"SELECT 'orders'::regclass", kRead, kTtl, {}, "regclass"},
      {"SELECT to_regclass('orders')", kRead, kTtl, {}, "to_regclass"},
      {"SELECT ctid FROM orders", kRead, kTtl, {"public.orders"}, "ctid"},
      {"SELECT tableoid FROM measures", kRead, kTtl, {"public.measures"}, "tableoid"},
      // Relations of every kind.
      {"SELECT * FROM loose", kRead, kTtl, {"public.loose"}, "run weir track"},
      {"SELECT * FROM orders, loose",
       kRead,
       kTtl,
       {"public.loose", "public.orders"},
       "public.loose is not tracked"},
      {"SELECT * FROM over_loose",
       kRead,
       kTtl,
       {"public.loose", "public.over_loose"},
       "public.loose is not tracked"},
      {"SELECT * FROM order_totals",
       kRead,
       kProvable,
       {"public.customers", "public.order_totals", "public.orders"}},
      {"SELECT * FROM by_name",
       kRead,
       kProvable,
       {"public.by_name", "public.customers", "public.order_totals", "public.orders"}},
      {"SELECT * FROM recent",
       kRead,
       kTtl,
       {"public.orders", "public.recent"},
       "in view public.recent"},
      {"SELECT * FROM lucky", kRead, kTtl, {"public.customers", "public.lucky"}, "random()"},
      {"SELECT * FROM sales", kRead, kProvable, {"public.sales"}},
      {"SELECT * FROM over_sales", kRead, kProvable, {"public.over_sales", "public.sales"}},
      {"SELECT * FROM measures", kRead, kProvable, {"public.measures"}},
      {"SELECT * FROM measures_2024_1 WHERE v = 1", kRead, kProvable, {"public.measures_2024_1"}},
      {"SELECT * FROM dogs", kRead, kProvable, {"public.dogs"}},
      {"SELECT last_value FROM numbers", kRead, kTtl, {"public.numbers"}, "sequence"},
      {"SELECT * FROM pg_class", kRead, kTtl, {"pg_catalog.pg_class"}, "system relation"},
      {"SELECT table_name FROM information_schema.tables",
       kRead,
       kTtl,
       {"information_schema.tables"},
       "system relation"},
      {"SELECT * FROM over_catalog",
       kRead,
       kTtl,
       {"pg_catalog.pg_class", "public.over_catalog"},
       "system relation"},
      {"SELECT * FROM pg_settings", kRead, kNever, {"pg_catalog.pg_settings"}, "session"},
      {"SELECT * FROM pg_stat_activity", kRead, kNever, {"pg_catalog.pg_stat_activity"}, "session"},
      {"SELECT * FROM weir.journal", kRead, kNever, {"weir.journal"}, "weir's own"},
      {"SELECT * FROM nowhere", kOther, kNever, {}, "nowhere does not exist"},
      {"SELECT * FROM nope.orders", kOther, kNever, {}, "nope.orders does not exist"},
      {"SELECT nope(1)", kOther, kNever, {}, "function nope does not exist"},
      {"SELECT 1 <<<>>> 2", kOther, kNever, {}, "operator <<<>>> does not exist"},
      {"SELECT 1::nope", kOther, kNever, {}, "type nope does not exist"},
      // What users made.
      {"SELECT f_plpgsql()", kRead, kTtl, {}, "f_plpgsql may read anything"},
      {"SELECT f_plpgsql(3)", kRead, kTtl, {}, "declare depends_on"},
      {"SELECT f_liar()", kRead, kTtl, {}, "f_liar may read anything"},
      {"SELECT f_volatile()", kWrite, kNever, {}, "f_volatile is volatile"},
      {"SELECT * FROM f_text()", kRead, kTtl, {}, "f_text"},
      {"SELECT f_atomic(1)", kRead, kProvable, {"public.products"}},
      {"SELECT f_return()",
       kRead,
       kProvable,
       {"public.by_name", "public.customers", "public.order_totals", "public.orders"}},
      {"SELECT f_atomic_now()", kRead, kTtl, {}, "now()"},
      {"SELECT f_atomic_default()", kRead, kTtl, {}, "now()"},
      {"SELECT f_atomic_liar()", kRead, kTtl, {}, "f_liar"},
      {"SELECT f_atomic_definer()", kRead, kTtl, {}, "f_atomic_definer"},
      {"SELECT c.label FROM customers c",
       kRead,
       kTtl,
       {"public.customers"},
       "label may read anything"},
      {"SELECT (c).label FROM customers c",
       kRead,
       kTtl,
       {"public.customers"},
       "label may read anything"},
      {"SELECT upper(mood) FROM customers", kRead, kTtl, {"public.customers"}, "public.upper"},
      {"SELECT upper(status) FROM orders", kRead, kProvable, {"public.orders"}},
      {"SELECT 1 ### 2", kRead, kTtl, {}, "op_reads"},
      {"SELECT hidden_sum(id) FROM customers", kRead, kTtl, {"public.customers"}, "hidden_sum"},
      {"SELECT p::bigint FROM pairs", kRead, kTtl, {"public.pairs"}, "pair_to_bigint"},
      {"SELECT abs(p) FROM pairs", kRead, kTtl, {"public.pairs"}, "pair_to_bigint"},
      {"SELECT 5::small", kRead, kTtl, {}, "is_small"},
      // Writes.
      {"INSERT INTO orders (id) VALUES (1)", kWrite, kNever, {}, "it writes orders"},
      {"UPDATE orders SET total = 1 FROM customers c WHERE c.id = 1",
       kWrite,
       kNever,
       {"public.customers"},
       "it writes"},
      {"DELETE FROM by_name", kWrite, kNever, {}, "it writes"},
      {"WITH d AS (DELETE FROM items RETURNING *) SELECT * FROM d",
       kWrite,
       kNever,
       {},
       "it writes items"},
      {"SELECT * FROM orders FOR UPDATE", kWrite, kNever, {"public.orders"}, "locks rows"},
      {"SELECT * FROM orders FOR NO KEY UPDATE SKIP LOCKED",
       kWrite,
       kNever,
       {"public.orders"},
       "locks rows"},
      {"SELECT * INTO copied FROM orders", kWrite, kNever, {"public.orders"}, "SELECT INTO"},
  };
  return all;
}

TEST_F(AnalysisTest, EveryStatementIsWhatItIs) {
  EXPECT_GE(cases().size(), 120U);
  for (const Case& expected : cases()) {
    SCOPED_TRACE(expected.sql);
    const spi::Analysis analysis = analyze(expected.sql);
    EXPECT_TRUE(analysis.kind == expected.kind && analysis.cacheability == expected.cacheability)
        << report(analysis);
    if (expected.kind != kOther) {
      EXPECT_EQ(names(analysis.relations), expected.relations);
    }
    EXPECT_EQ(analysis.reasons.empty(), expected.cacheability == kProvable);
    EXPECT_THAT(fmt::format("{}", fmt::join(analysis.reasons, "; ")),
                ::testing::HasSubstr(expected.reason));
  }
}

/// What a read locked when it ran: an oracle that has nothing to do with parsing.
TEST_F(AnalysisTest, WhatAStatementLocksIsWhatItDeclared) {
  std::size_t ran = 0;
  for (const Case& test : cases()) {
    if (test.kind != kRead || test.cacheability == kNever) continue;
    SCOPED_TRACE(test.sql);
    const spi::Analysis analysis = analyze(test.sql);
    // Functions with unknown bodies read what nobody declared, table_to_xml('orders') for one.
    if (analysis.opaque_only || (test.cacheability == kTtl && test.relations.empty())) continue;
    std::set<std::string> declared;
    for (const spi::RelationUse& use : analysis.relations) declared.insert(use.id);
    declared.insert(analysis.dependencies.begin(), analysis.dependencies.end());
    run("BEGIN");
    PqParams params;
    for (std::size_t i = 0; i < analysis.parameters; ++i) params.add_null();
    try {
      db().query(test.sql, params, in(std::chrono::seconds{20}));
      ++ran;
    } catch (const Error&) {  // some of the texts make sense to the parser only
      run("ROLLBACK");
      continue;
    }
    const Rows locked = db().exec(
        "SELECT l.relation::regclass, l.relation FROM pg_locks l JOIN pg_class c ON c.oid = "
        "l.relation WHERE l.pid = "
        "pg_backend_pid() AND l.relation >= 16384 AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')",
        in(std::chrono::seconds{20}));
    run("ROLLBACK");
    for (std::size_t row = 0; row < locked.size(); ++row) {
      EXPECT_TRUE(declared.contains(locked.string(row, 1)))
          << locked.text(row, 0) << " is undeclared";
    }
  }
  EXPECT_GT(ran, 70U);
}

/// The server's own analysed and rewritten tree of a statement, as it logs it: exact about views,
/// policies, overloads and implicit casts.
class ServerTree {
 public:
  explicit ServerTree(const std::string& dsn) : connection_{PQconnectdb(dsn.c_str()), &PQfinish} {
    PQsetNoticeProcessor(
        connection_.get(),
        [](void* self, const char* text) { *static_cast<std::string*>(self) += text; }, &log_);
    exec("SET search_path = public");
  }
  void exec(const char* sql) { PQclear(PQexec(connection_.get(), sql)); }
  /// Ids under these keys of the tree.
  std::set<std::string> ids(const std::string& sql, const std::string& keys) {
    exec(
        "SET log_min_messages = panic; SET client_min_messages = log; SET debug_print_rewritten = "
        "on");
    log_.clear();
    const std::unique_ptr<PGresult, decltype(&PQclear)> result{
        PQprepare(connection_.get(), "", sql.c_str(), 0, nullptr), &PQclear};
    EXPECT_EQ(PQresultStatus(result.get()), PGRES_COMMAND_OK) << PQerrorMessage(connection_.get());
    const std::string tree = log_;
    exec("RESET debug_print_rewritten; RESET client_min_messages");
    EXPECT_NE(tree.find("QUERY"), std::string::npos);
    std::set<std::string> found;
    const std::regex pattern{":(" + keys + ") ([0-9]+)"};
    for (std::sregex_iterator it{tree.begin(), tree.end(), pattern}, end; it != end; ++it) {
      if ((*it)[2] != "0") found.insert((*it)[2]);
    }
    return found;
  }

 private:
  std::unique_ptr<PGconn, decltype(&PQfinish)> connection_;
  std::string log_;
};

TEST_F(AnalysisTest, EveryFunctionTheServerSeesInAProvableStatementIsHarmless) {
  ServerTree server{dsn()};
  std::size_t functions = 0;
  for (const Case& test : cases()) {
    if (test.cacheability != kProvable) continue;
    SCOPED_TRACE(test.sql);
    const spi::Analysis analysis = analyze(test.sql);
    std::set<std::string> declared;
    for (const spi::RelationUse& use : analysis.relations) declared.insert(use.id);
    for (const std::string& id : server.ids(test.sql, "relid")) {
      EXPECT_TRUE(id.size() < 5 || declared.contains(id)) << value("SELECT " + id + "::regclass");
    }
    for (const std::string& id :
         server.ids(test.sql, "funcid|opfuncid|aggfnoid|winfnoid|elemfuncid")) {
      ++functions;
      const Rows row = db().exec(
          "SELECT proname, provolatile, pronamespace::regnamespace, prosqlbody IS NOT NULL AND "
          "prolang = 14 AND NOT "
          "prosecdef, EXISTS (SELECT FROM pg_operator WHERE oprcode = p.oid), EXISTS (SELECT FROM "
          "pg_cast WHERE castfunc = "
          "p.oid) FROM pg_proc p WHERE oid = " +
              id,
          in(std::chrono::seconds{20}));
      ASSERT_EQ(row.size(), 1U);
      if (row.text(0, 2) != "pg_catalog") {
        EXPECT_TRUE(row.boolean(0, 3)) << row.text(0, 0) << " has no readable body";
      } else if (!row.boolean(0, 4) && !row.boolean(0, 5)) {
        EXPECT_EQ(judge_builtin(row.text(0, 0), row.text(0, 1).front()).effect,
                  FunctionVerdict::Effect::kNone)
            << row.text(0, 0);
      } else {
        EXPECT_NE(row.text(0, 1), "v") << row.text(0, 0);
      }
    }
  }
  EXPECT_GT(functions, 80U);
}

}  // namespace
}  // namespace weir::postgres::test
