#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "weir/spi/result_buffer.hpp"
#include "weir/units.hpp"

namespace weir::spi {

/// Collects a result cell by cell and lays it out flat. Columns first, then cells row by row.
///
/// Errors: `kUsage` when the result would pass its limit, naming the size reached; the builder is
/// then as before. Thread safety: distinct objects safe; shared object unsafe.
class ResultBuilder {
 public:
  static constexpr Bytes kMaxSize{UINT32_MAX};  ///< Offsets have 32 bits.

  /// For a result of at most `limit` bytes; more than `kMaxSize` is `kMaxSize`.
  explicit ResultBuilder(Bytes limit = kMaxSize) noexcept
      : limit_{limit < kMaxSize ? limit : kMaxSize} {}

  /// REQUIRES: no cell was added yet.
  void add_column(std::string_view name, std::string_view type_name);
  /// Optional: how many rows and bytes of text will come. After the columns.
  void reserve(std::size_t rows, std::size_t text_bytes);

  void null() { push(CellType::kNull, 0); }
  void boolean(bool value) { push(CellType::kBool, value ? 1 : 0); }
  void integer(std::int64_t value) { push(CellType::kInt64, static_cast<std::uint64_t>(value)); }
  void real(double value);
  void text(std::string_view value) { push_bytes(CellType::kText, value); }
  void bytes(std::string_view value) { push_bytes(CellType::kBytes, value); }
  void other(std::string_view exact_text) { push_bytes(CellType::kOther, exact_text); }

  [[nodiscard]] std::size_t columns() const noexcept { return columns_.size(); }
  /// The result; the builder is empty afterwards. REQUIRES: the last row is complete. `rows` tells
  /// the number of rows of a result without columns.
  [[nodiscard]] ResultRef finish(std::size_t rows_without_columns = 0);

 private:
  struct Column {
    std::string name;
    std::string type;
  };
  void push(CellType type, std::uint64_t word);
  void push_bytes(CellType type, std::string_view value);
  void push_cell(CellType type, std::uint64_t word);
  void take_room(std::uint64_t bytes);

  Bytes limit_;
  Bytes size_{sizeof(ResultHeader)};  // of the finished result
  std::vector<Column> columns_{};
  std::vector<std::uint64_t> slots_{};  // texts: offset in heap_ | length << 32
  std::vector<CellType> types_{};
  std::string heap_{};
};

}  // namespace weir::spi
