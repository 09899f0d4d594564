#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace weir::detail {

/// The longest duration any option, policy, hint or rule may name. It keeps every sum of a time
/// point and a duration inside 64 bits of nanoseconds.
inline constexpr std::chrono::milliseconds kLongestDuration{std::chrono::hours{24 * 3650}};

/// The duration a text names: digits and a unit (`250ms`, `30s`, `5m`, `5min`, `1h`, `1d`), or `0`.
/// Empty for anything else: signs, fractions, spaces, a missing unit, more than `kLongestDuration`.
[[nodiscard]] std::optional<std::chrono::milliseconds> parse_duration(
    std::string_view text) noexcept;

/// The shortest text `parse_duration` reads as `duration`. REQUIRES: not negative.
[[nodiscard]] std::string format_duration(std::chrono::milliseconds duration);

}  // namespace weir::detail
