#include "drivers/postgres/scan.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "drivers/postgres/sql_tokens.hpp"

namespace weir::postgres {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::string normal(std::string_view sql) { return scan_statement(sql).normalized; }

TEST(ScanTest, SpacingCaseAndCommentsDoNotMatter) {
  const std::vector<std::pair<std::string, std::string>> equal{
      {"SELECT A FROM T", "select a from t"},
      {"select  a\n\tfrom t ", "select a from t"},
      {"select a from t;", "select a from t"},
      {"select a from t ; ; ", "select a from t"},
      {"select/**/a/* x */from t -- y", "select a from t"},
      {"select /* outer /* inner */ still */ 1", "select 1"},
      {"select a.b,c from t", "SELECT a . b , C FROM T"},
      {"select 1 -- c\n", "select 1"},
      {"select f(a)from t", "select f ( a ) from t"},
      {"select 1--1", "select 1"},
      {"select e.a from t e", "select E.A from T E"},
      {"select date '2020-01-01'", "select DATE '2020-01-01'"},
      {"select $1::INT", "select $1 :: int"},
  };
  for (const auto& [a, b] : equal) EXPECT_EQ(normal(a), normal(b));
}

TEST(ScanTest, WhateverMayAnswerDifferentlyStaysDifferent) {
  // The pairs of facts.md F that libpg_query's fingerprint takes for equal, and some more.
  const std::vector<std::pair<std::string, std::string>> different{
      {"select a from t limit 10", "select a from t limit 20"},
      {"select a from t limit 1", "select a from t offset 1"},
      {"select a,b from t order by 1", "select a,b from t order by 2"},
      {"select a,b,count(*) from t group by 1,2", "select a,b,count(*) from t group by 2,1"},
      {"select * from t where a in (1,2)", "select * from t where a in (1,2,3)"},
      {"select * from t where a=1", "select * from t where a='1'"},
      {"select * from t where a=1", "select * from t where a=1.0"},
      {"select 1", "select 2"},
      {"select '1'::int", "select '1'::text"},
      {"select 'abc'::varchar(2)", "select 'abc'::varchar(3)"},
      {"select date '2020-01-01'", "select date '2021-01-01'"},
      {"select interval '1' year", "select interval '1' month"},
      {"select * from a,b", "select * from b,a"},
      {"select * from t where a=1 and b=2", "select * from t where b=2 and a=1"},
      {"select a as x from t", "select a as y from t"},
      {"select x.a from t x", "select y.a from t y"},
      {"select \"A\" from t", "select a from t"},
      {"select \"a\" from t", "select a from t"},
      {"select true", "select false"},
      {"select null", "select 1"},
      {"select array[1,2]", "select array[1,2,3]"},
      {"values (1),(2)", "values (1),(2),(3)"},
      {"select -1", "select 1"},
      {"select 1--1", "select 1 - -1"},
      {"select sum(a) over (rows between 1 preceding and current row) from t",
       "select sum(a) over (rows between 2 preceding and current row) from t"},
      {"select a from t tablesample system(10)", "select a from t tablesample system(50)"},
      {"select d at time zone 'UTC' from t", "select d at time zone 'Asia/Tokyo' from t"},
      {"select extract(year from d) from t", "select extract(month from d) from t"},
      {"/*+ SeqScan(t) */ select a from t", "select a from t"},
      {"select 'a'", "select 'A'"},
      {"select 'a b'", "select 'a  b'"},
      {"select E'a\\nb'", "select 'a\\nb'"},
      {"select $$it's$$", "select 'it''s'"},
      {"select $a$x$a$", "select $b$x$b$"},
      {"select 'a'\n'b'", "select 'ab'"},
      {"select 'a'\n'b'", "select 'a' 'b'"},
      {"select b'101'", "select x'101'"},
      {"select n'a'", "select 'a'"},
      {"select U&'d\\0061t'", "select 'd\\0061t'"},
      {"select U&\"a\"", "select U&\"A\""},
      {"select $1", "select $2"},
      {"select * from t where a=$1", "select * from t where a=5"},
      {"select 1.e3", "select 1.e4"},
      {"select a!=b from t", "select a=b from t"},
      {"select a\xc2\xa0 from t", "select a from t"},
      {"select \xc3\x84 from t", "select \xc3\xa4 from t"},
      {"select ARTIKEL\xc3\x84 from t", "select artikel\xc3\xa4 from t"},
      {"select 1; select 2", "select 1"},
  };
  for (const auto& [a, b] : different) EXPECT_NE(normal(a), normal(b)) << a << " | " << b;
}

TEST(ScanTest, ABackslashInAPlainConstantKeepsTheTextAsItIs) {
  // With standard_conforming_strings off the server reads other tokens here.
  const std::string sql = "SELECT  'a\\' , B -- ' , c";
  EXPECT_EQ(normal(sql), sql);
  EXPECT_EQ(normal("SELECT  E'a\\nb'"), "select E'a\\nb'");
  EXPECT_EQ(normal("SELECT  $$a\\b$$"), "select $$a\\b$$");
}

TEST(ScanTest, WhatCannotBeScannedIsItsOwnNormalForm) {
  for (const std::string sql : {"SELECT  'open", "SELECT /* open", "SELECT \"", "SELECT  $$x"}) {
    EXPECT_EQ(normal(sql), sql);
  }
  const std::string nul{"SELECT  1\0 X", 12};
  EXPECT_EQ(normal(nul), nul);
  EXPECT_EQ(normal(""), "");
  EXPECT_EQ(normal(" ;; "), "");
}

TEST(ScanTest, TheNormalFormIsItsOwnNormalForm) {
  for (const std::string sql :
       {"SELECT A,b FROM T WHERE x = E'\\'' AND y='a''b' -- c\n AND z=$1;", "/*+ Hint */ SELECT 1;",
        "SELECT 'a'\n  'b', $$ c $$, U&\"x\" FROM \"Y\"", "SELECT 'a\\b'  ;"}) {
    EXPECT_EQ(normal(normal(sql)), normal(sql));
  }
}

TEST(ScanTest, HintsAreFoundAndOnlyInComments) {
  EXPECT_THAT(scan_statement("/* weir: ttl=30s tag=user:42 */ SELECT 1").hints,
              ElementsAre("ttl=30s tag=user:42"));
  EXPECT_THAT(scan_statement("SELECT /*weir:off*/ 1 /* weir: tag=a */").hints,
              ElementsAre("off", "tag=a"));
  EXPECT_THAT(scan_statement("SELECT '/* weir: off */', $$/* weir: off */$$").hints, IsEmpty());
  EXPECT_THAT(scan_statement("SELECT 1 /* weird */ -- weir: off\n").hints, IsEmpty());
  EXPECT_THAT(scan_statement("SELECT 1 /**//*weir:*/").hints, ElementsAre(""));
  EXPECT_EQ(normal("/* weir: ttl=30s */ SELECT 1"), "select 1");
}

TEST(ScanTest, HostileTextsAreHarmless) {
  const std::string nested = std::string(10'000, '(') + "1" + std::string(10'000, ')');
  EXPECT_FALSE(normal("SELECT " + nested).empty());
  EXPECT_FALSE(normal(std::string(100'000, '/') + std::string(100'000, '*')).empty());
  std::string comments;
  for (int i = 0; i < 10'000; ++i) comments += "/*";
  EXPECT_EQ(normal("SELECT 1 " + comments), "SELECT 1 " + comments);
  EXPECT_FALSE(normal(std::string(1'000'000, 'x')).empty());
  const std::string plus = "SELECT  1" + std::string(1'000'000, '+') + "1";
  EXPECT_EQ(normal(plus), plus);  // the scanner would take hours
  EXPECT_FALSE(normal("\xff\xfe\x80 SELECT \xc3").empty());
}

TEST(ScanTest, TokensCoverTheWholeText) {
  const std::string sql = "SELECT a.\"B\", 'x''y' || $2::int <> 1.5e3 -- end";
  const auto tokens = tokenize(sql);
  ASSERT_TRUE(tokens);
  std::string joined;
  for (const Token& token : *tokens) joined += std::string{token.text} + "|";
  // libpg_query 15 gives U& tokens a wrong end.
  const auto unicode = tokenize("SELECT U&'d' 'e', U&\"a b\" UESCAPE '!', u&'x'\n'y' FROM t");
  ASSERT_TRUE(unicode);
  std::vector<std::string> texts;
  for (const Token& token : *unicode) texts.emplace_back(token.text);
  EXPECT_THAT(texts, ElementsAre("SELECT", "U&'d'", "'e'", ",", "U&\"a b\"", "UESCAPE", "'!'", ",",
                                 "u&'x'\n'y'", "FROM", "t"));
  EXPECT_EQ(joined, "SELECT|a|.|\"B\"|,|'x''y'|\x7c||$2|::|int|<>|1.5e3|-- end|");
}

TEST(ScanTest, ThreadsScanAtTheSameTime) {
  std::vector<std::thread> threads;
  std::vector<int> failures(8, 0);
  for (std::size_t i = 0; i < failures.size(); ++i) {
    threads.emplace_back([i, &failures] {
      const std::string want = "select " + std::to_string(i);
      for (int round = 0; round < 200; ++round) {
        if (normal("SELECT  " + std::to_string(i) + " /* c */") != want) ++failures[i];
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(failures, ::testing::Each(0));
}

}  // namespace
}  // namespace weir::postgres
