#pragma once

#include <compare>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "drivers/postgres/key_catalog.hpp"
#include "drivers/postgres/sql_tree.hpp"

namespace weir::postgres {

/// A column of one reference to a table.
struct ColumnId {
  std::size_t reference{0};
  const KeyColumn* column{nullptr};
  friend auto operator<=>(const ColumnId&, const ColumnId&) = default;
};

/// A name that means a column of a FROM item; without `column`, one that no table's column is known
/// to be.
struct NamedColumn {
  std::string name{};
  std::optional<ColumnId> column{};
};

/// A FROM item that a qualified name can mean. Without columns nothing is known of it.
struct ScopeItem {
  std::string name{};
  std::string schema{};  ///< Empty when an alias hides it.
  std::vector<NamedColumn> columns{};
};

/// What names mean to an expression: of one level's FROM clause, or of one join within it.
///
/// A column that no known item has may still be an unknown item's, or an outer level's; one that a
/// known item has is that item's, because the server refuses names that mean two things.
struct Scope {
  std::vector<ScopeItem> items{};
  std::vector<NamedColumn> columns{};  ///< What unqualified names mean.

  void add(ScopeItem item);
  /// What a ColumnRef means; null when that is not known.
  [[nodiscard]] const NamedColumn* find(const TreeNode& column_ref) const;
  /// The item an asterisk's qualifier means; null when that is not known.
  [[nodiscard]] const ScopeItem* item(std::string_view schema, std::string_view name) const;
};

/// The only column of that name; null when there is none, or more.
[[nodiscard]] const NamedColumn* only(const std::vector<NamedColumn>& columns,
                                      std::string_view name);

/// Both sides of a join, without common columns.
[[nodiscard]] Scope both(const Scope& left, const Scope& right);

/// Whose values a common column of USING has.
enum class Merged { kOfEither, kOfLeft, kOfRight, kOfNeither };

/// Both sides of a join as seen from outside of it, with the columns that USING names merged.
[[nodiscard]] Scope merge(const Scope& left, const Scope& right,
                          const std::vector<std::string>& common, Merged merged);

/// Whether equality of these columns is equality of canonical texts.
[[nodiscard]] bool comparable(const KeyColumn& left, const KeyColumn& right) noexcept;

/// The strings of a list, such as a ColumnRef's; an asterisk and whatever else is an empty one.
[[nodiscard]] std::vector<std::string> strings(const TreeNode* list);

}  // namespace weir::postgres
