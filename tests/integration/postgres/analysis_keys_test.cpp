#include <fmt/format.h>
#include <gmock/gmock.h>

#include <string>
#include <utility>
#include <vector>

#include "drivers/postgres/key_value.hpp"
#include "tests/integration/postgres/analysis_fixture.hpp"

namespace weir::postgres::test {
namespace {

using spi::Analysis;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class AnalysisKeysTest : public AnalysisTest {
 protected:
  void install() override {
    AnalysisTest::install();
    run(R"sql(
CREATE COLLATION folded (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE people (id bigint PRIMARY KEY, mail varchar(50) UNIQUE, token uuid UNIQUE, nick text COLLATE folded UNIQUE,
                     boss bigint REFERENCES people, rank positive UNIQUE, score numeric UNIQUE, plan text);
CREATE TABLE notes (id int PRIMARY KEY, person bigint REFERENCES people, body text);
CREATE VIEW bosses AS SELECT p.id, b.mail FROM people p LEFT JOIN people b ON b.id = p.boss;
SELECT weir.track('people'), weir.track('notes');
)sql");
  }

  /// `table.column=values` for each key and `table: why` for what counts as a whole.
  std::string keys(const Analysis& analysis) {
    std::string text;
    const auto add = [&text](const std::string& part) {
      if (!text.empty()) text += "; ";
      text += part;
    };
    for (const spi::KeyedReference& key : analysis.keys) {
      std::vector<std::string> values;
      for (const spi::KeyValue& value : key.values) {
        values.push_back(value.parameter == 0 ? value.literal
                                              : fmt::format("${}{}", value.parameter,
                                                            value.each_element ? "[]" : ""));
      }
      add(fmt::format("{}.{}={}", key.relation_name, key.column_name, fmt::join(values, "|")));
    }
    for (const spi::RelationUse& use : analysis.relations) {
      if (!use.whole.empty()) add(use.name + ": " + use.whole);
    }
    return text;
  }
  std::string keys(std::string_view sql) { return keys(analyze(sql)); }
};

TEST_F(AnalysisKeysTest, AKeyIsNamedAsChangesNameIt) {
  const Analysis analysis = analyze("SELECT * FROM notes WHERE person = $1");
  ASSERT_EQ(analysis.keys.size(), 1U) << keys(analysis);
  const spi::KeyedReference& key = analysis.keys.front();
  EXPECT_EQ(key.relation, value("SELECT 'notes'::regclass::oid"));
  EXPECT_EQ(analysis.dependencies, std::vector<std::string>{key.relation});
  EXPECT_EQ(key.column, "2");
  EXPECT_EQ(key.type, "int");
  EXPECT_EQ(key.relation_name, "public.notes");
  EXPECT_EQ(key.column_name, "person");
}

TEST_F(AnalysisKeysTest, ReferencesAreKeyedByTheColumnsThatChangesTell) {
  const std::vector<std::pair<const char*, const char*>> cases{
      {"SELECT * FROM people WHERE id = $1", "public.people.id=$1"},
      {"SELECT * FROM public.people WHERE mail = 'x@y'", "public.people.mail=x@y"},
      {"SELECT * FROM people WHERE token = $1::uuid", "public.people.token=$1"},
      {"SELECT * FROM people WHERE id = ANY ($1)", "public.people.id=$1[]"},
      {"SELECT * FROM notes JOIN people ON people.id = person WHERE person = 3 ORDER BY 1",
       "public.notes.person=3; public.people.id=3"},
      {"SELECT * FROM bosses WHERE id = 3",
       "public.people: no column of it is compared with a value"},
      {"SELECT * FROM bosses WHERE mail = 'x'",
       "public.people: no column of it is compared with a value"},
      {"SELECT mail FROM people WHERE id = 1 UNION SELECT body FROM notes WHERE id = 2",
       "public.people.id=1; public.notes.id=2"},
      {"SELECT * FROM people WHERE plan = 'free'",
       "public.people: compared only by plan, no key column of it: weir track --keys"},
      {"SELECT * FROM people WHERE nick = 'x'",
       "public.people: no column of it is compared with a value"},
      {"SELECT * FROM people WHERE rank = 5 OR score = 5",
       "public.people: no column of it is compared with a value"},
      {"SELECT * FROM people WHERE score = 5",
       "public.people: no column of it is compared with a value"},
      {"SELECT * FROM people WHERE now() > 'epoch' AND id = 5", "public.people.id=5"},
      {"SELECT * FROM order_totals WHERE id = $1",
       "public.orders.id=$1; public.customers: no "
       "column of it is compared with a value"},
      {"SELECT * FROM orders o JOIN customers c ON c.id = o.customer_id WHERE c.id = 7",
       "public.orders.customer_id=7; public.customers.id=7"},
      {"SELECT * FROM items WHERE order_id = 3",
       "public.items: not tracked by key columns: run weir track again"},
      {"SELECT * FROM loose WHERE id = 1", ""},
      {"SELECT * FROM sales WHERE customer_id = 1", "public.sales: a materialized view"},
      {"SELECT * FROM measures WHERE v = 1", "public.measures: partitioned"},
      {"SELECT * FROM measures_2023 WHERE v = 1",
       "public.measures_2023: a partition, or in an inheritance tree"},
      {"SELECT * FROM animals WHERE id = 1",
       "public.animals: a partition, or in an inheritance tree"},
      {"SELECT 1", ""},
  };
  for (const auto& [sql, expected] : cases) EXPECT_EQ(keys(sql), expected) << sql;
}

TEST_F(AnalysisKeysTest, WhatIsReadElsewhereIsWhole) {
  run("CREATE FUNCTION richest() RETURNS bigint LANGUAGE sql STABLE RETURN (SELECT max(id) FROM "
      "bosses)");
  EXPECT_EQ(keys("SELECT f_atomic(1) FROM products WHERE id = 1"),
            "public.products: also read by a function, policy or domain check");
  EXPECT_EQ(keys("SELECT f_atomic(1) FROM notes WHERE id = 1"),
            "public.notes.id=1; public.products: read by a function, policy or domain check");
  EXPECT_EQ(keys("SELECT richest() FROM people WHERE id = 1"),
            "public.people: also read by a function, policy or domain check");
  EXPECT_EQ(keys("SELECT f_plpgsql(1) FROM people WHERE id = 1"),
            "public.people: functions with unknown bodies may read it too");
  EXPECT_EQ(keys("SELECT * FROM people WHERE id = 1 FOR UPDATE"), "public.people: never cached");
}

TEST_F(AnalysisKeysTest, RowSecurityMakesATableWhole) {
  const std::string reader = role("LOGIN");
  run("GRANT SELECT ON notes, people, customers TO " + reader);
  run("ALTER TABLE notes ENABLE ROW LEVEL SECURITY");
  run("CREATE POLICY mine ON notes USING (person IN (SELECT id FROM customers WHERE age > 3))");
  EXPECT_EQ(keys("SELECT * FROM notes WHERE id = 1"), "public.notes.id=1");
  Pq other = connect(with(dsn(), {{"user", reader}, {"password", "secret"}}));
  EXPECT_EQ(keys(analyze(other, "SELECT * FROM notes WHERE id = 1")),
            "public.notes: row security applies to it; "
            "public.customers: read by a function, policy or domain check");
  EXPECT_EQ(keys(analyze(other, "SELECT * FROM notes, customers c WHERE c.id = 1")),
            "public.notes: row security applies to it; "
            "public.customers: also read by a function, policy or domain check");
  EXPECT_EQ(keys(analyze(other, "SELECT * FROM people WHERE id = 1")), "public.people.id=1");
}

TEST_F(AnalysisKeysTest, WithoutRightsOnWeirsSchemaThereAreNoKeys) {
  const std::string reader = role("LOGIN");
  run("GRANT SELECT ON people TO " + reader);
  run("REVOKE USAGE ON SCHEMA weir FROM PUBLIC");
  Pq other = connect(with(dsn(), {{"user", reader}, {"password", "secret"}}));
  EXPECT_THAT(keys(analyze(other, "SELECT * FROM people WHERE id = 1")),
              StartsWith("public.people: not tracked by key columns"));
}

TEST_F(AnalysisKeysTest, AnOlderSchemaHasNoKeys) {
  run("ALTER FUNCTION weir.key_columns(regclass) RENAME TO key_columns_no_more");
  EXPECT_EQ(keys("SELECT * FROM people WHERE id = 1"),
            "public.people: not tracked by key columns: run weir migrate up");
}

TEST_F(AnalysisKeysTest, BuiltinNamesMustComeFirst) {
  const std::string hidden = "public.people: pg_catalog is not first in the search_path";
  run("SET search_path = other, pg_catalog, public");
  EXPECT_EQ(keys("SELECT * FROM people WHERE id = 1"), hidden);
  run("SET search_path = pg_catalog, public");
  EXPECT_EQ(keys("SELECT * FROM people WHERE id = 1"), "public.people.id=1");
  run("CREATE TEMP TABLE passing (id int)");
  EXPECT_EQ(keys("SELECT * FROM people WHERE id = 1"), hidden);
}

TEST_F(AnalysisKeysTest, AUsersEqualityOfVarcharsIsNotOurs) {
  EXPECT_EQ(keys("SELECT * FROM people WHERE mail = 'x'"), "public.people.mail=x");
  run("CREATE FUNCTION same(varchar, varchar) RETURNS bool LANGUAGE sql IMMUTABLE "
      "RETURN lower($1::text) OPERATOR(pg_catalog.=) lower($2::text)");
  run("CREATE OPERATOR = (LEFTARG = varchar, RIGHTARG = varchar, FUNCTION = same)");
  run("INSERT INTO people (id, mail) VALUES (1, 'X')");
  ASSERT_EQ(value("SELECT count(*) FROM people WHERE mail = 'x'"), "1");  // it is meant indeed
  analyzer_.forget();
  EXPECT_THAT(keys("SELECT * FROM people WHERE mail = 'x'"),
              HasSubstr("public.people: no column of it is compared with a value"));
  EXPECT_EQ(keys("SELECT * FROM people WHERE id = 1"), "public.people.id=1");
}

TEST_F(AnalysisKeysTest, ATypeIsWhatTheFirstUseOfAParameterSays) {
  run("INSERT INTO people (id) VALUES (9007199254740993)");
  PqParams params;
  params.add_text("9007199254740992");
  const std::string sql = "SELECT count(*) FROM people WHERE $1 > 0.5::float8 AND id = $1";
  const Rows rows = db().query(sql, params, in(std::chrono::seconds{20}), "test");
  EXPECT_EQ(rows.text(0, 0), "1");  // compared as float8, which cannot tell them apart
  EXPECT_THAT(keys(sql), HasSubstr("public.people: "));
}

TEST_F(AnalysisKeysTest, AKeySaysWhatAChangeTells) {
  std::string birds;
  for (int i = 0; i < 70; ++i) birds += i % 3 == 0 ? "\xF0\x9F\x90\xA6" : "\xC3\xA9";
  run("CREATE TABLE told (i2 smallint UNIQUE, i8 bigint UNIQUE, ok bool UNIQUE, u uuid UNIQUE, t "
      "text UNIQUE)");
  run("SELECT weir.track('told')");
  pull();
  const std::vector<std::pair<std::string, std::string>> cases{
      {"i2", "-032768"},
      {"i2", " 7"},
      {"i8", "+9223372036854775807"},
      {"i8", "-0"},
      {"ok", "yes"},
      {"ok", "F"},
      {"u", "{A0EEBC999C0B4EF8BB6D6BB9BD380A11}"},
      {"t", ""},
      {"t",
       "a\x1f"
       "b"},
      {"t", "a:b c\\d\"e'f\nz"},
      {"t", birds},
      {"t", " Ünï "}};
  for (const auto& [column, text] : cases) {
    PqParams params;
    params.add_text(text);
    static_cast<void>(db().query(fmt::format("INSERT INTO told ({}) VALUES ($1)", column), params,
                                 in(std::chrono::seconds{20}), "test"));
    const Analysis analysis = analyze(fmt::format("SELECT * FROM told WHERE {} = $1", column));
    ASSERT_EQ(analysis.keys.size(), 1U) << column << ": " << keys(analysis);
    const spi::KeyedReference& key = analysis.keys.front();
    const spi::KeyText canonical = key_text(key.type, text);
    ASSERT_EQ(canonical.form, spi::KeyText::Form::kValue) << column << " '" << text << "'";
    const spi::Pull pulled = pull();
    ASSERT_EQ(pulled.changes.size(), 1U);
    EXPECT_EQ(pulled.changes[0].kind, spi::ChangeKind::kRows);
    EXPECT_EQ(pulled.changes[0].target, key.relation);
    EXPECT_EQ(pulled.changes[0].rows, key.column + ":" + canonical.text);
  }
}

TEST_F(AnalysisKeysTest, CanonicalTextsAreWhatTheServerPrints) {
  const std::vector<std::pair<std::string, std::string>> types{
      {"int", "int8"}, {"bool", "bool"}, {"uuid", "uuid"}, {"text", "text"}};
  std::string birds;
  for (int i = 0; i < 70; ++i) birds += i % 3 == 0 ? "\xF0\x9F\x90\xA6" : "\xC3\xA9";
  const std::vector<std::string> texts{"42",
                                       "042",
                                       " -7 ",
                                       "+7",
                                       "-0",
                                       "\t\n\v\f\r5",
                                       "9223372036854775807",
                                       "-9223372036854775808",
                                       "9223372036854775808",
                                       "+-1",
                                       "- 1",
                                       "1.0",
                                       "",
                                       "t",
                                       "TRUE",
                                       " yes ",
                                       "y",
                                       "on",
                                       "1",
                                       "0",
                                       "f",
                                       "No",
                                       "n",
                                       "oFf",
                                       "tr",
                                       "o",
                                       "of",
                                       "2",
                                       "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
                                       "{A0EEBC999C0B4EF8BB6D6BB9BD380A11}",
                                       "a0ee-bc99-9c0b-4ef8-bb6d-6bb9-bd38-0a11",
                                       "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11-",
                                       " a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
                                       "{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
                                       "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}",
                                       "a0e-ebc999c0b4ef8bb6d6bb9bd380a11",
                                       "x",
                                       "a\x1f"
                                       "b",
                                       " As it is ",
                                       birds,
                                       std::string(100, 'z'),
                                       "It's \\ \"quoted\""};
  for (const auto& [type, sql_type] : types) {
    for (const std::string& text : texts) {
      const spi::KeyText key = key_text(type, text);
      PqParams params;
      params.add_text(text);
      std::string printed;
      bool valid = true;
      try {
        const Rows rows =
            db().query("SELECT left(translate(($1::" + sql_type + ")::text, E'\\x1f', '?'), 64)",
                       params, in(std::chrono::seconds{20}), "test");
        printed = rows.string(0, 0);
      } catch (const Error&) {
        valid = false;
      }
      if (key.form == spi::KeyText::Form::kValue) {
        EXPECT_TRUE(valid) << type << " '" << text << "'";
        EXPECT_EQ(key.text, printed) << type << " '" << text << "'";
      } else if (type != "bool") {  // of bool, unusual forms are left out
        EXPECT_FALSE(valid) << type << " '" << text << "'";
      }
    }
  }
}

}  // namespace
}  // namespace weir::postgres::test
