#include "weir/spi/text.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <cstring>

#include "src/base/utf8.hpp"
#include "weir/error.hpp"

namespace weir::detail {
namespace {

struct Lead {
  std::size_t length{0};    // of the sequence; 0: cannot start one
  unsigned char low{0x80};  // bounds of the second byte
  unsigned char high{0xBF};
};

constexpr Lead lead_of(unsigned char byte) noexcept {
  if (byte < 0x80) return {1};
  if (byte < 0xC2) return {};
  if (byte < 0xE0) return {2};
  if (byte == 0xE0) return {3, 0xA0, 0xBF};
  if (byte == 0xED) return {3, 0x80, 0x9F};
  if (byte < 0xF0) return {3};
  if (byte == 0xF0) return {4, 0x90, 0xBF};
  if (byte < 0xF4) return {4};
  if (byte == 0xF4) return {4, 0x80, 0x8F};
  return {};
}

}  // namespace

Utf8Step utf8_step(std::string_view text) noexcept {
  Lead lead = lead_of(static_cast<unsigned char>(text.front()));
  if (lead.length == 0) return {1, false};
  for (std::size_t i = 1; i < lead.length; ++i) {
    if (i == text.size()) return {i, false};
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < lead.low || byte > lead.high) return {i, false};
    lead.low = 0x80;
    lead.high = 0xBF;
  }
  return {lead.length, true};
}

}  // namespace weir::detail

namespace weir::spi {
namespace {

/// Whether eight bytes are all ASCII and none of them NUL.
bool plain(const char* bytes) noexcept {
  constexpr std::uint64_t kHigh = 0x8080808080808080U;
  std::uint64_t word = 0;
  std::memcpy(&word, bytes, sizeof word);
  return (((word - 0x0101010101010101U) | word) & kHigh) == 0;
}

bool is_continuation(char byte) noexcept {
  return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U;
}

}  // namespace

std::optional<TextFault> find_text_fault(std::string_view text) noexcept {
  std::size_t at = 0;
  while (at < text.size()) {
    if (text.size() - at >= sizeof(std::uint64_t) && plain(text.data() + at)) {
      at += sizeof(std::uint64_t);
      continue;
    }
    if (text[at] == '\0') return TextFault{"NUL byte", at};
    const detail::Utf8Step step = detail::utf8_step(text.substr(at));
    if (!step.valid) return TextFault{"invalid UTF-8", at};
    at += step.length;
  }
  return std::nullopt;
}

void require_clean_text(std::string_view text, std::string_view what) {
  if (const auto fault = find_text_fault(text)) {
    throw Error{ErrorCode::kUsage,
                fmt::format("{}: {} at byte {}", what, fault->what, fault->offset)};
  }
}

bool matches_glob(std::string_view text, std::string_view glob) noexcept {
  // Greedy with one way back: only the last `*` ever has to take more.
  std::size_t at = 0;
  std::size_t pattern = 0;
  std::size_t star = std::string_view::npos;  // behind the last `*`
  std::size_t resume = 0;                     // where in the text it gives over
  const auto next_character = [text](std::size_t from) {
    do ++from;
    while (from < text.size() && is_continuation(text[from]));
    return from;
  };
  while (true) {
    if (pattern < glob.size() && glob[pattern] == '*') {
      star = ++pattern;
      resume = at;
      continue;
    }
    if (pattern == glob.size() && at == text.size()) return true;
    if (pattern < glob.size() && at < text.size()) {
      if (glob[pattern] == '?') {
        at = next_character(at);
        ++pattern;
        continue;
      }
      const std::size_t literal =
          glob[pattern] == '\\' && pattern + 1 < glob.size() ? pattern + 1 : pattern;
      if (glob[literal] == text[at]) {
        ++at;
        pattern = literal + 1;
        continue;
      }
    }
    if (star == std::string_view::npos || resume == text.size()) return false;
    at = ++resume;
    pattern = star;
  }
}

}  // namespace weir::spi
