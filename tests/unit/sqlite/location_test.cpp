#include "drivers/sqlite/location.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/support/error_of.hpp"

namespace weir::sqlite {
namespace {

Location location_of(const std::string& database) {
  Options options;
  options.database = database;
  return Location::from(options);
}

TEST(LocationTest, PathsBecomeAbsoluteAndAreNeverUris) {
  EXPECT_EQ(location_of("sqlite:/data/./a.db").path, "/data/a.db");
  EXPECT_THAT(location_of("sqlite:a b.db").path, ::testing::MatchesRegex("/.*a b\\.db"));
  EXPECT_THAT(location_of("sqlite:file:a.db?mode=memory").path, ::testing::StartsWith("/"));
  EXPECT_TRUE(location_of("sqlite::memory:").in_memory());
  EXPECT_EQ(location_of("sqlite:/a.db").display_name(), "sqlite:/a.db");
  EXPECT_EQ(location_of("sqlite::memory:").display_name(), "sqlite::memory:");
}

TEST(LocationTest, WhatIsNoSqliteDatabaseIsRefusedNamingTheField) {
  for (const char* database :
       {"", "a.db", "postgresql://h/d", "sqlite", "sqlite:", "sqlite://host/a.db", "SQLITE:a"}) {
    EXPECT_THAT(test::error_of(ErrorCode::kConfig, [&] { (void)location_of(database); }),
                ::testing::HasSubstr("database:"))
        << database;
  }
}

TEST(LocationTest, AttachedFilesAreNamedPlainly) {
  Options options;
  options.database = "sqlite:/a.db";
  options.sqlite.attach = {{"y", "/y.db"}, {"x_1", "/x.db"}};
  const Location location = Location::from(options);
  EXPECT_THAT(location.shared_schemas(), ::testing::ElementsAre("main", "x_1", "y"));
  EXPECT_EQ(location.file_of("main"), "/a.db");
  EXPECT_EQ(location.file_of("y"), "/y.db");
  for (const char* schema : {"", "main", "temp", "MAIN", "Temp", "1a", "a b", "a;DROP", "a\"b"}) {
    options.sqlite.attach = {{schema, "/y.db"}};
    EXPECT_THAT(test::error_of(ErrorCode::kConfig, [&] { (void)Location::from(options); }),
                ::testing::HasSubstr("sqlite.attach"))
        << schema;
  }
  options.sqlite.attach = {{"log", "/y.db"}, {"LOG", "/z.db"}};
  EXPECT_THAT(test::error_of(ErrorCode::kConfig, [&] { (void)Location::from(options); }),
              ::testing::AllOf(::testing::HasSubstr("'log'"), ::testing::HasSubstr("'LOG'")));
  options.sqlite.attach = {{"y", ":memory:"}};
  test::error_of(ErrorCode::kConfig, [&] { (void)Location::from(options); });
}

TEST(LocationTest, AMissingFileHasNoIdentity) {
  EXPECT_THAT(test::error_of(ErrorCode::kConnection,
                             [] { (void)FileIdentity{location_of("sqlite:/nowhere/a.db")}; }),
              ::testing::HasSubstr("/nowhere/a.db"));
}

}  // namespace
}  // namespace weir::sqlite
