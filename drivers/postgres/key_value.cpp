#include "drivers/postgres/key_value.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <system_error>
#include <utility>

namespace weir::postgres {
namespace {

using spi::KeyText;

KeyText known(std::string text) { return {KeyText::Form::kValue, std::move(text)}; }

/// Without the white space that input functions skip, as isspace() of the C locale has it.
std::string_view trim(std::string_view text) noexcept {
  constexpr std::string_view kSpaces = " \t\n\v\f\r";
  const std::size_t begin = text.find_first_not_of(kSpaces);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpaces) - begin + 1);
}

KeyText int_text(std::string_view text) {
  text = trim(text);
  if (text.starts_with('+')) {
    text.remove_prefix(1);
    if (text.starts_with('-')) return {};
  }
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return {};
  return known(std::to_string(value));
}

KeyText bool_text(std::string_view text) {
  constexpr std::array<std::string_view, 6> kTrue{"t", "true", "y", "yes", "on", "1"};
  constexpr std::array<std::string_view, 6> kFalse{"f", "false", "n", "no", "off", "0"};
  std::string word{trim(text)};
  std::transform(word.begin(), word.end(), word.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  if (std::find(kTrue.begin(), kTrue.end(), word) != kTrue.end()) return known("true");
  if (std::find(kFalse.begin(), kFalse.end(), word) != kFalse.end()) return known("false");
  return {};
}

/// As uuid_in reads it: a hyphen after any two bytes, braces around all of it, nothing else.
KeyText uuid_text(std::string_view text) {
  constexpr std::size_t kBytes = 16;
  if (text.starts_with('{')) {
    if (!text.ends_with('}')) return {};
    text = text.substr(1, text.size() - 2);
  }
  std::string canonical;
  for (std::size_t byte = 0; byte < kBytes; ++byte) {
    for (int digit = 0; digit < 2; ++digit) {
      if (text.empty()) return {};
      char c = text.front();
      if (c >= 'A' && c <= 'F') c = static_cast<char>(c + 32);
      if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) return {};
      canonical += c;
      text.remove_prefix(1);
    }
    if (byte == 3 || byte == 5 || byte == 7 || byte == 9) canonical += '-';
    if (text.starts_with('-') && byte % 2 == 1 && byte + 1 < kBytes) text.remove_prefix(1);
  }
  return text.empty() ? known(std::move(canonical)) : KeyText{};
}

KeyText cut_text(std::string_view text) {
  std::size_t characters = 0;
  std::string canonical;
  for (const char c : text) {
    const bool continues = (static_cast<unsigned char>(c) & 0xC0U) == 0x80U;
    if (!continues && ++characters > kKeyCharacters) break;
    canonical += c == '\x1f' ? '?' : c;
  }
  return known(std::move(canonical));
}

}  // namespace

KeyText key_text(std::string_view type, std::string_view text) {
  if (type == "int") return int_text(text);
  if (type == "bool") return bool_text(text);
  if (type == "uuid") return uuid_text(text);
  if (type == "text") return cut_text(text);
  return {};
}

KeyText key_value(std::string_view type, const ParamView& value) {
  switch (value.type()) {
    case ParamType::kNull:
      return {KeyText::Form::kNothing, {}};
    case ParamType::kBool:
      return type == "bool" ? known(value.boolean() ? "true" : "false") : KeyText{};
    case ParamType::kInt64:
      return type == "int" || type == "text" ? known(std::to_string(value.integer())) : KeyText{};
    case ParamType::kText:
      return key_text(type, value.text());
    case ParamType::kDouble:
    case ParamType::kBytes:
    case ParamType::kTimestamp:
    case ParamType::kDate:
    case ParamType::kArray:
      return {};
  }
  return {};
}

}  // namespace weir::postgres
