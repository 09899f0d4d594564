#include <array>
#include <bit>
#include <charconv>
#include <cmath>

#include "src/base/json.hpp"
#include "weir/result.hpp"

namespace weir {
namespace {

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
      detail::append_json_string(out, buffer.text(row, column));
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
    detail::append_json_string(name, rows_->column_name(column));
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
