#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "drivers/sqlite/access.hpp"
#include "drivers/sqlite/handle.hpp"

namespace weir::sqlite {

/// How the values of a column compare; between columns of one class equality is equality of the
/// canonical text (key_text.hpp).
enum class KeyClass : std::uint8_t {
  kNone,     ///< Not by a text: REAL or no affinity, another collation than BINARY, generated.
  kInteger,  ///< INTEGER or NUMERIC affinity.
  kText,     ///< TEXT affinity under BINARY.
};

/// `KeyedReference::type` for a class; empty for `kNone`.
[[nodiscard]] std::string_view to_type(KeyClass key) noexcept;
[[nodiscard]] KeyClass to_key_class(std::string_view type) noexcept;

/// What SQLite makes of a declared type. Source: https://www.sqlite.org/datatype3.html, section
/// 3.1, read 2024-01.
[[nodiscard]] KeyClass class_of_type(std::string_view declared);

struct ShapeColumn {
  std::string name{};
  KeyClass key{KeyClass::kNone};
  std::string item{};  ///< Its name in `Change::rows`.
};

/// One table as far as keys need to know it.
struct TableShape {
  TableName name{};
  std::vector<ShapeColumn> columns{};
  bool has_rowid{true};
  std::optional<std::size_t> rowid_column{};  ///< The INTEGER PRIMARY KEY.
  /// The unique constraints as columns, the primary key among them.
  std::vector<std::vector<std::size_t>> uniques{};
  /// Those of primary key, unique constraints and foreign keys that can be keys, in order.
  std::vector<std::size_t> default_keys{};
  /// Why not every row that a REPLACE takes away could be told; empty when it can.
  std::string untellable{};

  /// By name, capitals or not; empty when there is none.
  [[nodiscard]] std::optional<std::size_t> find(std::string_view column) const noexcept;
};

/// Errors: `Error` when the database cannot be read. Without columns when there is no such table.
[[nodiscard]] TableShape read_shape(Handle& handle, const TableName& table);

}  // namespace weir::sqlite
