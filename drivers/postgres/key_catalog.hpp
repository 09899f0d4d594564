#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "drivers/postgres/statement_shape.hpp"

namespace weir::postgres {

/// A column of a table, as far as comparisons with it matter.
struct KeyColumn {
  std::string number{};  ///< pg_attribute.attnum.
  std::string name{};
  /// What `key_value` calls its type; empty when equality is not that of a canonical text.
  std::string type{};
  std::uint64_t collation{0};
  bool unique{false};  ///< Alone: its equality picks one row.
  bool told{false};    ///< Changes to the table tell its values.
};

/// What a name in FROM means.
struct KeyRelation {
  std::string id{};
  std::string schema{};
  std::string name{};
  std::vector<KeyColumn> columns{};  ///< All of a table's; none when they are not known.
  std::string definition{};          ///< Of a view.
  std::string whole{};               ///< Why no reference to it can be keyed; empty when one can.
};

/// Finds what a name means as the server does; null: nothing known. Lifetime: what it returns
/// outlives every use of it.
using KeyCatalog = std::function<const KeyRelation*(const ObjectName&)>;

}  // namespace weir::postgres
