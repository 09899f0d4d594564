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

// How a table is to be tracked.
struct Plan {
  std::vector<std::string> keys{};  // empty: as a whole
  bool chosen{false};
  std::string why_whole{};

  [[nodiscard]] std::string action() const {
    if (!keys.empty()) return fmt::format("tracked by {}", fmt::join(keys, ", "));
    return why_whole.empty() ? "tracked" : fmt::format("tracked as a whole: {}", why_whole);
  }
};

std::vector<std::string> names_of(const TableShape& shape, const std::vector<std::size_t>& keys) {
  std::vector<std::string> names;
  for (const std::size_t key : keys) names.push_back(shape.columns[key].name);
  return names;
}

// What somebody chose before, as long as it can be had; else the usual columns.
Plan plan_for(Handle& handle, const UserTable& table, int installed) {
  if (installed < kKeyVersion) return {};
  const TableShape shape = read_shape(handle, TableName{"main", table.name});
  if (const auto entry = journal_entry(handle, table.name, installed); entry && entry->chosen) {
    const bool there =
        std::all_of(entry->keys.begin(), entry->keys.end(), [&](const std::string& name) {
          const auto column = shape.find(name);
          return column && shape.columns[*column].key != KeyClass::kNone;
        });
    if (there && (entry->keys.empty() || shape.untellable.empty())) return {entry->keys, true, {}};
  }
  if (!shape.untellable.empty()) return {{}, false, shape.untellable};
  return {names_of(shape, shape.default_keys), false,
          shape.default_keys.empty() ? "no column of a key is of integer or text" : ""};
}

// The columns meant, as they are spelled in the file.
std::vector<std::string> chosen_keys(const TableShape& shape,
                                     const std::vector<std::string>& columns) {
  std::vector<std::size_t> keys;
  for (const std::string& name : columns) {
    const auto column = shape.find(name);
    if (!column) {
      throw_admin(ErrorCode::kUsage,
                  fmt::format("track: {} has no column '{}'", shape.name.id(), name));
    }
    if (shape.columns[*column].key == KeyClass::kNone) {
      throw_admin(ErrorCode::kUsage,
                  fmt::format("track: {}.{} cannot be told: only columns of INTEGER, NUMERIC and "
                              "TEXT affinity can, with the collation BINARY, and not generated "
                              "ones",
                              shape.name.id(), shape.columns[*column].name));
    }
    if (std::find(keys.begin(), keys.end(), *column) == keys.end()) keys.push_back(*column);
  }
  if (!keys.empty() && !shape.untellable.empty()) {
    throw_admin(ErrorCode::kUsage, fmt::format("track: the rows of {} cannot all be told: {}",
                                               shape.name.id(), shape.untellable));
  }
  return names_of(shape, keys);
}

std::string track_sql(Handle& handle, const std::string& table, const Plan& plan, int installed) {
  std::string sql = drop_triggers_sql(handle, table);
  std::vector<TrackTrigger> triggers = track_triggers(table);
  if (!plan.keys.empty()) {
    const TableShape shape = read_shape(handle, TableName{"main", table});
    std::vector<std::size_t> keys;
    for (const std::string& name : plan.keys) keys.push_back(shape.find(name).value());
    triggers = track_triggers(shape, keys);
  }
  for (const TrackTrigger& trigger : triggers) sql += trigger.sql + "; ";
  if (installed < kKeyVersion) {
    return sql + fmt::format("INSERT OR IGNORE INTO main.weir_journal (name) VALUES ({})",
                             quote_text(table));
  }
  return sql + fmt::format(
                   "INSERT INTO main.weir_journal (name, keys, chosen) VALUES ({0}, {1}, {2}) ON "
                   "CONFLICT (name) DO UPDATE SET keys = excluded.keys, chosen = excluded.chosen, "
                   "generation = generation + 1; DELETE FROM main.weir_dirty WHERE name = {0}",
                   quote_text(table), quote_text(join_keys(plan.keys)), plan.chosen ? 1 : 0);
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
    if (table.state == TrackState::kCannotTrack) {
      work.step(object, "skipped: virtual tables have no triggers", {});
      continue;
    }
    const Plan plan = plan_for(*handle, table, installed);
    if (table.state == TrackState::kTracked && table.keys == plan.keys) {
      work.step(object, "already tracked", {});
    } else {
      work.step(object, plan.action(), track_sql(*handle, table.name, plan, installed));
    }
  }
  return work.finish();
}

std::vector<spi::AdminStep> SqliteAdmin::track_keys(const std::string& table,
                                                    const std::vector<std::string>& columns,
                                                    spi::DryRun dry_run, const Progress& progress) {
  if (location_.in_memory()) return {};
  const auto handle = open(deadline());
  Work work{*handle, dry_run, progress};
  const int installed = installed_version(*handle);
  require_known(installed, location_);
  if (installed < kKeyVersion) {
    throw_admin(ErrorCode::kMigration,
                fmt::format("track: weir's tables in {} have version {}, and cannot tell columns "
                            "before {}; run `weir migrate up` first",
                            location_.display_name(), installed, kKeyVersion));
  }
  const UserTable found = select_tables(*handle, {table}).front();
  const std::string object = "main." + found.name;
  if (found.state == TrackState::kCannotTrack) {
    throw_admin(ErrorCode::kUsage,
                fmt::format("track: {} is a virtual table, which has no triggers", object));
  }
  const Plan plan{
      chosen_keys(read_shape(*handle, TableName{"main", found.name}), columns), true, {}};
  const auto entry = journal_entry(*handle, found.name, installed);
  if (found.state == TrackState::kTracked && found.keys == plan.keys && entry && entry->chosen) {
    work.step(object, "already tracked", {});
  } else {
    work.step(object, plan.action(), track_sql(*handle, found.name, plan, installed));
  }
  return work.finish();
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
