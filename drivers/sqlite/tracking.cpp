#include "drivers/sqlite/tracking.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <set>
#include <system_error>
#include <utility>

#include "drivers/sqlite/scan.hpp"
#include "weir/error.hpp"

namespace weir::sqlite {
namespace {

constexpr std::string_view kOperation = "read weir's tables";
constexpr auto kWeirTables = std::to_array<std::string_view>(
    {"weir_meta", "weir_journal", "weir_dirty", "weir_invalidation"});

std::string column(sqlite3_stmt* statement, int index) {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, index));
  return text == nullptr ? std::string{} : std::string{text};
}

}  // namespace

bool is_weirs(std::string_view table) noexcept {
  return std::find(kWeirTables.begin(), kWeirTables.end(), table) != kWeirTables.end();
}

InstalledTables inspect_tables(Handle& handle) {
  InstalledTables tables;
  const StatementPtr found = handle.prepare(
      "SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name IN ('weir_meta', "
      "'weir_journal', 'weir_dirty', 'weir_invalidation')",
      kOperation);
  while (handle.step(found.get(), kOperation)) tables.names.push_back(column(found.get(), 0));
  if (tables.names.empty()) return tables;

  std::string damage;
  for (const std::string_view name : kWeirTables) {
    if (std::find(tables.names.begin(), tables.names.end(), name) == tables.names.end())
      damage = fmt::format("{} is missing", name);
  }
  if (damage.empty()) {
    try {
      const std::string version =
          handle.text("SELECT value FROM main.weir_meta WHERE key = 'version'", kOperation);
      const auto [end, fault] =
          std::from_chars(version.data(), version.data() + version.size(), tables.version);
      if (fault != std::errc{} || end != version.data() + version.size() || tables.version < 1) {
        damage = fmt::format("weir_meta has the version '{}', no number", version);
      }
    } catch (const Error& e) {
      if (e.code() != ErrorCode::kUndefinedObject) throw;
      damage = "weir_meta has other columns than it should";
    }
  }
  if (!damage.empty()) {
    const std::string path = sqlite3_db_filename(handle.get(), "main");
    tables.version = 0;
    tables.damage = fmt::format(
        "weir's tables in {0} are damaged, {1}: run `weir migrate down --database sqlite:{0}`, "
        "then `weir migrate up` and `weir track`",
        path, damage);
  }
  return tables;
}

int installed_version(Handle& handle) {
  const InstalledTables tables = inspect_tables(handle);
  if (!tables.damage.empty()) {
    throw Error{ErrorCode::kMigration, tables.damage, ErrorDetails{.backend = "sqlite"}};
  }
  return tables.version;
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

bool is_tracked(Handle& handle, std::string_view table) {
  if (inspect_tables(handle).version == 0) return false;
  const auto bind = [table](const StatementPtr& statement) {
    sqlite3_bind_text(statement.get(), 1, table.data(), static_cast<int>(table.size()),
                      SQLITE_TRANSIENT);
  };
  const StatementPtr journaled =
      handle.prepare("SELECT 1 FROM main.weir_journal WHERE name = ?1", kOperation);
  bind(journaled);
  if (!handle.step(journaled.get(), kOperation)) return false;
  const StatementPtr triggers = handle.prepare(
      "SELECT sql FROM main.sqlite_schema WHERE type = 'trigger' AND tbl_name = ?1", kOperation);
  bind(triggers);
  std::set<std::string> there;
  while (handle.step(triggers.get(), kOperation)) there.insert(column(triggers.get(), 0));
  // A trigger counts only if it is, to the byte, the one weir would make.
  const std::vector<TrackTrigger> wanted = track_triggers(table);
  return std::all_of(wanted.begin(), wanted.end(),
                     [&](const TrackTrigger& trigger) { return there.contains(trigger.sql); });
}

std::vector<UserTable> user_tables(Handle& handle) {
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
    } else if (!triggers_on(handle, table.name).empty()) {
      table.state = is_tracked(handle, table.name) ? TrackState::kTracked : TrackState::kOutdated;
    }
    tables.push_back(std::move(table));
  }
  return tables;
}

}  // namespace weir::sqlite
