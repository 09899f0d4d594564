#include "src/cache/entry.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/unit/cache/fixtures.hpp"

namespace weir::detail {
namespace {

using ::testing::ElementsAre;
using namespace std::chrono_literals;

TEST(EntryTest, KeepsItsOwnCopyOfKeyCellsAndTags) {
  CellTable table;
  EntryRef entry;
  {
    const std::string bytes = "some key \0 with a NUL";
    const std::array<const Cell*, 2> cells{table.everything(), table.tag("t")};
    const std::vector<std::string> tags{"front-page", std::string(100, 'a')};
    EntryDraft draft = test::draft_of(test::result_of(10), 7ms);
    draft.dependencies = {cells, tags};
    draft.read_started = TimePoint{1s};
    draft.expires = TimePoint{9s};
    entry = Entry::create(test::key_of(bytes), draft);
  }
  EXPECT_EQ(entry->key(), test::key_of("some key \0 with a NUL"));
  EXPECT_THAT(entry->dependencies().cells, ElementsAre(table.everything(), table.tag("t")));
  EXPECT_THAT(entry->dependencies().tags, ElementsAre("front-page", std::string(100, 'a')));
  EXPECT_EQ(entry->rows()->text(0, 0), "xxxxxxxxxx");
  EXPECT_EQ(entry->read_started(), TimePoint{1s});
  EXPECT_EQ(entry->expires(), TimePoint{9s});
  EXPECT_EQ(entry->cost(), 7ms);
}

TEST(EntryTest, WithoutAKeyCellsOrTagsIsFine) {
  const EntryRef entry = Entry::create(Key{}, test::draft_of(test::result_of(0)));
  EXPECT_EQ(entry->key(), Key{});
  EXPECT_TRUE(entry->dependencies().cells.empty());
  EXPECT_TRUE(entry->dependencies().tags.empty());
  EXPECT_EQ(entry->expires(), TimePoint::max());
}

TEST(EntryTest, LivesAsLongAsAnyReference) {
  const auto label = std::make_shared<const Label>();
  {
    EntryDraft draft = test::draft_of(test::result_of(10));
    draft.label = label;
    EntryRef first = Entry::create(test::key_of("k"), std::move(draft));
    EXPECT_EQ(label.use_count(), 2);
    EntryRef second = first;
    first = EntryRef{};
    EXPECT_EQ(label.use_count(), 2);
    const EntryRef third = std::move(second);
    EXPECT_FALSE(second);  // NOLINT(bugprone-use-after-move): that it is empty is the point
    EXPECT_EQ(third->label(), label);
  }
  EXPECT_EQ(label.use_count(), 1);
}

TEST(EntryTest, CountsUsesUpToItsLimit) {
  const EntryRef entry = Entry::create(test::key_of("k"), test::draft_of(test::result_of(1)));
  EXPECT_EQ(entry->uses(), 1U);
  entry->use({3.0, 7});
  EXPECT_EQ(entry->uses(), 2U);
  EXPECT_EQ(entry->last_use().clock, 3.0);
  EXPECT_EQ(entry->last_use().turn, 7U);
  for (int i = 0; i < 100; ++i) entry->use({4.0, 8});
  EXPECT_EQ(entry->uses(), Entry::kMostUses);

  const EntryRef next = Entry::create(test::key_of("k"), test::draft_of(test::result_of(1)));
  next->inherit(*entry);
  EXPECT_EQ(next->uses(), Entry::kMostUses);
}

TEST(EntryTest, EntriesOfOneLabelShareItsCharge) {
  auto label = std::make_shared<Label>();
  label->snapshot.in_progress.resize(1000);
  const LabelRef shared = label;
  label.reset();
  const auto charge = [&](EntryDraft draft) {
    draft.label = shared;
    return Entry::charge_for(test::key_of("k"), draft).value;
  };
  const auto bare = Entry::charge_for(test::key_of("k"), test::draft_of(test::result_of(1))).value;
  const auto first = charge(test::draft_of(test::result_of(1))) - bare;
  EXPECT_GE(first, 8000U);
  const LabelRef other_holder = shared;
  const LabelRef third_holder = shared;
  EXPECT_EQ(charge(test::draft_of(test::result_of(1))) - bare, first / 3);
}

TEST(EntryTest, IsSharedSafelyBetweenThreads) {
  const EntryRef entry = Entry::create(test::key_of("k"), test::draft_of(test::result_of(100)));
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([copy = entry] {
      for (int i = 0; i < 2000; ++i) {
        const EntryRef another = copy;
        another->use({static_cast<double>(i), 0});
        ASSERT_EQ(another->rows()->text(0, 0).size(), 100U);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(entry->uses(), Entry::kMostUses);
}

}  // namespace
}  // namespace weir::detail
