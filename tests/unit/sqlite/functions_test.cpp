#include "drivers/sqlite/functions.hpp"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <memory>
#include <string>
#include <vector>

namespace weir::sqlite {
namespace {

TEST(FunctionsTest, KindsAreKnown) {
  EXPECT_EQ(classify_function("upper"), FunctionKind::kPure);
  EXPECT_EQ(classify_function("->>"), FunctionKind::kPure);
  EXPECT_EQ(classify_function("strftime"), FunctionKind::kMaybeClock);
  EXPECT_EQ(classify_function("current_timestamp"), FunctionKind::kClock);
  EXPECT_EQ(classify_function("random"), FunctionKind::kRandom);
  EXPECT_EQ(classify_function("changes"), FunctionKind::kConnection);
  EXPECT_EQ(classify_function("my_function"), FunctionKind::kUnknown);
}

TEST(FunctionsTest, OnlyLiteralsAndUnixTimesProveADateCallConstant) {
  for (const char* sql : {
           "SELECT date('2024-01-01')",
           "SELECT date('2024-01-01', '+1 day')",
           "SELECT date(0, 'unixepoch')",
           "SELECT strftime('%Y', '2024-01-01')",
           "SELECT strftime('%Y', a.t, 'unixepoch') FROM a",
           "SELECT date(t / 1000, 'unixepoch', '+1 hour') FROM a",
           "SELECT 'date(now)'",
           "SELECT date FROM a",
           "SELECT count(*), upper(date) FROM a",
           "SELECT time('12:00'), 1 -- date('now')",
       }) {
    EXPECT_TRUE(date_calls_are_constant(sql)) << sql;
  }
  for (const char* sql : {
           "SELECT date()",
           "SELECT date('now')",
           "SELECT DATE ( 'NOW' )",
           "SELECT date(d) FROM a",
           "SELECT date($1)",
           "SELECT strftime('%Y')",
           "SELECT strftime('%s','now')",
           "SELECT date('2024-01-01', 'localtime')",
           "SELECT date(0, 'unixepoch', 'localtime')",
           "SELECT date(0, 'unixepoch', m) FROM a",
           "SELECT datetime('2024-01-01', 'utc')",
           "SELECT unixepoch('subsec')",
           "SELECT \"date\"('now')",
           "SELECT [date]('now')",
           "SELECT date/* */('now')",
           "SELECT date('2024-01-01'), date('now')",
           "SELECT date(date('now'), 'unixepoch')",
           "SELECT date('n' || 'ow')",
           "SELECT timediff('now', '2024-01-01')",
           "SELECT timediff(a.t, 'unixepoch')",
           "SELECT date('now', 'unixepoch', 'localtime')",
           "SELECT date(",
       }) {
    EXPECT_FALSE(date_calls_are_constant(sql)) << sql;
  }
}

// What the rule for 'unixepoch' rests on.
TEST(FunctionsTest, SqliteTakesNoClockWordBeforeUnixepoch) {
  sqlite3* raw = nullptr;
  ASSERT_EQ(sqlite3_open(":memory:", &raw), SQLITE_OK);
  const std::unique_ptr<sqlite3, decltype(&sqlite3_close)> db{raw, &sqlite3_close};
  for (const std::string call :
       {"date('now', 'unixepoch')", "strftime('%Y', 'NOW', 'unixepoch')",
        "unixepoch('now', 'unixepoch')", "julianday('subsec', 'unixepoch')"}) {
    sqlite3_stmt* statement = nullptr;
    const std::string sql = "SELECT " + call + " IS NULL";
    ASSERT_EQ(sqlite3_prepare_v2(db.get(), sql.c_str(), -1, &statement, nullptr), SQLITE_OK) << sql;
    ASSERT_EQ(sqlite3_step(statement), SQLITE_ROW);
    EXPECT_EQ(sqlite3_column_int(statement, 0), 1) << call;
    sqlite3_finalize(statement);
  }
}

// A function of this SQLite's own that is on no list is not wrong, only never proven; but each
// should be somewhere.
TEST(FunctionsTest, MostOfSqlitesOwnFunctionsAreKnown) {
  sqlite3* raw = nullptr;
  ASSERT_EQ(sqlite3_open(":memory:", &raw), SQLITE_OK);
  const std::unique_ptr<sqlite3, decltype(&sqlite3_close)> db{raw, &sqlite3_close};
  sqlite3_stmt* statement = nullptr;
  ASSERT_EQ(
      sqlite3_prepare_v2(db.get(), "SELECT DISTINCT name FROM pragma_function_list WHERE builtin",
                         -1, &statement, nullptr),
      SQLITE_OK);
  int known = 0;
  while (sqlite3_step(statement) == SQLITE_ROW) {
    const std::string name{reinterpret_cast<const char*>(sqlite3_column_text(statement, 0))};
    if (classify_function(name) != FunctionKind::kUnknown) ++known;
  }
  sqlite3_finalize(statement);
  EXPECT_GT(known, 100);
}

}  // namespace
}  // namespace weir::sqlite
