#include "drivers/sqlite/monitor.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>

#include "drivers/sqlite/scan.hpp"
#include "drivers/sqlite/tracking.hpp"
#include "weir/error.hpp"

namespace weir::sqlite {
namespace {

constexpr std::string_view kOperation = "look for changes by others";

// Ends a transaction unless it was committed.
class Transaction {
 public:
  // IMMEDIATE if the lock is free, so that nobody commits between reading the marks and taking them
  // away.
  Transaction(Handle& handle, bool want_lock) : handle_{handle} {
    if (want_lock) {
      const std::chrono::milliseconds usual = handle_.set_busy_limit(std::chrono::milliseconds{0});
      locked_ =
          sqlite3_exec(handle_.get(), "BEGIN IMMEDIATE", nullptr, nullptr, nullptr) == SQLITE_OK;
      handle_.set_busy_limit(usual);
    }
    if (!locked_) handle_.exec("BEGIN", kOperation);
  }
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  ~Transaction() { handle_.rollback(); }
  [[nodiscard]] bool locked() const noexcept { return locked_; }

 private:
  Handle& handle_;
  bool locked_{false};
};

}  // namespace

void VersionReader::prepare(const Location& location) {
  clear();
  for (const std::string& schema : location.shared_schemas()) {
    statements_.push_back(handle_.prepare(fmt::format("PRAGMA {}.data_version", quote_name(schema)),
                                          kOperation, SQLITE_PREPARE_PERSISTENT));
    lockable_.push_back(sqlite3_db_readonly(handle_.get(), schema.c_str()) == 0);
  }
}

Versions VersionReader::read() {
  Versions versions;
  versions.reserve(statements_.size());
  for (const StatementPtr& statement : statements_) {
    handle_.step(statement.get(), kOperation);
    versions.push_back(sqlite3_column_int64(statement.get(), 0));
    sqlite3_reset(statement.get());
  }
  return versions;
}

Monitor::Monitor(const Location& location, const Clock& clock, spi::Deadline deadline)
    : location_{location},
      handle_{location, Writing::kAllowed, clock, deadline},
      reader_{handle_, location} {
  if (location_.in_memory()) return;
  wal_ = handle_.text("PRAGMA main.journal_mode", kOperation) == "wal";
  if (wal_) handle_.exec("PRAGMA main.synchronous = NORMAL", kOperation);
  load_schema();
}

Versions Monitor::versions() {
  if (!handle_.rollback()) {  // in it, the versions would stand still
    throw ConnectionError{
        fmt::format("{}: a transaction on {} cannot be ended", kOperation,
                    location_.display_name()),
        ErrorDetails{.backend = "sqlite", .retryable = true, .connection_usable = false}};
  }
  return reader_.read();
}

std::int64_t Monitor::schema_version() {
  return handle_.integer("PRAGMA main.schema_version", kOperation);
}

void Monitor::load_schema() {
  const Transaction transaction{handle_, false};
  // Known only when all of it is: after an error the next look must load again, and say so.
  schema_version_ = std::nullopt;
  const std::int64_t version_read = schema_version();
  tracked_.clear();
  by_rows_.clear();
  keys_seen_ = 0;
  untracked_.clear();
  marks_ = Marks{};
  invalidation_ = 0;
  tracking_ = false;
  const int version = installed_version(handle_);
  if (version > kSchemaVersion) {
    throw Error{
        ErrorCode::kMigration,
        fmt::format(
            "weir's tables in {} have version {}, this library knows up to {}: use a newer library",
            location_.display_name(), version, kSchemaVersion),
        ErrorDetails{.backend = "sqlite"}};
  }
  if (version != 0) {
    for (UserTable& table : user_tables(handle_)) {
      if (table.state == TrackState::kTracked) {
        if (!table.keys.empty()) by_rows_.insert(table.name);
        tracked_.insert(std::move(table.name));
      } else {
        untracked_.push_back(std::move(table.name));
      }
    }
    marks_ = read_marks();
    invalidation_ = last_invalidation();
    if (version >= kKeyVersion) keys_seen_ = newest_key(handle_);
    tracking_ = !tracked_.empty();
  }
  schema_version_ = version_read;
}

Monitor::Marks Monitor::read_marks() {
  Marks marks;
  const StatementPtr rows = handle_.prepare(
      "SELECT j.name, j.generation, d.name IS NOT NULL FROM main.weir_journal j LEFT JOIN "
      "main.weir_dirty d USING (name)",
      kOperation);
  while (handle_.step(rows.get(), kOperation)) {
    const std::string name{reinterpret_cast<const char*>(sqlite3_column_text(rows.get(), 0))};
    marks.generations[name] = sqlite3_column_int64(rows.get(), 1);
    if (sqlite3_column_int(rows.get(), 2) != 0) marks.dirty.insert(name);
  }
  return marks;
}

std::int64_t Monitor::last_invalidation() {
  return handle_.integer("SELECT max(id) FROM main.weir_invalidation", kOperation);
}

ForeignChanges Monitor::look(const Versions& known) {
  ForeignChanges found;
  const auto everything = [&] {
    found.changes.emplace_back(spi::ChangeKind::kEverything, std::string{});
  };
  // Everything is found out about one moment, that of the first read in this transaction: the
  // versions, and what the file says of the commits that moved them.
  const Transaction transaction{handle_, tracking_ && wal_};
  found.versions = reader_.read();
  const bool main_only = !location_.in_memory() && known.size() == found.versions.size() &&
                         std::equal(known.begin() + 1, known.end(), found.versions.begin() + 1);
  if (!main_only) {
    everything();
    return found;
  }
  if (schema_version() != schema_version_) {
    // Outside: loading the schema is a transaction of its own, and may see a still later one. Then
    // versions moved too.
    handle_.rollback();
    load_schema();
    everything();
    return found;
  }
  if (!tracking_) {
    everything();
    return found;
  }
  Marks now = read_marks();
  ToldKeys told;
  if (!by_rows_.empty()) told = read_keys(handle_, keys_seen_);
  collect_tables(found, now, told);
  const std::int64_t invalidation = collect_invalidations(found);
  const bool prune = transaction.locked() && !by_rows_.empty() && wants_pruning(handle_);
  // Nothing below throws: what was found is either all returned and remembered, or none of it.
  marks_ = std::move(now);
  invalidation_ = invalidation;
  if (!by_rows_.empty()) keys_seen_ = told.newest;
  const bool marked = !marks_.dirty.empty();
  if (transaction.locked() && (marked || prune) && take_away(marked, prune) && marked) {
    for (const std::string& name : marks_.dirty) ++marks_.generations[name];
    marks_.dirty.clear();
  }
  return found;
}

void Monitor::collect_tables(ForeignChanges& found, const Marks& now, const ToldKeys& told) const {
  for (const std::string& name : tracked_) {
    const auto before = marks_.generations.find(name);
    const auto after = now.generations.find(name);
    const bool same = before != marks_.generations.end() && after != now.generations.end() &&
                      before->second == after->second && !now.dirty.contains(name);
    const bool by_rows = by_rows_.contains(name);
    const std::string id = "main." + name;
    if (!same || (by_rows && (!told.complete || told.whole.contains(name)))) {
      found.changes.emplace_back(spi::ChangeKind::kRelation, id);
      continue;
    }
    const auto items = told.items.find(name);
    if (!by_rows || items == told.items.end()) continue;
    for (std::string& rows : rows_of(items->second)) found.rows.emplace_back(id, std::move(rows));
  }
  for (const std::string& name : untracked_) {
    found.changes.emplace_back(spi::ChangeKind::kRelation, "main." + name);
  }
}

std::int64_t Monitor::collect_invalidations(ForeignChanges& found) {
  const std::int64_t oldest =
      handle_.integer("SELECT min(id) FROM main.weir_invalidation", kOperation);
  std::int64_t newest = last_invalidation();
  // Some between ours and the oldest kept are gone.
  if (oldest > invalidation_ + 1 || newest < invalidation_) {
    found.changes.emplace_back(spi::ChangeKind::kEverything, std::string{});
    return newest;
  }
  const StatementPtr rows = handle_.prepare(
      "SELECT id, kind, target FROM main.weir_invalidation WHERE id > ?1 ORDER BY id", kOperation);
  sqlite3_bind_int64(rows.get(), 1, invalidation_);
  while (handle_.step(rows.get(), kOperation)) {
    newest = sqlite3_column_int64(rows.get(), 0);
    const std::string_view kind{reinterpret_cast<const char*>(sqlite3_column_text(rows.get(), 1))};
    const auto change = kind == "tag"       ? spi::ChangeKind::kTag
                        : kind == "pattern" ? spi::ChangeKind::kTagPattern
                                            : spi::ChangeKind::kRelation;
    found.changes.emplace_back(change,
                               reinterpret_cast<const char*>(sqlite3_column_text(rows.get(), 2)));
  }
  return newest;
}

// False when that could not be done; then they just stay.
bool Monitor::take_away(bool marks, bool keys) noexcept {
  try {
    if (marks) {
      handle_.exec(
          "UPDATE main.weir_journal SET generation = generation + 1 "
          "WHERE name IN (SELECT name FROM main.weir_dirty); DELETE FROM main.weir_dirty",
          kOperation);
    }
    if (keys) prune_keys(handle_);
    handle_.exec("COMMIT", kOperation);
    return true;
  } catch (...) {
    return false;
  }
}

}  // namespace weir::sqlite
