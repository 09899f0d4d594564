#include "src/app/table.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "src/base/utf8.hpp"

namespace weir::app {
namespace {

/// How many columns of a terminal a printable text takes; wide characters count as one.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
  }));
}

std::string hexadecimal(std::string_view bytes) {
  std::string text = "\\x";
  for (const char byte : bytes) text += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return text;
}

std::string cell_text(const Result& result, std::size_t row, std::size_t column) {
  const Row cells = result[row];
  switch (cells.type(column)) {
    case CellType::kNull:
      return "NULL";
    case CellType::kBool:
      return cells.get<bool>(column) ? "true" : "false";
    case CellType::kInt64:
      return fmt::to_string(cells.get<std::int64_t>(column));
    case CellType::kDouble:
      return fmt::to_string(cells.get<double>(column));
    case CellType::kText: {
      const auto text = cells.get<std::string_view>(column);
      return text == "NULL" ? "\"NULL\"" : printable(text);
    }
    case CellType::kBytes:
      return hexadecimal(result.buffer()->text(row, column));
    case CellType::kOther:
      return printable(result.buffer()->text(row, column));
  }
  return {};
}

bool is_numeric(const Result& result, std::size_t column) {
  bool any = false;
  for (std::size_t row = 0; row < result.rows(); ++row) {
    const CellType type = result[row].type(column);
    if (type == CellType::kNull) continue;
    const bool number = type == CellType::kInt64 || type == CellType::kDouble ||
                        (type == CellType::kOther && result.column_type(column) == "numeric");
    if (!number) return false;
    any = true;
  }
  return any;
}

}  // namespace

std::string printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const detail::Utf8Step step = detail::utf8_step(text);
    const auto byte = static_cast<unsigned char>(text.front());
    // C1 control characters are two bytes of UTF-8, the second below 0xa0.
    const bool c1 = step.length == 2 && byte == 0xC2 && static_cast<unsigned char>(text[1]) < 0xA0;
    if (byte == '\n') {
      out += "\\n";
    } else if (byte == '\t') {
      out += "\\t";
    } else if (!step.valid || c1 || byte < 0x20 || byte == 0x7F) {
      for (const char bad : text.substr(0, step.length))
        out += fmt::format("\\x{:02x}", static_cast<unsigned char>(bad));
    } else {
      out += text.substr(0, step.length);
    }
    text.remove_prefix(step.length);
  }
  return out;
}

std::string format_time(std::chrono::nanoseconds time) {
  const auto count = static_cast<double>(time.count());
  const auto digits = [](double value) { return value < 10 ? 2 : value < 100 ? 1 : 0; };
  if (count < 1e3) return fmt::format("{:.0f} ns", count);
  if (count < 1e6) return fmt::format("{:.{}f} µs", count / 1e3, digits(count / 1e3));
  if (count < 1e9) return fmt::format("{:.{}f} ms", count / 1e6, digits(count / 1e6));
  return fmt::format("{:.{}f} s", count / 1e9, digits(count / 1e9));
}

std::string TextTable::to_string(std::string_view separator) const {
  std::vector<std::size_t> widths;
  for (const std::string& head : heads) widths.push_back(width_of(head));
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
  }
  std::string text;
  const auto put = [&](const std::vector<std::string>& cells) {
    for (std::size_t i = 0; i < cells.size(); ++i) {
      const std::size_t padding = widths[i] - width_of(cells[i]);
      if (i != 0) text += separator;
      if (alignment[i] == Align::kRight) text.append(padding, ' ');
      text += cells[i];
      if (alignment[i] == Align::kLeft && i + 1 < cells.size()) text.append(padding, ' ');
    }
    text += '\n';
  };
  put(heads);
  std::vector<std::string> rules;
  for (const std::size_t width : widths) rules.emplace_back(width, '-');
  put(rules);
  for (const auto& row : rows) put(row);
  return text;
}

std::string render_rows(const Result& result) {
  if (result.columns() == 0) return "(the statement returns no rows)\n";
  TextTable table;
  for (std::size_t column = 0; column < result.columns(); ++column) {
    table.heads.push_back(printable(result.column_name(column)));
    table.alignment.push_back(is_numeric(result, column) ? Align::kRight : Align::kLeft);
  }
  for (std::size_t row = 0; row < result.rows(); ++row) {
    std::vector<std::string>& cells = table.rows.emplace_back();
    for (std::size_t column = 0; column < result.columns(); ++column)
      cells.push_back(cell_text(result, row, column));
  }
  return fmt::format("{}({} {})\n", table.to_string(" | "), result.rows(),
                     result.rows() == 1 ? "row" : "rows");
}

}  // namespace weir::app
