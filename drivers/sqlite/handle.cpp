#include "drivers/sqlite/handle.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>

#include "drivers/sqlite/errors.hpp"
#include "drivers/sqlite/scan.hpp"
#include "weir/error.hpp"

namespace weir::sqlite {
namespace {

constexpr int kProgressSteps = 2000;  // virtual machine steps between looks at the clock

std::string_view text_of(sqlite3_stmt* statement, int column) {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, column));
  return text == nullptr
             ? std::string_view{}
             : std::string_view{text,
                                static_cast<std::size_t>(sqlite3_column_bytes(statement, column))};
}

// One file under two names would lock itself out, and its changes would be taken for another's.
// REQUIRES: the files of the schemas before this one exist.
void require_a_file_of_its_own(const Location& location, const std::string& schema) {
  const std::string& path = location.file_of(schema);
  struct stat file {};
  if (::stat(path.c_str(), &file) != 0) return;  // attaching makes one, or says why not
  for (const std::string& earlier : location.shared_schemas()) {
    if (earlier == schema) return;
    struct stat other {};
    const std::string& other_path = location.file_of(earlier);
    if (::stat(other_path.c_str(), &other) != 0 || other.st_dev != file.st_dev ||
        other.st_ino != file.st_ino)
      continue;
    throw Error{ErrorCode::kConfig,
                fmt::format("sqlite.attach: '{}' ({}) is the same file as '{}' ({}); attach a file "
                            "once, and not the main one",
                            schema, path, earlier, other_path),
                ErrorDetails{.backend = "sqlite", .connection_usable = false}};
  }
}

}  // namespace

Handle::Handle(const Location& location, Writing writing, const Clock& clock,
               spi::Deadline deadline)
    : clock_{clock}, deadline_{deadline}, busy_limit_{location.busy_timeout} {
  try {
    open(location, writing);
  } catch (...) {  // the destructor will not run
    sqlite3_close_v2(db_);
    throw;
  }
}

Handle::~Handle() { sqlite3_close_v2(db_); }

void Handle::open(const Location& location, Writing writing) {
  const std::string operation = fmt::format("open {}", location.display_name());
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
                    (location.create || location.in_memory() ? SQLITE_OPEN_CREATE : 0);
  const char* const file = location.in_memory() ? ":memory:" : location.path.c_str();
  int code = sqlite3_open_v2(file, &db_, flags, nullptr);
  if (code != SQLITE_OK) {
    struct stat status {};
    const bool wanted = code == SQLITE_CANTOPEN && !location.create && ::stat(file, &status) != 0;
    fail(code, operation + (wanted ? " (sqlite.create is off)" : ""));
  }
  if (!location.in_memory()) open_files_.emplace_back(location.path);
  sqlite3_progress_handler(db_, kProgressSteps, &Handle::on_progress, this);
  sqlite3_busy_handler(db_, &Handle::on_busy, this);

  // A file that is no database shows at the first read. A new one gets the mode in which readers
  // and the writer do not block each other; an existing one keeps the mode its owner chose.
  try {
    if (integer("PRAGMA page_count", operation) == 0 && !location.in_memory()) {
      exec("PRAGMA journal_mode = WAL", operation);
    }
  } catch (const Error& e) {
    if (e.code() != ErrorCode::kDatabase) throw;
    throw ConnectionError{e.what(), e.details()};
  }
  attach(location);
  if (location.foreign_keys) exec("PRAGMA foreign_keys = ON", operation);
  if (writing == Writing::kRefused) exec("PRAGMA query_only = ON", operation);
}

void Handle::attach(const Location& location) {
  const std::string operation = fmt::format("open {}", location.display_name());
  for (const auto& [schema, path] : location.attach) {
    if (sqlite3_db_filename(db_, schema.c_str()) != nullptr) {
      exec(fmt::format("DETACH {}", quote_name(schema)), operation);
    }
  }
  while (open_files_.size() > (location.in_memory() ? 0U : 1U)) open_files_.pop_back();
  for (const auto& [schema, path] : location.attach) {
    require_a_file_of_its_own(location, schema);
    const StatementPtr attach =
        prepare(fmt::format("ATTACH ?1 AS {}", quote_name(schema)), operation);
    sqlite3_bind_text(attach.get(), 1, path.c_str(), -1, SQLITE_TRANSIENT);
    step(attach.get(), operation);
    open_files_.emplace_back(path);
    if (integer(fmt::format("PRAGMA {}.page_count", quote_name(schema)), operation) == 0) {
      exec(fmt::format("PRAGMA {}.journal_mode = WAL", quote_name(schema)), operation);
    }
  }
}

