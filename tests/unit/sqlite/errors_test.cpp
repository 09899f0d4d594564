#include "drivers/sqlite/errors.hpp"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <string>
#include <vector>

#include "weir/error.hpp"

namespace weir::sqlite {
namespace {

Error error_from(const Failure& failure, std::string_view sql = {}) {
  try {
    throw_failure(failure, "do something", sql);
  } catch (const Error& e) {
    return e;
  }
}

struct ErrorCase {
  Failure failure;
  ErrorCode code;
  std::string name;
  bool retryable{false};
  bool usable{true};
};

TEST(ErrorsTest, EveryResultCodeHasItsMeaning) {
  const std::vector<ErrorCase> cases{
      {{.code = SQLITE_ERROR, .message = "near \"FRO\": syntax error", .offset = 7},
       ErrorCode::kSyntax,
       "SQLITE_ERROR"},
      {{.code = SQLITE_ERROR, .message = "incomplete input"}, ErrorCode::kSyntax, "SQLITE_ERROR"},
      {{.code = SQLITE_ERROR, .message = "no such table: main.a"},
       ErrorCode::kUndefinedObject,
       "SQLITE_ERROR"},
      {{.code = SQLITE_ERROR, .message = "no such function: f", .offset = 3},
       ErrorCode::kUndefinedObject,
       "SQLITE_ERROR"},
      {{.code = SQLITE_ERROR, .message = "integer overflow"}, ErrorCode::kDatabase, "SQLITE_ERROR"},
      {{.code = SQLITE_BUSY, .message = "database is locked"},
       ErrorCode::kDeadlock,
       "SQLITE_BUSY",
       true},
      {{.code = SQLITE_BUSY_SNAPSHOT, .message = "database is locked"},
       ErrorCode::kSerialization,
       "SQLITE_BUSY_SNAPSHOT",
       true},
      {{.code = SQLITE_LOCKED, .message = "database table is locked"},
       ErrorCode::kDeadlock,
       "SQLITE_LOCKED",
       true},
      {{.code = SQLITE_CONSTRAINT_UNIQUE, .message = "UNIQUE constraint failed: t.a"},
       ErrorCode::kConstraint,
       "SQLITE_CONSTRAINT_UNIQUE"},
      {{.code = SQLITE_CONSTRAINT_FOREIGNKEY, .message = "FOREIGN KEY constraint failed"},
       ErrorCode::kConstraint,
       "SQLITE_CONSTRAINT_FOREIGNKEY"},
      {{.code = SQLITE_INTERRUPT, .message = "interrupted", .stopped_by = StoppedBy::kDeadline},
       ErrorCode::kTimeout,
       "SQLITE_INTERRUPT"},
      {{.code = SQLITE_INTERRUPT, .message = "interrupted"},
       ErrorCode::kCancelled,
       "SQLITE_INTERRUPT"},
      {{.code = SQLITE_READONLY, .message = "attempt to write a readonly database"},
       ErrorCode::kPermission,
       "SQLITE_READONLY"},
      {{.code = SQLITE_READONLY_DBMOVED, .message = "attempt to write a readonly database"},
       ErrorCode::kConnection,
       "SQLITE_READONLY_DBMOVED",
       true,
       false},
      {{.code = SQLITE_FULL, .message = "database or disk is full"},
       ErrorCode::kDatabase,
       "SQLITE_FULL"},
      {{.code = SQLITE_CANTOPEN, .message = "unable to open database file"},
       ErrorCode::kConnection,
       "SQLITE_CANTOPEN",
       false,
       false},
      {{.code = SQLITE_NOTADB, .message = "file is not a database"},
       ErrorCode::kDatabase,
       "SQLITE_NOTADB",
       false,
       false},
      {{.code = SQLITE_CORRUPT, .message = "database disk image is malformed"},
       ErrorCode::kDatabase,
       "SQLITE_CORRUPT",
       false,
       false},
      {{.code = SQLITE_IOERR_READ, .message = "disk I/O error"},
       ErrorCode::kDatabase,
       "SQLITE_IOERR(1)",
       false,
       false},
      {{.code = SQLITE_TOOBIG, .message = "string or blob too big"},
       ErrorCode::kUsage,
       "SQLITE_TOOBIG"},
      {{.code = SQLITE_AUTH, .message = "not authorized"}, ErrorCode::kRefused, "SQLITE_AUTH"},
      {{.code = 4711 & ~0xFF, .message = "?"}, ErrorCode::kDatabase, "SQLITE_4608"},
  };
  for (const ErrorCase& c : cases) {
    const Error error = error_from(c.failure, "SELECT FRO a");
    EXPECT_EQ(error.code(), c.code) << c.failure.message;
    EXPECT_EQ(error.sqlstate(), c.name);
    EXPECT_EQ(error.retryable(), c.retryable) << c.name;
    EXPECT_EQ(error.connection_usable(), c.usable) << c.name;
    EXPECT_EQ(error.backend(), "sqlite");
    EXPECT_NE(std::string{error.what()}.find("do something"), std::string::npos);
  }
}

TEST(ErrorsTest, PositionsCountCharactersNotBytes) {
  const std::string sql = "SELECT 'äö' FRO a";
  const auto offset = static_cast<int>(sql.find("FRO"));
  const Error error = error_from(
      {.code = SQLITE_ERROR, .message = "near \"FRO\": syntax error", .offset = offset}, sql);
  EXPECT_EQ(error.position(), 13U);
}

TEST(ErrorsTest, ConstraintsAreNamed) {
  EXPECT_EQ(error_from(
                {.code = SQLITE_CONSTRAINT_UNIQUE, .message = "UNIQUE constraint failed: t.a, t.b"})
                .constraint(),
            "t.a, t.b");
  EXPECT_EQ(
      error_from({.code = SQLITE_CONSTRAINT_CHECK, .message = "CHECK constraint failed: positive"})
          .constraint(),
      "positive");
  EXPECT_EQ(
      error_from({.code = SQLITE_CONSTRAINT_FOREIGNKEY, .message = "FOREIGN KEY constraint failed"})
          .constraint(),
      "");
}

}  // namespace
}  // namespace weir::sqlite
