#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "weir/spi/result_buffer.hpp"

namespace weir::spi {

/// Collects a result cell by cell and lays it out flat. Columns first, then cells row by row.
///
/// Errors: `kUsage` when the result would pass 4 GiB (offsets are 32 bits), naming the size reached.
/// Thread safety: distinct objects safe; shared object unsafe.
class ResultBuilder {
 public:
  ResultBuilder() = default;

  /// REQUIRES: no cell was added yet.
  void add_column(std::string_view name, std::string_view type_name);
  /// Optional: how many rows and bytes of text will come.
  void reserve(std::size_t rows, std::size_t text_bytes);

  void null() { push(CellType::kNull, 0); }
  void boolean(bool value) { push(CellType::kBool, value ? 1 : 0); }
  void integer(std::int64_t value) { push(CellType::kInt64, static_cast<std::uint64_t>(value)); }
  void real(double value);
  void text(std::string_view value) { push_bytes(CellType::kText, value); }
  void bytes(std::string_view value) { push_bytes(CellType::kBytes, value); }
  void other(std::string_view exact_text) { push_bytes(CellType::kOther, exact_text); }

  [[nodiscard]] std::size_t columns() const noexcept { return columns_.size(); }
  /// The result; the builder is empty afterwards. REQUIRES: the last row is complete. `rows` tells the number of
  /// rows of a result without columns.
  [[nodiscard]] ResultRef finish(std::size_t rows_without_columns = 0);

 private:
  struct Column {
    std::string name;
    std::string type;
  };
  void push(CellType type, std::uint64_t word);
  void push_bytes(CellType type, std::string_view value);

  std::vector<Column> columns_;
  std::vector<std::uint64_t> slots_;
  std::vector<std::uint8_t> types_;
  std::string heap_;
};

}  // namespace weir::spi
