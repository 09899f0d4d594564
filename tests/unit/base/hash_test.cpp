#include "src/base/hash.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace weir::detail {
namespace {

// Source: the XXH3 specification's value for the empty input, seed 0.
TEST(HashTest, IsXxh3) {
  EXPECT_EQ(hash64(""), 0x2D06800538D394C2U);
  EXPECT_EQ(hash128(""), (Hash128{0x6001C324468D497FU, 0x99AA06D3014798D8U}));
}

TEST(HashTest, DependsOnEveryByteTheLengthAndTheSeed) {
  std::set<std::uint64_t> seen;
  std::size_t hashed = 0;
  for (std::size_t length = 0; length <= 300; ++length) {
    seen.insert(hash64(std::string(length, '\0')));
    ++hashed;
    for (std::size_t at = 0; at < length; at += 37) {
      std::string text(length, '\0');
      text[at] = '\1';
      seen.insert(hash64(text));
      ++hashed;
    }
  }
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    seen.insert(hash64("seeded", seed));
    ++hashed;
  }
  EXPECT_EQ(seen.size(), hashed);
  EXPECT_EQ(hash64("seeded", 0), hash64("seeded"));
  EXPECT_NE(hash128("seeded", 1), hash128("seeded"));
}

}  // namespace
}  // namespace weir::detail
