#include "src/cache/stored_entry.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cstring>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "src/base/hash.hpp"
#include "weir/spi/result_builder.hpp"

namespace weir::detail {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

std::string_view bytes_of(const spi::ResultRef& rows) { return {rows->data(), rows->size()}; }

/// Rows as an application has them: a key, a name, a price, a flag.
spi::ResultRef rows_of(std::size_t rows) {
  spi::ResultBuilder builder;
  for (const char* const name : {"id", "name", "price", "sold"}) builder.add_column(name, "text");
  for (std::size_t row = 0; row < rows; ++row) {
    builder.integer(static_cast<std::int64_t>(row));
    builder.text("the name of the thing");
    builder.other("0.99");
    builder.boolean(row % 3 == 0);
  }
  return builder.finish();
}

StoredEntry sample(std::size_t rows = 3) {
  return {.incarnation = "7300:1:nonce",
          .snapshot = {.xmin = 10, .xmax = 20, .in_progress = {10, 15, 19}},
          .key = std::string{"key\0with zero", 13},
          .relations = {"16384", "16390"},
          .tags = {"front-page", ""},
          .age = milliseconds{1500},
          .lifetime = hours{24},
          .cost = nanoseconds{123'456'789},
          .journaled = true,
          .rows = rows_of(rows)};
}

void expect_equal(const StoredEntry& a, const StoredEntry& b) {
  EXPECT_EQ(a.incarnation, b.incarnation);
  EXPECT_EQ(a.snapshot, b.snapshot);
  EXPECT_EQ(a.key, b.key);
  EXPECT_EQ(a.relations, b.relations);
  EXPECT_EQ(a.tags, b.tags);
  EXPECT_EQ(a.age, b.age);
  EXPECT_EQ(a.lifetime, b.lifetime);
  EXPECT_EQ(a.cost, b.cost);
  EXPECT_EQ(a.journaled, b.journaled);
  EXPECT_EQ(bytes_of(a.rows), bytes_of(b.rows));
}

/// The bytes with a right checksum, whatever was done to them.
std::string resealed(std::string bytes) {
  std::uint64_t seed = 0;
  std::memcpy(&seed, bytes.data(), sizeof seed);
  const std::uint64_t checksum = hash64(std::string_view{bytes}.substr(16), seed);
  std::memcpy(bytes.data() + 8, &checksum, sizeof checksum);
  return bytes;
}

TEST(StoredEntryTest, SurvivesTheTripThroughItsBytes) {
  StoredEntry plain;
  plain.journaled = false;
  plain.snapshot.standby = true;
  plain.rows = rows_of(0);
  for (const StoredEntry& entry : {sample(), sample(10'000), plain}) {
    const DecodeResult decoded = decode(encode(entry));
    ASSERT_TRUE(decoded.entry) << to_string(decoded.fault) << ' ' << decoded.detail;
    EXPECT_EQ(decoded.fault, DecodeFault::kNone);
    expect_equal(*decoded.entry, entry);
  }
}

TEST(StoredEntryTest, RandomEntriesComeBackEqual) {
  std::mt19937_64 random{17};
  const auto pick = [&](std::size_t n) {
    return std::uniform_int_distribution<std::size_t>{0, n - 1}(random);
  };
  const auto bytes = [&](std::size_t most) {
    std::string text(pick(most), '\0');
    for (char& c : text) c = static_cast<char>(pick(2) == 0 ? pick(256) : 'a');
    return text;
  };
  for (int round = 0; round < 300; ++round) {
    spi::ResultBuilder builder;
    const std::size_t columns = pick(6);
    for (std::size_t column = 0; column < columns; ++column) builder.add_column(bytes(9), bytes(5));
    const std::size_t cells = columns * pick(1U << pick(9));
    for (std::size_t cell = 0; cell < cells; ++cell) {
      switch (pick(7)) {
        case 0:
          builder.null();
          break;
        case 1:
          builder.boolean(pick(2) == 0);
          break;
        case 2:
          builder.integer(static_cast<std::int64_t>(random()));
          break;
        case 3:
          builder.real(std::bit_cast<double>(random()));
          break;
        case 4:
          builder.text(bytes(50));
          break;
        case 5:
          builder.bytes(bytes(50));
          break;
        default:
          builder.other(bytes(20));
      }
    }
    StoredEntry entry;
    entry.incarnation = bytes(60);
    entry.snapshot.xmin = 1 + random() % 1'000'000;
    entry.snapshot.xmax = entry.snapshot.xmin;
    for (std::size_t i = pick(20); i > 0; --i) {
      entry.snapshot.in_progress.push_back(entry.snapshot.xmax + pick(3));
      entry.snapshot.xmax = entry.snapshot.in_progress.back() + 1;
    }
    entry.snapshot.standby = pick(2) == 0;
    entry.key = bytes(2000);
    for (std::size_t i = pick(5); i > 0; --i) entry.relations.push_back(bytes(30));
    for (std::size_t i = pick(5); i > 0; --i) entry.tags.push_back(bytes(30));
    entry.age = milliseconds{pick(1'000'000)};
    entry.lifetime = milliseconds{pick(1'000'000'000'000)};
    entry.cost = nanoseconds{pick(1'000'000'000'000)};
    entry.journaled = pick(2) == 0;
    entry.rows = builder.finish(pick(5));
    const DecodeResult decoded = decode(encode(entry, {.above = Bytes{pick(4000)}}));
    ASSERT_TRUE(decoded.entry) << to_string(decoded.fault) << ' ' << decoded.detail;
    expect_equal(*decoded.entry, entry);
  }
}

TEST(StoredEntryTest, LargeRowsAreCompressedAndComeBackEqual) {
  const StoredEntry entry = sample(1000);
  const std::string plain = encode(entry, {.above = Bytes{entry.rows->size()}});
  const std::string compressed = encode(entry, {.above = Bytes{entry.rows->size() - 1}});
  EXPECT_GT(plain.size(), entry.rows->size());
  EXPECT_LT(compressed.size(), plain.size() / 2);
  for (const std::string& bytes : {plain, compressed}) {
    const DecodeResult decoded = decode(bytes);
    ASSERT_TRUE(decoded.entry) << to_string(decoded.fault) << ' ' << decoded.detail;
    expect_equal(*decoded.entry, entry);
  }
}

TEST(StoredEntryTest, RowsThatCompressBadlyStayAsTheyAre) {
  std::mt19937_64 random{3};
  std::string noise(100'000, '\0');
  for (char& c : noise) c = static_cast<char>(random());
  spi::ResultBuilder builder;
  builder.add_column("noise", "bytea");
  builder.bytes(noise);
  StoredEntry entry = sample();
  entry.rows = builder.finish();
  const std::string bytes = encode(entry, {.above = Bytes{0}});
  EXPECT_EQ(bytes, encode(entry, {.above = Bytes{UINT64_MAX}}));
  expect_equal(decode(bytes).entry.value(), entry);
}

TEST(StoredEntryTest, TimesOverAHundredYearsAreAHundredYears) {
  StoredEntry entry = sample();
  entry.age = milliseconds{-5};
  entry.lifetime = milliseconds::max();
  entry.cost = nanoseconds::max();
  const DecodeResult decoded = decode(encode(entry));
  ASSERT_TRUE(decoded.entry);
  EXPECT_EQ(decoded.entry->age, milliseconds{0});
  EXPECT_EQ(decoded.entry->lifetime, hours{876'000});
  EXPECT_EQ(decoded.entry->cost, hours{876'000});
}

TEST(StoredEntryTest, AnyFlippedByteIsAFault) {
  for (const std::string& good : {encode(sample()), encode(sample(50), {.above = Bytes{0}})}) {
    for (std::size_t i = 0; i < good.size(); ++i) {
      for (int bit = 0; bit < 8; ++bit) {
        std::string bad = good;
        bad[i] = static_cast<char>(bad[i] ^ (1 << bit));
        EXPECT_FALSE(decode(bad).entry) << "byte " << i << " bit " << bit;
      }
    }
  }
}

TEST(StoredEntryTest, AnyTruncationAndAnyTailIsAFault) {
  const std::string good = encode(sample());
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_EQ(decode(good.substr(0, size)).fault, DecodeFault::kTruncated) << size;
  }
  EXPECT_EQ(decode(good + '\0').fault, DecodeFault::kTruncated);
}

TEST(StoredEntryTest, TellsOtherVersionsFromOtherThings) {
  std::string bytes = encode(sample());
  bytes[4] = 2;
  EXPECT_EQ(decode(resealed(bytes)).fault, DecodeFault::kVersion);
  EXPECT_EQ(decode("a value that something else put there").fault, DecodeFault::kMagic);
}

TEST(StoredEntryTest, LimitsHoldForTheValueAndForTheRows) {
  const StoredEntry entry = sample(1000);
  const std::string bytes = encode(entry);
  EXPECT_TRUE(decode(bytes, {.value = Bytes{bytes.size()}}).entry);
  EXPECT_EQ(decode(bytes, {.value = Bytes{bytes.size() - 1}}).fault, DecodeFault::kOverLimit);
  EXPECT_TRUE(decode(bytes, {.rows = Bytes{entry.rows->size()}}).entry);
  EXPECT_EQ(decode(bytes, {.rows = Bytes{entry.rows->size() - 1}}).fault, DecodeFault::kOverLimit);
  EXPECT_TRUE(decode(bytes, {.names = 2}).entry);
  EXPECT_FALSE(decode(bytes, {.names = 1}).entry);
}

TEST(StoredEntryTest, EveryFaultHasItsOwnName) {
  std::set<std::string_view> names;
  for (std::uint8_t fault = 0; fault <= static_cast<std::uint8_t>(DecodeFault::kRows); ++fault)
    names.insert(to_string(static_cast<DecodeFault>(fault)));
  EXPECT_EQ(names.size(), 8U);
  EXPECT_EQ(names.count("unknown"), 0U);
}

}  // namespace
}  // namespace weir::detail
