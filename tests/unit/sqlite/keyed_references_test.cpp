#include "drivers/sqlite/keyed_references.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace weir::sqlite {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

ReadTable table(const std::string& name,
                const std::vector<std::pair<std::string, KeyClass>>& columns,
                const std::string& schema = "main") {
  ReadTable table;
  table.shape.name = TableName{schema, name};
  for (const auto& [column, key] : columns) {
    if (key != KeyClass::kNone && column != "free")
      table.keys.push_back(table.shape.columns.size());
    table.shape.columns.push_back({column, key, column});
  }
  table.shape.rowid_column = 0;
  table.shape.uniques = {{0}};
  return table;
}

// `free` is a column of integers that changes do not tell.
std::vector<ReadTable> tables() {
  using enum KeyClass;
  return {
      table("a", {{"id", kInteger}, {"k", kInteger}, {"t", kText}, {"r", kNone}, {"end", kNone}}),
      table("b", {{"id", kInteger}, {"aid", kInteger}, {"t", kText}, {"free", kInteger}}),
      table("c", {{"bid", kInteger}, {"x", kInteger}})};
}

// Of each table that the text names: its keys as `a.id=1|2`, a parameter as ?1; `a` when whole.
std::vector<std::string> keys_of(std::string_view sql, std::vector<ReadTable> read = tables()) {
  const KeyReading reading = read_keyed_references(sql, read);
  std::vector<std::string> found;
  for (const spi::KeyedReference& key : reading.keys) {
    std::string values;
    for (const spi::KeyValue& value : key.values) {
      values += (values.empty() ? "" : "|") +
                (value.parameter != 0 ? fmt::format("?{}", value.parameter) : value.literal);
    }
    found.push_back(fmt::format("{}.{}={}", key.relation.substr(5), key.column, values));
  }
  for (const auto& [id, why] : reading.whole) {
    if (why != "it is not named in FROM") found.push_back(id.substr(5));
  }
  return found;
}

struct Case {
  const char* sql;
  std::vector<std::string> keys;
};

void expect_all(const std::vector<Case>& cases) {
  for (const Case& each : cases)
    EXPECT_THAT(keys_of(each.sql), ::testing::UnorderedElementsAreArray(each.keys)) << each.sql;
}

TEST(KeyedReferencesTest, AnEqualityWithAValueIsAKey) {
  expect_all({
      {"SELECT * FROM a WHERE id = 1", {"a.id=i1"}},
      {"SELECT * FROM a WHERE 1 = id", {"a.id=i1"}},
      {"SELECT * FROM a WHERE id == 007;", {"a.id=i7"}},
      {"SELECT * FROM a WHERE id = -5", {"a.id=i-5"}},
      {"SELECT * FROM a WHERE id = - 5", {"a.id=i-5"}},
      {"SELECT * FROM a WHERE id = '042'", {"a.id=i42"}},
      {"SELECT * FROM a WHERE k = 'abc'", {"a.k=tabc"}},
      {"SELECT * FROM a WHERE t = 'it''s'", {"a.t=tit's"}},
      {"SELECT * FROM a WHERE t = 12", {"a.t=t12"}},
      {"SELECT * FROM a WHERE a.id = ?", {"a.id=?1"}},
      {"SELECT * FROM A z WHERE Z.Id = :n", {"a.id=?1"}},
      {"SELECT * FROM main.a AS \"Z z\" WHERE [z Z].`id` = 3", {"a.id=i3"}},
      {"SELECT * FROM a WHERE rowid = 4", {"a.id=i4"}},
      {"SELECT * FROM a WHERE a._rowid_ = 4", {"a.id=i4"}},
      {"SELECT * FROM a WHERE ((id)) = (1)", {"a.id=i1"}},
      {"SELECT * FROM a WHERE (k = 1 AND (id = 1))", {"a.id=i1"}},
      {"SELECT * FROM a WHERE /* OR */ id = 1 -- OR\n AND r > 2", {"a.id=i1"}},
      {"SELECT * FROM a WHERE id IN (1, ?3, '2', NULL, 1)", {"a.id=i1|?3|i2"}},
      {"SELECT * FROM a WHERE id = NULL", {"a.id="}},
      {"SELECT * FROM a WHERE \"id\" = 1", {"a.id=i1"}},
      {"SELECT * FROM a INDEXED BY i WHERE id = 1", {"a.id=i1"}},
      {"SELECT * FROM a z NOT INDEXED WHERE id = 1", {"a.id=i1"}},
      {"SELECT k IS NOT DISTINCT FROM t, count(*) FILTER (WHERE k = 9) FROM a WHERE id = 1 GROUP "
       "BY k "
       "HAVING id = 3 ORDER BY 1 LIMIT 4",
       {"a.id=i1"}},
      {"SELECT rank() OVER w FROM a WHERE id = 1 WINDOW w AS (ORDER BY k)", {"a.id=i1"}},
      {"SELECT * FROM a window WHERE window.id = 1", {"a.id=i1"}},
      {"SELECT * FROM a WHERE id BETWEEN 1 AND 2 AND k = 3", {"a.k=i3"}},
      {"SELECT * FROM a WHERE CASE WHEN r THEN 1 AND 0 OR 1 END AND k = 3", {"a.k=i3"}},
      {"SELECT * FROM a WHERE NOT k = 4 AND k = 3", {"a.k=i3"}},
  });
}

