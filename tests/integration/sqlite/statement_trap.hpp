#pragma once

#include <sqlite3.h>

#include <atomic>
#include <cstddef>
#include <functional>
#include <string>
#include <thread>
#include <utility>

namespace weir::test {

/// Does something in the middle of what a driver does: before or after any one of the statements
/// that connections opened while this lives run on one thread. So every interleaving with others
/// can be tried in turn, without any timing.
///
/// Thread safety: one at a time in a process; used by one thread.
class StatementTrap {
 public:
  StatementTrap() {
    current() = this;
    sqlite3_auto_extension(reinterpret_cast<void (*)()>(&install));
  }
  StatementTrap(const StatementTrap&) = delete;
  StatementTrap& operator=(const StatementTrap&) = delete;
  ~StatementTrap() {
    sqlite3_cancel_auto_extension(reinterpret_cast<void (*)()>(&install));
    current() = nullptr;
  }

  /// Runs `work`, and `action` once, at step `at` of it. Statements that `action` runs are no
  /// steps. Returns how many steps there were.
  std::size_t run(std::size_t at, std::function<void()> action, const std::function<void()>& work) {
    at_ = at;
    steps_ = 0;
    place_.clear();
    action_ = std::move(action);
    thread_ = std::this_thread::get_id();
    work();
    thread_ = std::thread::id{};
    return steps_;
  }
  /// For the action: makes the statement it was called before fail.
  void fail_statement() { sqlite3_interrupt(handle_); }
  /// Where the action was done.
  [[nodiscard]] const std::string& place() const noexcept { return place_; }

 private:
  static std::atomic<StatementTrap*>& current() {
    static std::atomic<StatementTrap*> trap{nullptr};
    return trap;
  }
  static int install(sqlite3* db, char** /*message*/, const void* /*api*/) {
    return sqlite3_trace_v2(db, SQLITE_TRACE_STMT | SQLITE_TRACE_PROFILE, &StatementTrap::on_trace,
                            nullptr);
  }
  static int on_trace(unsigned event, void* /*context*/, void* statement, void* /*more*/) {
    StatementTrap* const trap = current();
    if (trap != nullptr && trap->thread_.load() == std::this_thread::get_id()) {
      trap->step(event, static_cast<sqlite3_stmt*>(statement));
    }
    return 0;
  }
  void step(unsigned event, sqlite3_stmt* statement) noexcept {
    if (inside_ || steps_++ != at_) return;
    inside_ = true;
    handle_ = sqlite3_db_handle(statement);
    const char* const sql = sqlite3_sql(statement);
    place_ = (event == SQLITE_TRACE_STMT ? "before " : "after ") + std::string{sql ? sql : "?"};
    action_();
    inside_ = false;
  }

  std::atomic<std::thread::id> thread_{};
  std::size_t at_{0};
  std::size_t steps_{0};
  bool inside_{false};
  sqlite3* handle_{nullptr};
  std::string place_{};
  std::function<void()> action_{};
};

}  // namespace weir::test
