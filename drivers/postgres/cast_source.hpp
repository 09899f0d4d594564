#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "drivers/postgres/sql_tree.hpp"

namespace weir::postgres {

/// What a cast's argument can be, judged by its text: can it be text that comes from a row?
struct CastSource {
  bool unknown{false};                 ///< It may be.
  std::vector<std::string> columns{};  ///< It is if one of these is a text column.
};

/// Judges the argument of a cast. Constants and parameters count as harmless: their words are
/// looked at elsewhere.
[[nodiscard]] CastSource cast_source(const TreeNode& argument);

/// Whether `cast_source` trusts that a function or operator of this name is the builtin one.
[[nodiscard]] bool decides_cast_source(std::string_view name);

}  // namespace weir::postgres
