#include "src/sql/statement_memo.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace weir::detail {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

spi::Scan scan_as(std::string normalized) {
  return {.normalized = std::move(normalized), .hints = {}};
}

struct Known final : StatementFacts {
  explicit Known(int given) : number{given} {}
  int number;
};
int number_of(const Statement& statement) {
  return static_cast<const Known*>(statement.facts())->number;
}

TEST(StatementMemoTest, FindsExactlyTheTextThatWasAdded) {
  StatementMemo memo{10};
  EXPECT_EQ(memo.find("SELECT 1"), nullptr);
  const StatementRef added = memo.add("SELECT 1", scan_as("select 1"));
  EXPECT_EQ(memo.find("SELECT 1"), added);
  EXPECT_EQ(memo.find("SELECT  1"), nullptr);
  EXPECT_EQ(memo.find("SELECT 1 "), nullptr);
  EXPECT_EQ(memo.find(""), nullptr);
  EXPECT_EQ(added->sql(), "SELECT 1");
  EXPECT_EQ(added->normalized(), "select 1");
  EXPECT_EQ(added->facts(), nullptr);
}

TEST(StatementMemoTest, EqualNormalFormsShareOneIdAndDifferentOnesDoNot) {
  StatementMemo memo{10};
  const StatementRef spaced = memo.add("SELECT  1", scan_as("select 1"));
  const StatementRef plain = memo.add("select 1", scan_as("select 1"));
  const StatementRef other = memo.add("select 2", scan_as("select 2"));
  EXPECT_EQ(spaced->id(), plain->id());
  EXPECT_NE(spaced, plain);
  EXPECT_NE(plain->id(), other->id());
}

TEST(StatementMemoTest, IdsAreNeverGivenAgain) {
  StatementMemo memo{1};
  std::set<std::uint64_t> ids;
  for (int round = 0; round < 20; ++round) {
    for (const char* text : {"a", "b", "c"}) ids.insert(memo.add(text, scan_as(text))->id());
  }
  EXPECT_EQ(ids.size(), 60U);
  StatementMemo another{1};
  EXPECT_FALSE(ids.contains(another.add("a", scan_as("a"))->id()));
}

TEST(StatementMemoTest, AnIdLivesAsLongAsAnyStatementOfItIsHeld) {
  StatementMemo memo{1};
  const StatementRef held = memo.add("a", scan_as("normal"));
  static_cast<void>(memo.add("b", scan_as("other")));
  ASSERT_EQ(memo.find("a"), nullptr);
  EXPECT_EQ(memo.add("a ", scan_as("normal"))->id(), held->id());
}

TEST(StatementMemoTest, StatementsOutliveTheMemo) {
  StatementRef held;
  {
    StatementMemo memo{10};
    held = memo.add("SELECT 1", scan_as("select 1"));
  }
  EXPECT_EQ(held->normalized(), "select 1");
}

TEST(StatementMemoTest, AddingTwiceKeepsTheFirst) {
  StatementMemo memo{10};
  const StatementRef first = memo.add("a", scan_as("a"));
  EXPECT_EQ(memo.add("a", scan_as("a")), first);
  EXPECT_EQ(memo.size(), 1U);
}

TEST(StatementMemoTest, TextsWithEqualHashesAreNeverMistakenForEachOther) {
  StatementMemo memo{10, [](std::string_view) noexcept -> std::uint64_t { return 7; }};
  const StatementRef a = memo.add("a", scan_as("a"));
  EXPECT_EQ(memo.find("b"), nullptr);
  const StatementRef b = memo.add("b", scan_as("b"));
  EXPECT_EQ(b->sql(), "b");
  EXPECT_EQ(memo.find("b"), b);
  EXPECT_EQ(memo.find("a"), nullptr);  // gave way
  static_cast<void>(memo.attach(*a, std::make_shared<Known>(1)));
  EXPECT_EQ(memo.find("b"), b);
}

TEST(StatementMemoTest, HintsAreParsedAndTheirProblemsKept) {
  StatementMemo memo{10};
  const StatementRef good =
      memo.add("/* weir: tag=x */ a", {.normalized = "a", .hints = {"tag=x"}});
  EXPECT_THAT(good->hint().policy.tags, Contains("x"));
  const StatementRef bad = memo.add("/* weir: tug=x */ a", {.normalized = "a", .hints = {"tug=x"}});
  EXPECT_THAT(bad->hint().problems, Contains(HasSubstr("tug")));
  EXPECT_EQ(good->id(), bad->id());
}

