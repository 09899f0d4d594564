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
    {"weir_meta", "weir_journal", "weir_dirty", "weir_invalidation", "weir_key"});

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
      "'weir_journal', 'weir_dirty', 'weir_invalidation', 'weir_key')",
      kOperation);
  while (handle.step(found.get(), kOperation)) tables.names.push_back(column(found.get(), 0));
  if (tables.names.empty()) return tables;

  std::string damage;
  const auto missing = [&](std::string_view name) {
    return std::find(tables.names.begin(), tables.names.end(), name) == tables.names.end();
  };
  for (const std::string_view name : kWeirTables) {
    if (name != "weir_key" && missing(name)) damage = fmt::format("{} is missing", name);
  }
  if (damage.empty()) {
    try {
      const std::string version =
          handle.text("SELECT value FROM main.weir_meta WHERE key = 'version'", kOperation);
      const auto [end, fault] =
          std::from_chars(version.data(), version.data() + version.size(), tables.version);
      if (fault != std::errc{} || end != version.data() + version.size() || tables.version < 1) {
        damage = fmt::format("weir_meta has the version '{}', no number", version);
      } else if (tables.version >= kKeyVersion && missing("weir_key")) {
        damage = "weir_key is missing";
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

std::string join_keys(const std::vector<std::string>& keys) {
  std::string joined;
  for (const std::string& key : keys) joined += (joined.empty() ? "" : "\n") + key;
  return joined;
}

std::optional<JournalEntry> journal_entry(Handle& handle, std::string_view table, int version) {
  const StatementPtr row = handle.prepare(
      version >= kKeyVersion ? "SELECT keys, chosen FROM main.weir_journal WHERE name = ?1"
                             : "SELECT '', 0 FROM main.weir_journal WHERE name = ?1",
      kOperation);
  sqlite3_bind_text(row.get(), 1, table.data(), static_cast<int>(table.size()), SQLITE_TRANSIENT);
  if (!handle.step(row.get(), kOperation)) return std::nullopt;
  JournalEntry entry;
  entry.chosen = sqlite3_column_int(row.get(), 1) != 0;
  std::string rest = column(row.get(), 0);
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    entry.keys.push_back(rest.substr(0, end));
    rest.erase(0, end + 1);
  }
  return entry;
}

std::optional<Tracking> tracking_of(Handle& handle, std::string_view table) {
  const int version = inspect_tables(handle).version;
  if (version == 0) return std::nullopt;
  const auto entry = journal_entry(handle, table, version);
  if (!entry) return std::nullopt;
  const StatementPtr triggers = handle.prepare(
      "SELECT sql FROM main.sqlite_schema WHERE type = 'trigger' AND tbl_name = ?1", kOperation);
  sqlite3_bind_text(triggers.get(), 1, table.data(), static_cast<int>(table.size()),
                    SQLITE_TRANSIENT);
  std::set<std::string> there;
  while (handle.step(triggers.get(), kOperation)) there.insert(column(triggers.get(), 0));
  Tracking tracking;
  tracking.shape = read_shape(handle, TableName{"main", std::string{table}});
  for (const std::string& name : entry->keys) {
    const auto key = tracking.shape.find(name);
    if (!key || tracking.shape.columns[*key].key == KeyClass::kNone) return std::nullopt;
    tracking.keys.push_back(*key);
  }
  const bool by_rows = !tracking.keys.empty();
  if (by_rows && !tracking.shape.untellable.empty()) return std::nullopt;
  // A trigger counts only if it is, to the byte, the one weir would make now.
  const std::vector<TrackTrigger> wanted =
      by_rows ? track_triggers(tracking.shape, tracking.keys) : track_triggers(table);
  if (!std::all_of(wanted.begin(), wanted.end(),
                   [&](const TrackTrigger& trigger) { return there.contains(trigger.sql); })) {
    return std::nullopt;
  }
  return tracking;
}

std::vector<UserTable> user_tables(Handle& handle) {
  const StatementPtr statement = handle.prepare(
      "SELECT name, type FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', "
      "'virtual', 'shadow') "
      "AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' "
      "AND name NOT IN ('weir_meta', 'weir_journal', 'weir_dirty', 'weir_invalidation', "
      "'weir_key') ORDER BY name",
      kOperation);
  std::vector<UserTable> tables;
  while (handle.step(statement.get(), kOperation)) {
    UserTable table{column(statement.get(), 0), TrackState::kUntracked, {}, {}};
    if (column(statement.get(), 1) != "table") {
      table.state = TrackState::kCannotTrack;
    } else if (!triggers_on(handle, table.name).empty()) {
      const auto tracking = tracking_of(handle, table.name);
      table.state = tracking ? TrackState::kTracked : TrackState::kOutdated;
      if (tracking) {
        table.untellable = tracking->shape.untellable;
        for (const std::size_t key : tracking->keys)
          table.keys.push_back(tracking->shape.columns[key].name);
      }
    }
    tables.push_back(std::move(table));
  }
  return tables;
}

}  // namespace weir::sqlite
