#include "drivers/sqlite/statement_cache.hpp"

#include <gtest/gtest.h>

namespace weir::sqlite {
namespace {

TEST(StatementCacheTest, TheLeastRecentlyUsedGoesFirst) {
  StatementCache cache{2};
  cache.insert("a", {});
  cache.insert("b", {});
  EXPECT_NE(cache.find("a"), nullptr);
  cache.insert("c", {});
  EXPECT_EQ(cache.size(), 2U);
  EXPECT_EQ(cache.find("b"), nullptr);
  EXPECT_NE(cache.find("a"), nullptr);
  EXPECT_NE(cache.find("c"), nullptr);
}

TEST(StatementCacheTest, EntriesStayWhereTheyAreWhileOthersCome) {
  StatementCache cache{3};
  PreparedStatement& a = cache.insert("a", {});
  cache.insert("b", {});
  cache.insert("c", {});
  EXPECT_EQ(cache.find("a"), &a);
  cache.clear();
  EXPECT_EQ(cache.size(), 0U);
  EXPECT_EQ(cache.find("a"), nullptr);
}

}  // namespace
}  // namespace weir::sqlite
