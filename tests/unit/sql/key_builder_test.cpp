#include "src/sql/key_builder.hpp"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

namespace weir::detail {
namespace {

TEST(KeyBuilderTest, EqualCallsHaveEqualKeys) {
  KeyBuilder first;
  KeyBuilder second;
  const auto a = first.build(1, 2, Params::of(42, "x"));
  const auto b = second.build(1, 2, Params::of(42, "x"));
  EXPECT_EQ(a.bytes, b.bytes);
  EXPECT_EQ(a.hash, b.hash);
}

TEST(KeyBuilderTest, AnyDifferenceMakesAnotherKey) {
  const std::string large(1000, 'x');
  std::map<std::string, int> keys;
  int calls = 0;
  KeyBuilder builder;
  for (const std::uint64_t statement : {1U, 2U}) {
    for (const std::uint64_t session : {1U, 2U}) {
      for (const Params& params :
           {Params{}, Params::of(1), Params::of("1"), Params::of(1.0), Params::of(true),
            Params::of(nullptr), Params::of(nullptr, nullptr), Params::of("a", "b"),
            Params::of("ab", ""), Params::of("", "ab"), Params::of(large), Params::of(large, 1)}) {
        ++keys[std::string{builder.build(statement, session, params).bytes}];
        ++calls;
      }
    }
  }
  EXPECT_EQ(keys.size(), static_cast<std::size_t>(calls));
}

TEST(KeyBuilderTest, GoesBackAndForthBetweenSmallAndLargeKeys) {
  KeyBuilder builder;
  const Params small = Params::of(1);
  for (const std::size_t size : {10UL, 5000UL, 300UL, 3UL, 10'000UL}) {
    const Params params = Params::of(std::string(size, 'k'));
    KeyBuilder fresh;
    EXPECT_EQ(builder.build(7, 8, params).bytes, fresh.build(7, 8, params).bytes);
    EXPECT_EQ(std::string{builder.build(7, 8, small).bytes},
              std::string{fresh.build(7, 8, small).bytes});
  }
}

}  // namespace
}  // namespace weir::detail