TEST(KeyedReferencesTest, WhateverElseIsTakenForTrue) {
  for (const char* condition : {"id > 1",
                                "id <= 1",
                                "id >= 1",
                                "id != 1",
                                "id <> 1",
                                "id IS 1",
                                "id + 0 = 1",
                                "+id = 1",
                                "-id = 1",
                                "id = 1.0",
                                "id = 0x1",
                                "id = 1e0",
                                "id = 9223372036854775808",
                                "id = '1.0'",
                                "id = ''",
                                "id = ' 1'",
                                "id = x'31'",
                                "id = 'inf'",
                                "id = \"1\"",
                                "id = +1",
                                "id = ~1",
                                "id = 1 COLLATE NOCASE",
                                "id COLLATE BINARY = 1",
                                "abs(id) = 1",
                                "CAST(id AS INT) = 1",
                                "NOT id = 1",
                                "NOT (id = 1)",
                                "id NOT IN (1)",
                                "id IN (1, k)",
                                "id IN ()",
                                "id IN (SELECT 1)",
                                "(id, k) = (1, 2)",
                                "(id, k) IN ((1, 2))",
                                "id = 1 OR k = 1",
                                "id = 1 AND k = 1 OR r",
                                "r OR (id = 1 AND k = 1)",
                                "id = 1 = 1",
                                "(id = 1) = 1",
                                "id = (SELECT 1)",
                                "r BETWEEN 1 AND id = 1",
                                "r BETWEEN r BETWEEN 1 AND 2 AND id = 1",
                                "CASE WHEN r THEN r AND id = 1 AND r END",
                                "CASE WHEN end THEN 1 AND id = 1 AND 2 END",
                                "id = 1 IS NULL",
                                "id = TRUE",
                                "id = current_date",
                                "r = 1",
                                "id = 1 || ''",
                                "id",
                                "1",
                                "id = k",
                                "main.a.id = 1",
                                "z.id = 1",
                                "nothing = 1",
                                "id = (1, 2)",
                                "WINDOW = 1 OR id = 1"}) {
    EXPECT_THAT(keys_of(fmt::format("SELECT * FROM a WHERE {}", condition)), ElementsAre("a"))
        << condition;
  }
  EXPECT_THAT(keys_of("SELECT id = 1 FROM a HAVING id = 1 ORDER BY id = 1 LIMIT 1"),
              ElementsAre("a"));
}

