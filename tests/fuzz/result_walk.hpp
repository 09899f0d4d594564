#pragma once

#include <cstddef>

#include "tests/fuzz/fuzz.hpp"
#include "weir/spi/result_buffer.hpp"

namespace weir::fuzz {

/// Reads every byte that can be asked of a result.
inline void walk(const spi::ResultBuffer& rows) {
  std::size_t texts = 0;
  const auto read = [&texts](std::string_view text) {
    unsigned char sum = 0;
    for (const char c : text) sum = static_cast<unsigned char>(sum ^ static_cast<unsigned char>(c));
    volatile unsigned char sink = sum;  // or else nothing is read
    static_cast<void>(sink);
    texts += text.size();
  };
  for (std::size_t column = 0; column < rows.columns(); ++column) {
    read(rows.column_name(column));
    read(rows.column_type(column));
    for (std::size_t row = 0; row < rows.rows(); ++row) {
      const CellType type = rows.type(row, column);
      require(to_string(type) != "unknown", "every cell has a type");
      if (type == CellType::kText || type == CellType::kBytes || type == CellType::kOther)
        read(rows.text(row, column));
      if (type == CellType::kBool) require(rows.slot(row, column) <= 1, "a bool is 0 or 1");
    }
  }
  require(texts <= rows.size(), "the texts share no bytes");
}

}  // namespace weir::fuzz
