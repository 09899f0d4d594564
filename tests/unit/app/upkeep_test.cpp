#include "src/app/listen/upkeep.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weir::app {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(UpkeepTest, OnlyTablesInTheNamedSchemasAreMeant) {
  const std::vector<spi::UntrackedTable> tables{
      {"public", "public.a"}, {"Odd", "\"Odd\".b"}, {"public", "public.c"}};
  EXPECT_THAT(tables_in(tables, {}), ElementsAre("public.a", "\"Odd\".b", "public.c"));
  EXPECT_THAT(tables_in(tables, {"Odd"}), ElementsAre("\"Odd\".b"));
  EXPECT_THAT(tables_in(tables, {"odd"}), IsEmpty());
}

}  // namespace
}  // namespace weir::app
