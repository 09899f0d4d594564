#include "drivers/sqlite/opened_tables.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "drivers/sqlite/scan.hpp"

namespace weir::sqlite {
namespace {

constexpr std::string_view kOperation = "analyse a statement";

std::string text(sqlite3_stmt* statement, int index) {
  const auto* value = reinterpret_cast<const char*>(sqlite3_column_text(statement, index));
  return value == nullptr ? std::string{} : std::string{value};
}

}  // namespace

std::set<TableName> opened_tables(Handle& handle, std::string_view sql) {
  std::set<std::pair<std::int64_t, std::int64_t>> opened;  // database, root page
  const StatementPtr program = handle.prepare(fmt::format("EXPLAIN {}", sql), kOperation);
  while (handle.step(program.get(), kOperation)) {
    const std::string operation = text(program.get(), 1);
    if (operation == "OpenRead" || operation == "ReopenIdx" || operation == "OpenWrite") {
      opened.emplace(sqlite3_column_int64(program.get(), 4),
                     sqlite3_column_int64(program.get(), 3));
    }
  }
  std::map<std::int64_t, std::string> schemas;
  const StatementPtr databases =
      handle.prepare("SELECT seq, name FROM pragma_database_list", kOperation);
  while (handle.step(databases.get(), kOperation)) {
    schemas.emplace(sqlite3_column_int64(databases.get(), 0), text(databases.get(), 1));
  }
  std::set<TableName> tables;
  for (const auto& [database, page] : opened) {
    const std::string& schema = schemas[database];
    const StatementPtr table =
        handle.prepare(fmt::format("SELECT tbl_name FROM {}.sqlite_schema WHERE rootpage = ?1",
                                   quote_name(schema)),
                       kOperation);
    sqlite3_bind_int64(table.get(), 1, page);
    if (handle.step(table.get(), kOperation)) tables.insert({schema, text(table.get(), 0)});
  }
  return tables;
}

}  // namespace weir::sqlite
