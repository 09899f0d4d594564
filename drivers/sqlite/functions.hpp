#pragma once

#include <cstdint>
#include <string_view>

namespace weir::sqlite {

/// What a function's answer depends on beside its arguments.
enum class FunctionKind : std::uint8_t {
  kPure,        ///< Nothing.
  kClock,       ///< The time of day.
  kMaybeClock,  ///< The time of day if an argument says 'now', the time zone if one says
                ///< 'localtime' or 'utc'.
  kRandom,
  kConnection,  ///< What this connection did before.
  kUnknown,     ///< Not one of SQLite's own that weir knows.
};

/// `name` in lower case.
[[nodiscard]] FunctionKind classify_function(std::string_view name) noexcept;

/// Whether every call of a date function in the statement's own text provably has nothing to do
/// with the clock: all its arguments are literals other than 'now' and its kin, or its time value
/// is followed by 'unixepoch', with which SQLite takes nothing but numbers. Says nothing about
/// calls inside views.
[[nodiscard]] bool date_calls_are_constant(std::string_view sql);

}  // namespace weir::sqlite
