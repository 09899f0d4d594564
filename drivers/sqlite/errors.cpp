#include "drivers/sqlite/errors.hpp"

#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "weir/error.hpp"

namespace weir::sqlite {
namespace {

struct CodeName {
  int code;
  std::string_view name;
};

constexpr auto kNames = std::to_array<CodeName>({
    {SQLITE_ERROR, "SQLITE_ERROR"},
    {SQLITE_INTERNAL, "SQLITE_INTERNAL"},
    {SQLITE_PERM, "SQLITE_PERM"},
    {SQLITE_ABORT, "SQLITE_ABORT"},
    {SQLITE_BUSY, "SQLITE_BUSY"},
    {SQLITE_LOCKED, "SQLITE_LOCKED"},
    {SQLITE_NOMEM, "SQLITE_NOMEM"},
    {SQLITE_READONLY, "SQLITE_READONLY"},
    {SQLITE_INTERRUPT, "SQLITE_INTERRUPT"},
    {SQLITE_IOERR, "SQLITE_IOERR"},
    {SQLITE_CORRUPT, "SQLITE_CORRUPT"},
    {SQLITE_NOTFOUND, "SQLITE_NOTFOUND"},
    {SQLITE_FULL, "SQLITE_FULL"},
    {SQLITE_CANTOPEN, "SQLITE_CANTOPEN"},
    {SQLITE_PROTOCOL, "SQLITE_PROTOCOL"},
    {SQLITE_SCHEMA, "SQLITE_SCHEMA"},
    {SQLITE_TOOBIG, "SQLITE_TOOBIG"},
    {SQLITE_CONSTRAINT, "SQLITE_CONSTRAINT"},
    {SQLITE_MISMATCH, "SQLITE_MISMATCH"},
    {SQLITE_MISUSE, "SQLITE_MISUSE"},
    {SQLITE_NOLFS, "SQLITE_NOLFS"},
    {SQLITE_AUTH, "SQLITE_AUTH"},
    {SQLITE_FORMAT, "SQLITE_FORMAT"},
    {SQLITE_RANGE, "SQLITE_RANGE"},
    {SQLITE_NOTADB, "SQLITE_NOTADB"},
    {SQLITE_BUSY_RECOVERY, "SQLITE_BUSY_RECOVERY"},
    {SQLITE_BUSY_SNAPSHOT, "SQLITE_BUSY_SNAPSHOT"},
    {SQLITE_BUSY_TIMEOUT, "SQLITE_BUSY_TIMEOUT"},
    {SQLITE_LOCKED_SHAREDCACHE, "SQLITE_LOCKED_SHAREDCACHE"},
    {SQLITE_READONLY_DBMOVED, "SQLITE_READONLY_DBMOVED"},
    {SQLITE_READONLY_DIRECTORY, "SQLITE_READONLY_DIRECTORY"},
    {SQLITE_CONSTRAINT_CHECK, "SQLITE_CONSTRAINT_CHECK"},
    {SQLITE_CONSTRAINT_DATATYPE, "SQLITE_CONSTRAINT_DATATYPE"},
    {SQLITE_CONSTRAINT_FOREIGNKEY, "SQLITE_CONSTRAINT_FOREIGNKEY"},
    {SQLITE_CONSTRAINT_NOTNULL, "SQLITE_CONSTRAINT_NOTNULL"},
    {SQLITE_CONSTRAINT_PRIMARYKEY, "SQLITE_CONSTRAINT_PRIMARYKEY"},
    {SQLITE_CONSTRAINT_ROWID, "SQLITE_CONSTRAINT_ROWID"},
    {SQLITE_CONSTRAINT_TRIGGER, "SQLITE_CONSTRAINT_TRIGGER"},
    {SQLITE_CONSTRAINT_UNIQUE, "SQLITE_CONSTRAINT_UNIQUE"},
    {SQLITE_CONSTRAINT_VTAB, "SQLITE_CONSTRAINT_VTAB"},
});

std::optional<std::string_view> find_name(int code) {
  const auto* const found = std::find_if(
      kNames.begin(), kNames.end(), [code](const CodeName& entry) { return entry.code == code; });
  if (found == kNames.end()) return std::nullopt;
  return found->name;
}

// "UNIQUE constraint failed: t.a, t.b" → "t.a, t.b"; a failed foreign key has no name.
std::string constraint_of(std::string_view message) {
  constexpr std::string_view kMark = " constraint failed: ";
  const std::size_t at = message.find(kMark);
  return at == std::string_view::npos ? std::string{}
                                      : std::string{message.substr(at + kMark.size())};
}

std::size_t character_at(std::string_view sql, std::size_t offset) {
  const std::string_view before = sql.substr(0, std::min(offset, sql.size()));
  return 1 + static_cast<std::size_t>(std::count_if(before.begin(), before.end(), [](char c) {
           return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
         }));
}

bool names_missing_object(std::string_view message) {
  for (const std::string_view kind :
       {"no such table", "no such column", "no such function", "no such index", "no such view",
        "no such trigger", "no such collation", "no such module", "unknown database"}) {
    if (message.find(kind) != std::string_view::npos) return true;
  }
  return false;
}

// SQLite has one code for everything wrong with a statement's text; the offset tells those apart
// from run-time errors.
ErrorCode code_of_plain_error(const Failure& failure) {
  if (names_missing_object(failure.message)) return ErrorCode::kUndefinedObject;
  const bool text_is_wrong = failure.offset >= 0 ||
                             failure.message.find("syntax error") != std::string::npos ||
                             failure.message == "incomplete input";
  return text_is_wrong ? ErrorCode::kSyntax : ErrorCode::kDatabase;
}

}  // namespace

std::string result_code_name(int code) {
  if (const auto exact = find_name(code)) return std::string{*exact};
  if (const auto primary = find_name(code & 0xFF)) {
    return fmt::format("{}({})", *primary, code >> 8);
  }
  return fmt::format("SQLITE_{}", code);
}

void throw_failure(const Failure& failure, std::string_view operation, std::string_view sql) {
  ErrorDetails details{.sqlstate = result_code_name(failure.code), .backend = "sqlite"};
  if (failure.offset >= 0)
    details.position = character_at(sql, static_cast<std::size_t>(failure.offset));
  const std::string what = fmt::format("{}: {}", operation, failure.message);

  switch (failure.code & 0xFF) {
    case SQLITE_ERROR: {
      const std::string where =
          details.position ? fmt::format(" (at character {})", *details.position) : "";
      throw Error{code_of_plain_error(failure), what + where, std::move(details)};
    }
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      details.retryable = true;
      if (failure.code == SQLITE_BUSY_SNAPSHOT) {
        throw Error{ErrorCode::kSerialization, what + " by a later commit", std::move(details)};
      }
      throw Error{ErrorCode::kDeadlock,
                  what + "; another connection kept its lock longer than the busy timeout",
                  std::move(details)};
    case SQLITE_INTERRUPT:
      if (failure.stopped_by == StoppedBy::kDeadline) {
        throw Error{ErrorCode::kTimeout, fmt::format("{}: stopped at its deadline", operation),
                    std::move(details)};
      }
      throw Error{ErrorCode::kCancelled, fmt::format("{}: cancelled", operation),
                  std::move(details)};
    case SQLITE_CONSTRAINT:
      details.constraint = constraint_of(failure.message);
      throw ConstraintError{what, std::move(details)};
    case SQLITE_PERM:
    case SQLITE_READONLY:
      if (failure.code == SQLITE_READONLY_DBMOVED) {  // the file was replaced or removed
        details.retryable = true;
        details.connection_usable = false;
        throw ConnectionError{what, std::move(details)};
      }
      throw Error{ErrorCode::kPermission, what, std::move(details)};
    case SQLITE_AUTH:
      throw Error{ErrorCode::kRefused, what, std::move(details)};
    case SQLITE_CANTOPEN:
      details.connection_usable = false;
      throw ConnectionError{what, std::move(details)};
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
    case SQLITE_IOERR:
    case SQLITE_PROTOCOL:
      details.connection_usable = false;
      throw Error{ErrorCode::kDatabase, what, std::move(details)};
    case SQLITE_TOOBIG:
    case SQLITE_RANGE:
    case SQLITE_MISMATCH:
      throw Error{ErrorCode::kUsage, what, std::move(details)};
    case SQLITE_MISUSE:
      throw Error{ErrorCode::kInternal, what, std::move(details)};
    default:  // SQLITE_FULL, SQLITE_NOMEM and what later versions add
      throw Error{ErrorCode::kDatabase, what, std::move(details)};
  }
}

}  // namespace weir::sqlite
