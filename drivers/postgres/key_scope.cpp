#include "drivers/postgres/key_scope.hpp"

#include <algorithm>
#include <utility>

namespace weir::postgres {
namespace {

/// The only item that fits; null when there is none, or more.
template <typename Fits>
const ScopeItem* only_item(const std::vector<ScopeItem>& items, const Fits& fits) {
  const auto found = std::find_if(items.begin(), items.end(), fits);
  if (found == items.end() || std::find_if(found + 1, items.end(), fits) != items.end())
    return nullptr;
  return &*found;
}

NamedColumn merge_column(const std::string& name, const Scope& left, const Scope& right,
                         Merged merged) {
  const NamedColumn* const l = only(left.columns, name);
  const NamedColumn* const r = only(right.columns, name);
  NamedColumn column{name, {}};
  if (l == nullptr || r == nullptr || !l->column || !r->column ||
      !comparable(*l->column->column, *r->column->column)) {
    return column;
  }
  if (merged == Merged::kOfEither || merged == Merged::kOfLeft) column.column = l->column;
  if (merged == Merged::kOfRight) column.column = r->column;
  return column;
}

}  // namespace

void Scope::add(ScopeItem item) {
  columns.insert(columns.end(), item.columns.begin(), item.columns.end());
  items.push_back(std::move(item));
}

const NamedColumn* Scope::find(const TreeNode& column_ref) const {
  const std::vector<std::string> names = strings(column_ref.find("fields"));
  if (names.empty() || names.size() > 3 || names.back().empty()) return nullptr;
  if (names.size() == 1) return only(columns, names.front());
  const ScopeItem* const found = names.size() == 2 ? item({}, names[0]) : item(names[0], names[1]);
  return found == nullptr ? nullptr : only(found->columns, names.back());
}

const ScopeItem* Scope::item(std::string_view schema, std::string_view name) const {
  if (name.empty()) return nullptr;
  return only_item(items, [schema, name](const ScopeItem& candidate) {
    return candidate.name == name && (schema.empty() || candidate.schema == schema);
  });
}

const NamedColumn* only(const std::vector<NamedColumn>& columns, std::string_view name) {
  const auto same = [name](const NamedColumn& column) { return column.name == name; };
  const auto found = std::find_if(columns.begin(), columns.end(), same);
  if (found == columns.end() || std::find_if(found + 1, columns.end(), same) != columns.end())
    return nullptr;
  return &*found;
}

Scope both(const Scope& left, const Scope& right) {
  Scope scope = left;
  scope.items.insert(scope.items.end(), right.items.begin(), right.items.end());
  scope.columns.insert(scope.columns.end(), right.columns.begin(), right.columns.end());
  return scope;
}

Scope merge(const Scope& left, const Scope& right, const std::vector<std::string>& common,
            Merged merged) {
  Scope scope = both(left, right);
  const auto is_common = [&common](const NamedColumn& column) {
    return std::find(common.begin(), common.end(), column.name) != common.end();
  };
  scope.columns.erase(std::remove_if(scope.columns.begin(), scope.columns.end(), is_common),
                      scope.columns.end());
  std::vector<NamedColumn> columns;
  for (const std::string& name : common) columns.push_back(merge_column(name, left, right, merged));
  scope.columns.insert(scope.columns.begin(), columns.begin(), columns.end());
  return scope;
}

bool comparable(const KeyColumn& left, const KeyColumn& right) noexcept {
  return !left.type.empty() && left.type == right.type && left.collation == right.collation;
}

std::vector<std::string> strings(const TreeNode* list) {
  std::vector<std::string> texts;
  if (list == nullptr) return texts;
  for (const TreeNode& item : list->items) {
    const TreeNode* const string = item.find("String");
    texts.emplace_back(string == nullptr ? std::string_view{} : string->text_of("sval"));
  }
  return texts;
}

}  // namespace weir::postgres
