#include "drivers/postgres/time_words.hpp"

#include <array>
#include <cstddef>

namespace weir::postgres {
namespace {

bool is_letter(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || static_cast<unsigned char>(c) >= 0x80U;
}

bool equal_folded(std::string_view text, std::string_view lower) noexcept {
  if (text.size() != lower.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i] >= 'A' && text[i] <= 'Z' ? static_cast<char>(text[i] + 32) : text[i];
    if (c != lower[i]) return false;
  }
  return true;
}

}  // namespace

std::string_view time_word(std::string_view text) noexcept {
  static constexpr std::array<std::string_view, 4> kWords{"now", "today", "tomorrow", "yesterday"};
  std::size_t at = 0;
  while (at < text.size()) {
    if (!is_letter(text[at])) {
      ++at;
      continue;
    }
    const std::size_t begin = at;
    while (at < text.size() && is_letter(text[at])) ++at;
    for (const std::string_view word : kWords) {
      if (equal_folded(text.substr(begin, at - begin), word)) return word;
    }
  }
  return {};
}

}  // namespace weir::postgres
