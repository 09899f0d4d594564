#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace weir::sqlite {

/// Who stopped a statement that SQLite says was interrupted.
enum class StoppedBy : std::uint8_t { kCancel, kDeadline };

/// What SQLite said when a call failed.
struct Failure {
  int code{};             ///< The extended result code.
  std::string message{};  ///< `sqlite3_errmsg`.
  int offset{-1};         ///< `sqlite3_error_offset`: in bytes, or -1.
  StoppedBy stopped_by{StoppedBy::kCancel};
};

/// The name of an extended result code, e.g. `SQLITE_CONSTRAINT_UNIQUE`.
[[nodiscard]] std::string result_code_name(int code);

/// Throws the `Error` that says what failed. `operation` is what was being done; `sql` serves to
/// find the position.
[[noreturn]] void throw_failure(const Failure& failure, std::string_view operation,
                                std::string_view sql);

}  // namespace weir::sqlite
