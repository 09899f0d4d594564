#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "weir/result.hpp"

namespace weir::app {

/// `text` with everything escaped that could move a terminal's cursor: control characters, and
/// bytes that are no UTF-8.
[[nodiscard]] std::string printable(std::string_view text);

/// `850 ns`, `12.3 µs`, `1.20 ms`, `2.35 s`.
[[nodiscard]] std::string format_time(std::chrono::nanoseconds time);

enum class Align : std::uint8_t { kLeft, kRight };

/// A table of texts in aligned columns, without a frame.
struct TextTable {
  std::vector<std::string> heads{};
  std::vector<Align> alignment{};                ///< As many as heads.
  std::vector<std::vector<std::string>> rows{};  ///< As many cells each as heads.

  [[nodiscard]] std::string to_string(std::string_view separator) const;
};

/// A result's rows as a table with the number of rows below it: numbers to the right; NULL as
/// `NULL`, and a text that reads so in quotes; bytes as `\x` and hexadecimal digits.
[[nodiscard]] std::string render_rows(const Result& result);

}  // namespace weir::app
