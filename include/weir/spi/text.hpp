#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace weir::spi {

/// What is wrong with a text, and where.
struct TextFault {
  std::string_view what{};  ///< "NUL byte" or "invalid UTF-8".
  std::size_t offset{};     ///< In bytes, 0-based.
};

/// The first NUL byte or malformed UTF-8 sequence (RFC 3629: no surrogates, no overlong forms), or
/// empty.
[[nodiscard]] std::optional<TextFault> find_text_fault(std::string_view text) noexcept;

/// Throws `kUsage` naming `what` ("statement", "parameter 2") and the offset when the text has a
/// fault.
void require_clean_text(std::string_view text, std::string_view what);

/// Whether `text` matches `glob`: `*` any run, `?` any one character (a code point of UTF-8), `\`
/// takes the next literally (at the end: itself); the rest equal, bytewise. Complexity: O(text ×
/// glob) at worst, no recursion.
[[nodiscard]] bool matches_glob(std::string_view text, std::string_view glob) noexcept;

}  // namespace weir::spi
