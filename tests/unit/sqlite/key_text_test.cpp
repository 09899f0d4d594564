#include "drivers/sqlite/key_text.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "drivers/sqlite/table_shape.hpp"

namespace weir::sqlite {
namespace {

using Form = spi::KeyText::Form;

spi::KeyText text_of(KeyClass key, const Params& params) {
  spi::KeyText text;
  params.for_each([&](const ParamView& value) { text = key_text(key, value); });
  return text;
}
template <typename T>
std::string text_of(KeyClass key, const T& value) {
  const spi::KeyText text = text_of(key, Params::of(value));
  return text.form == Form::kValue     ? text.text
         : text.form == Form::kNothing ? "nothing"
                                       : "unknown";
}

TEST(KeyTextTest, ParametersHaveTheTextOfTheValuesTheyEqual) {
  using enum KeyClass;
  struct Case {
    std::string text;
    std::string integer;
  };
  for (const Case& each : std::vector<Case>{{"42", "i42"},
                                            {"042", "i42"},
                                            {"-7", "i-7"},
                                            {"-0", "i0"},
                                            {"9223372036854775807", "i9223372036854775807"},
                                            {"9223372036854775808", "unknown"},
                                            {"+1", "unknown"},
                                            {" 1", "unknown"},
                                            {"1.0", "unknown"},
                                            {"1e3", "unknown"},
                                            {"0x1F", "unknown"},
                                            {"1_0", "unknown"},
                                            {"", "unknown"},
                                            {"inf", "unknown"},
                                            {"-Infinity", "unknown"},
                                            {"NaN", "unknown"},
                                            {"abc", "tabc"},
                                            {"12:30", "t12:30"},
                                            {"3f2a-11", "t3f2a-11"}}) {
    EXPECT_EQ(text_of(kInteger, each.text), each.integer) << each.text;
    EXPECT_EQ(text_of(kText, each.text), "t" + each.text) << each.text;
    EXPECT_EQ(text_of(kNone, each.text), "unknown") << each.text;
  }
  EXPECT_EQ(text_of(kInteger, 5), "i5");
  EXPECT_EQ(text_of(kText, 5), "t5");
  EXPECT_EQ(text_of(kInteger, true), "i1");
  EXPECT_EQ(text_of(kText, false), "t0");
  EXPECT_EQ(text_of(kInteger, 1.0), "unknown");
  EXPECT_EQ(text_of(kText, 1.0), "unknown");
  EXPECT_EQ(text_of(kInteger, std::optional<int>{}), "nothing");
  EXPECT_EQ(text_of(kText, std::optional<int>{}), "nothing");
}

TEST(KeyTextTest, LongTextsAreCutAndSeparatorsReplaced) {
  std::string umlauts;
  for (int i = 0; i < 70; ++i) umlauts += "\u00e4";
  EXPECT_EQ(text_of(KeyClass::kText, umlauts), "t" + umlauts.substr(0, 128));
  EXPECT_EQ(text_of(KeyClass::kText, std::string{"a\x1f"
                                                 "b"}),
            "ta?b");
}

// What the triggers write is what parameters of the same value have.
TEST(KeyTextTest, TheTriggersSqlAgrees) {
  Handle handle{Location{}, Writing::kAllowed, system_clock(), spi::Deadline{}};
  handle.exec("CREATE TABLE t (i INTEGER, t TEXT)", "test");
  const std::string sql =
      fmt::format("SELECT {} || '/' || {} FROM t", key_text_sql(KeyClass::kInteger, "i", "i:"),
                  key_text_sql(KeyClass::kText, "t", "t:"));
  std::string umlauts;
  for (int i = 0; i < 70; ++i) umlauts += "\u00e4";
  for (const std::string& value : std::vector<std::string>{"42", "-7", "abc",
                                                           "a\x1f"
                                                           "b",
                                                           umlauts}) {
    handle.exec("DELETE FROM t", "test");
    const StatementPtr insert = handle.prepare("INSERT INTO t VALUES (?1, ?1)", "test");
    sqlite3_bind_text(insert.get(), 1, value.data(), static_cast<int>(value.size()),
                      SQLITE_TRANSIENT);
    handle.step(insert.get(), "test");
    EXPECT_EQ(handle.text(sql, "test"),
              "i:" + text_of(KeyClass::kInteger, value) + "/t:" + text_of(KeyClass::kText, value));
  }
  for (const char* untold : {"1.5, 'x'", "x'31', 'x'", "1e300, 'x'", "1, x'31'"}) {
    handle.exec(fmt::format("DELETE FROM t; INSERT INTO t VALUES ({})", untold), "test");
    EXPECT_EQ(handle.integer(fmt::format("SELECT ({}) IS NULL", sql), "test"), 1) << untold;
  }
  handle.exec("DELETE FROM t; INSERT INTO t VALUES (NULL, NULL)", "test");
  EXPECT_EQ(handle.text(sql, "test"), "/");
}

TEST(TableShapeTest, ColumnsHaveTheClassOfTheirAffinity) {
  using enum KeyClass;
  Handle handle{Location{}, Writing::kAllowed, system_clock(), spi::Deadline{}};
  handle.exec(
      "CREATE TABLE t (a INTEGER PRIMARY KEY, b INT UNIQUE, c BIGINT, d VARCHAR(9), e TEXT, f "
      "CLOB, "
      "g BLOB, h, i REAL, j DOUBLE, k NUMERIC, l DECIMAL(9, 2), m TEXT COLLATE NOCASE, n INT "
      "COLLATE "
      "RTRIM, o INT AS (b + 1), \"P q\" INT, r CHARINT, s BOOLEAN)",
      "test");
  const TableShape shape = read_shape(handle, TableName{"main", "t"});
  std::string classes;
  for (const ShapeColumn& column : shape.columns)
    classes += column.key == kInteger ? 'i' : column.key == kText ? 't' : '-';
  EXPECT_EQ(classes, "iiittt----ii---iii");
  EXPECT_EQ(shape.columns[15].item, "#15");
  EXPECT_EQ(shape.rowid_column, 0U);
  EXPECT_EQ(shape.default_keys, (std::vector<std::size_t>{0, 1}));
  EXPECT_EQ(shape.untellable, "");
}

TEST(TableShapeTest, WhatReplaceMayTakeAwayUnseenIsUntellable) {
  Handle handle{Location{}, Writing::kAllowed, system_clock(), spi::Deadline{}};
  handle.exec(
      "CREATE TABLE p (id INTEGER PRIMARY KEY, a, b AS (a)); CREATE TABLE s (a ANY, b INT) STRICT;"
      "CREATE TABLE x0 (id INTEGER PRIMARY KEY, a); CREATE UNIQUE INDEX i0 ON x0 (a) WHERE a > 1;"
      "CREATE TABLE x1 (id INTEGER PRIMARY KEY, a); CREATE UNIQUE INDEX i1 ON x1 (a + 1);"
      "CREATE TABLE x2 (id INTEGER PRIMARY KEY, a TEXT UNIQUE COLLATE NOCASE);"
      "CREATE TABLE x3 (id INTEGER PRIMARY KEY, a NOT NULL DEFAULT 1 UNIQUE);"
      "CREATE TABLE x4 (id INTEGER PRIMARY KEY, a, b AS (a) UNIQUE);"
      "CREATE TABLE x5 (a TEXT COLLATE NOCASE PRIMARY KEY, b INT) WITHOUT ROWID;"
      "CREATE TABLE y0 (id INTEGER PRIMARY KEY DESC, a); CREATE TABLE y1 (id INT PRIMARY KEY, a);"
      "CREATE TABLE y2 (a INT, b TEXT, PRIMARY KEY (b, a)) WITHOUT ROWID",
      "test");
  for (const char* name : {"x0", "x1", "x2", "x3", "x4", "x5"})
    EXPECT_NE(read_shape(handle, TableName{"main", name}).untellable, "") << name;
  for (const char* name : {"p", "s", "y0", "y1", "y2"})
    EXPECT_EQ(read_shape(handle, TableName{"main", name}).untellable, "") << name;
  EXPECT_EQ(read_shape(handle, TableName{"main", "s"}).columns[0].key, KeyClass::kNone);
  for (const char* name : {"y0", "y1", "y2"})
    EXPECT_EQ(read_shape(handle, TableName{"main", name}).rowid_column, std::nullopt) << name;
  EXPECT_EQ(read_shape(handle, TableName{"main", "y2"}).uniques,
            (std::vector<std::vector<std::size_t>>{{1, 0}}));
}

}  // namespace
}  // namespace weir::sqlite
