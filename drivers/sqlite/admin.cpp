#include "drivers/sqlite/admin.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "drivers/sqlite/migrations.hpp"
#include "drivers/sqlite/scan.hpp"
#include "weir/error.hpp"

namespace weir::sqlite {
namespace {

constexpr std::string_view kOperation = "change weir's tables";

std::string title(const spi::Migration& migration) {
  return fmt::format("{:04} {}", migration.number, migration.name);
}

[[noreturn]] void throw_admin(ErrorCode code, const std::string& message) {
  throw Error{code, message, ErrorDetails{.backend = "sqlite"}};
}

void require_known(int installed, const Location& location) {
  if (installed <= kSchemaVersion) return;
  throw_admin(
      ErrorCode::kMigration,
      fmt::format(
          "weir's tables in {} have version {}, this library knows up to {}: use a newer library",
          location.display_name(), installed, kSchemaVersion));
}

// The tables meant by `names` (all when empty), as they are spelled in the file.
std::vector<UserTable> select_tables(Handle& handle, const std::vector<std::string>& names) {
  std::vector<UserTable> all = user_tables(handle);
  if (names.empty()) return all;
  std::vector<UserTable> selected;
  for (const std::string& name : names) {
    const std::string plain = name.starts_with("main.") ? name.substr(5) : name;
    const auto found = std::find_if(all.begin(), all.end(), [&](const UserTable& table) {
      return sqlite3_stricmp(table.name.c_str(), plain.c_str()) == 0;
    });
    if (found == all.end()) {
      throw_admin(
          ErrorCode::kUndefinedObject,
          fmt::format(
              "track: there is no table '{}' in main (attached databases cannot be tracked)",
              name));
    }
    selected.push_back(*found);
  }
  return selected;
}

std::string drop_triggers_sql(Handle& handle, const std::string& table) {
  std::string sql;
  for (const std::string& trigger : triggers_on(handle, table)) {
    sql += fmt::format("DROP TRIGGER main.{}; ", quote_name(trigger));
  }
  return sql;
}

}  // namespace

// The steps of one call, in one transaction; a dry run leaves it out.
class SqliteAdmin::Work {
 public:
  Work(Handle& handle, spi::DryRun dry_run, const Progress& progress)
      : handle_{handle}, dry_{dry_run == spi::DryRun::kYes}, progress_{progress} {
    handle_.exec(dry_ ? "BEGIN" : "BEGIN IMMEDIATE", kOperation);
  }
  Work(const Work&) = delete;
  Work& operator=(const Work&) = delete;
  ~Work() { handle_.rollback(); }

  void step(std::string object, std::string action, std::string sql) {
    if (!dry_) handle_.exec(sql, kOperation);
    steps_.push_back({std::move(object), std::move(action), std::move(sql)});
    if (progress_) progress_(steps_.back());
  }
  [[nodiscard]] std::vector<spi::AdminStep> finish() {
    handle_.exec("COMMIT", kOperation);
    return std::move(steps_);
  }

