#include "weir/token.hpp"

#include <fmt/format.h>

#include <array>
#include <cctype>
#include <cstddef>
#include <utility>

#include "weir/error.hpp"

namespace weir {
namespace {

constexpr std::string_view kPrefix = "weir1.";
constexpr std::size_t kMaxText = 64 * 1024;
constexpr std::string_view kHex = "0123456789abcdef";

std::string to_hex(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    text += kHex[byte >> 4U];
    text += kHex[byte & 15U];
  }
  return text;
}

[[noreturn]] void refuse(std::string_view what) {
  throw Error(
      ErrorCode::kUsage,
      fmt::format("token: {}; expected the text of Token::to_string(), \"weir1.<hex>.<snapshot>\"",
                  what));
}

std::string from_hex(std::string_view text) {
  if (text.size() % 2 != 0) refuse("the incarnation has an odd number of hex digits");
  std::string bytes;
  bytes.reserve(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const std::size_t high = kHex.find(text[i]);
    const std::size_t low = kHex.find(text[i + 1]);
    if (high == std::string_view::npos || low == std::string_view::npos)
      refuse("the incarnation is not hex");
    bytes += static_cast<char>(high << 4U | low);
  }
  return bytes;
}

}  // namespace

Token::Token(spi::Snapshot snapshot, std::string incarnation)
    : snapshot_{std::move(snapshot)}, incarnation_{std::move(incarnation)} {}

std::string Token::to_string() const {
  return fmt::format("{}{}.{}", kPrefix, to_hex(incarnation_), snapshot_.to_string());
}

Token Token::parse(std::string_view text) {
  if (text.size() > kMaxText) refuse(fmt::format("{} bytes, more than {}", text.size(), kMaxText));
  if (!text.starts_with(kPrefix)) refuse("it does not start with \"weir1.\"");
  text.remove_prefix(kPrefix.size());
  const std::size_t dot = text.find('.');
  if (dot == std::string_view::npos) refuse("the snapshot is missing");
  return Token{spi::Snapshot::parse(text.substr(dot + 1)), from_hex(text.substr(0, dot))};
}

}  // namespace weir
