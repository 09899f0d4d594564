// What the memory tier says it takes against what the process really allocates. A program of its
// own: it replaces operator new to count.
#include <gtest/gtest.h>
#include <malloc.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <random>
#include <string>
#include <vector>

#include "src/cache/memory_tier.hpp"
#include "tests/unit/cache/fixtures.hpp"

namespace {

std::atomic<std::uint64_t> allocations{0};
std::atomic<std::int64_t> allocated{0};

// glibc keeps a word before each block; sanitizers' allocators do not say what they keep.
constexpr std::size_t kHeader = 8;

void* allocate(std::size_t size) {
  void* const block = std::malloc(size);
  if (block == nullptr) throw std::bad_alloc{};
  allocations.fetch_add(1, std::memory_order_relaxed);
  allocated.fetch_add(static_cast<std::int64_t>(malloc_usable_size(block) + kHeader),
                      std::memory_order_relaxed);
  return block;
}

void release(void* block) noexcept {
  if (block == nullptr) return;
  allocated.fetch_sub(static_cast<std::int64_t>(malloc_usable_size(block) + kHeader),
                      std::memory_order_relaxed);
  std::free(block);
}

}  // namespace

void* operator new(std::size_t size) { return allocate(size); }
void* operator new[](std::size_t size) { return allocate(size); }
void operator delete(void* block) noexcept { release(block); }
void operator delete[](void* block) noexcept { release(block); }
void operator delete(void* block, std::size_t) noexcept { release(block); }
void operator delete[](void* block, std::size_t) noexcept { release(block); }

namespace weir::detail {
namespace {

using test::draft_of;
using test::key_of;
using test::result_of;

struct Load {
  const char* name;
  std::size_t key_bytes;
  std::size_t result_bytes;  // at random up to twice this
  std::size_t tags;
  bool own_label;
};

class FootprintTest : public ::testing::TestWithParam<Load> {};

// Entries are made the way the engine makes them; the bytes are asked from the allocator.
TEST_P(FootprintTest, WhatIsChargedIsWithinFifteenPercentOfWhatIsAllocated) {
  const Load& load = GetParam();
  constexpr Bytes kCapacity = Bytes::mebi(8);
  MemoryOptions options;
  options.capacity = kCapacity;
  options.max_entry = kCapacity;
  const CellTable cells;
  const std::vector<const Cell*> read{cells.everything(), cells.tag("t")};
  const std::vector<std::string> tags(load.tags, "front-page-of-the-shop");
  std::mt19937_64 random{5};
  const auto shared_label = std::make_shared<const Label>();
  MemoryTier tier{options};
  const std::int64_t before = allocated.load();
  while (tier.stats().evicted_for_room < 500) {
    std::string bytes = std::to_string(random());
    bytes.resize(load.key_bytes, 'k');
    EntryDraft draft = draft_of(result_of(random() % (2 * load.result_bytes)));
    draft.dependencies = {read, tags};
    if (load.own_label) {
      auto label = std::make_shared<Label>();
      label->incarnation = "7123456789012345678/1/0123456789abcdef";
      label->snapshot.in_progress.resize(3);
      draft.label = label;
    } else {
      draft.label = shared_label;
    }
    tier.put(key_of(bytes), std::move(draft));
  }
  const auto real = static_cast<double>(allocated.load() - before);
  const auto charged = static_cast<double>(tier.stats().bytes.value);
  RecordProperty("charged_over_real", std::to_string(charged / real));
  EXPECT_GT(charged, 0.9 * static_cast<double>(kCapacity.value));
  EXPECT_LT(charged, 1.15 * real);
  EXPECT_GT(charged, 0.85 * real);
}

INSTANTIATE_TEST_SUITE_P(
    Loads, FootprintTest,
    ::testing::Values(Load{"TinyResults", 30, 4, 0, false}, Load{"PointQueries", 60, 100, 0, false},
                      Load{"OwnLabels", 60, 200, 0, true}, Load{"Tagged", 60, 200, 3, false},
                      Load{"Pages", 200, 10'000, 1, true}, Load{"Reports", 200, 400'000, 0, true}),
    [](const auto& load) { return std::string{load.param.name}; });

TEST(MemoryTierAllocationTest, FindingAllocatesNothing) {
  MemoryTier tier{MemoryOptions{}};
  tier.put(key_of("k"), draft_of(result_of(100)));
  const Key present = key_of("k");
  const Key absent = key_of("absent");
  const std::uint64_t before = allocations.load();
  for (int i = 0; i < 100; ++i) {
    const EntryRef found = tier.find(present);
    const EntryRef none = tier.find(absent);
    ASSERT_TRUE(found && !none);
  }
  EXPECT_EQ(allocations.load(), before);
}

TEST(MemoryTierAllocationTest, EverythingIsFreedInTheEnd) {
  const std::int64_t before = allocated.load();
  {
    MemoryTier tier{MemoryOptions{}};
    for (int i = 0; i < 1000; ++i) {
      tier.put(key_of(std::to_string(i % 700)), draft_of(result_of(100)));
    }
    tier.clear();
    for (int i = 0; i < 1000; ++i) tier.put(key_of(std::to_string(i)), draft_of(result_of(100)));
  }
  EXPECT_EQ(allocated.load(), before);
}

}  // namespace
}  // namespace weir::detail