TEST(KeyedReferencesTest, EqualColumnsCarryValuesWhereTheirTypesAreOne) {
  expect_all({
      {"SELECT * FROM a JOIN b ON b.aid = a.id WHERE a.id = ?2", {"a.id=?2", "b.aid=?2"}},
      {"SELECT * FROM a, b WHERE aid = a.id AND a.id = 1", {"a.id=i1", "b.aid=i1"}},
      {"SELECT * FROM a, b, c WHERE a.id = b.free AND b.free = c.x AND c.x = 1",
       {"a.id=i1", "b", "c.x=i1"}},
      {"SELECT * FROM a CROSS JOIN b ON a.k = b.aid AND b.aid IN (1, 2)",
       {"a.k=i1|i2", "b.aid=i1|i2"}},
      {"SELECT * FROM a, b WHERE a.t = b.aid AND b.aid = 1", {"a", "b.aid=i1"}},
      {"SELECT * FROM a, b WHERE a.r = b.aid AND a.r = 1", {"a", "b"}},
      {"SELECT * FROM a x, a y WHERE x.id = 1 AND y.k = x.id", {"a.id=i1", "a.k=i1"}},
      {"SELECT * FROM a x, a y WHERE x.id = 1", {"a"}},
      {"SELECT * FROM a x, b x WHERE x.id = 1", {"a", "b"}},
      {"SELECT * FROM a, b WHERE id = 1", {"a", "b"}},
      {"SELECT * FROM a, b WHERE k = 1 AND aid = 2", {"a.k=i1", "b.aid=i2"}},
  });
}

// Rule 1 of the ADR and its counterexamples.
TEST(KeyedReferencesTest, OnSaysNothingOfThePreservedSide) {
  expect_all({
      {"SELECT * FROM a LEFT JOIN b ON a.id = 1 AND b.aid = 2", {"a", "b.aid=i2"}},
      {"SELECT * FROM a LEFT JOIN b ON b.aid = a.id WHERE a.id = 1", {"a.id=i1", "b.aid=i1"}},
      {"SELECT * FROM a LEFT JOIN b ON b.aid = a.id AND a.id = 1", {"a", "b.aid=i1"}},
      {"SELECT * FROM a LEFT JOIN b ON b.aid = a.id WHERE b.aid = 1", {"a", "b.aid=i1"}},
      {"SELECT * FROM a LEFT OUTER JOIN b ON b.aid = 1 JOIN c ON c.bid = b.id AND a.id = 3",
       {"a.id=i3", "b.aid=i1", "c"}},
      {"SELECT * FROM a LEFT JOIN b ON b.id = a.k LEFT JOIN c ON c.bid = b.id AND b.id = 7",
       {"a", "b", "c.bid=i7"}},
      {"SELECT * FROM a LEFT JOIN b ON b.aid = 1, c ON c.x = 2", {"a", "b.aid=i1", "c.x=i2"}},
      {"SELECT * FROM a LEFT JOIN b ON b.id = c.x AND c.x = 1 JOIN c", {"a", "b", "c"}},
      {"SELECT * FROM a FULL JOIN b ON a.id = b.aid AND b.aid = 1", {"a", "b"}},
      {"SELECT * FROM a RIGHT JOIN b ON a.id = 1 AND b.aid = 1", {"a", "b"}},
      {"SELECT * FROM a LEFT RIGHT JOIN b ON b.aid = 1", {"a", "b"}},
      {"SELECT * FROM a FULL JOIN b ON a.id = b.aid WHERE b.aid = 1", {"a", "b.aid=i1"}},
      {"SELECT * FROM a RIGHT JOIN b ON a.id = b.aid WHERE b.aid = a.id AND a.id = 1",
       {"a.id=i1", "b"}},
      {"SELECT * FROM a JOIN b USING (id) WHERE a.id = 1", {"a.id=i1", "b"}},
      {"SELECT * FROM a JOIN b USING (id) WHERE id = 1", {"a", "b"}},
      {"SELECT * FROM a NATURAL LEFT JOIN b WHERE aid = 1 AND a.k = 2", {"a.k=i2", "b"}},
  });
}

