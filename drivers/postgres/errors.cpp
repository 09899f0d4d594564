#include "drivers/postgres/errors.hpp"

#include <fmt/core.h>

#include <charconv>
#include <utility>

namespace weir::postgres {
namespace {

std::string field(const PGresult* result, int code) {
  const char* value = PQresultErrorField(result, code);
  return value == nullptr ? std::string{} : std::string{value};
}

/// A data exception's message without the value it quotes: `invalid value for parameter "x": "…"`.
std::string without_value(std::string_view message) {
  const std::size_t introduced = message.find(": \"");
  const std::size_t open =
      introduced == std::string_view::npos ? message.find('"') : introduced + 2;
  // A quoted value may hold quotes itself: everything up to the last one goes.
  const std::size_t close = message.rfind('"');
  if (open == std::string_view::npos || close <= open) return std::string{message};
  return fmt::format("{}\"…\"{}", message.substr(0, open), message.substr(close + 1));
}

}  // namespace

ErrorCode error_code(std::string_view sqlstate) noexcept {
  const std::string_view family = sqlstate.substr(0, 2);
  if (sqlstate == "40001") return ErrorCode::kSerialization;
  if (sqlstate == "40P01") return ErrorCode::kDeadlock;
  if (sqlstate == "40002" || family == "23") return ErrorCode::kConstraint;
  if (sqlstate == "57014") return ErrorCode::kCancelled;
  if (sqlstate == "08P01")
    return ErrorCode::kDatabase;  // the server stays: a bad message, not a bad line
  if (family == "08" || family == "28" || sqlstate.substr(0, 3) == "57P" || sqlstate == "53300" ||
      sqlstate == "25P03" || sqlstate == "25P04") {
    return ErrorCode::kConnection;
  }
  if (sqlstate == "42501") return ErrorCode::kPermission;
  if (sqlstate == "42P01" || sqlstate == "42703" || sqlstate == "42883" || sqlstate == "42704" ||
      sqlstate == "3F000" || sqlstate == "3D000" || sqlstate == "42P02") {
    return ErrorCode::kUndefinedObject;
  }
  // Names that exist already are about the catalog, not about the text.
  if (sqlstate == "42P07" || sqlstate == "42710" || sqlstate == "42P06" || sqlstate == "42P04" ||
      sqlstate == "42701" || sqlstate == "42723" || sqlstate == "42P05" || sqlstate == "42P03") {
    return ErrorCode::kDatabase;
  }
  if (family == "42") return ErrorCode::kSyntax;
  return ErrorCode::kDatabase;
}

ServerError server_error(const PGresult* result) {
  ServerError error{.sqlstate = field(result, PG_DIAG_SQLSTATE),
                    .severity = field(result, PG_DIAG_SEVERITY_NONLOCALIZED),
                    .message = field(result, PG_DIAG_MESSAGE_PRIMARY),
                    .constraint = field(result, PG_DIAG_CONSTRAINT_NAME),
                    .function = field(result, PG_DIAG_SOURCE_FUNCTION),
                    .position = std::nullopt};
  if (error.message.empty()) error.message = trimmed(PQresultErrorMessage(result));
  const std::string position = field(result, PG_DIAG_STATEMENT_POSITION);
  std::size_t number = 0;
  const auto parsed = std::from_chars(position.data(), position.data() + position.size(), number);
  if (parsed.ec == std::errc{}) error.position = number;
  return error;
}

void throw_server_error(const ServerError& error, std::string_view operation) {
  const ErrorCode code = error_code(error.sqlstate);
  const bool fatal =
      error.severity == "FATAL" || error.severity == "PANIC" || code == ErrorCode::kConnection;
  ErrorDetails details{
      .sqlstate = error.sqlstate,
      .backend = "postgresql",
      .retryable = code == ErrorCode::kSerialization || code == ErrorCode::kDeadlock,
      .connection_usable = !fatal,
      .position = error.position,
      .constraint = error.constraint};
  const bool data = error.sqlstate.substr(0, 2) == "22";
  std::string message = fmt::format("postgresql: {} failed: {}", operation,
                                    data ? without_value(error.message) : error.message);
  if (error.position) message += fmt::format(" at character {}", *error.position);
  if (!error.sqlstate.empty()) message += fmt::format(" (SQLSTATE {})", error.sqlstate);
  if (code == ErrorCode::kConstraint) throw ConstraintError{message, std::move(details)};
  if (fatal) throw ConnectionError{message, std::move(details)};
  throw Error{code, message, std::move(details)};
}

std::string_view trimmed(std::string_view text) noexcept {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
  return text;
}

}  // namespace weir::postgres
