#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "weir/error.hpp"

namespace weir::app {

inline constexpr int kOk = 0;
inline constexpr int kProblem = 1;  ///< The database said no, or something was found.
inline constexpr int kUsage = 2;  ///< The command line, an option or a file given with it is wrong.
inline constexpr int kCannotStart = 3;  ///< `listen` cannot run as it is told to.

/// Which exit code tells of an error.
[[nodiscard]] int exit_code(ErrorCode code) noexcept;

/// `weir: …`: one line with what went wrong and what to do next; below it, for an error that points
/// into `sql`, the line of the statement and a caret.
[[nodiscard]] std::string describe(const Error& error, std::string_view sql = {});

/// The line of `sql` that its `position`th character (from 1) is on, and a caret below that
/// character. A long line is cut around it.
[[nodiscard]] std::string point_at(std::string_view sql, std::size_t position);

/// Writes `text` to stdout. Errors: `kRefused` when it cannot be written.
void print(std::string_view text);
/// Writes `text` to stderr.
void complain(std::string_view text) noexcept;

}  // namespace weir::app
