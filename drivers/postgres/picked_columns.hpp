#pragma once

#include <optional>
#include <vector>

#include "drivers/postgres/key_scope.hpp"
#include "drivers/postgres/sql_tree.hpp"

namespace weir::postgres {

/// The named columns of a SELECT list that only picks: columns, constants and casts of them.
/// Nothing when it may do more, as with an aggregate, however it is written.
[[nodiscard]] std::optional<std::vector<NamedColumn>> picked_columns(const TreeNode* targets,
                                                                     const Scope& scope);

}  // namespace weir::postgres
