#include "src/cache/memory_tier.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "tests/unit/cache/fixtures.hpp"

namespace weir::detail {
namespace {

using namespace std::chrono_literals;
using test::draft_of;
using test::key_of;
using test::result_of;

MemoryOptions options_of(Bytes capacity, Bytes max_entry, std::size_t shards = 4) {
  MemoryOptions options;
  options.capacity = capacity;
  options.max_entry = max_entry;
  options.shards = shards;
  return options;
}

constexpr Bytes kSmall = Bytes::kibi(256);

/// What the tier should say it uses, counted another way. Tables: at least what their slots take.
void expect_books_balance(const MemoryTier& tier) {
  std::uint64_t charges = 0;
  std::uint64_t entries = 0;
  tier.for_each([&](const Entry& entry) {
    charges += entry.charge().value;
    ++entries;
  });
  const MemoryStats stats = tier.stats();
  EXPECT_EQ(stats.entries, entries);
  EXPECT_GE(stats.bytes.value, charges + entries * 16);
  EXPECT_LE(stats.bytes.value, charges + entries * 16 * 16 + 8 * 16 * 32);
  EXPECT_LE(stats.bytes, tier.capacity());
}

TEST(MemoryTierTest, FindsWhatWasPutAndNothingElse) {
  MemoryTier tier{options_of(kSmall, kSmall)};
  EXPECT_FALSE(tier.find(key_of("k")));
  EXPECT_EQ(tier.put(key_of("k"), draft_of(result_of(5))).outcome, PutOutcome::kStored);
  const EntryRef found = tier.find(key_of("k"));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->rows()->text(0, 0), "xxxxx");
  EXPECT_EQ(found->uses(), 2U);
  EXPECT_FALSE(tier.find(key_of("other")));
}

TEST(MemoryTierTest, ComparesKeysNotJustTheirHashes) {
  MemoryTier tier{options_of(kSmall, kSmall)};
  tier.put({7, "a"}, draft_of(result_of(1, 'a')));
  tier.put({7, "b"}, draft_of(result_of(1, 'b')));
  EXPECT_EQ(tier.find({7, "a"})->rows()->text(0, 0), "a");
  EXPECT_EQ(tier.find({7, "b"})->rows()->text(0, 0), "b");
  EXPECT_FALSE(tier.find({7, "c"}));
}

TEST(MemoryTierTest, PutReplacesTheEntryUnderTheKeyAndKeepsItsPopularity) {
  MemoryTier tier{options_of(kSmall, kSmall)};
  tier.put(key_of("k"), draft_of(result_of(1, 'a')));
  for (int i = 0; i < 5; ++i) static_cast<void>(tier.find(key_of("k")));
  const EntryRef old = tier.find(key_of("k"));
  tier.put(key_of("k"), draft_of(result_of(1, 'b')));
  EXPECT_EQ(tier.stats().entries, 1U);
  EXPECT_EQ(tier.stats().replaced, 1U);
  EXPECT_EQ(old->rows()->text(0, 0), "a") << "a reader's entry outlives its replacement";
  const EntryRef young = tier.find(key_of("k"));
  EXPECT_EQ(young->rows()->text(0, 0), "b");
  EXPECT_EQ(young->uses(), old->uses() + 1);
  expect_books_balance(tier);
}

TEST(MemoryTierTest, EraseTakesOnlyThatEntry) {
  MemoryTier tier{options_of(kSmall, kSmall)};
  tier.put(key_of("k"), draft_of(result_of(1)));
  const EntryRef old = tier.find(key_of("k"));
  tier.put(key_of("k"), draft_of(result_of(1)));
  EXPECT_FALSE(tier.erase(*old));
  const EntryRef young = tier.find(key_of("k"));
  ASSERT_TRUE(young);
  EXPECT_TRUE(tier.erase(*young));
  EXPECT_FALSE(tier.find(key_of("k")));
  EXPECT_EQ(tier.stats().entries, 0U);
  expect_books_balance(tier);
}

TEST(MemoryTierTest, ClearLeavesNothingAndFreesEveryByte) {
  MemoryTier tier{options_of(kSmall, kSmall)};
  for (int i = 0; i < 100; ++i) tier.put(key_of(std::to_string(i)), draft_of(result_of(100)));
  EXPECT_EQ(tier.stats().entries, 100U);
  tier.clear();
  EXPECT_EQ(tier.stats().entries, 0U);
  EXPECT_EQ(tier.stats().bytes, Bytes{0});
  EXPECT_EQ(tier.stats().erased, 100U);
  EXPECT_EQ(tier.put(key_of("k"), draft_of(result_of(1))).outcome, PutOutcome::kStored);
}

TEST(MemoryTierTest, WithoutCapacityRejectsEverything) {
  MemoryTier tier{options_of(Bytes{0}, Bytes{1})};
  EXPECT_EQ(tier.put(key_of("k"), draft_of(result_of(0))).outcome, PutOutcome::kRejected);
  EXPECT_FALSE(tier.find(key_of("k")));
  EXPECT_EQ(tier.stats().bytes, Bytes{0});
}

TEST(MemoryTierTest, RejectsWhatDoesNotFitAtAll) {
  MemoryTier tier{options_of(Bytes{300}, Bytes{300})};
  EXPECT_EQ(tier.put(key_of("k"), draft_of(result_of(1))).outcome, PutOutcome::kRejected);
  EXPECT_EQ(tier.stats().rejected, 1U);
  EXPECT_EQ(tier.stats().bytes, Bytes{0});
}

TEST(MemoryTierTest, RefusesLargeEntriesAndForgetsWhatTheyWouldReplace) {
  MemoryTier tier{options_of(Bytes::mebi(1), Bytes::kibi(4))};
  EXPECT_EQ(tier.put(key_of("k"), draft_of(result_of(100))).outcome, PutOutcome::kStored);
  EXPECT_EQ(tier.put(key_of("k"), draft_of(result_of(5000))).outcome, PutOutcome::kTooLarge);
  EXPECT_FALSE(tier.find(key_of("k")));
  EXPECT_EQ(tier.stats().too_large, 1U);
  expect_books_balance(tier);
}

TEST(MemoryTierTest, StoresEmptyResults) {
  MemoryTier tier{options_of(kSmall, kSmall)};
  spi::ResultBuilder builder;
  builder.add_column("c", "text");
  tier.put(key_of("k"), draft_of(builder.finish()));
  ASSERT_TRUE(tier.find(key_of("k")));
  EXPECT_EQ(tier.find(key_of("k"))->rows()->rows(), 0U);
}

TEST(MemoryTierTest, EvictsToStayWithinItsCapacity) {
  MemoryTier tier{options_of(kSmall, kSmall, 16)};
  std::size_t evicted = 0;
  std::uint64_t evicted_bytes = 0;
  for (int i = 0; i < 3000; ++i) {
    const PutReport report = tier.put(key_of(std::to_string(i)), draft_of(result_of(500)));
    evicted += report.evicted_entries;
    evicted_bytes += report.evicted_bytes.value;
    ASSERT_EQ(report.outcome, PutOutcome::kStored);
    ASSERT_LE(tier.stats().bytes, kSmall);
  }
  EXPECT_GT(tier.stats().entries, 250U);
  EXPECT_EQ(tier.stats().evicted_for_room, evicted);
  EXPECT_EQ(evicted + tier.stats().entries, 3000U);
  EXPECT_GT(evicted_bytes, evicted * 500);
  expect_books_balance(tier);
}

TEST(MemoryTierTest, OneLargeEntryMayTakeTheRoomOfManySmallOnes) {
  MemoryTier tier{options_of(kSmall, kSmall, 16)};
  for (int i = 0; i < 1000; ++i) {
    tier.put(key_of(std::to_string(i)), draft_of(result_of(100), 1us));
  }
  const auto report = tier.put(key_of("large"), draft_of(result_of(200'000), 100s));
  EXPECT_EQ(report.outcome, PutOutcome::kStored);
  EXPECT_GT(report.evicted_entries, 100U);
  EXPECT_TRUE(tier.find(key_of("large")));
  expect_books_balance(tier);
}

TEST(MemoryTierTest, RejectsWhatIsWorthLessThanAllItWouldDisplace) {
  MemoryTier tier{options_of(kSmall, kSmall, 1)};
  for (int i = 0; i < 690; ++i) {
    tier.put(key_of(std::to_string(i)), draft_of(result_of(100), 1s));
  }
  ASSERT_EQ(tier.stats().evicted_for_room, 0U);
  const auto entries = tier.stats().entries;
  const auto report = tier.put(key_of("cheap"), draft_of(result_of(20'000), 50us));
  EXPECT_EQ(report.outcome, PutOutcome::kRejected);
  EXPECT_EQ(report.evicted_entries, 0U);
  EXPECT_EQ(tier.stats().entries, entries);
  EXPECT_EQ(tier.stats().rejected, 1U);
  expect_books_balance(tier);
}

TEST(MemoryTierTest, ARejectedNewcomerGetsInOnceTheOthersHaveAged) {
  MemoryTier tier{options_of(kSmall, kSmall, 1)};
  for (int i = 0; i < 690; ++i) {
    tier.put(key_of(std::to_string(i)), draft_of(result_of(100), 1ms));
  }
  ASSERT_EQ(tier.stats().evicted_for_room, 0U);
  int tries = 1;
  while (tier.put(key_of("cheap"), draft_of(result_of(20'000), 1ms)).outcome !=
         PutOutcome::kStored) {
    ASSERT_LE(++tries, 200);
  }
  EXPECT_GT(tries, 10);
}

TEST(MemoryTierTest, DeadEntriesAreTheFirstToGo) {
  const TimePoint now{10s};
  MemoryTier tier{options_of(kSmall, kSmall, 4),
                  [now](const Entry& entry) { return entry.expires() <= now; }};
  const auto put = [&](const std::string& key, TimePoint expires, std::chrono::nanoseconds cost) {
    EntryDraft draft = draft_of(result_of(100), cost);
    draft.expires = expires;
    return tier.put(key_of(key), std::move(draft));
  };
  int dead = 0;
  while (tier.stats().bytes.value < kSmall.value / 2) {
    put("dead" + std::to_string(dead++), TimePoint{9s}, 10s);
  }
  // Living ones, worth far less each, displace most of the dead before they displace each other.
  for (int i = 0; tier.stats().evicted_dead < static_cast<std::uint64_t>(dead) * 7 / 10; ++i) {
    ASSERT_EQ(put("live" + std::to_string(i), TimePoint::max(), 50us).outcome, PutOutcome::kStored);
    ASSERT_LT(i, 2 * dead);
  }
  EXPECT_LE(tier.stats().evicted_for_room, static_cast<std::uint64_t>(dead) / 10);
  expect_books_balance(tier);
}

TEST(MemoryTierTest, TheDeadCheckMayUseTheTier) {
  MemoryTier* self = nullptr;
  bool called = false;
  MemoryTier tier{options_of(kSmall, kSmall, 1), [&](const Entry& entry) {
                    called = true;  // with a lock held this would never come back
                    return self->erase(entry);
                  }};
  self = &tier;
  for (int i = 0; i < 1000; ++i) tier.put(key_of(std::to_string(i)), draft_of(result_of(500)));
  EXPECT_TRUE(called);
  expect_books_balance(tier);
}

TEST(MemoryTierTest, GivesTablesBackWhenFewLargeEntriesFollowManySmallOnes) {
  const Bytes capacity = Bytes::mebi(2);
  MemoryTier tier{options_of(capacity, capacity, 2)};
  for (int i = 0; i < 20'000; ++i) tier.put(key_of(std::to_string(i)), draft_of(result_of(1)));
  EXPECT_GT(tier.stats().entries, 4000U);
  for (int i = 0; i < 100; ++i) {
    tier.put(key_of("large" + std::to_string(i)), draft_of(result_of(100'000), 100s));
  }
  EXPECT_LE(tier.stats().entries, 25U);
  std::uint64_t charges = 0;
  tier.for_each([&](const Entry& entry) { charges += entry.charge().value; });
  EXPECT_LE(tier.stats().bytes.value - charges, 2048U);
}

TEST(MemoryTierTest, StaysWithinItsCapacityWhateverTheThreadsDo) {
  MemoryTier tier{options_of(kSmall, Bytes::kibi(64), 4),
                  [](const Entry& entry) { return entry.cost() == 3ms; }};
  std::atomic<bool> over{false};
  std::atomic<std::uint64_t> wrong{0};
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937 random{t};
      for (int i = 0; i < 3000; ++i) {
        const std::string bytes = std::to_string(random() % 700);
        const Key key = key_of(bytes);
        const auto what = random() % 100;
        if (what < 50) {
          const EntryRef found = tier.find(key);
          if (found && found->key() != key) wrong.fetch_add(1);
        } else if (what < 96) {
          tier.put(key, draft_of(result_of(random() % 50 == 0 ? 30'000 : random() % 2000),
                                 std::chrono::milliseconds{random() % 10}));
        } else if (what < 99) {
          if (const EntryRef found = tier.find(key)) tier.erase(*found);
        } else if (random() % 10 == 0) {
          tier.clear();
        }
        if (tier.stats().bytes > kSmall) over = true;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_FALSE(over);
  EXPECT_EQ(wrong, 0U);
  EXPECT_GT(tier.stats().evicted_for_room, 0U);
  EXPECT_GT(tier.stats().evicted_dead, 0U);
  expect_books_balance(tier);
  const MemoryStats stats = tier.stats();
  EXPECT_EQ(stats.stored, stats.entries + stats.evicted_for_room + stats.evicted_dead +
                              stats.erased + stats.replaced);
}

}  // namespace
}  // namespace weir::detail