void Handle::start(spi::Deadline deadline) noexcept {
  deadline_ = deadline;
  timed_out_ = false;
  busy_waited_ = std::chrono::milliseconds{0};
  interrupted_.store(false);
}

void Handle::interrupt() noexcept {
  interrupted_.store(true);
  sqlite3_interrupt(db_);
  const std::lock_guard lock{
      wait_mutex_};  // so that a waiter between its look and its wait is not missed
  wait_.notify_all();
}

bool Handle::stopped() noexcept {
  if (interrupted_.load()) return true;
  if (!deadline_.passed(clock_)) return false;
  timed_out_ = true;
  return true;
}

int Handle::on_progress(void* self) noexcept {
  return static_cast<Handle*>(self)->stopped() ? 1 : 0;
}

// SQLite's own busy handler would neither see an interrupt nor the deadline.
int Handle::on_busy(void* self, int tries) noexcept {
  static constexpr auto kDelays =
      std::to_array<int>({1, 2, 5, 10, 15, 20, 25, 25, 25, 50, 50, 100});
  auto& handle = *static_cast<Handle*>(self);
  if (handle.stopped() || handle.busy_waited_ >= handle.busy_limit_) return 0;
  const auto index = std::min(static_cast<std::size_t>(tries), kDelays.size() - 1);
  const std::chrono::milliseconds delay =
      std::min({std::chrono::milliseconds{kDelays[index]}, handle.deadline_.left(handle.clock_),
                handle.busy_limit_ - handle.busy_waited_});
  handle.busy_waited_ += std::max(delay, std::chrono::milliseconds{1});
  std::unique_lock lock{handle.wait_mutex_};
  handle.wait_.wait_for(lock, delay, [&] { return handle.interrupted_.load(); });
  return 1;
}

StatementPtr Handle::prepare(std::string_view sql, std::string_view operation, unsigned flags,
                             std::size_t* tail) {
  sqlite3_stmt* statement = nullptr;
  const char* end = nullptr;
  const int code =
      sqlite3_prepare_v3(db_, sql.data(), static_cast<int>(sql.size()), flags, &statement, &end);
  if (code != SQLITE_OK) fail(code, operation, sql);
  if (tail != nullptr) *tail = static_cast<std::size_t>(end - sql.data());
  return StatementPtr{statement};
}

bool Handle::step(sqlite3_stmt* statement, std::string_view operation) {
  const int code = sqlite3_step(statement);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  const int cause = sqlite3_reset(statement);
  fail(cause == SQLITE_OK ? code : cause, operation);
}

void Handle::exec(std::string_view sql, std::string_view operation) {
  while (!sql.empty()) {
    std::size_t end = 0;
    const StatementPtr statement = prepare(sql, operation, 0, &end);
    if (statement) {
      while (step(statement.get(), operation)) {
      }
    }
    sql.remove_prefix(end);
  }
}

bool Handle::rollback() noexcept {
  constexpr int kTries = 5;  // an interrupt ends one
  const spi::Deadline usual = deadline_;
  for (int tries = 0; in_transaction() && tries < kTries; ++tries) {
    start(spi::Deadline{});
    sqlite3_exec(db_, "ROLLBACK", nullptr, nullptr, nullptr);
  }
  deadline_ = usual;
  return !in_transaction();
}

std::int64_t Handle::integer(std::string_view sql, std::string_view operation) {
  const StatementPtr statement = prepare(sql, operation);
  return step(statement.get(), operation) ? sqlite3_column_int64(statement.get(), 0) : 0;
}

std::string Handle::text(std::string_view sql, std::string_view operation) {
  const StatementPtr statement = prepare(sql, operation);
  return step(statement.get(), operation) ? std::string{text_of(statement.get(), 0)}
                                          : std::string{};
}

void Handle::fail(int code, std::string_view operation, std::string_view sql) {
  Failure failure{.code = code, .message = sqlite3_errstr(code)};
  if (db_ != nullptr) {
    const int extended = sqlite3_extended_errcode(db_);
    if ((extended & 0xFF) == (code & 0xFF)) {
      failure.code = extended;
      failure.message = sqlite3_errmsg(db_);
      failure.offset = sqlite3_error_offset(db_);
    }
  }
  if (timed_out_) failure.stopped_by = StoppedBy::kDeadline;
  // A wait for a lock that ended at the deadline, not at the busy timeout, is the deadline's doing.
  const bool busy = (failure.code & 0xFF) == SQLITE_BUSY;
  if (busy && (timed_out_ || interrupted_.load())) failure.code = SQLITE_INTERRUPT;
  throw_failure(failure, operation, sql);
}

}  // namespace weir::sqlite
