#include "src/app/failure.hpp"

#include <gtest/gtest.h>

#include <string>

namespace weir::app {
namespace {

TEST(FailureTest, TheCaretStandsBelowTheCharacter) {
  EXPECT_EQ(point_at("SELEC 1", 1), "  SELEC 1\n  ^\n");
  EXPECT_EQ(point_at("SELECT a,,b", 10), "  SELECT a,,b\n           ^\n");
}

TEST(FailureTest, OnlyTheLineMeantIsShown) {
  EXPECT_EQ(point_at("SELECT a,\n  b,,\nFROM t", 15), "    b,,\n      ^\n");
}

TEST(FailureTest, PositionsCountCharactersNotBytes) {
  EXPECT_EQ(point_at("SELECT 'ä' x y", 14), "  SELECT 'ä' x y\n               ^\n");
}

TEST(FailureTest, APlaceBehindTheEndIsTheEnd) {
  EXPECT_EQ(point_at("SELECT", 7), "  SELECT\n        ^\n");
  EXPECT_EQ(point_at("SELECT", 4711), "  SELECT\n        ^\n");
  EXPECT_EQ(point_at("", 1), "  \n  ^\n");
}

TEST(FailureTest, ALongLineIsCutAroundThePlace) {
  const std::string sql = std::string(200, 'a') + "!" + std::string(200, 'b');
  EXPECT_EQ(point_at(sql, 201), "  " + std::string(38, 'a') + "!" + std::string(37, 'b') + "\n  " +
                                    std::string(38, ' ') + "^\n");
}

TEST(FailureTest, ATabIsOneColumnWide) { EXPECT_EQ(point_at("\tx y", 4), "   x y\n     ^\n"); }

TEST(FailureTest, AMessageOfSeveralLinesBecomesOne) {
  const Error error{ErrorCode::kConstraint, "first\n\tsecond\n"};
  EXPECT_EQ(describe(error), "weir: first; second\n");
}

TEST(FailureTest, AConnectionErrorSaysWhatToCheck) {
  EXPECT_EQ(describe(ConnectionError{"refused\n\tIs the server running on that host?",
                                     {.backend = "postgresql"}}),
            "weir: refused; check that the server runs, and host, port, user and password in "
            "--database\n");
  EXPECT_EQ(describe(ConnectionError{"missing", {.backend = "sqlite"}}),
            "weir: missing; check the path given with --database, and its rights\n");
}

TEST(FailureTest, WhatTheUserTypedWrongIsTwoAndTheRestIsOne) {
  EXPECT_EQ(exit_code(ErrorCode::kConfig), 2);
  EXPECT_EQ(exit_code(ErrorCode::kUsage), 2);
  EXPECT_EQ(exit_code(ErrorCode::kSyntax), 1);
  EXPECT_EQ(exit_code(ErrorCode::kConnection), 1);
  EXPECT_EQ(exit_code(ErrorCode::kMigration), 1);
}

}  // namespace
}  // namespace weir::app
