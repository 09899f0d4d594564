#pragma once

#include <cstddef>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace weir {

/// What went wrong, by what a caller can do about it.
enum class ErrorCode {
  kConfig,  ///< An option, a DSN, a rules file or a flag is wrong; the message names field, value
            ///< and bound.
  kUsage,  ///< A call is wrong: parameter count, column type, unknown column, reading past the end.
  kConnection,  ///< The database cannot be reached, refused the login, or the connection was lost.
  kTimeout,     ///< A limit from the options ran out.
  kPoolExhausted,    ///< No connection became free within `acquire_timeout`.
  kSyntax,           ///< The database refused the statement's text; `position()` says where.
  kUndefinedObject,  ///< A table, column, function or type does not exist.
  kConstraint,       ///< A constraint was violated; `constraint()` names it.
  kPermission,       ///< The role may not do this.
  kSerialization,    ///< Concurrent update under a strict isolation level; retry the transaction.
  kDeadlock,   ///< Chosen as a deadlock's victim, or SQLite stayed busy; retry the transaction.
  kMigration,  ///< weir's schema is missing, older or newer than this library.
  kRefused,    ///< weir itself refuses (SET through weir, use after fork, …) and says what to do
               ///< instead.
  kCancelled,  ///< The statement was cancelled by somebody else.
  kClosed,     ///< The handle was closed.
  kDatabase,   ///< Any other answer of the database; see `sqlstate()`.
  kInternal,   ///< A defect of weir.
};

[[nodiscard]] std::string_view to_string(ErrorCode code) noexcept;

/// The properties of an `Error` beside its code and message.
struct ErrorDetails {
  std::string sqlstate{};  ///< Five characters, or empty; SQLite: the extended result code's name;
                           ///< Redis: the first word of its answer.
  std::string backend{};   ///< "postgresql", "sqlite", "redis", or empty when none was involved.
  bool retryable{false};   ///< The same work may succeed if tried again from the start.
  bool connection_usable{true};  ///< False when the connection it happened on must be thrown away.
  std::optional<std::size_t>
      position{};            ///< 1-based character of the statement's text the database points at.
  std::string constraint{};  ///< The violated constraint, when known.
};

/// The one exception weir throws. Its message names operation, object, value and bound, never
/// parameters or rows.
class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message, ErrorDetails details = {});

  [[nodiscard]] ErrorCode code() const noexcept { return code_; }
  [[nodiscard]] const std::string& sqlstate() const noexcept { return details_.sqlstate; }
  [[nodiscard]] const std::string& backend() const noexcept { return details_.backend; }
  [[nodiscard]] bool retryable() const noexcept { return details_.retryable; }
  [[nodiscard]] bool connection_usable() const noexcept { return details_.connection_usable; }
  [[nodiscard]] std::optional<std::size_t> position() const noexcept { return details_.position; }
  [[nodiscard]] const std::string& constraint() const noexcept { return details_.constraint; }
  [[nodiscard]] const ErrorDetails& details() const noexcept { return details_; }

 private:
  ErrorCode code_;
  ErrorDetails details_;
};

/// The database could not be reached or was lost (`kConnection`).
class ConnectionError : public Error {
 public:
  explicit ConnectionError(const std::string& message, ErrorDetails details = {});
};

/// A constraint was violated (`kConstraint`).
class ConstraintError : public Error {
 public:
  explicit ConstraintError(const std::string& message, ErrorDetails details = {});
};

}  // namespace weir