 private:
  Handle& handle_;
  const bool dry_;
  const Progress& progress_;
  std::vector<spi::AdminStep> steps_{};
};

std::unique_ptr<Handle> SqliteAdmin::open(spi::Deadline deadline) const {
  return std::make_unique<Handle>(location_, Writing::kAllowed, clock_, deadline);
}

spi::MigrationStatus SqliteAdmin::status() {
  spi::MigrationStatus status;
  status.known = kSchemaVersion;
  if (!location_.in_memory()) status.installed = installed_version(*open(deadline()));
  for (const spi::Migration& migration : migrations()) {
    (migration.number <= status.installed ? status.applied : status.pending)
        .push_back(title(migration));
  }
  status.ddl_tracking = "schema version";
  return status;
}

std::vector<spi::AdminStep> SqliteAdmin::migrate_up(spi::DryRun dry_run, const Progress& progress) {
  if (location_.in_memory()) return {};
  const auto handle = open(deadline());
  std::vector<spi::AdminStep> steps;
  for (const spi::Migration& migration : migrations()) {
    Work work{*handle, dry_run, progress};
    const int installed = installed_version(*handle);
    require_known(installed, location_);
    if (migration.number <= installed) continue;
    work.step(title(migration), title(migration) + ": up", std::string{migration.up_sql});
    for (spi::AdminStep& step : work.finish()) steps.push_back(std::move(step));
  }
  return steps;
}

std::vector<spi::AdminStep> SqliteAdmin::migrate_down(spi::DryRun dry_run,
                                                      const Progress& progress) {
  if (location_.in_memory()) return {};
  const auto handle = open(deadline());
  Work work{*handle, dry_run, progress};
  const InstalledTables installed = inspect_tables(*handle);
  require_known(installed.version, location_);
  for (const UserTable& table : user_tables(*handle)) {
    std::string sql = drop_triggers_sql(*handle, table.name);
    if (!sql.empty()) work.step("main." + table.name, "untracked", std::move(sql));
  }
  if (!installed.damage.empty()) {  // the scripts would fail on what is missing
    std::string sql;
    for (const std::string& name : installed.names)
      sql += fmt::format("DROP TABLE main.{}; ", quote_name(name));
    work.step("weir's tables", "weir's tables: damaged, dropped", std::move(sql));
    return work.finish();
  }
  const auto all = migrations();
  for (auto migration = all.rbegin(); migration != all.rend(); ++migration) {
    if (migration->number > installed.version) continue;
    work.step(title(*migration), title(*migration) + ": down", std::string{migration->down_sql});
  }
  return work.finish();
}

std::vector<spi::AdminStep> SqliteAdmin::track(const std::vector<std::string>& tables,
                                               spi::DryRun dry_run, const Progress& progress) {
  if (location_.in_memory()) return {};
  const auto handle = open(deadline());
  Work work{*handle, dry_run, progress};
  const int installed = installed_version(*handle);
  require_known(installed, location_);
  if (installed == 0) {
    throw_admin(ErrorCode::kMigration,
                fmt::format("track: weir's tables are not in {}; run `weir migrate up` first",
                            location_.display_name()));
  }
  for (const UserTable& table : select_tables(*handle, tables)) {
    const std::string object = "main." + table.name;
    if (table.state == TrackState::kTracked) {
      work.step(object, "already tracked", {});
    } else if (table.state == TrackState::kCannotTrack) {
      work.step(object, "skipped: virtual tables have no triggers", {});
    } else {
      std::string sql = drop_triggers_sql(*handle, table.name);
      for (const TrackTrigger& trigger : track_triggers(table.name)) sql += trigger.sql + "; ";
      sql += fmt::format("INSERT OR IGNORE INTO main.weir_journal (name) VALUES ({})",
                         quote_text(table.name));
      work.step(object, "tracked", std::move(sql));
    }
  }
  return work.finish();
}

std::vector<spi::AdminStep> SqliteAdmin::track_keys(const std::string& table,
                                                    const std::vector<std::string>& columns,
                                                    spi::DryRun dry_run, const Progress& progress) {
  if (columns.empty()) return track({table}, dry_run, progress);
  throw_admin(ErrorCode::kUsage,
              fmt::format("track: the columns of {} cannot be told: SQLite's changes are told by "
                          "table",
                          table));
}

std::vector<spi::AdminStep> SqliteAdmin::untrack(const std::vector<std::string>& tables,
                                                 spi::DryRun dry_run, const Progress& progress) {
  if (location_.in_memory()) return {};
  const auto handle = open(deadline());
  Work work{*handle, dry_run, progress};
  const int installed = installed_version(*handle);
  require_known(installed, location_);
  for (const UserTable& table : select_tables(*handle, tables)) {
    std::string sql = drop_triggers_sql(*handle, table.name);
    if (sql.empty()) {
      work.step("main." + table.name, "not tracked", {});
      continue;
    }
    if (installed != 0) {
      sql += fmt::format(
          "DELETE FROM main.weir_journal WHERE name = {0}; DELETE FROM main.weir_dirty WHERE name "
          "= {0}",
          quote_text(table.name));
    }
    work.step("main." + table.name, "untracked", std::move(sql));
  }
  return work.finish();
}

std::vector<spi::UntrackedTable> SqliteAdmin::untracked() {
  if (location_.in_memory()) return {};
  const auto handle = open(deadline());
  std::vector<spi::UntrackedTable> tables;
  for (const UserTable& table : user_tables(*handle)) {
    if (table.state == TrackState::kUntracked) tables.push_back({"main", "main." + table.name});
  }
  return tables;
}

std::map<std::string, std::string> SqliteAdmin::names_of(
    const std::vector<std::string>& relations) {
  std::map<std::string, std::string> names;  // the analysis names relations as people do
  for (const std::string& relation : relations) names.emplace(relation, relation);
  return names;
}

std::vector<spi::Finding> SqliteAdmin::doctor(spi::Deadline deadline) {
  if (location_.in_memory()) {
    return {{spi::Severity::kOk,
             "in-memory",
             {},
             "nobody else can change a private in-memory database",
             {}}};
  }
  Location existing = location_;
  existing.create = false;  // looking must not make a file
  Handle handle{existing, Writing::kRefused, clock_, deadline};
  return examine(handle, location_);
}

}  // namespace weir::sqlite