TEST(StatementMemoTest, HoldsAtMostItsCapacity) {
  for (const std::size_t capacity : {1UL, 2UL, 7UL, 1023UL, 1024UL, 5000UL}) {
    StatementMemo memo{capacity};
    for (std::size_t i = 0; i < 2 * capacity; ++i) {
      const std::string text = "select " + std::to_string(i);
      static_cast<void>(memo.add(text, scan_as(text)));
    }
    EXPECT_LE(memo.size(), capacity);
    EXPECT_GE(memo.size(), capacity - capacity / 10);
    EXPECT_EQ(memo.evicted() + memo.size(), 2 * capacity);
  }
}

TEST(StatementMemoTest, HoldsAtMostItsBytesButAlwaysTheNewestText) {
  StatementMemo memo{8};
  const std::string half(2 * StatementMemo::kBytesEach, 'x');  // with its normal form: half of all
  for (const char* start : {"a", "b", "c", "d", "e"}) {
    static_cast<void>(memo.add(start + half, scan_as(start + half)));
    EXPECT_NE(memo.find(start + half), nullptr);
  }
  EXPECT_EQ(memo.size(), 1U);
  const std::string huge(100 * StatementMemo::kBytesEach, 'y');
  static_cast<void>(memo.add(huge, scan_as(huge)));
  EXPECT_NE(memo.find(huge), nullptr);
  static_cast<void>(memo.add("small", scan_as("small")));
  EXPECT_EQ(memo.find(huge), nullptr);
  EXPECT_NE(memo.find("small"), nullptr);
}

TEST(StatementMemoTest, WhatIsAskedForOutlivesWhatIsNot) {
  StatementMemo memo{10};
  static_cast<void>(memo.add("hot", scan_as("hot")));
  for (int i = 0; i < 1000; ++i) {
    const std::string text = std::to_string(i);
    static_cast<void>(memo.add(text, scan_as(text)));
    ASSERT_NE(memo.find("hot"), nullptr) << i;
  }
}

TEST(StatementMemoTest, AttachedFactsAreFoundAndOlderHoldersKeepTheirs) {
  StatementMemo memo{10};
  const StatementRef bare = memo.add("a", scan_as("a"));
  const StatementRef first = memo.attach(*bare, std::make_shared<Known>(1));
  const StatementRef second = memo.attach(*first, std::make_shared<Known>(2));
  EXPECT_EQ(bare->facts(), nullptr);
  EXPECT_EQ(number_of(*first), 1);
  EXPECT_EQ(number_of(*memo.find("a")), 2);
  EXPECT_EQ(second->id(), bare->id());
  EXPECT_EQ(memo.size(), 1U);
}

TEST(StatementMemoTest, AttachingToAForgottenStatementRemembersNothing) {
  StatementMemo memo{1};
  const StatementRef forgotten = memo.add("a", scan_as("a"));
  static_cast<void>(memo.add("b", scan_as("b")));
  const StatementRef attached = memo.attach(*forgotten, std::make_shared<Known>(1));
  EXPECT_EQ(number_of(*attached), 1);
  EXPECT_EQ(memo.find("a"), nullptr);
  const StatementRef again = memo.add("a", scan_as("other"));
  static_cast<void>(memo.attach(*forgotten, std::make_shared<Known>(1)));
  EXPECT_EQ(memo.find("a"), again);
}

TEST(StatementMemoTest, ManyThreadsSeeOneIdPerNormalForm) {
  constexpr int kThreads = 4;
  constexpr int kRounds = 3000;
  constexpr int kTexts = 40;
  StatementMemo memo{16};  // far fewer than texts: adding, finding, attaching and evicting at once
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&memo, &wrong, thread] {
      for (int i = 0; i < kRounds; ++i) {
        const int number = (i * 7 + thread) % kTexts;
        const std::string normal = std::to_string(number / 2);  // two texts share a normal form
        const std::string text = normal + (number % 2 == 0 ? "" : " ");
        StatementRef statement = memo.find(text);
        if (!statement) statement = memo.add(text, scan_as(normal));
        if (statement->sql() != text || statement->normalized() != normal) ++wrong;
        const StatementRef twin = memo.add(normal + "  ", scan_as(normal));
        if (twin->id() != statement->id()) ++wrong;  // both are held right now
        const StatementRef known = memo.attach(*statement, std::make_shared<Known>(number));
        if (number_of(*known) != number) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong.load(), 0);
  EXPECT_LE(memo.size(), 16U);
}

}  // namespace
}  // namespace weir::detail
