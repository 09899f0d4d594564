#include "drivers/sqlite/connection.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "drivers/sqlite/analyzer.hpp"
#include "drivers/sqlite/catalog.hpp"
#include "drivers/sqlite/result_cells.hpp"
#include "drivers/sqlite/scan.hpp"
#include "drivers/sqlite/tracking.hpp"
#include "weir/error.hpp"
#include "weir/spi/result_builder.hpp"
#include "weir/spi/text.hpp"

namespace weir::sqlite {
namespace {

constexpr std::string_view kRun = "run a statement";
constexpr std::string_view kTransaction = "control a transaction";
constexpr std::string_view kInvalidate = "leave an invalidation";

[[noreturn]] void throw_plain(ErrorCode code, const std::string& message) {
  throw Error{code, message, ErrorDetails{.backend = "sqlite"}};
}

// Everything of library and file that can change what a statement answers.
std::string describe_environment(Handle& handle) {
  std::string text =
      fmt::format("sqlite {} {} encoding={}", sqlite3_libversion(), sqlite3_sourceid(),
                  handle.text("PRAGMA encoding", "open a connection"));
  for (int i = 0; const char* option = sqlite3_compileoption_get(i); ++i) {
    const std::string_view name{option};
    for (const std::string_view relevant :
         {"CASE_SENSITIVE_LIKE", "LIKE_DOESNT_MATCH_BLOBS", "DQS", "SOUNDEX", "OMIT_", "MAX_"}) {
      if (name.starts_with(relevant)) text += fmt::format(" {}", name);
    }
  }
  return text;
}

TableName table_to_invalidate(Handle& handle, const Location& location, std::string_view name) {
  Relation relation = Catalog{handle, location}.find(name, kInvalidate);
  if (relation.nature == Nature::kView) {
    throw_plain(ErrorCode::kUsage, fmt::format("{}: '{}' is a view; invalidate the tables it reads",
                                               kInvalidate, name));
  }
  if (relation.nature == Nature::kVirtual) {
    throw_plain(
        ErrorCode::kUsage,
        fmt::format("{}: '{}' is a virtual table, and what is cached of it knows no changes; "
                    "give those queries a tag and invalidate that",
                    kInvalidate, name));
  }
  return std::move(relation.name);
}

// The row other processes see.
void add_invalidation(Handle& handle, std::string_view kind, std::string_view target) {
  const StatementPtr insert = handle.prepare(
      "INSERT INTO main.weir_invalidation (kind, target) VALUES (?1, ?2)", kInvalidate);
  sqlite3_bind_text(insert.get(), 1, kind.data(), static_cast<int>(kind.size()), SQLITE_TRANSIENT);
  sqlite3_bind_text(insert.get(), 2, target.data(), static_cast<int>(target.size()),
                    SQLITE_TRANSIENT);
  handle.step(insert.get(), kInvalidate);
  sqlite3_reset(insert.get());
  handle.exec(
      "DELETE FROM main.weir_invalidation WHERE id <= (SELECT max(id) FROM "
      "main.weir_invalidation) - 1000",
      kInvalidate);
}

// Resets the statement and lets go of the parameters' copies, so that no read transaction stays
// open.
class Reset {
 public:
  explicit Reset(sqlite3_stmt* statement) noexcept : statement_{statement} {}
  Reset(const Reset&) = delete;
  Reset& operator=(const Reset&) = delete;
  ~Reset() {
    sqlite3_reset(statement_);
    sqlite3_clear_bindings(statement_);
  }

