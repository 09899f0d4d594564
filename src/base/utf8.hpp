#pragma once

#include <cstddef>
#include <string_view>

namespace weir::detail {

/// What stands at the start of a text: one character, or what a decoder replaces by one U+FFFD.
struct Utf8Step {
  std::size_t length{};
  bool valid{};
};

/// REQUIRES: `text` is not empty.
/// Source: The Unicode Standard 15.0, table 3-7 "Well-Formed UTF-8 Byte Sequences", and section 3.9
/// "U+FFFD Substitution of Maximal Subparts".
[[nodiscard]] Utf8Step utf8_step(std::string_view text) noexcept;

}  // namespace weir::detail
