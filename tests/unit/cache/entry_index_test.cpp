#include "src/cache/entry_index.hpp"

#include <gtest/gtest.h>

#include <array>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "tests/unit/cache/fixtures.hpp"

namespace weir::detail {
namespace {

EntryRef entry_of(Key key) { return Entry::create(key, test::draft_of(test::result_of(1))); }

void add(EntryIndex& index, EntryRef entry) {
  index.resize(index.wanted_slots());
  static_cast<void>(index.insert(std::move(entry)));
}

TEST(EntryIndexTest, IsEmptyAtFirst) {
  EntryIndex index;
  EXPECT_EQ(index.find(test::key_of("a")), nullptr);
  EXPECT_EQ(index.size(), 0U);
  EXPECT_EQ(EntryIndex::bytes_of(index.slots()), 0U);
  std::array<EntryRef, 3> out;
  EXPECT_EQ(index.sample(7, out), 0U);
}

TEST(EntryIndexTest, TellsKeysWithEqualHashesApart) {
  EntryIndex index;
  const EntryRef a = entry_of({42, "a"});
  const EntryRef b = entry_of({42, "b"});
  add(index, a);
  add(index, b);
  EXPECT_EQ(index.find({42, "a"}), a.get());
  EXPECT_EQ(index.find({42, "b"}), b.get());
  EXPECT_EQ(index.find({42, "c"}), nullptr);
  EXPECT_TRUE(index.erase(42, a.get()));
  EXPECT_EQ(index.find({42, "a"}), nullptr);
  EXPECT_EQ(index.find({42, "b"}), b.get());
}

TEST(EntryIndexTest, ErasesOnlyTheVeryEntry) {
  EntryIndex index;
  const EntryRef old = entry_of(test::key_of("k"));
  const EntryRef young = entry_of(test::key_of("k"));
  add(index, old);
  EXPECT_EQ(index.insert(young).get(), old.get());
  EXPECT_FALSE(index.erase(old->key().hash, old.get()));
  EXPECT_FALSE(index.holds(old->key().hash, old.get()));
  EXPECT_TRUE(index.holds(young->key().hash, young.get()));
  EXPECT_EQ(index.size(), 1U);
}

// Random operations against a map. Few distinct hashes, all near the end of the table, so that
// probes run into each other and around the end.
TEST(EntryIndexTest, BehavesLikeAMapWhenProbesCollide) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937_64 random{seed};
    EntryIndex index;
    std::map<std::string, EntryRef> model;
    for (int step = 0; step < 3000; ++step) {
      const std::string bytes = std::to_string(random() % 60);
      const Key key{hash64(bytes) % 5 - 3, bytes};
      if (random() % 2 == 0) {
        const EntryRef entry = entry_of(key);
        index.resize(index.wanted_slots());
        const EntryRef replaced = index.insert(entry);
        ASSERT_EQ(replaced.get(), model[bytes].get());
        model[bytes] = entry;
      } else if (const auto found = model.find(bytes); found != model.end()) {
        ASSERT_EQ(index.erase(key.hash, found->second.get()).get(), found->second.get());
        model.erase(found);
        if (index.enough_slots() != index.slots()) index.resize(index.enough_slots());
      } else {
        ASSERT_EQ(index.find(key), nullptr);
      }
      ASSERT_EQ(index.size(), model.size());
      if (step % 50 != 0) continue;
      for (const auto& [text, entry] : model) ASSERT_EQ(index.find(entry->key()), entry.get());
    }
  }
}

TEST(EntryIndexTest, SamplesDifferentEntriesFromAnywhere) {
  EntryIndex index;
  for (int i = 0; i < 1000; ++i) add(index, entry_of(test::key_of(std::to_string(i))));
  std::mt19937_64 random{3};
  std::set<const Entry*> seen;
  for (int i = 0; i < 2000; ++i) {
    std::array<EntryRef, 8> out;
    ASSERT_EQ(index.sample(random(), out), 8U);
    std::set<const Entry*> once;
    for (const EntryRef& entry : out) once.insert(entry.get());
    ASSERT_EQ(once.size(), 8U);
    seen.insert(once.begin(), once.end());
  }
  EXPECT_EQ(seen.size(), 1000U);
}

TEST(EntryIndexTest, SamplesAllThereIsWhenThereIsLess) {
  EntryIndex index;
  for (const char* bytes : {"a", "b", "c"}) add(index, entry_of(test::key_of(bytes)));
  std::array<EntryRef, 8> out;
  EXPECT_EQ(index.sample(12345, out), 3U);
}

TEST(EntryIndexTest, ShrinksToWhatItNeeds) {
  EntryIndex index;
  std::vector<EntryRef> entries;
  for (int i = 0; i < 5000; ++i) {
    entries.push_back(entry_of(test::key_of(std::to_string(i))));
    add(index, entries.back());
  }
  EXPECT_GE(index.slots(), 5000U);
  for (const EntryRef& entry : entries) {
    ASSERT_TRUE(index.erase(entry->key().hash, entry.get()));
    index.resize(index.enough_slots());
  }
  EXPECT_LE(index.slots(), 8U);
}

}  // namespace
}  // namespace weir::detail
