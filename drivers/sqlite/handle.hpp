#pragma once

#include <sqlite3.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "drivers/sqlite/location.hpp"
#include "drivers/sqlite/open_files.hpp"
#include "weir/clock.hpp"
#include "weir/spi/deadline.hpp"

namespace weir::sqlite {

struct FinalizeStatement {
  void operator()(sqlite3_stmt* statement) const noexcept { sqlite3_finalize(statement); }
};
using StatementPtr = std::unique_ptr<sqlite3_stmt, FinalizeStatement>;

/// Whether SQLite may write through a handle (`PRAGMA query_only`).
enum class Writing : std::uint8_t { kRefused, kAllowed };

/// One open SQLite connection whose every wait ends by a deadline.
///
/// The deadline holds for running statements (progress handler) and for waits on other connections'
/// locks (busy handler), which also end at the busy timeout and at `interrupt`. Thread safety: one
/// thread at a time; `interrupt` from anywhere.
class Handle {
 public:
  /// Opens the database and attaches what the location says.
  /// Errors: `ConnectionError`, `kTimeout`.
  Handle(const Location& location, Writing writing, const Clock& clock, spi::Deadline deadline);
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  ~Handle();

  [[nodiscard]] sqlite3* get() const noexcept { return db_; }

  /// Sets the limit of the calls that follow and forgets an earlier `interrupt`.
  void start(spi::Deadline deadline) noexcept;
  /// Returns the limit that held before.
  std::chrono::milliseconds set_busy_limit(std::chrono::milliseconds limit) noexcept {
    return std::exchange(busy_limit_, limit);
  }
  [[nodiscard]] spi::Deadline deadline() const noexcept { return deadline_; }
  void interrupt() noexcept;

  /// Errors: translated, see `throw_failure`. `tail` is where the statement's text ended. Null for
  /// an empty statement.
  [[nodiscard]] StatementPtr prepare(std::string_view sql, std::string_view operation,
                                     unsigned flags = 0, std::size_t* tail = nullptr);
  /// Steps once: true for a row. On an error resets the statement and throws.
  bool step(sqlite3_stmt* statement, std::string_view operation);
  /// Runs internal statements that return nothing of interest.
  void exec(std::string_view sql, std::string_view operation);
  [[nodiscard]] bool in_transaction() const noexcept { return sqlite3_get_autocommit(db_) == 0; }
  /// Ends the open transaction, if any, whatever deadline and interrupts say: a handle left in one
  /// would read an old state from then on. False when even that fails.
  bool rollback() noexcept;
  /// The first column of an internal statement's first row; 0 without a row.
  [[nodiscard]] std::int64_t integer(std::string_view sql, std::string_view operation);
  [[nodiscard]] std::string text(std::string_view sql, std::string_view operation);

  /// Attaches what the location says, and what is attached already anew. REQUIRES: no transaction
  /// is open, and no statement of an attached database is prepared.
  void attach(const Location& location);

  /// Throws the error SQLite just returned.
  [[noreturn]] void fail(int code, std::string_view operation, std::string_view sql = {});

 private:
  void open(const Location& location, Writing writing);
  static int on_progress(void* self) noexcept;
  static int on_busy(void* self, int tries) noexcept;
  [[nodiscard]] bool stopped() noexcept;

  const Clock& clock_;
  sqlite3* db_{nullptr};
  spi::Deadline deadline_{};
  bool timed_out_{false};
  std::chrono::milliseconds busy_limit_;
  std::chrono::milliseconds busy_waited_{0};
  std::list<OpenFile> open_files_{};  // let go of after SQLite closed them
  std::atomic<bool> interrupted_{false};
  std::mutex wait_mutex_;
  std::condition_variable wait_;
};

}  // namespace weir::sqlite
