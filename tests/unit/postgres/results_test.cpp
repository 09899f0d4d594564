#include "drivers/postgres/results.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/error_of.hpp"

namespace weir::postgres {
namespace {

struct Column {
  const char* name;
  Oid type;
  const char* value;  // null: NULL
};

/// One row as libpq would hold it.
Rows row_of(const std::vector<Column>& columns) {
  PGresult* result = PQmakeEmptyPGresult(nullptr, PGRES_TUPLES_OK);
  Rows rows{result};
  std::vector<PGresAttDesc> attributes;
  for (const Column& column : columns) {
    PGresAttDesc attribute{};
    attribute.name = const_cast<char*>(column.name);  // NOLINT: libpq copies it
    attribute.typid = column.type;
    attributes.push_back(attribute);
  }
  PQsetResultAttrs(result, static_cast<int>(attributes.size()), attributes.data());
  for (std::size_t i = 0; i < columns.size(); ++i) {
    std::string value = columns[i].value == nullptr ? "" : columns[i].value;
    PQsetvalue(result, 0, static_cast<int>(i), columns[i].value == nullptr ? nullptr : value.data(),
               columns[i].value == nullptr ? -1 : static_cast<int>(value.size()));
  }
  return rows;
}

std::string named(Oid type) { return "type" + std::to_string(type); }

double real(const spi::ResultRef& result, std::size_t column) {
  const std::uint64_t word = result->slot(0, column);
  double value = 0;
  std::memcpy(&value, &word, sizeof value);
  return value;
}

TEST(PostgresResultsTest, EveryTypeWithACellTypeIsDecoded) {
  const auto result = to_result(row_of({{"i2", 21, "-32768"},
                                        {"i4", 23, "7"},
                                        {"i8", 20, "9223372036854775807"},
                                        {"oid", 26, "4294967295"},
                                        {"f4", 700, "0.1"},
                                        {"f8", 701, "-1.7976931348623157e+308"},
                                        {"t", 16, "t"},
                                        {"f", 16, "f"},
                                        {"text", 25, "grün"},
                                        {"vc", 1043, "v"},
                                        {"bp", 1042, "b  "},
                                        {"name", 19, "n"},
                                        {"ch", 18, "c"},
                                        {"by", 17, "\\x00ff"},
                                        {"nil", 23, nullptr}}),
                                named);
  ASSERT_EQ(result->rows(), 1U);
  EXPECT_EQ(static_cast<std::int64_t>(result->slot(0, 0)), -32768);
  EXPECT_EQ(result->slot(0, 2), 9223372036854775807U);
  EXPECT_EQ(result->slot(0, 3), 4294967295U);
  EXPECT_EQ(real(result, 4), 0.1);
  EXPECT_EQ(real(result, 5), -1.7976931348623157e+308);
  EXPECT_EQ(result->type(0, 6), CellType::kBool);
  EXPECT_EQ(result->slot(0, 6), 1U);
  EXPECT_EQ(result->slot(0, 7), 0U);
  EXPECT_EQ(result->text(0, 8), "grün");
  EXPECT_EQ(result->text(0, 10), "b  ");
  EXPECT_EQ(result->type(0, 13), CellType::kBytes);
  EXPECT_EQ(result->text(0, 13), std::string_view("\0\xff", 2));
  EXPECT_EQ(result->type(0, 14), CellType::kNull);
  EXPECT_EQ(result->column_type(4), "float4");
  EXPECT_EQ(result->column_name(8), "text");
}

TEST(PostgresResultsTest, OtherTypesKeepTheirTextAndTypeName) {
  const auto result = to_result(row_of({{"n", 1700, "1.50"},
                                        {"ts", 1184, "2024-03-05 12:00:00+00"},
                                        {"a", 1007, "{1,2}"},
                                        {"j", 3802, "{\"a\": 1}"},
                                        {"mine", 70000, "happy"}}),
                                named);
  const std::vector<std::string> types{"numeric", "timestamptz", "int4[]", "jsonb", "type70000"};
  for (std::size_t i = 0; i < types.size(); ++i) {
    EXPECT_EQ(result->type(0, i), CellType::kOther);
    EXPECT_EQ(result->column_type(i), types[i]);
  }
  EXPECT_EQ(result->text(0, 0), "1.50");
  EXPECT_EQ(result->text(0, 4), "happy");
}

TEST(PostgresResultsTest, SpecialFloatsAreNumbers) {
  const auto result = to_result(
      row_of(
          {{"a", 701, "NaN"}, {"b", 701, "Infinity"}, {"c", 700, "-Infinity"}, {"d", 701, "-0"}}),
      named);
  EXPECT_TRUE(std::isnan(real(result, 0)));
  EXPECT_EQ(real(result, 1), HUGE_VAL);
  EXPECT_EQ(real(result, 2), -HUGE_VAL);
  EXPECT_TRUE(std::signbit(real(result, 3)));
}

TEST(PostgresResultsTest, BothByteaFormatsAreDecoded) {
  using namespace std::string_literals;
  EXPECT_EQ(decode_bytea("\\x"), "");
  EXPECT_EQ(decode_bytea("\\x00DEadbeef"), "\0\xde\xad\xbe\xef"s);
  EXPECT_EQ(decode_bytea(""), "");
  EXPECT_EQ(decode_bytea(R"(a\\b\000\377)"), "a\\b\0\xff"s);
  for (const char* bad : {"\\x0", "\\xzz", "a\\", "a\\12", "a\\400", "a\\9zz"}) {
    test::error_of(ErrorCode::kInternal, [&] { (void)decode_bytea(bad); });
  }
}

TEST(PostgresResultsTest, ValuesThatAreNotOfTheirTypeAreRefused) {
  for (const Column& bad : {Column{"a", 23, "1x"}, Column{"a", 20, ""},
                            Column{"a", 20, "9223372036854775808"}, Column{"a", 701, "one"}}) {
    test::error_of(ErrorCode::kInternal, [&] { (void)to_result(row_of({bad}), named); });
  }
}

TEST(PostgresResultsTest, UnknownTypesAreToldOnce) {
  EXPECT_EQ(unknown_types(
                row_of({{"a", 70000, "x"}, {"b", 25, "x"}, {"c", 70000, "x"}, {"d", 70001, "x"}})),
            (std::vector<Oid>{70000, 70001}));
}

}  // namespace
}  // namespace weir::postgres
