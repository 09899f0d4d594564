#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "drivers/postgres/sql_tree.hpp"
#include "drivers/postgres/statement_shape.hpp"

namespace weir::postgres {

/// Collects what a statement's tree names, into a `StatementShape`.
///
/// Purpose: decide what a statement reads without the server. Each node type is either known, and
/// then every member is visited, or makes the statement uncacheable with the type's name as reason:
/// a parser newer than this file can add node types but never a silent dependency.
/// Scopes: a WITH name hides a relation of the same name in its own statement and below; without
/// RECURSIVE only in later WITH queries and the body.
/// Thread safety: distinct objects safe; shared object unsafe.
class StatementWalker {
 public:
  explicit StatementWalker(StatementShape& shape) noexcept : shape_{&shape} {}

  /// Visits a node under its type's name, or an array of such.
  void visit(const TreeNode& node);
  /// Visits a node's members, knowing its type.
  void visit_as(std::string_view type, const TreeNode& fields);

 private:
  using Names = std::vector<std::string>;

  void visit_members(std::string_view type, const TreeNode& fields,
                     std::initializer_list<std::string_view> skipped = {});
  void not_understood(std::string_view what);

  void with_scope(std::string_view type, const TreeNode& fields);
  void with_clause(const TreeNode& clause);
  void select(const TreeNode& fields);
  void modify(std::string_view type, const TreeNode& fields);
  void range_var(const TreeNode& fields);
  void function(const TreeNode& fields);
  void expression(const TreeNode& fields);
  void type_cast(const TreeNode& fields);
  void column(const TreeNode& fields);
  void indirection(const TreeNode& fields);
  void constant(const TreeNode& fields);
  void parameter(const TreeNode& fields);
  void value_function(const TreeNode& fields);
  void sublink(const TreeNode& fields);
  void join(const TreeNode& fields);
  void alias(const TreeNode& fields);
  void attribute(std::string qualifier, std::string name);
  void range_function(const TreeNode& fields);
  void add_operator(ObjectName name, std::size_t operands);
  void add_comparisons();
  void add_alias(std::string_view name);
  void add_record(const TreeNode& from_item);
  void add_record_alias(const TreeNode& alias);

  StatementShape* shape_;
  std::vector<Names> scopes_;
  std::size_t select_depth_{0};
};

/// The last two strings of a list of names; empty when there are none.
[[nodiscard]] ObjectName object_name(const TreeNode* names);

}  // namespace weir::postgres
