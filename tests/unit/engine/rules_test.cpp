#include "src/engine/rules.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "weir/error.hpp"

namespace weir::detail {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

Rules parse(std::string_view toml) { return Rules::parse(toml, "/etc/weir.toml"); }

std::string refusal(std::string_view toml) {
  try {
    static_cast<void>(parse(toml));
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kConfig);
    return error.what();
  }
  return "accepted";
}

TEST(RulesTest, AnEmptyFileHasNoRules) {
  EXPECT_EQ(parse("").size(), 0U);
  EXPECT_EQ(parse("# nothing\n").size(), 0U);
  EXPECT_EQ(parse("").policy_for({.sql = "select 1"}), Policy{});
}

TEST(RulesTest, ReadsEveryKey) {
  const Rules rules = parse(R"(
[[rule]]
name = "user:*"
table = ["public.users", "public.org*"]
tag = ["front"]
sql = "select *"
mode = "coalesce"
ttl = "5m"
max_staleness = 0
stale_if_error = "1h"
stale_while_revalidate = "2h"
timeout = "250ms"
tags = ["a", "b"]
depends_on = "public.prices"
)");
  ASSERT_EQ(rules.size(), 1U);
  const RuleSubject subject{.sql = "select 1 from users",
                            .name = "user:profile",
                            .tags = {"front"},
                            .tables = {"public.users"}};
  const Policy policy = rules.policy_for(subject);
  EXPECT_EQ(policy.mode, CacheMode::kCoalesceOnly);
  EXPECT_EQ(policy.ttl, 5min);
  EXPECT_EQ(policy.max_staleness, 0ms);
  EXPECT_EQ(policy.stale_if_error, 1h);
  EXPECT_EQ(policy.stale_while_revalidate, 2h);
  EXPECT_EQ(policy.timeout, 250ms);
  EXPECT_THAT(policy.tags, ElementsAre("a", "b"));
  EXPECT_THAT(policy.depends_on, ElementsAre("public.prices"));
}

TEST(RulesTest, EveryModeHasItsWord) {
  const auto mode = [](const std::string& word) {
    return parse("[[rule]]\nname='*'\nmode='" + word + "'").policy_for({.name = "x"}).mode;
  };
  EXPECT_EQ(mode("auto"), CacheMode::kAuto);
  EXPECT_EQ(mode("off"), CacheMode::kOff);
  EXPECT_EQ(mode("coalesce"), CacheMode::kCoalesceOnly);
}

TEST(RulesTest, EveryGivenKindMustMatchByAnyOfItsGlobs) {
  const Rules rules = parse(R"(
[[rule]]
name = ["user:*", "account:*"]
table = "public.*"
ttl = "1s"
)");
  const auto matches = [&rules](const RuleSubject& subject) {
    return rules.policy_for(subject).ttl.has_value();
  };
  EXPECT_TRUE(matches({.name = "user:1", .tables = {"public.t"}}));
  EXPECT_TRUE(matches({.name = "account:1", .tables = {"other.t", "public.t"}}));
  EXPECT_FALSE(matches({.name = "user:1", .tables = {"other.t"}}));
  EXPECT_FALSE(matches({.name = "user:1", .tables = {}}));
  EXPECT_FALSE(matches({.name = "order:1", .tables = {"public.t"}}));
  EXPECT_FALSE(matches({.name = "", .tables = {"public.t"}}));
}

TEST(RulesTest, SqlAndTagsMatchByGlob) {
  const Rules rules = parse(R"(
[[rule]]
sql = "select * from orders where*"
ttl = "1s"
[[rule]]
tag = "user:?"
timeout = "2s"
)");
  EXPECT_EQ(rules.policy_for({.sql = "select id from orders where id = $1"}).ttl, 1s);
  EXPECT_EQ(rules.policy_for({.sql = "select id from orders"}).ttl, std::nullopt);
  EXPECT_EQ(rules.policy_for({.tags = {"x", "user:7"}}).timeout, 2s);
  EXPECT_EQ(rules.policy_for({.tags = {"user:77"}}).timeout, std::nullopt);
}

TEST(RulesTest, TheFirstMatchingRuleThatSetsAFieldDecidesItAndTagsAddUp) {
  const Rules rules = parse(R"(
[[rule]]
table = "s.hot"
ttl = "1s"
tags = "hot"
[[rule]]
table = "s.*"
ttl = "1h"
max_staleness = "5s"
tags = "all"
[[rule]]
table = "other.*"
mode = "off"
)");
  const Policy hot = rules.policy_for({.tables = {"s.hot"}});
  EXPECT_EQ(hot.ttl, 1s);
  EXPECT_EQ(hot.max_staleness, 5s);
  EXPECT_EQ(hot.mode, std::nullopt);
  EXPECT_THAT(hot.tags, ElementsAre("hot", "all"));
  EXPECT_EQ(rules.policy_for({.tables = {"s.cold"}}).ttl, 1h);
}

