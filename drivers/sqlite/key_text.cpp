#include "drivers/sqlite/key_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <system_error>

#include "drivers/sqlite/scan.hpp"
#include "weir/spi/change_feed.hpp"

namespace weir::sqlite {
namespace {

// As replace(substr(x, 1, 64), char(31), '?').
std::string cut(std::string_view text) {
  std::string result{"t"};
  std::size_t characters = 0;
  for (const char c : text) {
    const bool begins = (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
    if (begins && ++characters > kKeyTextLimit) break;
    result += c == spi::Change::kRowSeparator ? '?' : c;
  }
  return result;
}

// Whether no version of SQLite takes the text for a number: it has a character that no number has,
// and is neither hexadecimal nor one of the words for what is no number.
bool is_never_a_number(std::string_view text) {
  const bool alien =
      text.find_first_not_of("0123456789+-.eExX_ \t\n\v\f\r") != std::string_view::npos;
  const std::string lower = to_lower(text);
  return alien && lower.find("0x") == std::string::npos && lower.find("inf") == std::string::npos &&
         lower.find("nan") == std::string::npos;
}

}  // namespace

std::string key_text(KeyClass key, std::int64_t value) {
  return fmt::format("{}{}", key == KeyClass::kInteger ? 'i' : 't', value);
}

std::optional<std::string> key_text(KeyClass key, std::string_view value) {
  if (key == KeyClass::kText) return cut(value);
  if (key != KeyClass::kInteger) return std::nullopt;
  if (is_never_a_number(value)) return cut(value);
  std::int64_t number = 0;
  const auto [end, fault] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (value.empty() || fault != std::errc{} || end != value.data() + value.size())
    return std::nullopt;
  return key_text(key, number);
}

spi::KeyText key_text(KeyClass key, const ParamView& value) {
  using Form = spi::KeyText::Form;
  if (key == KeyClass::kNone) return {};
  switch (value.type()) {
    case ParamType::kNull:
      return {Form::kNothing, {}};
    case ParamType::kBool:
      return {Form::kValue, key_text(key, value.boolean() ? std::int64_t{1} : std::int64_t{0})};
    case ParamType::kInt64:
      return {Form::kValue, key_text(key, value.integer())};
    case ParamType::kText:
      if (auto text = key_text(key, value.text())) return {Form::kValue, *std::move(text)};
      return {};
    case ParamType::kDouble:
    case ParamType::kBytes:
    case ParamType::kTimestamp:
    case ParamType::kDate:
    case ParamType::kArray:
      return {};
  }
  return {};
}

std::string key_text_sql(KeyClass key, std::string_view reference, std::string_view prefix) {
  return fmt::format(
      "CASE typeof({0}) WHEN 'integer' THEN {1}||{0} WHEN 'text' THEN {2}||"
      "replace(substr({0}, 1, {3}), char({4}), '?') WHEN 'null' THEN '' END",
      reference, quote_text(fmt::format("{}{}", prefix, key == KeyClass::kInteger ? 'i' : 't')),
      quote_text(fmt::format("{}t", prefix)), kKeyTextLimit,
      static_cast<int>(spi::Change::kRowSeparator));
}

}  // namespace weir::sqlite
