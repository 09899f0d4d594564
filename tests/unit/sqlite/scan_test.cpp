#include "drivers/sqlite/scan.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace weir::sqlite {
namespace {

using ::testing::ElementsAre;

struct ScanCase {
  std::string sql;
  std::string normalized;
  std::vector<std::string> hints;
};

TEST(ScanTest, OnlyWhatNoColumnNameCanContainIsTakenAway) {
  const std::vector<ScanCase> cases{
      {"SELECT 1", "SELECT 1", {}},
      {"  SELECT 1\n", "SELECT 1", {}},
      {"SELECT 1;", "SELECT 1", {}},
      {"SELECT 1 ; ;\t", "SELECT 1", {}},
      {";SELECT 1", "SELECT 1", {}},
      {"/* weir: off */ SELECT 1", "SELECT 1", {"off"}},
      {"/*weir:off*/SELECT 1", "SELECT 1", {"off"}},
      {"/* weir: a *//* weir: b */\nSELECT 1", "SELECT 1", {"a", "b"}},
      {"/* other */ SELECT 1", "/* other */ SELECT 1", {}},
      {"/* other */ /* weir: a */ SELECT 1", "/* other */ /* weir: a */ SELECT 1", {"a"}},
      {"SELECT 1 /* weir: off */", "SELECT 1 /* weir: off */", {"off"}},
      {"SELECT 1 /* weir: off */;", "SELECT 1 /* weir: off */", {"off"}},
      {"SELECT 1 -- weir: off", "SELECT 1 -- weir: off", {}},
      {"SELECT /* weir: off */ 1", "SELECT /* weir: off */ 1", {"off"}},
      {"SELECT '/* weir: off */'", "SELECT '/* weir: off */'", {}},
      {"SELECT \"/* weir: off */\"", "SELECT \"/* weir: off */\"", {}},
      {"SELECT [/* weir: off */]", "SELECT [/* weir: off */]", {}},
      {"SELECT `/* weir: off */`", "SELECT `/* weir: off */`", {}},
      {"SELECT 'it''s -- /* weir: a */'", "SELECT 'it''s -- /* weir: a */'", {}},
      {"-- /* weir: a */\nSELECT 1", "-- /* weir: a */\nSELECT 1", {}},
      {"SELECT 'a;b';", "SELECT 'a;b'", {}},
      {"SELECT  1", "SELECT  1", {}},
      {"select 1", "select 1", {}},
      {"SELECT ';", "SELECT ';", {}},
      {"SELECT 1 /* weir: a", "SELECT 1 /* weir: a", {"a"}},
      {"/* weir : a */ SELECT 1", "/* weir : a */ SELECT 1", {}},
      {"", "", {}},
      {" ; ", "", {}},
  };
  for (const ScanCase& c : cases) {
    const spi::Scan scan = scan_statement(c.sql);
    EXPECT_EQ(scan.normalized, c.normalized) << c.sql;
    EXPECT_EQ(scan.hints, c.hints) << c.sql;
  }
}

std::vector<std::string> column_names(sqlite3* db, const std::string& sql) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(db, sql.c_str(), -1, &statement, nullptr) != SQLITE_OK) return {"error"};
  std::vector<std::string> names;
  for (int i = 0; i < sqlite3_column_count(statement); ++i) {
    names.emplace_back(sqlite3_column_name(statement, i));
  }
  sqlite3_finalize(statement);
  return names;
}

// SQLite names a column after its text up to the next token, comments included.
TEST(ScanTest, TextsWithOneNormalFormHaveOneSetOfColumnNames) {
  sqlite3* raw = nullptr;
  ASSERT_EQ(sqlite3_open(":memory:", &raw), SQLITE_OK);
  const std::unique_ptr<sqlite3, decltype(&sqlite3_close)> db{raw, &sqlite3_close};
  const std::vector<std::string> before{"", " ", "\n\t", "/* weir: a */", "/* b */", "-- c\n", ";"};
  const std::vector<std::string> after{"",
                                       " ",
                                       ";",
                                       " ; ",
                                       "/* weir: a */",
                                       " -- z",
                                       " -- z\n",
                                       " /* weir: b */;",
                                       "/* c */ ",
                                       "; /* weir: d */"};
  const std::vector<std::string> bodies{"SELECT 1+1", "SELECT 1 , 2 AS b", "SELECT 'a;' , X'00'"};
  std::vector<std::pair<std::string, std::vector<std::string>>> seen;
  for (const auto& head : before) {
    for (const auto& body : bodies) {
      for (const auto& tail : after) {
        const std::string sql = head + body + tail;
        if (head == ";") continue;  // an empty statement comes first: sqlite3_prepare stops there
        seen.emplace_back(scan_statement(sql).normalized, column_names(db.get(), sql));
      }
    }
  }
  for (const auto& a : seen) {
    for (const auto& b : seen) {
      if (a.first == b.first) {
        ASSERT_EQ(a.second, b.second) << a.first;
      }
    }
  }
}

TEST(ScanTest, TokensAreToldApart) {
  struct Expected {
    std::string_view sql;
    std::vector<TokenKind> kinds;
  };
  using enum TokenKind;
  const std::vector<Expected> cases{
      {"a1$ \"b\"", {kWord, kSpace, kQuoted}},
      {"x'00'", {kString}},
      {"X 'a'", {kWord, kSpace, kString}},
      {"?1:a@b$c", {kParameter, kParameter, kParameter}},
      {"$1::int", {kParameter}},
      {"$a(b c)", {kParameter, kSymbol, kWord, kSpace, kWord, kSymbol}},
      {"$a(b)", {kParameter}},
      {"1e-5", {kNumber}},
      {"1-5", {kNumber, kSymbol, kNumber}},
      {"0x1e+5", {kNumber, kSymbol, kNumber}},
      {".5", {kNumber}},
      {"a.b", {kWord, kSymbol, kWord}},
      {"--c\nd", {kComment, kWord}},
      {"/**/a", {kComment, kWord}},
      {"/*", {kSymbol, kSymbol}},
      {"ä", {kWord}},
      {"'", {kString}},
      {"''''", {kString}},
  };
  for (const auto& c : cases) {
    std::vector<TokenKind> kinds;
    std::string together;
    Tokenizer tokens{c.sql};
    while (const auto token = tokens.next()) {
      kinds.push_back(token->kind);
      together += token->text;
    }
    EXPECT_EQ(kinds, c.kinds) << c.sql;
    EXPECT_EQ(together, c.sql);
  }
}

TEST(ScanTest, ASecondStatementIsFoundBehindCommentsAndSemicolons) {
  EXPECT_EQ(find_statement("SELECT 1; ; -- x\n /* y */ ", 8), std::nullopt);
  EXPECT_EQ(find_statement("SELECT 1; -- x\n SELECT 2", 9), 16U);
  EXPECT_EQ(first_word(" /* a */ -- b\n vacuum"), "VACUUM");
  EXPECT_EQ(first_word("(SELECT 1)"), "");
  EXPECT_EQ(first_word(""), "");
}

}  // namespace
}  // namespace weir::sqlite
