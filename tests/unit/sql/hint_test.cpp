#include "src/sql/hint.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace weir::detail {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Hint parse(std::vector<std::string> bodies) { return parse_hint(bodies); }

TEST(HintTest, ReadsEveryKey) {
  const Hint hint =
      parse({" ttl=30s max_staleness=0 stale_if_error=1m stale_while_revalidate=2m timeout=250ms "
             "tag=user:42 tag=x "
             "depends_on=public.orders name=user:profile coalesce "});
  EXPECT_THAT(hint.problems, IsEmpty());
  EXPECT_EQ(hint.policy.ttl, 30s);
  EXPECT_EQ(hint.policy.max_staleness, 0ms);
  EXPECT_EQ(hint.policy.stale_if_error, 1min);
  EXPECT_EQ(hint.policy.stale_while_revalidate, 2min);
  EXPECT_EQ(hint.policy.timeout, 250ms);
  EXPECT_EQ(hint.policy.mode, CacheMode::kCoalesceOnly);
  EXPECT_THAT(hint.policy.tags, ElementsAre("user:42", "x"));
  EXPECT_THAT(hint.policy.depends_on, ElementsAre("public.orders"));
  EXPECT_EQ(hint.name, "user:profile");
}

TEST(HintTest, ReadsEveryMode) {
  EXPECT_EQ(parse({"off"}).policy.mode, CacheMode::kOff);
  EXPECT_EQ(parse({"auto"}).policy.mode, CacheMode::kAuto);
  EXPECT_EQ(parse({"coalesce"}).policy.mode, CacheMode::kCoalesceOnly);
}

TEST(HintTest, SaysNothingWhenItIsEmpty) {
  for (const auto& bodies : {std::vector<std::string>{}, std::vector<std::string>{""},
                             std::vector<std::string>{" \n\t"}}) {
    const Hint hint = parse(bodies);
    EXPECT_EQ(hint.policy, Policy{});
    EXPECT_EQ(hint.name, "");
    EXPECT_THAT(hint.problems, IsEmpty());
  }
}

TEST(HintTest, SeveralCommentsAreOneHint) {
  const Hint hint = parse({"ttl=1s", "tag=a\n\ttag=b"});
  EXPECT_EQ(hint.policy.ttl, 1s);
  EXPECT_THAT(hint.policy.tags, ElementsAre("a", "b"));
  EXPECT_THAT(parse({"ttl=1s", "ttl=2s"}).problems, ElementsAre("ttl is given twice"));
}

TEST(HintTest, OneProblemMakesTheWholeHintVoid) {
  const Hint hint = parse({"ttl=30s tag=x name=n max_stalenes=0"});
  EXPECT_EQ(hint.policy, Policy{});
  EXPECT_EQ(hint.name, "");
  EXPECT_THAT(hint.problems, ElementsAre(HasSubstr("unknown key \"max_stalenes\"")));
}

TEST(HintTest, EveryProblemIsNamed) {
  struct Row {
    std::string body;
    std::vector<std::string> says;
  };
  const std::vector<Row> rows{
      {"of", {"unknown word \"of\"", "auto, off, coalesce"}},
      {"ttl=soon", {"ttl", "\"soon\"", "250ms"}},
      {"ttl=30", {"ttl", "\"30\"", "30s"}},
      {"ttl=", {"ttl", "\"\""}},
      {"ttl=0", {"ttl is", "0 ms", "1ms to 3650d"}},
      {"timeout=0s", {"timeout is", "0 ms", "1ms to 3650d"}},
      {"max_staleness=-1s", {"max_staleness", "\"-1s\""}},
      {"stale_if_error=9999d", {"stale_if_error", "\"9999d\"", "3650d"}},
      {"tag=", {"tags: a tag", "0 bytes", "1 to 200"}},
      {"tag=" + std::string(201, 'x'), {"tags: a tag", "201 bytes", "1 to 200"}},
      {"depends_on=orders", {"depends_on: a table", "orders", "schema.name"}},
      {"name=", {"name is empty"}},
      {"name=a name=b", {"name is given twice"}},
      {"name=" + std::string(201, 'x'), {"name is", "201 bytes", "0 to 200"}},
      {"off coalesce", {"mode is given twice"}},
      {"timeout=1s timeout=1s", {"timeout is given twice"}},
      {"=5", {"unknown key \"\""}},
      {"ttl =30s", {"unknown word \"ttl\""}},
      {"TTL=30s", {"unknown key \"TTL\""}},
  };
  for (const Row& row : rows) {
    const Hint hint = parse({row.body});
    ASSERT_FALSE(hint.problems.empty()) << row.body;
    for (const std::string& part : row.says) {
      EXPECT_THAT(hint.problems.front(), HasSubstr(part)) << row.body;
    }
  }
}

TEST(HintTest, ListsAllProblems) {
  EXPECT_THAT(parse({"ttl=x colour=red"}).problems,
              ElementsAre(HasSubstr("ttl"), HasSubstr("colour")));
}

TEST(HintTest, ShowsOnlyTheStartOfALongWordAndWholeCharacters) {
  const Hint hint = parse({std::string(39, 'x') + "ééé" + std::string(10'000, 'y')});
  ASSERT_EQ(hint.problems.size(), 1U);
  EXPECT_THAT(hint.problems[0], HasSubstr("\"" + std::string(39, 'x') + "…\""));
  EXPECT_LT(hint.problems[0].size(), 150U);
}

}  // namespace
}  // namespace weir::detail
