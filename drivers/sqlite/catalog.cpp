#include "drivers/sqlite/catalog.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "drivers/sqlite/scan.hpp"
#include "weir/error.hpp"

namespace weir::sqlite {
namespace {

constexpr std::string_view kOperation = "read the catalog";

bool is_virtual(const std::string& sql) {
  Tokenizer tokens{sql};
  const auto create = tokens.next_meaningful();
  const auto second = tokens.next_meaningful();
  return create && second && equal_ignoring_case(second->text, "virtual");
}

void bind(const StatementPtr& statement, int index, std::string_view text) {
  sqlite3_bind_text(statement.get(), index, text.data(), static_cast<int>(text.size()),
                    SQLITE_TRANSIENT);
}

}  // namespace

Catalog::Catalog(Handle& handle, const Location& location)
    : handle_{handle}, schemas_{"temp", "main"} {
  for (const auto& [schema, file] : location.attach) schemas_.push_back(schema);
}

Relation Catalog::resolve(const TableName& name) {
  static constexpr auto kPureCalls =
      std::to_array<std::string_view>({"generate_series", "json_each", "json_tree"});
  const std::string lower = to_lower(name.table);
  if (lower.starts_with("sqlite_")) return {name, Nature::kInternal};
  for (const std::string& schema : schemas_) {
    if (!name.schema.empty() && name.schema != schema) continue;
    if (auto found = look_up(schema, name.table)) return *std::move(found);
  }
  if (std::find(kPureCalls.begin(), kPureCalls.end(), lower) != kPureCalls.end()) {
    return {name, Nature::kPureCall};
  }
  if (!name.schema.empty() || is_module(lower)) return {name, Nature::kInternal};
  return {name, Nature::kNothing};
}

Relation Catalog::find(std::string_view name, std::string_view operation) {
  std::string where;
  for (const std::string& schema : schemas_) {
    if (schema != "temp") where += (where.empty() ? "" : ", ") + schema;
    const std::size_t dot = name.find('.');
    if (dot == std::string_view::npos || !equal_ignoring_case(name.substr(0, dot), schema))
      continue;
    if (auto found = look_up(schema, name.substr(dot + 1))) return *std::move(found);
  }
  for (const std::string& schema : schemas_) {
    if (auto found = look_up(schema, name)) return *std::move(found);
  }
  throw Error{ErrorCode::kUndefinedObject,
              fmt::format("{}: there is no table '{}' in {}", operation, name, where),
              ErrorDetails{.backend = "sqlite"}};
}

std::optional<Relation> Catalog::look_up(const std::string& schema, std::string_view table) {
  const StatementPtr statement =
      handle_.prepare(fmt::format("SELECT name, type, sql FROM {}.sqlite_schema "
                                  "WHERE name = ?1 COLLATE NOCASE AND type IN ('table', 'view')",
                                  quote_name(schema)),
                      kOperation);
  bind(statement, 1, table);
  if (!handle_.step(statement.get(), kOperation)) return std::nullopt;
  const auto column = [&](int index) {
    const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement.get(), index));
    return std::string{text == nullptr ? "" : text};
  };
  Relation relation{{schema, column(0)}, Nature::kTable};
  if (column(1) == "view") {
    relation.nature = Nature::kView;
  } else if (is_virtual(column(2)) || is_shadow(schema, relation.name.table)) {
    relation.nature = Nature::kVirtual;
  }
  return relation;
}

bool Catalog::is_shadow(const std::string& schema, const std::string& table) {
  const StatementPtr statement = handle_.prepare(
      "SELECT 1 FROM pragma_table_list WHERE schema = ?1 AND name = ?2 AND type = 'shadow'",
      kOperation);
  bind(statement, 1, schema);
  bind(statement, 2, table);
  return handle_.step(statement.get(), kOperation);
}

bool Catalog::is_module(const std::string& lower) {
  const StatementPtr statement = handle_.prepare(
      "SELECT 1 FROM pragma_module_list WHERE name = ?1 COLLATE NOCASE", kOperation);
  bind(statement, 1, lower);
  return lower.starts_with("pragma_") || handle_.step(statement.get(), kOperation);
}

}  // namespace weir::sqlite
