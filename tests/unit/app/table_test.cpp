#include "src/app/table.hpp"

#include <gtest/gtest.h>

#include "weir/spi/result_builder.hpp"

namespace weir::app {
namespace {

using namespace std::chrono_literals;

TEST(TableTest, NumbersStandToTheRightAndNullIsTold) {
  spi::ResultBuilder builder;
  for (const char* name : {"id", "name", "total", "x"}) builder.add_column(name, "");
  builder.integer(7);
  builder.text("Bö");
  builder.real(9.5);
  builder.bytes(std::string_view{"\0\xff", 2});
  builder.null();
  builder.text("NULL");
  builder.null();
  builder.boolean(true);
  EXPECT_EQ(render_rows(Result{builder.finish(), {}}),
            "  id | name   | total | x\n"
            "---- | ------ | ----- | ------\n"
            "   7 | Bö     |   9.5 | \\x00ff\n"
            "NULL | \"NULL\" |  NULL | true\n"
            "(2 rows)\n");
}

TEST(TableTest, ExactDecimalsStandToTheRight) {
  spi::ResultBuilder builder;
  builder.add_column("price", "numeric");
  builder.add_column("at", "interval");
  builder.other("1.50");
  builder.other("1 day");
  EXPECT_EQ(render_rows(Result{builder.finish(), {}}),
            "price | at\n----- | -----\n 1.50 | 1 day\n(1 row)\n");
}

TEST(TableTest, NoRowsAndNoColumnsAreTold) {
  spi::ResultBuilder builder;
  builder.add_column("id", "");
  EXPECT_EQ(render_rows(Result{builder.finish(), {}}), "id\n--\n(0 rows)\n");
  EXPECT_EQ(render_rows(Result{spi::ResultBuilder{}.finish(), {}}),
            "(the statement returns no rows)\n");
}

TEST(TableTest, NothingPrintedMovesTheCursor) {
  EXPECT_EQ(printable("a\nb\tc\x1b[2J\x7f"), "a\\nb\\tc\\x1b[2J\\x7f");
  EXPECT_EQ(printable("\xc2\x9b"), "\\xc2\\x9b");  // CSI as one character
  EXPECT_EQ(printable("\xc3\xa4 \xff \xf0\x9f\x98\x80"), "\xc3\xa4 \\xff \xf0\x9f\x98\x80");
}

TEST(TableTest, TimesHaveThreeDigitsAndAUnit) {
  EXPECT_EQ(format_time(0ns), "0 ns");
  EXPECT_EQ(format_time(850ns), "850 ns");
  EXPECT_EQ(format_time(12'340ns), "12.3 µs");
  EXPECT_EQ(format_time(1'204us), "1.20 ms");
  EXPECT_EQ(format_time(2350ms), "2.35 s");
  EXPECT_EQ(format_time(1h), "3600 s");
}

}  // namespace
}  // namespace weir::app
