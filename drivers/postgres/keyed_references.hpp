#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "drivers/postgres/key_catalog.hpp"
#include "drivers/postgres/key_choice.hpp"
#include "drivers/postgres/sql_tree.hpp"

namespace weir::postgres {

/// Every reference to a table in a statement and below its views.
struct KeyedReferences {
  std::vector<TableReference> references{};
  std::string problem{};  ///< Not empty: nothing is known of any reference.
};

/// For each reference the column and values that alone can matter through it, or why any row can.
///
/// Purpose: docs/adr/0013-row-precise-dependencies.md. No I/O: names mean what `catalog` says.
/// Each SELECT is a level of its own, and so is every branch of a set operation, WITH query and
/// sublink, but a derived table or view that only picks columns and filters is part of the level
/// around it. A name in a place that is not understood makes its table whole, a node type that is
/// not known makes everything whole.
/// `statement` is a SelectStmt's fields, `sql` what it was parsed from. Thread safety: safe.
[[nodiscard]] KeyedReferences keyed_references(const TreeNode& statement, std::string_view sql,
                                               const KeyCatalog& catalog);

}  // namespace weir::postgres
