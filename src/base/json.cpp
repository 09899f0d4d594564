#include "src/base/json.hpp"

#include "src/base/utf8.hpp"

namespace weir::detail {
namespace {

/// Whether a character stands for itself within a JSON string, alone.
bool is_plain(char c) noexcept {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 0x20 && byte < 0x80 && c != '"' && c != '\\';
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  out += '"';
  while (!text.empty()) {
    const char c = text.front();
    std::size_t length = 1;
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      constexpr std::string_view kShort{"btn\0fr", 6};  // from backspace, 8, on
      const auto at = static_cast<std::size_t>(c) - 8;
      if (at < kShort.size() && kShort[at] != '\0') {
        out += '\\';
        out += kShort[at];
      } else {
        out += "\\u00";
        out += kHex[static_cast<unsigned char>(c) >> 4U];
        out += kHex[static_cast<unsigned char>(c) & 15U];
      }
    } else if (static_cast<unsigned char>(c) < 0x80) {
      while (length < text.size() && is_plain(text[length])) ++length;
      out += text.substr(0, length);
    } else {
      const detail::Utf8Step step = utf8_step(text);
      length = step.length;
      out += step.valid ? text.substr(0, length) : std::string_view{"\xEF\xBF\xBD"};
    }
    text.remove_prefix(length);
  }
  out += '"';
}

std::string json_quote(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

}  // namespace weir::detail