TEST(KeyedReferencesTest, EveryLevelSpeaksForItself) {
  expect_all({
      {"SELECT * FROM a WHERE id = 1 AND EXISTS (SELECT 1 FROM b WHERE aid = a.id)",
       {"a.id=i1", "b"}},
      {"SELECT * FROM a WHERE id = 1 AND k NOT IN (SELECT id FROM b WHERE aid = 2)",
       {"a.id=i1", "b.aid=i2"}},
      {"SELECT (SELECT count(*) FROM b WHERE aid = 2 AND a.k = 3) FROM a", {"a", "b.aid=i2"}},
      {"SELECT * FROM (SELECT * FROM a LIMIT 3) WHERE id = 1", {"a"}},
      {"SELECT * FROM (SELECT * FROM a WHERE id = 1) d JOIN b ON b.aid = d.id", {"a.id=i1", "b"}},
      {"SELECT * FROM (SELECT 1 AS k) a WHERE a.k = 1", {}},
      {"SELECT 1 FROM b WHERE EXISTS (SELECT 1 FROM c WHERE aid = 5)", {"b", "c"}},
      {"SELECT k FROM a WHERE id = 1 UNION SELECT t FROM b WHERE aid = 2", {"a.id=i1", "b.aid=i2"}},
      {"SELECT k FROM a WHERE id = 1 EXCEPT SELECT k FROM a", {"a"}},
      {"SELECT k FROM a WHERE id = 1 UNION ALL SELECT k FROM a WHERE id = 2 ORDER BY 1",
       {"a.id=i1", "a.id=i2"}},
      {"VALUES (1) UNION SELECT k FROM a WHERE id = 1", {"a.id=i1"}},
      {"WITH d AS (SELECT * FROM a WHERE id = 1) SELECT * FROM d, b WHERE b.id = d.id",
       {"a.id=i1", "b"}},
      {"WITH d(x) AS MATERIALIZED (SELECT id FROM b WHERE aid = 1) SELECT x AS b FROM d",
       {"b.aid=i1"}},
  });
}

TEST(KeyedReferencesTest, AnyPlaceOfATablesNameMustBeUnderstood) {
  for (const char* sql :
       {"SELECT * FROM b WHERE id = 1 AND aid IN a",
        "SELECT * FROM b WHERE id = 1 AND aid IN main.a",
        "SELECT * FROM b WHERE id = 1 AND aid NOT IN \"a\"",
        "SELECT * FROM b WHERE id = 1 AND aid IN 'a'",
        "SELECT * FROM b WHERE id = 1 AND aid IN a(1)",
        "WITH a AS (SELECT 1 AS id) SELECT * FROM a, b WHERE a.id = 1 AND b.id = 1",
        "WITH a(id) AS (VALUES (1)) SELECT * FROM a, b WHERE a.id = 1 AND b.id = 1",
        "SELECT a FROM a, b WHERE a.id = 1 AND b.id = 1",
        "SELECT * FROM a('x') JOIN b WHERE a.id = 1 AND b.id = 1",
        "SELECT * FROM a, b a WHERE a.id = 1 AND b.id = 1"}) {
    EXPECT_THAT(keys_of(sql), ::testing::Each(::testing::Not(::testing::StartsWith("a.")))) << sql;
  }
  expect_all({
      {"SELECT a.*, a.id AS a, 'x' = 'a' FROM a WHERE id = 1", {"a.id=i1"}},
      {"SELECT b.a FROM a, b WHERE a.id = 1 AND b.id = 2", {"a.id=i1", "b.id=i2"}},
  });
}

TEST(KeyedReferencesTest, ATableNotNamedInFromIsWhole) {
  const KeyReading reading =
      read_keyed_references("SELECT * FROM b WHERE id = 1 AND aid IN a", tables());
  EXPECT_THAT(reading.whole.at("main.a"), HasSubstr("not named in FROM"));
}

