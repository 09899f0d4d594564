#include <array>
#include <bit>
#include <charconv>
#include <cmath>

#include "src/base/utf8.hpp"
#include "weir/result.hpp"

namespace weir {
namespace {

/// Whether a character stands for itself within a JSON string, alone.
bool is_plain(char c) noexcept {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 0x20 && byte < 0x80 && c != '"' && c != '\\';
}

void append_string(std::string& out, std::string_view text) {
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
      const detail::Utf8Step step = detail::utf8_step(text);
      length = step.length;
      out += step.valid ? text.substr(0, length) : std::string_view{"\xEF\xBF\xBD"};
    }
    text.remove_prefix(length);
  }
  out += '"';
}

void append_base64(std::string& out, std::string_view bytes) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  out += '"';
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    const std::string_view group = bytes.substr(at, 3);
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      bits = bits << 8U | (i < group.size() ? static_cast<unsigned char>(group[i]) : 0U);
    }
    for (std::size_t i = 0; i < 4; ++i)
      out += i <= group.size() ? kDigits[bits >> (18 - 6 * i) & 63U] : '=';
  }
  out += '"';
}

void append_double(std::string& out, double value) {
  if (!std::isfinite(value)) {
    out += std::isnan(value) ? "\"NaN\"" : value > 0 ? "\"Infinity\"" : "\"-Infinity\"";
    return;
  }
  std::array<char, 32> digits{};
  const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), value);
  const std::string_view text{digits.data(), static_cast<std::size_t>(end - digits.data())};
  static_cast<void>(error);  // 32 bytes hold every double
  out += text;
  if (text.find_first_of(".e") == std::string_view::npos)
    out += ".0";  // -0 read as an integer loses its sign
}

void append_cell(std::string& out, const spi::ResultBuffer& buffer, std::size_t row,
                 std::size_t column) {
  switch (buffer.type(row, column)) {
    case CellType::kNull:
      out += "null";
      break;
    case CellType::kBool:
      out += buffer.slot(row, column) != 0 ? "true" : "false";
      break;
    case CellType::kInt64:
      out += std::to_string(static_cast<std::int64_t>(buffer.slot(row, column)));
      break;
    case CellType::kDouble:
      append_double(out, std::bit_cast<double>(buffer.slot(row, column)));
      break;
    case CellType::kText:
    case CellType::kOther:
      append_string(out, buffer.text(row, column));
      break;
    case CellType::kBytes:
      append_base64(out, buffer.text(row, column));
      break;
  }
}

}  // namespace

std::string Result::json() const {
  std::vector<std::string> names;
  names.reserve(columns());
  for (std::size_t column = 0; column < columns(); ++column) {
    std::string& name = names.emplace_back(column == 0 ? "" : ",");
    append_string(name, rows_->column_name(column));
    name += ':';
  }
  std::string out{"["};
  for (std::size_t row = 0; row < rows(); ++row) {
    out += row == 0 ? "{" : ",{";
    for (std::size_t column = 0; column < columns(); ++column) {
      out += names[column];
      append_cell(out, *rows_, row, column);
    }
    out += '}';
  }
  out += ']';
  return out;
}

}  // namespace weir
