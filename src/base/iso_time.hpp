#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

namespace weir::detail {

enum class IsoTimeFault : std::uint8_t { kNone, kForm, kInfinite, kBeforeYearZero, kRange };

/// A time, or why a text is none.
struct IsoTime {
  std::chrono::sys_time<std::chrono::microseconds> time{};
  IsoTimeFault fault{IsoTimeFault::kNone};
};

/// Reads `YYYY-MM-DD`, with ` HH:MM`, `:SS`, `.fraction` and an offset (`Z`, `+HH`, `+HHMM`,
/// `+HH:MM`, `+HH:MM:SS`) behind or not: what PostgreSQL's ISO DateStyle and SQLite's date
/// functions write. Without offset it is UTC. Digits behind the microseconds are dropped. Years
/// have four to six digits.
[[nodiscard]] IsoTime parse_iso_time(std::string_view text) noexcept;

}  // namespace weir::detail
