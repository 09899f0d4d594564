#include "drivers/sqlite/params.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <limits>
#include <string>
#include <vector>

#include "tests/support/error_of.hpp"

namespace weir::sqlite {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class ParamsTest : public ::testing::Test {
 protected:
  ParamsTest() : handle_{Location{}, Writing::kAllowed, system_clock(), spi::Deadline{}} {}
  // The statement's one row, cells joined by a bar.
  std::string row(std::string_view sql, const Params& params) {
    const StatementPtr statement = handle_.prepare(sql, "test");
    ParameterMap{statement.get()}.bind(statement.get(), params);
    EXPECT_TRUE(handle_.step(statement.get(), "test"));
    std::string text;
    for (int i = 0; i < sqlite3_column_count(statement.get()); ++i) {
      const auto* cell = reinterpret_cast<const char*>(sqlite3_column_text(statement.get(), i));
      text += (i == 0 ? "" : "|") + std::string{cell == nullptr ? "NULL" : cell};
    }
    return text;
  }
  std::string refused(std::string_view sql, const Params& params) {
    return test::error_of(ErrorCode::kUsage, [&] { (void)row(sql, params); });
  }
  Handle handle_;
};

TEST_F(ParamsTest, EveryKindOfParameterTakesItsPlace) {
  const Params three = Params::of("a", "b", "c");
  EXPECT_EQ(row("SELECT ?, ?, ?", three), "a|b|c");
  EXPECT_EQ(row("SELECT ?3, ?1, ?2", three), "c|a|b");
  EXPECT_EQ(row("SELECT $3, $1, $2", three), "c|a|b");
  EXPECT_EQ(row("SELECT $3, $3", three), "c|c");
  EXPECT_EQ(row("SELECT :x, @y, $z, :x", three), "a|b|c|a");
}

TEST_F(ParamsTest, AWrongCountNamesTheHighestNumberAndAWrongNumberItsBound) {
  EXPECT_THAT(refused("SELECT ?7", Params::of("a")),
              AllOf(HasSubstr("takes 7 parameters, 1 given"), HasSubstr("?7")));
  EXPECT_THAT(refused("SELECT $7", Params::of("a")),
              AllOf(HasSubstr("takes 7 parameters, 1 given"), HasSubstr("$7")));
  EXPECT_THAT(refused("SELECT ?, ?", Params::of("a")), HasSubstr("takes 2 parameters, 1 given"));
  for (const char* sql : {"SELECT ?99999", "SELECT $99999"}) {
    EXPECT_THAT(refused(sql, Params::of("a")),
                AllOf(HasSubstr("99999'"), HasSubstr("must be 1 to 65535")));
  }
}

TEST_F(ParamsTest, ParametersBeyondNineteenAreNumbersToo) {
  Params many;
  std::string sql = "SELECT $12";
  for (int i = 1; i <= 12; ++i) many.add(i);
  for (int i = 11; i >= 1; --i) sql += ", $" + std::to_string(i);
  EXPECT_EQ(row(sql, many), "12|11|10|9|8|7|6|5|4|3|2|1");
}

TEST_F(ParamsTest, TypesArriveAsSqliteHasThem) {
  const std::string types =
      "SELECT typeof($1), typeof($2), typeof($3), typeof($4), typeof($5), typeof($6), typeof($7)";
  EXPECT_EQ(row(types, Params::of(nullptr, true, std::int64_t{1}, 1.0, "x",
                                  std::vector<std::byte>{}, std::vector<std::byte>(3))),
            "null|integer|integer|real|text|blob|blob");
  EXPECT_EQ(row("SELECT $1, $2", Params::of(std::numeric_limits<std::int64_t>::min(), false)),
            "-9223372036854775808|0");
}

TEST_F(ParamsTest, TimesAreTextThatSqlitesFunctionsReadAndThatSorts) {
  using namespace std::chrono;
  const auto moment = sys_days{year{2024} / 2 / 29} + 3h + 4min + 5s;
  EXPECT_EQ(row("SELECT $1", Params::of(moment)), "2024-02-29 03:04:05");
  EXPECT_EQ(row("SELECT $1", Params::of(moment + 6us)), "2024-02-29 03:04:05.000006");
  EXPECT_EQ(
      row("SELECT $1", Params::of(sys_days{year{1969} / 12 / 31} + 23h + 59min + 59s + 999999us)),
      "1969-12-31 23:59:59.999999");
  EXPECT_EQ(row("SELECT $1", Params::of(year{5} / 1 / 2)), "0005-01-02");
  EXPECT_EQ(row("SELECT $1 = datetime($1)", Params::of(moment)), "1");
  EXPECT_EQ(row("SELECT $1 < $2", Params::of(moment, moment + 1us)), "1");
  EXPECT_THAT(refused("SELECT $1", Params::of(year{10000} / 1 / 1)), HasSubstr("parameter 1"));
  EXPECT_THAT(refused("SELECT $1", Params::of(year{-1} / 1 / 1)), HasSubstr("9999"));
  EXPECT_EQ(row("SELECT $1", Params::of(year{9999} / 12 / 31)), "9999-12-31");
  EXPECT_EQ(row("SELECT $1", Params::of(year{0} / 1 / 1)), "0000-01-01");
}

TEST_F(ParamsTest, AWrongNumberNamesWantedAndGiven) {
  EXPECT_THAT(refused("SELECT ?, ?", Params::of(1)),
              AllOf(HasSubstr("takes 2"), HasSubstr("1 given")));
  EXPECT_THAT(refused("SELECT 1", Params::of(1)),
              AllOf(HasSubstr("takes 0"), HasSubstr("1 given")));
  EXPECT_THAT(refused("SELECT $2", Params::of(1)), HasSubstr("takes 2"));
}

TEST_F(ParamsTest, WhatSqliteCannotHoldIsRefused) {
  EXPECT_THAT(refused("SELECT $1", Params::of(std::vector<int>{1, 2})), HasSubstr("json_each"));
  EXPECT_THAT(refused("SELECT $1", Params::of(std::numeric_limits<double>::quiet_NaN())),
              HasSubstr("NaN"));
  EXPECT_THAT(refused("SELECT $1", Params::of(std::string_view{"a\0b", 3})),
              HasSubstr("parameter 1"));
  EXPECT_THAT(refused("SELECT $2", Params::of(1, "\xc3")), HasSubstr("parameter 2"));
  EXPECT_THAT(refused("SELECT $1::int", Params::of(1)), HasSubstr("CAST($1"));
  EXPECT_THAT(refused("SELECT $1, ?", Params::of(1, 2)), HasSubstr("mixed"));
  EXPECT_THAT(refused("SELECT $0", Params::of(1)), HasSubstr("1 to 65535"));
  EXPECT_THAT(refused("SELECT $99999999999999999999", Params::of(1)), HasSubstr("1 to 65535"));
  sqlite3_limit(handle_.get(), SQLITE_LIMIT_LENGTH, 1000);
  EXPECT_THAT(refused("SELECT $1", Params::of(std::string(2000, 'x'))),
              AllOf(HasSubstr("2000"), HasSubstr("1000")));
}

}  // namespace
}  // namespace weir::sqlite
