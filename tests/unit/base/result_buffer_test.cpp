#include "weir/spi/result_buffer.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "tests/support/error_of.hpp"
#include "weir/spi/result_builder.hpp"

namespace weir::spi {
namespace {

using ::testing::HasSubstr;

TEST(ResultBufferTest, HoldsEveryKindOfCell) {
  ResultBuilder builder;
  for (const char* const name : {"n", "b", "i", "d", "t", "x", "o"})
    builder.add_column(name, "type of " + std::string{name});
  builder.null();
  builder.boolean(true);
  builder.integer(INT64_MIN);
  builder.real(-0.0);
  builder.text("text");
  builder.bytes(std::string_view{"\0\xFF", 2});
  builder.other("12.50");
  const ResultRef rows = builder.finish();

  ASSERT_EQ(rows->rows(), 1U);
  ASSERT_EQ(rows->columns(), 7U);
  EXPECT_EQ(rows->column_name(2), "i");
  EXPECT_EQ(rows->column_type(6), "type of o");
  for (std::size_t column = 0; column < 7; ++column) {
    EXPECT_EQ(rows->type(0, column), static_cast<CellType>(column));
  }
  EXPECT_EQ(rows->slot(0, 1), 1U);
  EXPECT_EQ(static_cast<std::int64_t>(rows->slot(0, 2)), INT64_MIN);
  EXPECT_EQ(rows->slot(0, 3), std::bit_cast<std::uint64_t>(-0.0));
  EXPECT_EQ(rows->text(0, 4), "text");
  EXPECT_EQ(rows->text(0, 5), (std::string_view{"\0\xFF", 2}));
  EXPECT_EQ(rows->text(0, 6), "12.50");
}

TEST(ResultBufferTest, EmptyResultKeepsItsColumns) {
  ResultBuilder builder;
  builder.add_column("id", "int8");
  const ResultRef rows = builder.finish();
  EXPECT_EQ(rows->rows(), 0U);
  EXPECT_EQ(rows->columns(), 1U);
  EXPECT_EQ(rows->column_name(0), "id");
}

TEST(ResultBufferTest, RowsWithoutColumnsAreCounted) {
  ResultBuilder builder;
  EXPECT_EQ(builder.finish()->rows(), 0U);
  const ResultRef rows = builder.finish(3);  // PostgreSQL: SELECT FROM t
  EXPECT_EQ(rows->rows(), 3U);
  EXPECT_EQ(rows->columns(), 0U);
  EXPECT_EQ(rows->size(), sizeof(ResultHeader));
}

TEST(ResultBufferTest, IsOneBlockOfExactlyItsSize) {
  ResultBuilder builder;
  builder.add_column("ab", "c");
  builder.text("def");
  builder.null();
  const ResultRef rows = builder.finish();
  const ResultHeader& header = rows->header();
  EXPECT_EQ(header.magic, ResultHeader::kMagic);
  EXPECT_EQ(header.slots_offset, 48U);
  EXPECT_EQ(header.types_offset, 48U + 2 * 8);
  EXPECT_EQ(header.size, 48U + 2 * 9 + 3 + 3);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(rows->data()) % 8, 0U);
  EXPECT_EQ(rows->text(0, 0).data() + 3, rows->column_name(0).data());
  EXPECT_EQ(rows->column_type(0).data() + 1, rows->data() + header.size);
}

TEST(ResultBufferTest, EqualContentHasEqualBytes) {
  const auto build = [] {
    ResultBuilder builder;
    builder.add_column("a", "int8");
    builder.add_column("b", "text");
    for (int row = 0; row < 5; ++row) {
      builder.integer(row);
      builder.text("x");
    }
    return builder.finish();
  };
  const ResultRef first = build();
  const ResultRef second = build();
  EXPECT_EQ((std::string_view{first->data(), first->size()}),
            (std::string_view{second->data(), second->size()}));
}

TEST(ResultBufferTest, WideRowsWork) {
  constexpr std::size_t kColumns = 1600;
  ResultBuilder builder;
  for (std::size_t column = 0; column < kColumns; ++column)
    builder.add_column(fmt::format("c{}", column), "int4");
  for (std::size_t row = 0; row < 3; ++row) {
    for (std::size_t column = 0; column < kColumns; ++column) {
      if (column % 3 == 0) {
        builder.null();
      } else if (column % 3 == 1) {
        builder.integer(static_cast<std::int64_t>(row * kColumns + column));
      } else {
        builder.text(fmt::format("{}/{}", row, column));
      }
    }
  }
  const ResultRef rows = builder.finish();
  ASSERT_EQ(rows->columns(), kColumns);
  ASSERT_EQ(rows->rows(), 3U);
  EXPECT_EQ(rows->column_name(1599), "c1599");
  EXPECT_EQ(rows->type(2, 1599), CellType::kNull);
  EXPECT_EQ(rows->slot(2, 1597), 2U * kColumns + 1597);
  EXPECT_EQ(rows->text(1, 1598), "1/1598");
}

TEST(ResultBufferTest, AHundredMegabyteValueComesBackWhole) {
  std::string value(100'000'000, 'x');
  value.front() = 'a';
  value.back() = 'z';
  ResultBuilder builder;
  builder.add_column("big", "text");
  builder.text(value);
  builder.integer(7);
  const ResultRef rows = builder.finish();
  EXPECT_EQ(rows->text(0, 0), value);
  EXPECT_EQ(rows->slot(1, 0), 7U);
}

TEST(ResultBufferTest, RandomResultsComeBackCellByCell) {
  using Cell = std::variant<std::monostate, bool, std::int64_t, double, std::string>;
  std::mt19937_64 random{7};
  const auto pick = [&](std::size_t n) {
    return std::uniform_int_distribution<std::size_t>{0, n - 1}(random);
  };
  for (int round = 0; round < 200; ++round) {
    const std::size_t columns = 1 + pick(5);
    const std::size_t count = columns * pick(20);
    std::vector<Cell> cells;
    ResultBuilder builder;
    for (std::size_t column = 0; column < columns; ++column)
      builder.add_column(std::string(pick(4), 'n'), "t");
    if (pick(2) == 0) builder.reserve(count / columns, 100);
    for (std::size_t i = 0; i < count; ++i) {
      switch (pick(5)) {
        case 0:
          builder.null();
          cells.emplace_back();
          break;
        case 1:
          cells.emplace_back(pick(2) == 0);
          builder.boolean(std::get<bool>(cells.back()));
          break;
        case 2:
          cells.emplace_back(static_cast<std::int64_t>(random()));
          builder.integer(std::get<std::int64_t>(cells.back()));
          break;
        case 3:
          cells.emplace_back(std::ldexp(1.0, static_cast<int>(pick(100))));
          builder.real(std::get<double>(cells.back()));
          break;
        default:
          cells.emplace_back(std::string(pick(30), static_cast<char>('a' + pick(26))));
          builder.text(std::get<std::string>(cells.back()));
      }
    }
    const ResultRef rows = builder.finish();
    ASSERT_EQ(rows->rows(), count / columns);
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t row = i / columns;
      const std::size_t column = i % columns;
      switch (rows->type(row, column)) {
        case CellType::kNull:
          ASSERT_EQ(cells[i], Cell{});
          break;
        case CellType::kBool:
          ASSERT_EQ(cells[i], Cell{rows->slot(row, column) != 0});
          break;
        case CellType::kInt64:
          ASSERT_EQ(cells[i], Cell{static_cast<std::int64_t>(rows->slot(row, column))});
          break;
        case CellType::kDouble:
          ASSERT_EQ(cells[i], Cell{std::bit_cast<double>(rows->slot(row, column))});
          break;
        default:
          ASSERT_EQ(cells[i], Cell{std::string{rows->text(row, column)}});
      }
    }
  }
}

