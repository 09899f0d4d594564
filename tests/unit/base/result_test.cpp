#include "weir/result.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <ranges>
#include <set>

#include "tests/support/error_of.hpp"
#include "tests/unit/base/sample_result.hpp"

namespace weir {
namespace {

using namespace std::chrono;
using namespace std::chrono_literals;
using test::error_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

static_assert(std::ranges::input_range<Result>);
static_assert(std::ranges::input_range<Tuples<int, std::string_view>>);

/// One row of every kind of cell.
Result kinds() {
  test::Sample sample;
  sample.column("n", "int8")
      .column("b", "bool")
      .column("i", "int8")
      .column("d", "float8")
      .column("t", "text");
  sample.column("x", "bytea").column("num", "numeric");
  sample.builder.null();
  sample.builder.boolean(true);
  sample.builder.integer(42);
  sample.builder.real(2.5);
  sample.builder.text("text");
  sample.builder.bytes("bytes");
  sample.builder.other("12.50");
  return sample.finish();
}

template <typename T>
Result integers(std::initializer_list<T> values) {
  test::Sample sample;
  sample.column("v", "int8");
  for (const T value : values) sample.builder.integer(value);
  return sample.finish();
}

template <typename T>
std::string failure(const Result& result, std::size_t row, std::size_t column) {
  return error_of(ErrorCode::kUsage, [&] { static_cast<void>(result[row].get<T>(column)); });
}

TEST(ResultTest, EveryCellIsReadAsItsOwnType) {
  const Result result = kinds();
  const Row row = result[0];
  EXPECT_TRUE(row.is_null(0));
  EXPECT_TRUE(row.get<bool>(1));
  EXPECT_EQ(row.get<std::int64_t>(2), 42);
  EXPECT_EQ(row.get<double>(3), 2.5);
  EXPECT_EQ(row.get<std::string_view>(4), "text");
  EXPECT_EQ(row.get<std::string>(4), "text");
  EXPECT_EQ(row.get<std::span<const std::byte>>(5).size(), 5U);
  EXPECT_EQ(row.get<std::vector<std::byte>>(5).at(0), std::byte{'b'});
  EXPECT_EQ(row.get<std::string>(6), "12.50");
  EXPECT_EQ(row.type(6), CellType::kOther);
  EXPECT_EQ(row.size(), 7U);
}

TEST(ResultTest, OptionalIsEmptyForNullAndTheValueOtherwise) {
  const Result result = kinds();
  const Row row = result[0];
  EXPECT_EQ(row.get<std::optional<int>>(0), std::nullopt);
  EXPECT_EQ(row.get<std::optional<std::string>>(0), std::nullopt);
  EXPECT_EQ(row.get<std::optional<int>>(2), 42);
  EXPECT_EQ(row.get<std::optional<std::string_view>>(4), "text");
  EXPECT_THAT(failure<std::optional<int>>(result, 0, 4), HasSubstr("wanted integer, is text"));
}

TEST(ResultTest, WrongTypesNameColumnRowWantedAndActual) {
  const Result result = kinds();
  EXPECT_EQ(failure<std::int64_t>(result, 0, 4),
            "result: column 4 \"t\" of row 0: wanted integer, is text");
  EXPECT_EQ(failure<int>(result, 0, 0),
            "result: column 0 \"n\" of row 0: wanted integer, is NULL: read it as std::optional");
  EXPECT_EQ(failure<std::string_view>(result, 0, 2),
            "result: column 2 \"i\" of row 0: wanted text, is int64");
  EXPECT_EQ(failure<bool>(result, 0, 3), "result: column 3 \"d\" of row 0: wanted bool, is double");
  EXPECT_EQ(failure<int>(result, 0, 1), "result: column 1 \"b\" of row 0: wanted integer, is bool");
  EXPECT_EQ(failure<int>(result, 0, 3),
            "result: column 3 \"d\" of row 0: wanted integer, is double");
  EXPECT_THAT(failure<std::string>(result, 0, 5),
              HasSubstr("wanted text, is bytes: read it as std::span<const std::byte>"));
  EXPECT_THAT(failure<std::vector<std::byte>>(result, 0, 4), HasSubstr("wanted bytes, is text"));
  EXPECT_THAT(failure<sys_seconds>(result, 0, 2), HasSubstr("wanted time, is int64"));
}

TEST(ResultTest, NumericSaysHowToReadIt) {
  const Result result = kinds();
  EXPECT_EQ(failure<double>(result, 0, 6),
            "result: column 6 \"num\" of row 0: wanted double, is numeric: read it as text or cast "
            "it to float8 in SQL");
  EXPECT_THAT(failure<int>(result, 0, 6),
              HasSubstr("numeric: read it as text or cast it to int8 in SQL"));
}

TEST(ResultTest, MessagesHoldNoValues) {
  test::Sample sample;
  sample.column("pin");
  sample.builder.text("31337");
  sample.builder.integer(31337);
  const Result result = sample.finish();
  for (const std::string& message :
       {failure<int>(result, 0, 0), failure<sys_seconds>(result, 0, 0),
        failure<std::int8_t>(result, 1, 0), failure<bool>(result, 1, 0)}) {
    EXPECT_THAT(message, ::testing::Not(HasSubstr("31337")));
  }
}

TEST(ResultTest, IntegersMustFit) {
  const Result result = integers<std::int64_t>({INT64_MIN, -1, 127, 128, 255, 256, INT64_MAX});
  EXPECT_EQ(result[2].get<std::int8_t>(0), 127);
  EXPECT_EQ(failure<std::int8_t>(result, 3, 0),
            "result: column 0 \"v\" of row 3: wanted int8, the value is out of its range");
  EXPECT_EQ(result[4].get<std::uint8_t>(0), 255);
  EXPECT_THAT(failure<std::uint8_t>(result, 5, 0), HasSubstr("wanted uint8"));
  EXPECT_THAT(failure<std::uint64_t>(result, 1, 0), HasSubstr("wanted uint64"));
  EXPECT_THAT(failure<int>(result, 0, 0), HasSubstr("wanted int32"));
  EXPECT_THAT(failure<unsigned short>(result, 6, 0), HasSubstr("wanted uint16"));
  EXPECT_EQ(result[0].get<std::int64_t>(0), INT64_MIN);
  EXPECT_EQ(result[6].get<std::uint64_t>(0), static_cast<std::uint64_t>(INT64_MAX));
}

TEST(ResultTest, IntegersAreDoublesOnlyWhenExact) {
  constexpr std::int64_t kExact = std::int64_t{1} << 53U;
  const Result result =
      integers<std::int64_t>({kExact, kExact + 1, -kExact - 1, INT64_MAX, INT64_MIN, kExact + 2});
  EXPECT_EQ(result[0].get<double>(0), 0x1p53);
  EXPECT_EQ(result[4].get<double>(0), -0x1p63);
  EXPECT_EQ(result[5].get<double>(0), 0x1p53 + 2);
  for (const std::size_t row : {1U, 2U, 3U})
    EXPECT_THAT(failure<double>(result, row, 0), HasSubstr("double (exactly)"));
}

TEST(ResultTest, ZeroAndOneAreBool) {
  const Result result = integers<std::int64_t>({0, 1, 2, -1});
  EXPECT_FALSE(result[0].get<bool>(0));
  EXPECT_TRUE(result[1].get<bool>(0));
  EXPECT_THAT(failure<bool>(result, 2, 0), HasSubstr("bool (0 or 1)"));
  EXPECT_THAT(failure<bool>(result, 3, 0), HasSubstr("bool (0 or 1)"));
}

TEST(ResultTest, FloatsRoundButDoNotOverflow) {
  test::Sample sample;
  sample.column("v", "float8");
  for (const double value : {static_cast<double>(0.1F), 0.1, 1e39, -1e39, HUGE_VAL, std::nan("")})
    sample.builder.real(value);
  const Result result = sample.finish();
  EXPECT_EQ(result[0].get<float>(0), 0.1F);
  EXPECT_EQ(result[1].get<float>(0), 0.1F);
  EXPECT_THAT(failure<float>(result, 2, 0), HasSubstr("wanted float"));
  EXPECT_THAT(failure<float>(result, 3, 0), HasSubstr("wanted float"));
  EXPECT_EQ(result[4].get<float>(0), std::numeric_limits<float>::infinity());
  EXPECT_TRUE(std::isnan(result[5].get<float>(0)));
}

TEST(ResultTest, TimesAreReadFromIsoText) {
  test::Sample sample;
  sample.column("at", "timestamptz");
  for (const char* const text :
       {"2024-01-01 17:30:00.5+05:30", "2024-01-01", "infinity", "0044-03-15 BC", "yesterday",
        "2263-01-01", "294247-01-01", "1969-12-31 23:59:59.999999"}) {
    sample.builder.other(text);
  }
  sample.builder.text("2024-01-01 12:00:00");
  const Result result = sample.finish();
  const sys_days day = 2024y / January / 1;
  EXPECT_EQ(result[0].get<sys_time<microseconds>>(0), day + 12h + 500ms);
  EXPECT_EQ(result[0].get<sys_seconds>(0), day + 12h);
  EXPECT_EQ(result[0].get<sys_days>(0), day);
  EXPECT_EQ(result[0].get<system_clock::time_point>(0), day + 12h + 500ms);
  EXPECT_EQ(result[1].get<sys_days>(0), day);
  EXPECT_EQ(result[7].get<sys_seconds>(0), sys_seconds{-1s});  // rounded down
  EXPECT_EQ(result[7].get<sys_days>(0), sys_days{days{-1}});
  EXPECT_EQ(result[8].get<sys_seconds>(0), day + 12h);
  EXPECT_EQ(failure<sys_seconds>(result, 2, 0),
            "result: column 0 \"at\" of row 2: wanted time, the timestamptz is infinity, which no "
            "time point is");
  EXPECT_THAT(failure<sys_seconds>(result, 3, 0), HasSubstr("before the year 1 (BC)"));
  EXPECT_THAT(failure<sys_seconds>(result, 4, 0),
              HasSubstr("not a date or a date and time in ISO form"));
  EXPECT_THAT(failure<sys_time<nanoseconds>>(result, 5, 0), HasSubstr("so fine a unit"));
  EXPECT_THAT(failure<sys_seconds>(result, 6, 0), HasSubstr("294246"));
}

TEST(ResultTest, ColumnsAreFoundByNameExactCaseFirst) {
  test::Sample sample;
  sample.column("id").column("ID").column("userid").column("Total");
  for (int i = 0; i < 4; ++i) sample.builder.integer(i);
  const Result result = sample.finish();
  EXPECT_EQ(result[0].get<int>("id"), 0);
  EXPECT_EQ(result[0].get<int>("ID"), 1);
  EXPECT_EQ(result[0].get<int>("userId"), 2);  // PostgreSQL folded it
  EXPECT_EQ(result.column_index("total"), 3U);
  EXPECT_THAT(error_of(ErrorCode::kUsage, [&] { static_cast<void>(result.column_index("Id")); }),
              HasSubstr("\"Id\" is ambiguous: columns 0 and 1"));
  EXPECT_EQ(error_of(ErrorCode::kUsage, [&] { static_cast<void>(result.column_index("totals")); }),
            "result: no column \"totals\", there are: \"id\", \"ID\", \"userid\", \"Total\"");
}

TEST(ResultTest, TwoColumnsOfANameAreAmbiguous) {
  test::Sample sample;
  sample.column("a").column("id").column("id");
  const Result result = sample.finish();
  EXPECT_THAT(error_of(ErrorCode::kUsage, [&] { static_cast<void>(result.column_index("id")); }),
              HasSubstr("columns 1 and 2"));
  EXPECT_EQ(result.column_index("a"), 0U);
}

TEST(ResultTest, AnUnknownNameAmongManyListsTheFirst) {
  test::Sample sample;
  for (int i = 0; i < 1600; ++i) sample.column(fmt::format("c{}", i));
  const Result result = sample.finish();
  const std::string message =
      error_of(ErrorCode::kUsage, [&] { static_cast<void>(result.column_index("x")); });
  EXPECT_THAT(message, HasSubstr("\"c19\" and 1580 more"));
  EXPECT_LT(message.size(), 300U);
}

TEST(ResultTest, OutOfRangeIsRefusedNamingTheBound) {
  const Result result = kinds();
  EXPECT_EQ(failure<int>(result, 0, 7), "result: no column 7, there are 7");
  EXPECT_EQ(error_of(ErrorCode::kUsage, [&] { static_cast<void>(result[1]); }),
            "result: no row 1, there are 1");
  EXPECT_EQ(error_of(ErrorCode::kUsage, [&] { static_cast<void>(result.column_name(7)); }),
            "result: no column 7, there are 7");
  EXPECT_THAT(error_of(ErrorCode::kUsage, [&] { static_cast<void>(result.column_type(8)); }),
              HasSubstr("column 8"));
  EXPECT_THAT(error_of(ErrorCode::kUsage, [&] { static_cast<void>(result[0].is_null(9)); }),
              HasSubstr("column 9"));
}

TEST(ResultTest, EmptyResultsHaveColumnsAndNoRows) {
  test::Sample sample;
  const Result result = sample.column("id", "int8").finish();
  EXPECT_TRUE(result.empty());
  EXPECT_EQ(result.size(), 0U);
  EXPECT_EQ(result.column_name(0), "id");
  EXPECT_EQ(result.column_type(0), "int8");
  EXPECT_EQ(result.begin(), result.end());
  EXPECT_TRUE(result.to<int>().empty());
  EXPECT_EQ(result.one_or_none<int>(), std::nullopt);
}

TEST(ResultTest, RowsWithoutColumnsCanBeWalked) {
  test::Sample sample;
  const Result result = sample.finish(3);
  EXPECT_EQ(std::distance(result.begin(), result.end()), 3);
  EXPECT_EQ(result[2].size(), 0U);
  for (const auto row : result.as<>()) static_cast<void>(row);
  EXPECT_EQ(result.as<>().size(), 3U);
}

TEST(ResultTest, RowsAndTuplesCanBeWalked) {
  test::Sample sample;
  sample.column("id").column("name");
  for (int i = 0; i < 3; ++i) {
    sample.builder.integer(i);
    sample.builder.text(std::string(static_cast<std::size_t>(i), 'x'));
  }
  const Result result = sample.finish();
  std::vector<int> ids;
  for (const Row row : result) ids.push_back(row.get<int>("id"));
  EXPECT_THAT(ids, ElementsAre(0, 1, 2));
  std::string all;
  for (const auto [id, name] : result.as<std::int64_t, std::string_view>())
    all += fmt::format("{}{} ", id, name);
  EXPECT_EQ(all, "0 1x 2xx ");
  EXPECT_EQ(std::ranges::count_if(result, [](const Row& row) { return row.get<int>(0) > 0; }), 2);
}

TEST(ResultTest, TuplesNeedAsManyColumns) {
  const Result result = integers<std::int64_t>({1});
  EXPECT_EQ(error_of(ErrorCode::kUsage, [&] { static_cast<void>(result.as<int, int>()); }),
            "result: 2 column(s) wanted, there are 1: \"v\"");
  EXPECT_THAT(error_of(ErrorCode::kUsage, [&] { static_cast<void>(kinds().to<int>()); }),
              HasSubstr("1 column(s) wanted, there are 7"));
}

TEST(ResultTest, OneWantsExactlyOneRow) {
  EXPECT_EQ(integers<std::int64_t>({5}).one<int>(), 5);
  EXPECT_EQ(integers<std::int64_t>({5}).one_or_none<int>(), 5);
  EXPECT_EQ(
      error_of(ErrorCode::kUsage, [] { static_cast<void>(integers<std::int64_t>({}).one<int>()); }),
      "result: one row wanted, there are 0");
  EXPECT_EQ(error_of(ErrorCode::kUsage,
                     [] {
                       static_cast<void>(integers<std::int64_t>({1, 2}).one<int>());
                     }),
            "result: one row wanted, there are 2");
  EXPECT_EQ(error_of(ErrorCode::kUsage,
                     [] {
                       static_cast<void>(integers<std::int64_t>({1, 2}).one_or_none<int>());
                     }),
            "result: one row wanted, there are 2");
  EXPECT_THAT(integers<std::int64_t>({1, 2}).to<int>(), ElementsAre(1, 2));
}

TEST(ResultTest, CopiesShareTheRows) {
  Result first = kinds();
  const std::string_view text = first[0].get<std::string_view>(4);
  const Result second = first;
  EXPECT_EQ(second.buffer().get(), first.buffer().get());
  first = integers<std::int64_t>({1});
  EXPECT_EQ(text, "text");
  EXPECT_EQ(second[0].get<std::string_view>(4).data(), text.data());
  EXPECT_EQ(second.size_bytes(), second.buffer()->size());
}

TEST(ResultTest, TellsWhereItCameFromAndHowOldItIs) {
  const TimePoint read{100s};
  const auto with = [&](Provenance provenance) {
    spi::ResultBuilder builder;
    return Result{builder.finish(), std::move(provenance)};
  };
  const Result hit = with({Source::kMemory, ReasonCode::kHit, "", read, read + 3s});
  EXPECT_EQ(hit.source(), Source::kMemory);
  EXPECT_EQ(hit.reason_code(), ReasonCode::kHit);
  EXPECT_EQ(hit.reason(), "");
  EXPECT_EQ(hit.age(), 3s);
  const Result miss =
      with({Source::kDatabase, ReasonCode::kStale, "stale: orders changed", read, read + 3s});
  EXPECT_EQ(miss.reason(), "stale: orders changed");
  EXPECT_EQ(miss.age(), 0s);
}

TEST(ResultTest, SourcesAndReasonsHaveTheirOwnNames) {
  std::set<std::string_view> names;
  for (int i = 0; i <= static_cast<int>(Source::kCoalesced); ++i)
    names.insert(to_string(static_cast<Source>(i)));
  for (int i = 0; i <= static_cast<int>(ReasonCode::kStandby); ++i)
    names.insert(to_string(static_cast<ReasonCode>(i)));
  EXPECT_EQ(names.size(), 4U + 13U);
  EXPECT_EQ(names.count("unknown"), 0U);
}

}  // namespace
}  // namespace weir