 private:
  sqlite3_stmt* statement_;
};

}  // namespace

ConnectionState::ConnectionState(const Location& location, spi::Access access,
                                 std::size_t statement_cache, const Clock& clock,
                                 spi::Deadline deadline)
    : handle{location,
             access == spi::Access::kWrite || location.in_memory() ? Writing::kAllowed
                                                                   : Writing::kRefused,
             clock, deadline},
      versions{handle, location},
      statements{statement_cache} {
  recorder.install(handle.get());
}

void ConnectionState::opened(FileIdentity which) {
  files = std::move(which);
  files_hash = Journal::hash(files);
}

void ConnectionState::attach_anew(const Location& location, spi::Deadline deadline) {
  handle.start(deadline);
  statements.clear();
  versions.clear();
  files = FileIdentity{};
  handle.attach(location);
  versions.prepare(location);
}

SqliteConnection::SqliteConnection(std::unique_ptr<ConnectionState> state, spi::Access access,
                                   const Location& location, Journal& journal, GiveBack give_back)
    : state_{std::move(state)},
      access_{location.in_memory() ? spi::Access::kWrite : access},
      location_{location},
      journal_{journal},
      give_back_{std::move(give_back)} {
  info_.incarnation = journal_.incarnation(state_->files);
  info_.environment = describe_environment(state_->handle);
  info_.server_version = sqlite3_libversion();
}

SqliteConnection::~SqliteConnection() {
  if (state_->handle.in_transaction()) rollback_write();
  give_back_(std::move(state_));
}

spi::TransactionState SqliteConnection::state() const noexcept {
  if (broken_) return spi::TransactionState::kLost;
  if (mode_ == Mode::kNone) return spi::TransactionState::kIdle;
  // SQLite ended it after an error; the caller has not yet.
  return state_->handle.in_transaction() ? spi::TransactionState::kActive
                                         : spi::TransactionState::kFailed;
}

bool SqliteConnection::usable() const noexcept {
  return !broken_ && !journal_.replaced(state_->files_hash);
}

template <typename Action>
auto SqliteConnection::guarded(spi::Deadline deadline, Action&& action) {
  state_->handle.start(deadline);
  try {
    return action();
  } catch (const Error& e) {
    if (!e.connection_usable()) broken_ = true;
    throw;
  }
}

// SQLite may end the transaction by itself inside a statement (RAISE(ROLLBACK), a full disk, a
// deadline), and others may commit at once: until it is known whether it did, a pull is told to
// wait.
template <typename Action>
auto SqliteConnection::in_write_transaction(Action&& action) {
  journal_.running(state_->versions);
  try {
    auto outcome = action();
    journal_.resting(state_->versions);
    return outcome;
  } catch (...) {
    if (state_->handle.in_transaction()) {
      journal_.resting(state_->versions);
    } else {
      end_write(Ending::kRolledBack);
    }
    throw;
  }
}

void SqliteConnection::require_sound() {
  if (!state_->handle.rollback()) {  // one of our own that could not be ended before
    throw ConnectionError{
        fmt::format("use {}: a transaction on the connection cannot be ended",
                    location_.display_name()),
        ErrorDetails{.backend = "sqlite", .retryable = true, .connection_usable = false}};
  }
  require_files();
}

void SqliteConnection::require_files() const {
  const std::string* const moved = state_->files.first_moved();
  if (moved == nullptr) return;
  throw ConnectionError{
      fmt::format("use {}: the file {} was replaced or removed since the connection was opened; "
                  "nothing was done, and another try opens the one that is there",
                  location_.display_name(), *moved),
      ErrorDetails{.backend = "sqlite", .retryable = true, .connection_usable = false}};
}

bool SqliteConnection::ping(spi::Deadline deadline) noexcept {
  try {
    return guarded(deadline, [&] {
      require_files();
      (void)state_->handle.integer("PRAGMA schema_version", "ping");
      return usable();
    });
  } catch (...) {
    return false;
  }
}

spi::Analysis SqliteConnection::analyze(std::string_view sql, spi::Deadline deadline) {
  return guarded(deadline, [&] {
    if (mode_ == Mode::kNone) require_sound();
    return analyze_statement(state_->handle, state_->recorder, location_, sql);
  });
}

PreparedStatement SqliteConnection::prepare(std::string_view sql, unsigned flags) {
  spi::require_clean_text(sql, "statement");
  PreparedStatement prepared;
  const std::string verb = first_word(sql);
  prepared.access.vacuum = verb == "VACUUM";
  std::size_t end = 0;
  try {
    const AccessRecorder::Scope scope{state_->recorder, prepared.access};
    prepared.statement = state_->handle.prepare(sql, kRun, flags, &end);
  } catch (const Error&) {
    if (prepared.access.denied()) throw_plain(ErrorCode::kRefused, refusal_of(prepared.access));
    throw;
  }
  if (!prepared.statement)
    throw_plain(ErrorCode::kUsage, "run a statement: the statement is empty");
  if (const auto second = find_statement(sql, end)) {
    throw_plain(
        ErrorCode::kUsage,
        fmt::format("run a statement: the text holds more than one; the second begins at byte {}",
                    *second + 1));
  }
  prepared.parameters = ParameterMap{prepared.statement.get()};
  // SQLite says of some PRAGMAs that only show something that they write.
  const bool shows = !prepared.access.pragmas.empty();
  prepared.reads_only = (sqlite3_stmt_readonly(prepared.statement.get()) != 0 || shows) &&
                        !prepared.access.checkpoint && !prepared.access.vacuum &&
                        !prepared.access.schema_change;
  return prepared;
}

void SqliteConnection::check(std::string_view sql, spi::Deadline deadline) {
  guarded(deadline, [&] { static_cast<void>(prepare(sql, 0)); });
}

spi::RunOutcome SqliteConnection::run(const spi::RunRequest& request) {
  return guarded(request.deadline, [&] {
    if (state() == spi::TransactionState::kFailed) {
      throw_plain(ErrorCode::kUsage,
                  "run a statement: SQLite rolled the transaction back; call rollback() first");
    }
    if (mode_ == Mode::kNone) require_sound();
    StatementCache& cache = state_->statements;
    if (!request.prepare || cache.capacity() == 0) {
      PreparedStatement once = prepare(request.sql, 0);
      return run_prepared(once, request);
    }
    PreparedStatement* prepared = cache.find(request.sql);
    if (prepared == nullptr) {
      prepared = &cache.insert(request.sql, prepare(request.sql, SQLITE_PREPARE_PERSISTENT));
    }
    return run_prepared(*prepared, request);
  });
}

spi::RunOutcome SqliteConnection::run_prepared(PreparedStatement& prepared,
                                               const spi::RunRequest& request) {
  static const Params kNone;
  const Reset reset{prepared.statement.get()};
  prepared.parameters.bind(prepared.statement.get(),
                           request.params == nullptr ? kNone : *request.params);
  if (mode_ == Mode::kWriting) return in_write_transaction([&] { return step_all(prepared); });
  if (prepared.reads_only) return step_all(prepared);
  if (access_ == spi::Access::kRead) {
    throw_plain(ErrorCode::kUsage,
                "run a statement: it writes, and this connection is for reading");
  }
  if (mode_ == Mode::kReading) {
    throw_plain(ErrorCode::kUsage, "run a statement: it writes, and the transaction is read-only");
  }
  if (prepared.access.vacuum || prepared.access.checkpoint) return run_alone(prepared);
  return run_in_own_transaction(prepared);
}

// What SQLite does by itself for a statement outside a transaction, but with the steps the journal
// needs to know.
spi::RunOutcome SqliteConnection::run_in_own_transaction(PreparedStatement& prepared) {
  begin_write();
  const std::int64_t before = sqlite3_total_changes64(state_->handle.get());
  try {
    spi::RunOutcome outcome = in_write_transaction([&] { return step_all(prepared); });
    sqlite3_reset(prepared.statement.get());  // with RETURNING it would keep the COMMIT from ending
    commit_write();
    return outcome;
  } catch (const ConstraintError&) {
    // INSERT OR FAIL and RAISE(FAIL, …) keep the rows before the one that failed.
    const bool keeps = sqlite3_total_changes64(state_->handle.get()) != before;
    if (!keeps || !state_->handle.in_transaction() || !try_commit_write()) rollback_write();
    throw;
  } catch (...) {
    sqlite3_reset(prepared.statement.get());
    rollback_write();
    throw;
  }
}

bool SqliteConnection::try_commit_write() noexcept {
  try {
    commit_write();
    return true;
  } catch (...) {
    return false;
  }
}

// Statements that SQLite does not run inside a transaction.
spi::RunOutcome SqliteConnection::run_alone(PreparedStatement& prepared) {
  spi::RunOutcome outcome = step_all(prepared);
  OwnChanges everything;
  everything.everything = prepared.access.vacuum;
  journal_.log(everything);
  return outcome;
}

// Also after an error: a statement that fails in the middle may leave rows behind (INSERT OR FAIL).
spi::RunOutcome SqliteConnection::step_all(PreparedStatement& prepared) {
  sqlite3_stmt* const statement = prepared.statement.get();
  Handle& handle = state_->handle;
  spi::ResultBuilder builder;
  std::size_t rows = 0;
  const AccessRecorder::Scope scope{state_->recorder, prepared.access};
  try {
    bool row = handle.step(statement, kRun);
    add_columns(builder, statement);  // only now: the first step may have compiled it again
    for (; row; row = handle.step(statement, kRun)) {
      ++rows;
      const int columns = sqlite3_column_count(statement);
      for (int i = 0; i < columns; ++i) add_cell(builder, statement, i);
    }
  } catch (...) {
    if (!prepared.reads_only) note_changes(prepared.access);
    throw;
  }
  spi::RunOutcome outcome;
  if (prepared.reads_only) {
    outcome.affected = rows;
  } else {
    note_changes(prepared.access);
    const bool counts = !prepared.access.schema_change && !prepared.access.writes.empty();
    outcome.affected = counts ? static_cast<std::uint64_t>(sqlite3_changes64(handle.get())) : 0;
  }
  outcome.rows = builder.finish();
  return outcome;
}

void SqliteConnection::note_changes(const StatementAccess& access) {
  if (access.schema_change || access.vacuum) changes_.everything = true;
  for (const TableName& table : access.writes) {
    const bool internal = table.table.starts_with("sqlite_") || is_weirs(table.table);
    if (table.schema != "temp" && !internal) changes_.relations.insert(table.id());
  }
}

void SqliteConnection::begin_write() {
  changes_ = OwnChanges{};
  state_->handle.exec("BEGIN IMMEDIATE", kTransaction);
  journal_.opened(state_->versions, state_->files, state_->handle.deadline());
  try {
    require_files();  // while waiting for the lock, say
  } catch (...) {
    rollback_write();
    throw;
  }
  if (!location_.in_memory()) state_->own_keys.begin();
}

// What the transaction wrote, by rows where they are told. When that cannot be found out the tables
// stay named, unless SQLite ended the transaction over it.
void SqliteConnection::settle_keys() {
  if (location_.in_memory()) return;
  in_write_transaction([&] {
    try {
      state_->own_keys.settle(changes_);
    } catch (...) {
      if (!state_->handle.in_transaction()) throw;
    }
    return true;
  });
}

void SqliteConnection::commit_write() {
  try {
    require_files();
  } catch (...) {
    rollback_write();
    throw;
  }
  settle_keys();
  journal_.committing(state_->versions);
  try {
    state_->handle.exec("COMMIT", kTransaction);
  } catch (...) {
    if (state_->handle.in_transaction()) {
      journal_.resting(state_->versions);
    } else {
      end_write(Ending::kUnknown);
    }
    throw;
  }
  end_write(Ending::kCommitted);
}

// Rolls back what is left; nothing when SQLite or an earlier step ended the transaction.
void SqliteConnection::rollback_write() noexcept {
  if (!state_->handle.in_transaction()) return;
  // From here on others may commit: what a pull sees must wait until `closed` has told it apart.
  journal_.committing(state_->versions);
  const bool ended = state_->handle.rollback();
  broken_ = broken_ || !ended;
  end_write(ended ? Ending::kRolledBack : Ending::kUnknown);
}

void SqliteConnection::end_write(Ending ending) noexcept {
  journal_.closed(state_->versions, ending, std::exchange(changes_, OwnChanges{}));
}

void SqliteConnection::use_session(const Session& session, spi::Deadline /*deadline*/) {
  if (session.declared()) {
    throw_plain(ErrorCode::kConfig,
                "use a session: SQLite has no roles, search path or settings to declare");
  }
}

// Nothing that could change a session is let through.
std::string SqliteConnection::session_doubt(spi::Deadline /*deadline*/) { return {}; }

// Every transaction of SQLite's is serializable, whatever is asked for.
void SqliteConnection::begin(spi::Isolation /*isolation*/, spi::TransactionAccess access,
                             spi::Deadline deadline) {
  guarded(deadline, [&] {
    if (mode_ != Mode::kNone)
      throw_plain(ErrorCode::kUsage, "begin a transaction: one is open already");
    require_sound();
    if (access == spi::TransactionAccess::kReadOnly) {
      state_->handle.exec("BEGIN", kTransaction);
      mode_ = Mode::kReading;
      return;
    }
    if (access_ == spi::Access::kRead) {
      throw_plain(ErrorCode::kUsage,
                  "begin a transaction: this connection is for reading, the transaction is not");
    }
    begin_write();
    mode_ = Mode::kWriting;
  });
}

void SqliteConnection::require_transaction(std::string_view operation) const {
  if (mode_ == Mode::kNone)
    throw_plain(ErrorCode::kUsage, fmt::format("{}: no transaction is open", operation));
  if (!state_->handle.in_transaction()) {
    throw_plain(
        ErrorCode::kDatabase,
        fmt::format("{}: SQLite rolled the transaction back after an error; call rollback()",
                    operation));
  }
}

void SqliteConnection::commit(spi::Deadline deadline) {
  guarded(deadline, [&] {
    require_transaction("commit");
    if (mode_ == Mode::kWriting) {
      commit_write();
    } else {
      state_->handle.exec("COMMIT", kTransaction);
    }
    mode_ = Mode::kNone;
  });
}

void SqliteConnection::rollback(spi::Deadline deadline) {
  guarded(deadline, [&] {
    if (mode_ == Mode::kWriting) {
      rollback_write();
    } else {
      broken_ = !state_->handle.rollback() || broken_;
    }
    mode_ = Mode::kNone;
  });
}

// A statement about savepoints, of the transaction that is open.
void SqliteConnection::control(const std::string& sql) {
  const auto exec = [&] {
    state_->handle.exec(sql, kTransaction);
    return true;
  };
  if (mode_ == Mode::kWriting) {
    in_write_transaction(exec);
  } else {
    exec();
  }
}

void SqliteConnection::savepoint(std::string_view name, spi::Deadline deadline) {
  guarded(deadline, [&] {
    require_transaction("set a savepoint");
    control("SAVEPOINT " + quote_name(name));
  });
}

// What was written since stays in changes_: too many are named, never too few.
void SqliteConnection::rollback_to(std::string_view name, spi::Deadline deadline) {
  guarded(deadline, [&] {
    require_transaction("roll back to a savepoint");
    control("ROLLBACK TO " + quote_name(name));
  });
}

void SqliteConnection::release(std::string_view name, spi::Deadline deadline) {
  guarded(deadline, [&] {
    require_transaction("release a savepoint");
    control("RELEASE " + quote_name(name));
  });
}

void SqliteConnection::invalidate(spi::InvalidationKind kind, std::string_view target,
                                  spi::Deadline deadline) {
  guarded(deadline, [&] {
    if (access_ == spi::Access::kRead) {
      throw_plain(ErrorCode::kUsage, "leave an invalidation: this connection is for reading");
    }
    if (mode_ == Mode::kReading)
      throw_plain(ErrorCode::kUsage, "leave an invalidation: the transaction is read-only");
    if (mode_ == Mode::kWriting) {
      require_transaction("leave an invalidation");
      in_write_transaction([&] { return leave_journal_row(kind, target); });
      return;
    }
    require_sound();
    begin_write();
    try {
      in_write_transaction([&] { return leave_journal_row(kind, target); });
      commit_write();
    } catch (...) {
      rollback_write();
      throw;
    }
  });
}

// Other processes see the row; this one has its own log. Without weir's tables only this process
// learns of it.
spi::ChangeKind SqliteConnection::leave_journal_row(spi::InvalidationKind kind,
                                                    std::string_view target) {
  if (kind == spi::InvalidationKind::kEverything) {
    throw_plain(ErrorCode::kUsage,
                "leave an invalidation of everything: every process judges its own entries");
  }
  std::string name{target};
  auto change = spi::ChangeKind::kRelation;
  std::string_view word = "table";
  if (kind == spi::InvalidationKind::kTable) {
    name = table_to_invalidate(state_->handle, location_, target).id();
  } else {
    const bool tag = kind == spi::InvalidationKind::kTag;
    change = tag ? spi::ChangeKind::kTag : spi::ChangeKind::kTagPattern;
    word = tag ? "tag" : "pattern";
  }
  if (installed_version(state_->handle) != 0) add_invalidation(state_->handle, word, name);
  changes_.invalidations.emplace_back(change, std::move(name));
  return change;
}

spi::Snapshot SqliteConnection::current_snapshot(spi::Deadline deadline) {
  return journal_.snapshot(deadline);
}

}  // namespace weir::sqlite