TEST(KeyedReferencesTest, WhatIsNotUnderstoodMakesEverythingWhole) {
  for (const char* sql :
       {"SELECT * FROM (a JOIN b ON a.id = b.aid) WHERE a.id = 1 AND b.id = 1",
        "SELECT * FROM 'a', b WHERE a.id = 1 AND b.id = 1",
        "SELECT * FROM a 'x', b WHERE x.id = 1 AND b.id = 1",
        "SELECT * FROM left, a, b WHERE a.id = 1 AND b.id = 1",
        "SELECT * FROM a, b WHERE a.id = 1 AND b.id = 1; SELECT 1",
        "SELECT * FROM a, b WHERE a.id = 1 AND b.id = #1",
        "SELECT * FROM a, b WHERE a.id = $1 AND b.id = ?",
        "SELECT * FROM a, b WHERE a.id = 1 FROM b", "EXPLAIN SELECT * FROM a, b WHERE id = 1",
        "SELECT * FROM a, b WHERE a.id = 1 AND b.id = 1)",
        "SELECT percentile(k) WITHIN GROUP (ORDER BY k) FROM a, b WHERE a.id = 1 AND b.id = 1",
        "SELECT * FROM a JOIN b ON a.id = 1 AND a.k = left JOIN c ON c.x = 1 WHERE b.id = 1"}) {
    const KeyReading reading = read_keyed_references(sql, tables());
    EXPECT_THAT(reading.keys, IsEmpty()) << sql;
    EXPECT_THAT(reading.whole.at("main.a"), HasSubstr("not understood")) << sql;
    EXPECT_THAT(reading.whole.at("main.b"), HasSubstr("not understood")) << sql;
  }
}

TEST(KeyedReferencesTest, ParametersAreCountedAsTheDriverDoes) {
  expect_all({
      {"SELECT ?, ?5, ? FROM a WHERE id = ?", {"a.id=?7"}},
      {"SELECT :x, @x, $x FROM a WHERE id = :x", {"a.id=?1"}},
      {"SELECT :x, @y FROM a WHERE id = @y AND k = ?", {"a.id=?2"}},
      {"SELECT $3 FROM a WHERE id = $2", {"a.id=?2"}},
  });
  EXPECT_EQ(read_keyed_references("SELECT ?, ?5, ? FROM a", tables()).parameters, 6U);
  EXPECT_EQ(read_keyed_references("SELECT $3, $3", tables()).parameters, 3U);
}

TEST(KeyedReferencesTest, TablesOfOneNameInTwoSchemasAreWhole) {
  std::vector<ReadTable> both = tables();
  both.push_back(table("A", {{"id", KeyClass::kInteger}}, "y"));
  const KeyReading reading =
      read_keyed_references("SELECT * FROM a, y.a z WHERE a.id = 1 AND z.id = 1", both);
  EXPECT_THAT(reading.keys, IsEmpty());
  EXPECT_THAT(reading.whole.at("main.a"), HasSubstr("two schemas"));
}

TEST(KeyedReferencesTest, OtherNamesOfFromAreHandedOut) {
  EXPECT_THAT(
      read_keyed_references("SELECT * FROM a, v, json_each('[]'), y.w WHERE id = 1", tables())
          .others,
      ElementsAre("v", "json_each", "w"));
}

TEST(KeyedReferencesTest, TheBestOfSeveralKeysIsTaken) {
  std::string many;
  for (int i = 0; i < 200; ++i) many += (i == 0 ? "" : ",") + std::to_string(i);
  EXPECT_THAT(keys_of("SELECT * FROM a WHERE t = 'x' AND id = 1"), ElementsAre("a.id=i1"));
  EXPECT_THAT(keys_of("SELECT * FROM a WHERE id IN (1, 2) AND t = 'x'"), ElementsAre("a.t=tx"));
  EXPECT_THAT(keys_of("SELECT * FROM a WHERE id = 1 AND k = NULL"), ElementsAre("a.k="));
  EXPECT_THAT(keys_of(fmt::format("SELECT * FROM a WHERE id IN ({})", many)), ElementsAre("a"));
}

}  // namespace
}  // namespace weir::sqlite
