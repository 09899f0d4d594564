#pragma once

#include <fmt/core.h>

#include <chrono>
#include <string>
#include <string_view>

#include "src/sql/duration.hpp"
#include "weir/error.hpp"
#include "weir/spi/text.hpp"

namespace weir::detail {

/// Where a field of the options is, for messages.
inline constexpr std::string_view kInOptions = "options: ";

/// Throws `kConfig` unless `good`, naming the field, where it is, its value and the bound.
inline void require_option(bool good, std::string_view field, const auto& value,
                           std::string_view bound, std::string_view where = kInOptions) {
  if (good) return;
  throw Error{ErrorCode::kConfig,
              fmt::format("{}{} is {}; must be {}", where, field, value, bound)};
}

/// As above, for a duration from `least` to `kLongestDuration`.
inline void require_duration(std::string_view field, std::chrono::milliseconds value,
                             std::chrono::milliseconds least,
                             std::chrono::milliseconds most = kLongestDuration,
                             std::string_view where = kInOptions) {
  require_option(value >= least && value <= most, field, fmt::format("{} ms", value.count()),
                 fmt::format("{} to {}", format_duration(least), format_duration(most)), where);
}

/// As above, for a text from `least` to `most` bytes, UTF-8 without NUL. The text itself stays out
/// of the message: a DSN has passwords.
inline void require_text(std::string_view field, std::string_view text, std::size_t least,
                         std::size_t most, std::string_view where = kInOptions) {
  require_option(text.size() >= least && text.size() <= most, field,
                 fmt::format("{} bytes long", text.size()),
                 fmt::format("{} to {} bytes long", least, most), where);
  if (const auto fault = spi::find_text_fault(text)) {
    throw Error{ErrorCode::kConfig, fmt::format("{}{} has {} at byte {}; must be UTF-8 without NUL",
                                                where, field, fault->what, fault->offset)};
  }
}

/// Throws `kUsage` unless an argument of a call has 1 to `most` bytes of UTF-8 without NUL. `what`
/// names call and argument: "savepoint: the name".
inline void require_argument(std::string_view what, std::string_view text, std::size_t most) {
  if (text.empty() || text.size() > most) {
    throw Error{ErrorCode::kUsage,
                fmt::format("{} is {} bytes long; must be 1 to {}", what, text.size(), most)};
  }
  if (const auto fault = spi::find_text_fault(text)) {
    throw Error{ErrorCode::kUsage, fmt::format("{} has {} at byte {}; must be UTF-8 without NUL",
                                               what, fault->what, fault->offset)};
  }
}

}  // namespace weir::detail
