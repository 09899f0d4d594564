#include "drivers/sqlite/tracking.hpp"

#include <fmt/format.h>

#include <map>
#include <set>
#include <utility>

#include "drivers/sqlite/scan.hpp"
#include "weir/error.hpp"

namespace weir::sqlite {
namespace {

constexpr std::string_view kOperation = "read weir's tables";

std::string column(sqlite3_stmt* statement, int index) {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, index));
  return text == nullptr ? std::string{} : std::string{text};
}

}  // namespace

bool is_weirs(std::string_view table) noexcept {
  return table == "weir_meta" || table == "weir_journal" || table == "weir_dirty" ||
         table == "weir_invalidation";
}

int installed_version(Handle& handle) {
  if (handle.integer(
          "SELECT count(*) FROM main.sqlite_schema WHERE type = 'table' AND name = 'weir_meta'",
          kOperation) == 0) {
    return 0;
  }
  return static_cast<int>(handle.integer(
      "SELECT CAST(value AS INTEGER) FROM main.weir_meta WHERE key = 'version'", kOperation));
}

// Not INSERT OR IGNORE: the conflict clause of the statement that fires a trigger replaces those
// inside it, and an upsert or an INSERT OR ABORT of the application would fail on the second row.
std::vector<TrackTrigger> track_triggers(std::string_view table) {
  std::vector<TrackTrigger> triggers;
  for (const std::string_view event : {"INSERT", "UPDATE", "DELETE"}) {
    TrackTrigger trigger{fmt::format("weir_{}_{}", event, table), {}};
    trigger.sql = fmt::format(
        "CREATE TRIGGER {0} AFTER {1} ON {2} WHEN NOT EXISTS (SELECT 1 FROM weir_dirty WHERE name "
        "= {3}) BEGIN "
        "INSERT INTO weir_dirty (name) VALUES ({3}); END",
        quote_name(trigger.name), event, quote_name(table), quote_text(table));
    triggers.push_back(std::move(trigger));
  }
  return triggers;
}

std::vector<std::string> triggers_on(Handle& handle, std::string_view table) {
  const StatementPtr statement = handle.prepare(
      "SELECT name FROM main.sqlite_schema WHERE type = 'trigger' AND tbl_name = ?1 AND name LIKE "
      "'weir\\_%' ESCAPE "
      "'\\' ORDER BY name",
      kOperation);
  sqlite3_bind_text(statement.get(), 1, table.data(), static_cast<int>(table.size()),
                    SQLITE_TRANSIENT);
  std::vector<std::string> names;
  while (handle.step(statement.get(), kOperation)) names.push_back(column(statement.get(), 0));
  return names;
}

std::vector<UserTable> user_tables(Handle& handle) {
  // A trigger counts only if it is, to the byte, the one weir would make, and the table has its row
  // in the journal.
  std::map<std::string, std::set<std::string>> triggers;  // table → their SQL
  std::set<std::string> journaled;
  const StatementPtr found = handle.prepare(
      "SELECT tbl_name, sql FROM main.sqlite_schema WHERE type = 'trigger' AND name LIKE "
      "'weir\\_%' ESCAPE '\\'",
      kOperation);
  while (handle.step(found.get(), kOperation)) {
    triggers[column(found.get(), 0)].insert(column(found.get(), 1));
  }
  if (installed_version(handle) != 0) {
    const StatementPtr rows = handle.prepare("SELECT name FROM main.weir_journal", kOperation);
    while (handle.step(rows.get(), kOperation)) journaled.insert(column(rows.get(), 0));
  }

  const StatementPtr statement = handle.prepare(
      "SELECT name, type FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', "
      "'virtual', 'shadow') "
      "AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' "
      "AND name NOT IN ('weir_meta', 'weir_journal', 'weir_dirty', 'weir_invalidation') ORDER BY "
      "name",
      kOperation);
  std::vector<UserTable> tables;
  while (handle.step(statement.get(), kOperation)) {
    UserTable table{column(statement.get(), 0), TrackState::kUntracked};
    if (column(statement.get(), 1) != "table") {
      table.state = TrackState::kCannotTrack;
    } else if (const auto there = triggers.find(table.name); there != triggers.end()) {
      bool all = journaled.contains(table.name);
      for (const TrackTrigger& wanted : track_triggers(table.name)) {
        all = all && there->second.contains(wanted.sql);
      }
      table.state = all ? TrackState::kTracked : TrackState::kOutdated;
    }
    tables.push_back(std::move(table));
  }
  return tables;
}

}  // namespace weir::sqlite