TEST(ResultBuilderTest, IsEmptyAfterFinishing) {
  ResultBuilder builder;
  builder.add_column("a", "");
  builder.text("first");
  const ResultRef first = builder.finish();
  EXPECT_EQ(builder.columns(), 0U);
  builder.add_column("b", "");
  builder.text("second");
  const ResultRef second = builder.finish();
  EXPECT_EQ(first->text(0, 0), "first");
  EXPECT_EQ(second->text(0, 0), "second");
  EXPECT_EQ(second->rows(), 1U);
}

TEST(ResultBuilderTest, ACellPastTheLimitIsRefusedAndTheRestStays) {
  ResultBuilder builder{Bytes{32 + 16 + 1 + 2 * 9 + 10}};
  builder.add_column("a", "");
  builder.text("0123456789");
  const std::string message = test::error_of(ErrorCode::kUsage, [&] { builder.text("x"); });
  EXPECT_EQ(message, "result: over 77 bytes: 68 and 10 more after 1 rows");
  builder.integer(1);
  EXPECT_THAT(test::error_of(ErrorCode::kUsage, [&] { builder.null(); }),
              HasSubstr("result: over 77 bytes"));
  const ResultRef rows = builder.finish();
  EXPECT_EQ(rows->size(), 77U);
  EXPECT_EQ(rows->rows(), 2U);
  EXPECT_EQ(rows->text(0, 0), "0123456789");
}

TEST(ResultBuilderTest, FourGibibytesAreTheLimitWhateverIsAskedFor) {
  ResultBuilder builder{Bytes::gibi(100)};
  builder.add_column("a", "");
  const std::string_view huge{"x", UINT32_MAX - 32 - 16 - 1 - 9 + 1};  // never read
  EXPECT_THAT(test::error_of(ErrorCode::kUsage, [&] { builder.text(huge); }),
              HasSubstr("over 4294967295 bytes"));
  EXPECT_THAT(test::error_of(ErrorCode::kUsage, [&] { builder.add_column(huge, ""); }),
              HasSubstr("4294967295"));
}

TEST(ResultRefTest, CopiesShareAndMovesHandOver) {
  ResultBuilder builder;
  builder.add_column("a", "");
  builder.text("shared");
  ResultRef first = builder.finish();
  ResultRef second{first};
  EXPECT_EQ(first.get(), second.get());
  const ResultRef third{std::move(first)};
  EXPECT_FALSE(first);  // NOLINT(bugprone-use-after-move): promised
  second = ResultRef{};
  EXPECT_EQ(third->text(0, 0), "shared");
  ResultRef alias = third;
  const ResultRef& self = alias;
  alias = self;
  EXPECT_EQ(alias->text(0, 0), "shared");
}

TEST(ResultRefTest, ManyThreadsMayShareOneResult) {
  ResultBuilder builder;
  builder.add_column("a", "");
  builder.integer(42);
  ResultRef shared = builder.finish();
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([mine = shared] {
      for (int round = 0; round < 1000; ++round) {
        const ResultRef copy = mine;
        ASSERT_EQ(copy->slot(0, 0), 42U);
      }
    });
  }
  shared = ResultRef{};
}

TEST(CellTypeTest, EveryTypeHasItsOwnName) {
  std::set<std::string_view> names;
  for (std::uint8_t type = 0; type <= 6; ++type)
    names.insert(to_string(static_cast<CellType>(type)));
  EXPECT_EQ(names.size(), 7U);
  EXPECT_EQ(names.count("unknown"), 0U);
}

}  // namespace
}  // namespace weir::spi
