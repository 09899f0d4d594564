#include <fmt/format.h>

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "drivers/sqlite/admin.hpp"
#include "drivers/sqlite/connection.hpp"
#include "drivers/sqlite/journal.hpp"
#include "drivers/sqlite/key_text.hpp"
#include "drivers/sqlite/location.hpp"
#include "drivers/sqlite/scan.hpp"
#include "weir/drivers/sqlite.hpp"
#include "weir/error.hpp"

namespace weir::sqlite {
namespace {

// Attempts to open files that are being replaced meanwhile.
constexpr int kTries = 5;

/// One place in the driver's journal. Thread safety: one pull at a time.
class SqliteFeed final : public spi::ChangeFeed {
 public:
  explicit SqliteFeed(Journal& journal) : journal_{journal} {}
  [[nodiscard]] spi::Pull pull(spi::Deadline deadline) override {
    return journal_.pull(cursor_, deadline);
  }

 private:
  Journal& journal_;
  Journal::Cursor cursor_{};
};

/// One SQLite database: a file with one writer and many readers, or a private in-memory database
/// with one connection.
///
/// Thread safety: shared object safe.
class SqliteDriver final : public spi::Driver {
 public:
  SqliteDriver(const Options& options, const Clock& clock)
      : location_{Location::from(options)},
        clock_{clock},
        display_name_{location_.display_name()},
        statement_cache_{options.pool.statement_cache},
        statement_timeout_{options.statement_timeout},
        readers_{options.pool.max_size},
        journal_{location_, clock} {
    if (sqlite3_threadsafe() == 0) {
      throw Error{ErrorCode::kConfig,
                  "database: this SQLite was built without thread safety (SQLITE_THREADSAFE=0)"};
    }
  }

  [[nodiscard]] std::string_view backend() const noexcept override { return "sqlite"; }
  [[nodiscard]] std::string_view display_name() const noexcept override { return display_name_; }
  [[nodiscard]] std::size_t max_connections(spi::Access access) const noexcept override {
    return location_.in_memory() || access == spi::Access::kWrite ? 1 : readers_;
  }
  [[nodiscard]] bool separate_writer() const noexcept override { return !location_.in_memory(); }
  [[nodiscard]] spi::Scan scan(std::string_view sql) const override { return scan_statement(sql); }
  [[nodiscard]] spi::KeyText key_value(std::string_view type,
                                       const ParamView& value) const override {
    return key_text(to_key_class(type), value);
  }
  [[nodiscard]] std::unique_ptr<spi::Connection> connect(spi::Access access,
                                                         spi::Deadline deadline) override {
    return location_.in_memory() ? lease_memory(deadline) : open_file(access, deadline);
  }
  [[nodiscard]] std::unique_ptr<spi::ChangeFeed> open_feed() override {
    return std::make_unique<SqliteFeed>(journal_);
  }
  [[nodiscard]] std::unique_ptr<spi::Listener> open_listener() override { return nullptr; }
  [[nodiscard]] std::unique_ptr<spi::Admin> open_admin() override {
    return std::make_unique<SqliteAdmin>(location_, statement_timeout_, clock_);
  }
  void forget_catalog() noexcept override {}  // each connection keeps its own, and SQLite checks it

 private:
  [[nodiscard]] std::unique_ptr<ConnectionState> open_state(const Location& location,
                                                            spi::Access access,
                                                            spi::Deadline deadline) const {
    return std::make_unique<ConnectionState>(location, access, statement_cache_, clock_, deadline);
  }
  [[noreturn]] void throw_changing() const {
    throw ConnectionError{fmt::format("open {}: the files are being replaced", display_name_),
                          ErrorDetails{.backend = "sqlite", .retryable = true}};
  }

  // Which files were opened: known when the names meant the same before and after.
  [[nodiscard]] std::unique_ptr<spi::Connection> open_file(spi::Access access,
                                                           spi::Deadline deadline) {
    for (int tries = 0; tries < kTries; ++tries) {
      const std::optional<FileIdentity> before = files_to_open(location_, seen_.load());
      std::unique_ptr<ConnectionState> state;
      try {
        state = open_state(before ? location_.existing() : location_, access, deadline);
      } catch (const ConnectionError&) {
        if (before && before->first_moved() != nullptr) continue;  // its absence is the reason
        throw;
      }
      FileIdentity files{location_};
      if (files != before) continue;  // just created, or replaced: once more, to be sure
      seen_.store(true);
      state->opened(std::move(files));
      return std::make_unique<SqliteConnection>(std::move(state), access, location_, journal_,
                                                [](std::unique_ptr<ConnectionState>) {});
    }
    throw_changing();
  }

  // Sees to it that what is attached to the in-memory database are the files that are there.
  void settle_attached(ConnectionState& state, spi::Deadline deadline) const {
    for (int tries = 0; tries < kTries; ++tries) {
      FileIdentity files{location_};
      if (files == state.files) return;
      state.attach_anew(location_, deadline);
      state.opened(std::move(files));
    }
    throw_changing();
  }

  // The database lives as long as its connection, so the driver keeps that while nobody uses it.
  [[nodiscard]] std::unique_ptr<spi::Connection> lease_memory(spi::Deadline deadline) {
    std::unique_lock lock{mutex_};
    if (!returned_.wait_for(lock, deadline.left(clock_), [&] { return !leased_; })) {
      throw ConnectionError{
          fmt::format("open {}: a private in-memory database has one connection, and it is in use",
                      display_name_),
          ErrorDetails{.backend = "sqlite", .retryable = true}};
    }
    if (!memory_) memory_ = open_state(location_, spi::Access::kWrite, deadline);
    if (!location_.attach.empty()) settle_attached(*memory_, deadline);
    leased_ = true;
    return std::make_unique<SqliteConnection>(std::move(memory_), spi::Access::kWrite, location_,
                                              journal_,
                                              [this](std::unique_ptr<ConnectionState> returned) {
                                                const std::lock_guard inner{mutex_};
                                                memory_ = std::move(returned);
                                                leased_ = false;
                                                returned_.notify_all();
                                              });
  }

  const Location location_;
  const Clock& clock_;
  const std::string display_name_;
  const std::size_t statement_cache_;
  const std::chrono::milliseconds statement_timeout_;
  const std::size_t readers_;
  Journal journal_;
  std::atomic<bool> seen_{false};  // the files were there once

  std::mutex mutex_;
  std::condition_variable returned_;
  bool leased_{false};
  std::unique_ptr<ConnectionState> memory_{};
};

}  // namespace
}  // namespace weir::sqlite

namespace weir {

std::unique_ptr<spi::Driver> make_sqlite_driver(const Options& options, const Clock& clock) {
  return std::make_unique<sqlite::SqliteDriver>(options, clock);
}

}  // namespace weir
