// Entries whose checksum is right and whose content lies.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "src/base/hash.hpp"
#include "src/cache/block_codec.hpp"
#include "src/cache/stored_entry.hpp"
#include "weir/spi/result_builder.hpp"

namespace weir::detail {
namespace {

constexpr std::uint64_t kMinus1 = UINT64_MAX;

std::string sample_rows() {
  spi::ResultBuilder builder;
  builder.add_column("a", "text");
  builder.text("one");
  builder.text("two");
  const spi::ResultRef rows = builder.finish();
  return {rows->data(), rows->size()};
}

/// The parts of an entry, each of which a test may replace by a lie.
struct Parts {
  std::uint16_t flags{1};
  std::vector<std::uint64_t> times{1, 2, 3};  // age, lifetime, cost
  std::uint64_t xmin{10};
  std::uint64_t xmax{20};
  std::uint64_t in_progress_count{2};
  std::vector<std::uint64_t> in_progress{11, 19};
  std::uint64_t incarnation_size{3};
  std::uint64_t key_size{3};
  std::uint64_t relation_count{1};
  std::uint64_t relation_size{3};
  std::uint64_t tag_count{0};
  std::string rows{sample_rows()};
  std::uint64_t rows_size{sample_rows().size()};
};

/// Written here by hand, so that the format cannot change unnoticed.
std::string seal(const Parts& parts) {
  std::string body;
  const auto number = [&body](std::uint64_t value) {
    body.append(reinterpret_cast<const char*>(&value), sizeof value);
  };
  number(0);
  for (const std::uint64_t time : parts.times) number(time);
  number(parts.xmin);
  number(parts.xmax);
  number(parts.in_progress_count);
  for (const std::uint64_t id : parts.in_progress) number(id);
  number(parts.incarnation_size);
  body += "inc";
  number(parts.key_size);
  body += "key";
  number(parts.relation_count);
  number(parts.relation_size);
  body += "rel";
  number(parts.tag_count);
  number(parts.rows_size);
  body += parts.rows;

  std::string head{"WEIR\1\0", 6};
  head.append(reinterpret_cast<const char*>(&parts.flags), sizeof parts.flags);
  const std::uint64_t size = body.size() + 16;
  std::memcpy(body.data(), &size, sizeof size);
  std::uint64_t seed = 0;
  std::memcpy(&seed, head.data(), sizeof seed);
  const std::uint64_t checksum = hash64(body, seed);
  head.append(reinterpret_cast<const char*>(&checksum), sizeof checksum);
  return head + body;
}

TEST(StoredEntryHostileTest, TheFormatIsWhatItWas) {
  const DecodeResult decoded = decode(seal({}));
  ASSERT_TRUE(decoded.entry) << to_string(decoded.fault) << ' ' << decoded.detail;
  EXPECT_EQ(decoded.entry->age.count(), 1);
  EXPECT_EQ(decoded.entry->lifetime.count(), 2);
  EXPECT_EQ(decoded.entry->cost.count(), 3);
  EXPECT_EQ(decoded.entry->snapshot, (spi::Snapshot{10, 20, {11, 19}, false}));
  EXPECT_EQ(decoded.entry->incarnation, "inc");
  EXPECT_EQ(decoded.entry->key, "key");
  EXPECT_THAT(decoded.entry->relations, ::testing::ElementsAre("rel"));
  EXPECT_TRUE(decoded.entry->tags.empty());
  EXPECT_TRUE(decoded.entry->journaled);
  EXPECT_EQ(encode(*decoded.entry), seal({}));
}

TEST(StoredEntryHostileTest, EveryLieIsNamed) {
  constexpr std::uint64_t kYears101Ms = 101ULL * 365 * 24 * 3600 * 1000;
  struct Case {
    std::string_view detail;
    Parts parts;
    DecodeFault fault{DecodeFault::kMalformed};
  };
  const std::string rows = sample_rows();
  std::string wrong_rows = rows;
  wrong_rows.front() = 'X';
  std::string other_size = rows;
  other_size[16] = static_cast<char>(other_size[16] + 1);
  const std::vector<Case> cases{
      {"flags", {.flags = 8}},
      {"flags", {.flags = 0xFFFF}},
      {"times", {.times = {kMinus1, 2, 3}}},
      {"times", {.times = {kYears101Ms, 2, 3}}},
      {"times", {.times = {1, 1ULL << 63U, 3}}},
      {"times", {.times = {1, 2, 1ULL << 63U}}},
      {"snapshot", {.xmin = 0}},
      {"snapshot", {.xmin = 21}},
      {"snapshot", {.in_progress = {19, 11}}},
      {"snapshot", {.in_progress = {11, 11}}},
      {"snapshot", {.in_progress = {9, 11}}},
      {"snapshot", {.in_progress = {11, 20}}},
      {"snapshot", {.in_progress = {11, kMinus1}}},
      {"snapshot", {.in_progress_count = kMinus1}},
      {"snapshot", {.in_progress_count = 1ULL << 61U}},  // × 8 is 0 in 64 bits
      {"snapshot", {.in_progress_count = 1ULL << 32U}},
      {"snapshot", {.in_progress_count = 3}},  // then the incarnation's size is an id
      {"key", {.incarnation_size = kMinus1}},
      {"key", {.incarnation_size = 1ULL << 32U}},
      {"key", {.key_size = kMinus1}},
      {"key", {.key_size = kMinus1 - 7}},
      {"key", {.key_size = 10'000}},
      {"dependencies", {.relation_count = kMinus1}},
      {"dependencies", {.relation_count = 1ULL << 61U}},
      {"dependencies", {.relation_count = 65'537}},
      {"dependencies", {.relation_count = 10}},
      {"dependencies", {.relation_size = kMinus1}},
      {"dependencies", {.tag_count = 1ULL << 60U}},
      {"dependencies",
       {.tag_count = 1, .rows_size = 1ULL << 40U}},  // the size is taken for a tag's
      {"rows", {.rows_size = rows.size() - 1}},
      {"rows", {.rows_size = rows.size() + 1}},
      {"rows", {.rows_size = 0}},
      {"rows", {.rows_size = 1ULL << 32U | rows.size()}, DecodeFault::kOverLimit},
      {"rows", {.rows_size = kMinus1}, DecodeFault::kOverLimit},
      {"shorter than a result's header", {.rows = "", .rows_size = 0}, DecodeFault::kRows},
      {"not a result", {.rows = wrong_rows}, DecodeFault::kRows},
      {"not of the size it tells", {.rows = other_size}, DecodeFault::kRows},
  };
  for (const Case& lie : cases) {
    const DecodeResult decoded = decode(seal(lie.parts));
    EXPECT_FALSE(decoded.entry) << lie.detail;
    EXPECT_EQ(to_string(decoded.fault), to_string(lie.fault)) << lie.detail;
    EXPECT_EQ(decoded.detail, lie.detail);
  }
}

TEST(StoredEntryHostileTest, ABlockThatWouldExpandBeyondItsDueIsNotExpanded) {
  constexpr std::uint16_t kCompressed = 5;
  const std::string block = compress_block(std::string(1'000'000, 'a')).value();
  ASSERT_LT(block.size(), 5'000U);
  struct Case {
    std::string_view detail;
    std::string rows;
    std::uint64_t size;
    DecodeFault fault{DecodeFault::kRows};
  };
  for (const Case& lie : std::vector<Case>{
           {"rows", block, 1ULL << 30U, DecodeFault::kOverLimit},
           {"rows", block, kMinus1, DecodeFault::kOverLimit},
           {"more than the block can hold", block, 60'000'000},
           {"more than the block can hold", "", 1000},
           {"a damaged block", block, 999'999},
           {"a damaged block", block, 1'000'001},
           {"a damaged block", block, 0},
           {"a damaged block", block.substr(0, block.size() / 2), 500'000},
           {"a damaged block", std::string(4000, '\xFF'), 1'000'000},
           {"a damaged block", "", 10},
           {"not a result", block, 1'000'000},
       }) {
    const DecodeResult decoded =
        decode(seal({.flags = kCompressed, .rows = lie.rows, .rows_size = lie.size}));
    EXPECT_FALSE(decoded.entry) << lie.detail;
    EXPECT_EQ(to_string(decoded.fault), to_string(lie.fault)) << lie.detail << ' ' << lie.size;
    EXPECT_EQ(decoded.detail, lie.detail) << lie.size;
  }
}

TEST(StoredEntryHostileTest, NothingWithARightChecksumIsReadPastItsEnd) {
  // Any one number of an honest entry replaced by any of these, and the end cut off anywhere.
  const std::string good = seal({});
  const auto reseal = [](std::string bytes) {
    const std::uint64_t size = bytes.size();
    std::memcpy(bytes.data() + 16, &size, sizeof size);
    std::uint64_t seed = 0;
    std::memcpy(&seed, bytes.data(), sizeof seed);
    const std::uint64_t checksum = hash64(std::string_view{bytes}.substr(16), seed);
    std::memcpy(bytes.data() + 8, &checksum, sizeof checksum);
    return bytes;
  };
  std::size_t taken = 0;
  const auto walk = [&taken](const std::string& bytes) {
    const DecodeResult decoded = decode(bytes);
    if (!decoded.entry) return;
    ++taken;
    const spi::ResultBuffer& rows = *decoded.entry->rows;
    for (std::size_t row = 0; row < rows.rows(); ++row) {
      if (rows.type(row, 0) == CellType::kText) {
        EXPECT_LE(rows.text(row, 0).size(), 3U);
      }
    }
  };
  for (std::size_t at = 24; at < good.size(); ++at) {
    for (const std::uint64_t value : std::vector<std::uint64_t>{
             0, 1, good.size(), 1ULL << 31U, 1ULL << 32U, 1ULL << 61U, 1ULL << 63U, kMinus1}) {
      std::string bad = good;
      std::memcpy(bad.data() + at, &value, std::min(sizeof value, bad.size() - at));
      walk(reseal(bad));
    }
    EXPECT_FALSE(decode(reseal(good.substr(0, at))).entry) << at;
    EXPECT_FALSE(decode(reseal(good + good.substr(0, at))).entry) << at;
  }
  EXPECT_GT(taken, 0U);  // say, another age
}

}  // namespace
}  // namespace weir::detail
