#include "drivers/sqlite/table_shape.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "drivers/sqlite/scan.hpp"

namespace weir::sqlite {
namespace {

constexpr std::string_view kOperation = "read the catalog";

std::string text(sqlite3_stmt* statement, int index) {
  const auto* value = reinterpret_cast<const char*>(sqlite3_column_text(statement, index));
  return value == nullptr ? std::string{} : std::string{value};
}

StatementPtr about(Handle& handle, std::string_view sql, std::string_view first,
                   std::string_view second) {
  StatementPtr statement = handle.prepare(sql, kOperation);
  sqlite3_bind_text(statement.get(), 1, first.data(), static_cast<int>(first.size()),
                    SQLITE_TRANSIENT);
  sqlite3_bind_text(statement.get(), 2, second.data(), static_cast<int>(second.size()),
                    SQLITE_TRANSIENT);
  return statement;
}

// The name where that can stand before a colon and be read, else the position.
std::string item_name(std::string_view column, std::size_t position) {
  std::string lower = to_lower(column);
  const bool plain =
      !lower.empty() && lower.size() <= 64 && std::all_of(lower.begin(), lower.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
      });
  return plain ? lower : fmt::format("#{}", position);
}

// What of a column only reading the columns needs.
struct Declared {
  bool integer{false};
  bool not_null{false};
  bool has_default{false};
  bool generated{false};
  int primary{0};
};

bool is_binary(Handle& handle, const TableName& table, const std::string& column) {
  const char* collation = nullptr;
  const int code =
      sqlite3_table_column_metadata(handle.get(), table.schema.c_str(), table.table.c_str(),
                                    column.c_str(), nullptr, &collation, nullptr, nullptr, nullptr);
  return code == SQLITE_OK && collation != nullptr && equal_ignoring_case(collation, "BINARY");
}

std::vector<Declared> read_columns(Handle& handle, TableShape& shape) {
  const TableName& table = shape.name;
  const StatementPtr kind =
      about(handle, "SELECT wr, strict FROM pragma_table_list WHERE name = ?1 AND schema = ?2",
            table.table, table.schema);
  bool strict = false;
  if (handle.step(kind.get(), kOperation)) {
    shape.has_rowid = sqlite3_column_int(kind.get(), 0) == 0;
    strict = sqlite3_column_int(kind.get(), 1) != 0;
  }
  const bool utf8 = equal_ignoring_case(handle.text("PRAGMA main.encoding", kOperation), "UTF-8");
  std::vector<Declared> declared;
  const StatementPtr rows = about(handle,
                                  "SELECT name, type, \"notnull\", dflt_value IS NOT NULL, pk, "
                                  "hidden FROM pragma_table_xinfo(?1, ?2) ORDER BY cid",
                                  table.table, table.schema);
  while (handle.step(rows.get(), kOperation)) {
    ShapeColumn column{text(rows.get(), 0), KeyClass::kNone, {}};
    const std::string type = text(rows.get(), 1);
    Declared of{equal_ignoring_case(type, "INTEGER"), sqlite3_column_int(rows.get(), 2) != 0,
                sqlite3_column_int(rows.get(), 3) != 0, sqlite3_column_int(rows.get(), 5) != 0,
                sqlite3_column_int(rows.get(), 4)};
    of.not_null = of.not_null || (!shape.has_rowid && of.primary != 0);
    column.item = item_name(column.name, shape.columns.size());
    const bool any = strict && equal_ignoring_case(type, "ANY");
    const bool sayable = column.name.find_first_of("\n\x1f") == std::string::npos;
    if (!of.generated && !any && utf8 && sayable && is_binary(handle, table, column.name)) {
      column.key = class_of_type(type);
    }
    shape.columns.push_back(std::move(column));
    declared.push_back(of);
  }
  return declared;
}

void read_uniques(Handle& handle, TableShape& shape, const std::vector<Declared>& declared) {
  const TableName& table = shape.name;
  bool primary_index = false;
  const StatementPtr indexes =
      about(handle, "SELECT name, origin, partial FROM pragma_index_list(?1, ?2) WHERE \"unique\"",
            table.table, table.schema);
  while (handle.step(indexes.get(), kOperation)) {
    const std::string index = text(indexes.get(), 0);
    primary_index = primary_index || text(indexes.get(), 1) == "pk";
    if (sqlite3_column_int(indexes.get(), 2) != 0)
      shape.untellable = fmt::format("the unique index {} is partial", index);
    std::vector<std::size_t> unique;
    const StatementPtr parts = about(
        handle, "SELECT cid, coll FROM pragma_index_xinfo(?1, ?2) WHERE \"key\" ORDER BY seqno",
        index, table.schema);
    while (handle.step(parts.get(), kOperation)) {
      const int cid = sqlite3_column_int(parts.get(), 0);
      if (cid < 0 || static_cast<std::size_t>(cid) >= declared.size()) {
        shape.untellable = fmt::format("the unique index {} is of an expression", index);
        continue;
      }
      const auto column = static_cast<std::size_t>(cid);
      if (!equal_ignoring_case(text(parts.get(), 1), "BINARY"))
        shape.untellable = fmt::format("the unique index {} has a collation", index);
      if (declared[column].generated)
        shape.untellable = fmt::format("the unique index {} is of a generated column", index);
      // REPLACE puts the default in the place of a NULL, which no trigger sees before.
      if (declared[column].not_null && declared[column].has_default) {
        shape.untellable =
            fmt::format("{} is unique, NOT NULL and has a default", shape.columns[column].name);
      }
      unique.push_back(column);
    }
    if (unique.empty() && shape.untellable.empty())
      shape.untellable = fmt::format("the columns of {} are not known", index);
    shape.uniques.push_back(std::move(unique));
  }
  const auto is_primary = [](const Declared& column) { return column.primary != 0; };
  if (!shape.has_rowid && !primary_index) shape.untellable = "its primary key is not known";
  if (!shape.has_rowid || primary_index ||
      std::count_if(declared.begin(), declared.end(), is_primary) != 1) {
    return;
  }
  const auto primary = std::find_if(declared.begin(), declared.end(), is_primary);
  if (!primary->integer) {  // it would have an index
    shape.untellable = "its primary key is not understood";
    return;
  }
  shape.rowid_column = static_cast<std::size_t>(primary - declared.begin());
  shape.uniques.insert(shape.uniques.begin(), {*shape.rowid_column});
}

void choose_defaults(Handle& handle, TableShape& shape) {
  std::set<std::size_t> chosen;
  for (const auto& unique : shape.uniques) chosen.insert(unique.begin(), unique.end());
  const StatementPtr foreign = about(handle, "SELECT \"from\" FROM pragma_foreign_key_list(?1, ?2)",
                                     shape.name.table, shape.name.schema);
  while (handle.step(foreign.get(), kOperation)) {
    if (const auto column = shape.find(text(foreign.get(), 0))) chosen.insert(*column);
  }
  for (const std::size_t column : chosen) {
    if (shape.columns[column].key != KeyClass::kNone) shape.default_keys.push_back(column);
  }
}

}  // namespace