TEST(RulesTest, TagsThatRulesAddMatchNoOtherRule) {
  const Rules rules = parse("[[rule]]\nname='*'\ntags=['x']\n[[rule]]\ntag='x'\nmode='off'");
  EXPECT_EQ(rules.policy_for({.name = "q"}).mode, std::nullopt);
}

TEST(RulesTest, AGlobWithManyStarsDoesNotBlowUp) {
  std::string glob;
  for (int i = 0; i < 300; ++i) glob += "*a";
  const Rules rules = parse("[[rule]]\nsql='" + glob + "b'\nmode='off'");
  EXPECT_EQ(rules.policy_for({.sql = std::string(20'000, 'a')}).mode, std::nullopt);
}

TEST(RulesTest, EveryFaultIsRefusedNamingFileLineKeyValueAndBound) {
  struct Row {
    std::string toml;
    std::string line;
    std::vector<std::string> says;
  };
  const std::string start = "[[rule]]\nname = 'x'\n";
  const std::vector<Row> rows{
      {"ttl = ", "1", {}},
      {"[[rule]]\n[[rule]", "2", {}},
      {"rules = 1", "1", {"\"rules\"", "[[rule]]"}},
      {"\n[rule]\nname = 'x'", "2", {"[[rule]]"}},
      {"rule = [1]", "1", {"[[rule]]"}},
      {start + "tll = '1s'", "3", {"\"tll\"", "ttl", "depends_on"}},
      {start + "ttl = 'soon'", "3", {"ttl", "\"soon\"", "250ms", "3650d"}},
      {start + "ttl = 30", "3", {"ttl", "the integer 30", "250ms"}},
      {start + "ttl = 1.5", "3", {"ttl", "the number 1.5", "250ms"}},
      {start + "ttl = true", "3", {"ttl", "true", "250ms"}},
      {start + "ttl = 1979-05-27", "3", {"ttl", "a date or time"}},
      {start + "ttl = '0s'", "3", {"3: ttl is", "0 ms", "1ms to 3650d"}},
      {start + "timeout = 0", "3", {"3: timeout is", "0 ms", "1ms to 3650d"}},
      {start + "max_staleness = '-1s'", "3", {"max_staleness", "\"-1s\""}},
      {start + "stale_if_error = '9999d'", "3", {"stale_if_error", "\"9999d\"", "3650d"}},
      {start + "mode = 'of'", "3", {"mode", "\"of\"", "\"off\""}},
      {start + "mode = false", "3", {"mode", "false", "\"off\""}},
      {start + "tags = 5", "3", {"tags", "the integer 5", "list of strings"}},
      {start + "tags = []", "3", {"tags", "empty"}},
      {start + "tags = ['a',\n 7]", "4", {"tags", "the integer 7", "strings"}},
      {start + "tags = ['']", "3", {"3: tags: a tag", "0 bytes", "1 to 200"}},
      {start + "depends_on = 'orders'", "3", {"3: depends_on: a table", "orders", "schema.name"}},
      {"[[rule]]\ntable = { a = 1 }\nttl='1s'", "2", {"table", "a table", "string"}},
      {"[[rule]]\nsql = ''\nttl='1s'", "2", {"sql", "0 bytes", "1 to 1000"}},
      {"[[rule]]\nname = '" + std::string(1001, 'x') + "'",
       "2",
       {"name", "1001 bytes", "1 to 1000"}},
      {"\n\n[[rule]]\nttl = '1s'", "3", {"matches nothing", "name, table, tag, sql"}},
      {start, "1", {"says nothing", "mode, ttl"}},
      {start + "name = 'y'\nttl='1s'", "3", {}},
  };
  for (const Row& row : rows) {
    const std::string message = refusal(row.toml);
    EXPECT_THAT(message, StartsWith("rules: /etc/weir.toml:" + row.line + ": ")) << row.toml;
    for (const std::string& part : row.says) EXPECT_THAT(message, HasSubstr(part)) << row.toml;
  }
}

TEST(RulesTest, AFileTooLongIsRefusedNamingTheBound) {
  EXPECT_EQ(refusal(std::string(Rules::kLongestFile, '\n')), "accepted");
  EXPECT_THAT(refusal(std::string(Rules::kLongestFile + 1, '\n')), HasSubstr("1048576"));
}

}  // namespace
}  // namespace weir::detail
