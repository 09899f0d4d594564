#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/error_of.hpp"
#include "tests/unit/base/sample_result.hpp"
#include "weir/result.hpp"

namespace weir {
namespace {

using namespace std::chrono;
using ::testing::HasSubstr;

struct Nothing {};
struct OneText {
  std::string a;
};
struct OneView {
  std::string_view a;
};
struct OneOptional {
  std::optional<int> a;
};
struct OptionalView {
  int a;
  std::optional<std::string_view> b;
};
struct User {
  std::int64_t id;
  std::string name;
  std::optional<std::string> email;
};
struct Everything {
  bool a;
  std::int8_t b;
  std::uint16_t c;
  int d;
  std::int64_t e;
  float f;
  double g;
  std::string h;
  std::vector<std::byte> i;
  sys_time<microseconds> j;
  sys_days k;
  std::optional<bool> l;
  std::optional<int> m;
  std::optional<double> n;
  std::optional<std::string> o;
  std::optional<std::vector<std::byte>> p;
  std::optional<sys_seconds> q;
};
struct Views {
  std::string_view a;
  std::span<const std::byte> b;
  std::optional<std::string_view> c;
  std::optional<std::span<const std::byte>> d;
};
struct Initialised {
  int a{1};
  const std::string b{};
  std::optional<int> c{};
  std::optional<double> d{1.0};
};
struct TwentyFour {
  int a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x;
};
struct AllOptional {
  std::optional<int> a, b, c, d;
};

static_assert(detail::member_count<Nothing>() == 0);
static_assert(detail::member_count<OneText>() == 1);
static_assert(detail::member_count<OneView>() == 1);
static_assert(detail::member_count<OneOptional>() == 1);
static_assert(detail::member_count<OptionalView>() == 2);
static_assert(detail::member_count<User>() == 3);
static_assert(detail::member_count<Everything>() == 17);
static_assert(detail::member_count<Views>() == 4);
static_assert(detail::member_count<Initialised>() == 4);
static_assert(detail::member_count<TwentyFour>() == 24);
static_assert(detail::member_count<AllOptional>() == 4);

static_assert(detail::holds_view<std::string_view>());
static_assert(detail::holds_view<std::optional<std::span<const std::byte>>>());
static_assert(detail::holds_view<OneView>());
static_assert(detail::holds_view<OptionalView>());
static_assert(detail::holds_view<Views>());
static_assert(!detail::holds_view<std::string>());
static_assert(!detail::holds_view<Nothing>());
static_assert(!detail::holds_view<User>());
static_assert(!detail::holds_view<Everything>());
static_assert(!detail::holds_view<Initialised>());

static_assert(!detail::IsCell<char>::value);
static_assert(!detail::IsCell<long double>::value);
static_assert(!detail::IsCell<std::optional<std::optional<int>>>::value);

/// One row of `Everything`, the optional columns filled or not.
Result everything(bool filled) {
  test::Sample sample;
  for (char name = 'a'; name <= 'q'; ++name)
    sample.column(std::string(1, name), name == 'q' ? "timestamp" : "");
  auto& cells = sample.builder;
  cells.boolean(true);
  cells.integer(-8);
  cells.integer(65535);
  cells.integer(-32);
  cells.integer(INT64_MIN);
  cells.real(1.5);
  cells.real(0.1);
  cells.text("text");
  cells.bytes("xyz");
  cells.other("2024-01-01 00:00:01");
  cells.other("2024-01-01");
  if (filled) {
    cells.boolean(false);
    cells.integer(7);
    cells.integer(7);
    cells.text("");
    cells.bytes("");
    cells.other("2024-01-01 00:00:01");
  } else {
    for (int i = 0; i < 6; ++i) cells.null();
  }
  return sample.finish();
}

TEST(ResultStructTest, MembersAreReadInOrderAsTheirTypes) {
  const auto row = everything(true).one<Everything>();
  EXPECT_TRUE(row.a);
  EXPECT_EQ(row.b, -8);
  EXPECT_EQ(row.c, 65535);
  EXPECT_EQ(row.d, -32);
  EXPECT_EQ(row.e, INT64_MIN);
  EXPECT_EQ(row.f, 1.5F);
  EXPECT_EQ(row.g, 0.1);
  EXPECT_EQ(row.h, "text");
  EXPECT_EQ(row.i.size(), 3U);
  EXPECT_EQ(row.j, sys_days{2024y / January / 1} + 1s);
  EXPECT_EQ(row.k, sys_days{2024y / January / 1});
  EXPECT_EQ(row.l, false);
  EXPECT_EQ(row.m, 7);
  EXPECT_EQ(row.n, 7.0);
  EXPECT_EQ(row.o, "");
  EXPECT_EQ(row.p, std::vector<std::byte>{});
  EXPECT_EQ(row.q, sys_days{2024y / January / 1} + 1s);
}

// A reader that converts to anything is taken for the value inside the optional and then fails on
// NULL.
TEST(ResultStructTest, NullIsAnEmptyOptionalMember) {
  const auto row = everything(false).one<Everything>();
  EXPECT_FALSE(row.l || row.m || row.n || row.o || row.p || row.q);
}

TEST(ResultStructTest, ViewsPointIntoTheRows) {
  test::Sample sample;
  sample.column("a").column("b").column("c").column("d");
  sample.builder.text("a");
  sample.builder.bytes("bb");
  sample.builder.text("ccc");
  sample.builder.null();
  const Result result = sample.finish();
  const auto row = result.one<Views>();
  EXPECT_EQ(row.a.data(), result.buffer()->text(0, 0).data());
  EXPECT_EQ(row.b.size(), 2U);
  EXPECT_EQ(row.c, "ccc");
  EXPECT_FALSE(row.d);
}

TEST(ResultStructTest, ManyRowsAndInitialisedMembers) {
  test::Sample sample;
  sample.column("a").column("b").column("c").column("d");
  for (int i = 0; i < 3; ++i) {
    sample.builder.integer(i);
    sample.builder.text("b");
    sample.builder.null();
    sample.builder.null();
  }
  const Result result = sample.finish();
  const auto rows = result.to<Initialised>();
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(rows[2].a, 2);
  EXPECT_EQ(rows[2].b, "b");
  EXPECT_FALSE(rows[2].d);  // NULL, not the member's initialiser
  EXPECT_EQ(result.to<Initialised>().front().a, 0);
}

TEST(ResultStructTest, TwentyFourMembersAreTheMost) {
  test::Sample sample;
  for (char name = 'a'; name <= 'x'; ++name) sample.column(std::string(1, name));
  for (int i = 0; i < 24; ++i) sample.builder.integer(i);
  EXPECT_EQ(sample.finish().one<TwentyFour>().x, 23);
}

TEST(ResultStructTest, ColumnsAndMembersMustBeAsMany) {
  const Result result = everything(true);
  EXPECT_THAT(test::error_of(ErrorCode::kUsage, [&] { static_cast<void>(result.to<User>()); }),
              HasSubstr("3 column(s) wanted, there are 17: \"a\", \"b\""));
  EXPECT_THAT(test::error_of(ErrorCode::kUsage, [&] { static_cast<void>(result.one<Nothing>()); }),
              HasSubstr("0 column(s) wanted"));
}

TEST(ResultStructTest, AMemberOfAnotherTypeNamesItsColumn) {
  test::Sample sample;
  sample.column("id").column("name").column("email");
  sample.builder.integer(1);
  sample.builder.null();
  sample.builder.null();
  const Result result = sample.finish();
  EXPECT_EQ(test::error_of(ErrorCode::kUsage, [&] { static_cast<void>(result.to<User>()); }),
            "result: column 1 \"name\" of row 0: wanted text, is NULL: read it as std::optional");
}

}  // namespace
}  // namespace weir