std::string_view to_type(KeyClass key) noexcept {
  return key == KeyClass::kInteger ? "integer" : key == KeyClass::kText ? "text" : "";
}

KeyClass to_key_class(std::string_view type) noexcept {
  return type == "integer" ? KeyClass::kInteger
         : type == "text"  ? KeyClass::kText
                           : KeyClass::kNone;
}

KeyClass class_of_type(std::string_view declared) {
  const std::string type = to_lower(declared);
  const auto has = [&](std::string_view part) { return type.find(part) != std::string::npos; };
  if (has("int")) return KeyClass::kInteger;
  if (has("char") || has("clob") || has("text")) return KeyClass::kText;
  if (type.empty() || has("blob") || has("real") || has("floa") || has("doub"))
    return KeyClass::kNone;
  return KeyClass::kInteger;  // NUMERIC
}

std::optional<std::size_t> TableShape::find(std::string_view column) const noexcept {
  const auto found = std::find_if(columns.begin(), columns.end(), [&](const ShapeColumn& other) {
    return equal_ignoring_case(other.name, column);
  });
  if (found == columns.end()) return std::nullopt;
  return static_cast<std::size_t>(found - columns.begin());
}

TableShape read_shape(Handle& handle, const TableName& table) {
  TableShape shape;
  shape.name = table;
  const std::vector<Declared> declared = read_columns(handle, shape);
  read_uniques(handle, shape, declared);
  choose_defaults(handle, shape);
  return shape;
}

}  // namespace weir::sqlite
