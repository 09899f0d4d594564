#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "weir/spi/deadline.hpp"

namespace weir::spi {

/// One numbered migration, as compiled into the driver.
struct Migration {
  int number{};
  std::string_view name{};
  std::string_view up_sql{};
  std::string_view down_sql{};
};

/// Where a database's weir schema stands.
struct MigrationStatus {
  int installed{0};                    ///< 0: none.
  int known{0};                        ///< The newest this library knows.
  std::vector<std::string> applied{};  ///< "0001 journal", …
  std::vector<std::string> pending{};
  std::string ddl_tracking{};  ///< How DDL is noticed: "event triggers", "fingerprint", "schema
                               ///< version", or empty.
};

/// What was done, or would be done, to one object.
struct AdminStep {
  std::string object{};
  std::string
      action{};  ///< "tracked", "already tracked", "skipped: foreign table", "0001 journal: up", …
  std::string sql{};  ///< The statement, for a dry run.
};

enum class Severity { kOk, kNote, kWarning, kError };

/// One thing `weir doctor` found.
struct Finding {
  Severity severity{Severity::kOk};
  std::string check{};    ///< Stable short name: "untracked-table", "trigger-disabled", …
  std::string object{};   ///< What it is about; empty for the database as a whole.
  std::string meaning{};  ///< What it does to caching.
  std::string fix{};      ///< A command or statement; empty when there is nothing to do.
};

enum class DryRun { kNo, kYes };

/// A table that could be tracked and is not.
struct UntrackedTable {
  std::string schema{};
  std::string table{};  ///< As `Admin::track` takes it, with its schema.
};

/// The upkeep of weir's schema in one database. Not for the hot path.
///
/// Thread safety: distinct objects safe; shared object unsafe.
class Admin {
 public:
  using Progress = std::function<void(const AdminStep&)>;

  Admin() = default;
  Admin(const Admin&) = delete;
  Admin& operator=(const Admin&) = delete;
  virtual ~Admin() = default;

  [[nodiscard]] virtual MigrationStatus status() = 0;
  /// Applies what is pending, each migration in its own transaction. Errors: `kMigration`,
  /// `kPermission`.
  virtual std::vector<AdminStep> migrate_up(DryRun dry_run, const Progress& progress) = 0;
  /// Takes everything of weir's out again: triggers, functions, journal, schema.
  virtual std::vector<AdminStep> migrate_down(DryRun dry_run, const Progress& progress) = 0;
  /// Puts triggers on `tables` (`table` or `schema.table`); on every user table when empty.
  virtual std::vector<AdminStep> track(const std::vector<std::string>& tables, DryRun dry_run,
                                       const Progress& progress) = 0;
  /// Puts triggers on `table` that tell the values of these of its columns (see `Change::rows`);
  /// without a column, writes are told as writes to the table as a whole. `track` chooses for
  /// itself, and leaves alone what was chosen here. Errors: `kUsage` for a column that does not
  /// exist or cannot be a key.
  virtual std::vector<AdminStep> track_keys(const std::string& table,
                                            const std::vector<std::string>& columns, DryRun dry_run,
                                            const Progress& progress) = 0;
  virtual std::vector<AdminStep> untrack(const std::vector<std::string>& tables, DryRun dry_run,
                                         const Progress& progress) = 0;
  /// The tables without triggers, partitions among them, by name. One on which somebody disabled
  /// the trigger is not among them.
  [[nodiscard]] virtual std::vector<UntrackedTable> untracked() = 0;
  /// The names of relations as `Change::target` has them; without those that are gone.
  [[nodiscard]] virtual std::map<std::string, std::string> names_of(
      const std::vector<std::string>& relations) = 0;
  /// The names of a relation's columns as `Change::rows` has them; empty where it has the names.
  [[nodiscard]] virtual std::map<std::string, std::string> column_names_of(
      const std::string& relation) {
    static_cast<void>(relation);
    return {};
  }
  [[nodiscard]] virtual std::vector<Finding> doctor(Deadline deadline) = 0;
};

}  // namespace weir::spi
