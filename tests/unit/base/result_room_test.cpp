#include "src/base/result_room.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "weir/spi/result_builder.hpp"

namespace weir::detail {
namespace {

using spi::ColumnRecord;
using spi::ResultHeader;

constexpr Bytes kLimit = Bytes::mebi(1);

/// Two columns, two rows: a text, a bool; a null, an integer.
std::string sample() {
  spi::ResultBuilder builder;
  builder.add_column("one", "text");
  builder.add_column("two", "bool");
  builder.text("hello");
  builder.boolean(true);
  builder.null();
  builder.integer(-1);
  const spi::ResultRef rows = builder.finish();
  return {rows->data(), rows->size()};
}
constexpr std::size_t kSlots = sizeof(ResultHeader) + 2 * sizeof(ColumnRecord);
constexpr std::size_t kTypes = kSlots + 4 * 8;
constexpr std::size_t kHeap = kTypes + 4;

template <typename T>
void store(std::string& bytes, std::size_t at, T value) {
  ASSERT_LE(at + sizeof value, bytes.size());
  std::memcpy(bytes.data() + at, &value, sizeof value);
}
std::uint64_t text_slot(std::uint64_t offset, std::uint64_t length) {
  return offset | length << 32U;
}

TEST(ResultRoomTest, TakesWhatABuilderMade) {
  spi::ResultBuilder none;
  const spi::ResultRef empty = none.finish(7);
  for (const std::string& bytes : {sample(), std::string{empty->data(), empty->size()}}) {
    const CheckedResult checked = copy_result(bytes, kLimit);
    ASSERT_TRUE(checked.rows) << checked.fault;
    EXPECT_EQ((std::string_view{checked.rows->data(), checked.rows->size()}), bytes);
  }
}

TEST(ResultRoomTest, HoldsToTheLimit) {
  const std::string bytes = sample();
  EXPECT_TRUE(copy_result(bytes, Bytes{bytes.size()}).rows);
  EXPECT_EQ(copy_result(bytes, Bytes{bytes.size() - 1}).fault, "over the limit");
}

TEST(ResultRoomTest, RefusesEveryLieNamingIt) {
  struct Case {
    std::string_view fault;
    std::size_t at;
    std::uint64_t value;
    std::size_t width;
  };
  const std::size_t header_rows = offsetof(ResultHeader, rows);
  const std::size_t header_columns = offsetof(ResultHeader, columns);
  const std::size_t second = sizeof(ResultHeader) + sizeof(ColumnRecord);
  const std::size_t size = sample().size();
  const std::vector<Case> cases{
      {"not a result", 0, 1, 4},
      {"not of the size it tells", offsetof(ResultHeader, size), size + 1, 8},
      {"not of the size it tells", offsetof(ResultHeader, size), size | 1ULL << 32U, 8},
      {"more columns than bytes", header_columns, UINT32_MAX, 4},
      {"more columns than bytes", header_columns, 1U << 28U, 4},  // × 16 is 0 in 32 bits
      {"the slots do not follow the columns", header_columns, 1, 4},
      {"the slots do not follow the columns", header_columns, 0, 4},
      {"the slots do not follow the columns", offsetof(ResultHeader, slots_offset), kSlots + 8, 4},
      {"the slots do not follow the columns", offsetof(ResultHeader, slots_offset), 0, 4},
      {"more rows than bytes", header_rows, UINT64_MAX, 8},
      {"more rows than bytes", header_rows, 1ULL << 63U, 8},  // × 2 columns is 0 in 64 bits
      {"more rows than bytes", header_rows, (1ULL << 60U) + 2, 8},
      {"the cell types do not follow the slots", header_rows, 1, 8},
      {"the cell types do not follow the slots", header_rows, 0, 8},
      {"the cell types do not follow the slots", offsetof(ResultHeader, types_offset), 0, 4},
      {"the cell types do not follow the slots", offsetof(ResultHeader, types_offset), size, 4},
      {"a cell of an unknown type", kTypes, 7, 1},
      {"a cell of an unknown type", kTypes + 3, 255, 1},
      {"a bool that is neither 0 nor 1", kSlots + 8, 2, 8},
      {"a bool that is neither 0 nor 1", kSlots + 8, 1ULL << 32U | 1U, 8},
      {"a null with a value", kSlots + 16, 1, 8},
      {"a text outside its place", kSlots, text_slot(0, 5), 8},
      {"a text outside its place", kSlots, text_slot(kHeap - 1, 5), 8},
      {"a text outside its place", kSlots, text_slot(kHeap, UINT32_MAX), 8},
      {"a text outside its place", kSlots, text_slot(kHeap, size - kHeap + 1), 8},
      {"a text outside its place", kSlots, text_slot(UINT32_MAX, 5), 8},
      {"a text outside its place", kTypes + 3, 4, 1},       // the integer -1 as a text
      {"a text outside its place", kTypes + 2, 4, 1},       // the null as a text at 0
      {"a column's name outside its place", kTypes, 2, 1},  // a hole where the text was
      {"a column's name outside its place", kSlots, text_slot(kHeap, 4), 8},
      {"a column's name outside its place", sizeof(ResultHeader), 0, 4},
      {"a column's name outside its place", sizeof(ResultHeader) + 4, UINT32_MAX, 4},
      {"a column's name outside its place", second, kHeap, 4},  // shared with another text
      {"a column's name outside its place", second + 12, 100, 4},
      {"bytes behind the last text", second + 12, 3, 4},
  };
  for (const Case& lie : cases) {
    std::string bytes = sample();
    ASSERT_LE(lie.at + lie.width, bytes.size());
    std::memcpy(bytes.data() + lie.at, &lie.value, lie.width);
    const CheckedResult checked = copy_result(bytes, kLimit);
    EXPECT_FALSE(checked.rows) << lie.fault;
    EXPECT_EQ(checked.fault, lie.fault) << "at " << lie.at << " value " << lie.value;
  }
}

TEST(ResultRoomTest, RefusesEveryTruncation) {
  const std::string good = sample();
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(copy_result(good.substr(0, size), kLimit).rows) << size;
    std::string bytes = good.substr(0, size);
    if (size >= sizeof(ResultHeader)) store(bytes, offsetof(ResultHeader, size), size);
    EXPECT_FALSE(copy_result(bytes, kLimit).rows) << size;
  }
  std::string longer = good + '\0';
  store(longer, offsetof(ResultHeader, size), longer.size());
  EXPECT_EQ(copy_result(longer, kLimit).fault, "bytes behind the last text");
}

TEST(ResultRoomTest, RowsWithoutColumnsAreNotWithoutNumber) {
  spi::ResultBuilder builder;
  const spi::ResultRef rows = builder.finish(3);
  std::string bytes{rows->data(), rows->size()};
  store<std::uint64_t>(bytes, offsetof(ResultHeader, rows), 1ULL << 32U);
  EXPECT_EQ(copy_result(bytes, kLimit).fault, "too many rows without columns");
}

}  // namespace
}  // namespace weir::detail
