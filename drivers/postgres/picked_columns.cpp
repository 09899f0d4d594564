#include "drivers/postgres/picked_columns.hpp"

#include <string>
#include <string_view>
#include <utility>

namespace weir::postgres {
namespace {

/// What a picked expression is: a column, or (empty) anything that is one value of one row. False:
/// it may be an aggregate, or several rows.
bool picks(const TreeNode& value, const Scope& scope, NamedColumn& column) {
  if (value.find("A_Const") != nullptr || value.find("ParamRef") != nullptr) return true;
  if (const TreeNode* cast = value.find("TypeCast")) {
    const TreeNode* const argument = cast->find("arg");
    NamedColumn inner;
    return argument != nullptr && picks(*argument, scope, inner);
  }
  const TreeNode* const reference = value.find("ColumnRef");
  if (reference == nullptr) return false;
  const std::vector<std::string> names = strings(reference->find("fields"));
  if (names.empty() || names.back().empty()) return false;
  column.name = names.back();
  const NamedColumn* const found = scope.find(*reference);
  if (found == nullptr) return names.size() == 1;  // t.count may be count(t)
  column.column = found->column;
  return true;
}

/// The columns that an asterisk stands for; null: it is none, or of an unknown item.
const std::vector<NamedColumn>* starred(const TreeNode& value, const Scope& scope) {
  const TreeNode* const reference = value.find("ColumnRef");
  const TreeNode* const fields = reference == nullptr ? nullptr : reference->find("fields");
  if (fields == nullptr || fields->items.empty() || fields->items.back().find("A_Star") == nullptr)
    return nullptr;
  const std::vector<std::string> names = strings(fields);
  if (names.size() == 1) return &scope.columns;
  if (names.size() > 3) return nullptr;
  const ScopeItem* const item =
      names.size() == 2 ? scope.item({}, names[0]) : scope.item(names[0], names[1]);
  return item == nullptr ? nullptr : &item->columns;
}

}  // namespace

std::optional<std::vector<NamedColumn>> picked_columns(const TreeNode* targets,
                                                       const Scope& scope) {
  std::vector<NamedColumn> columns;
  if (targets == nullptr) return columns;
  for (const TreeNode& item : targets->items) {
    const TreeNode* const target = item.find("ResTarget");
    const TreeNode* const value = target == nullptr ? nullptr : target->find("val");
    if (value == nullptr) return {};
    if (const std::vector<NamedColumn>* all = starred(*value, scope)) {
      columns.insert(columns.end(), all->begin(), all->end());
      continue;
    }
    NamedColumn column;
    if (!picks(*value, scope, column)) return {};
    if (const std::string_view name = target->text_of("name"); !name.empty()) column.name = name;
    if (!column.name.empty()) columns.push_back(std::move(column));
  }
  return columns;
}

}  // namespace weir::postgres
