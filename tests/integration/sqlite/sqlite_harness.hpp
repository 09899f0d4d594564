#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "tests/integration/sqlite/sqlite_fixture.hpp"
#include "weir/clock.hpp"
#include "weir/drivers/sqlite.hpp"
#include "weir/params.hpp"
#include "weir/spi/driver.hpp"

namespace weir::test {

inline spi::Deadline soon() {
  return spi::Deadline::after(system_clock(), std::chrono::seconds{20});
}

/// A plain SQLite connection, which knows nothing of weir: "somebody else".
class PlainConnection {
 public:
  explicit PlainConnection(const std::string& path) {
    if (sqlite3_open(path.c_str(), &db_) != SQLITE_OK)
      throw std::runtime_error{"cannot open " + path};
    sqlite3_busy_timeout(db_, 10000);
  }
  PlainConnection(const PlainConnection&) = delete;
  PlainConnection& operator=(const PlainConnection&) = delete;
  ~PlainConnection() { sqlite3_close(db_); }

  void exec(const std::string& sql) {
    char* message = nullptr;
    if (sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, &message) != SQLITE_OK) {
      const std::string text = message == nullptr ? "?" : message;
      sqlite3_free(message);
      throw std::runtime_error{sql + ": " + text};
    }
  }
  std::int64_t integer(const std::string& sql) {
    sqlite3_stmt* statement = nullptr;
    if (sqlite3_prepare_v2(db_, sql.c_str(), -1, &statement, nullptr) != SQLITE_OK) {
      throw std::runtime_error{sql + ": " + sqlite3_errmsg(db_)};
    }
    const int code = sqlite3_step(statement);
    const std::int64_t value = code == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : -1;
    sqlite3_finalize(statement);
    if (code != SQLITE_ROW) throw std::runtime_error{sql + ": no row"};
    return value;
  }
  sqlite3* get() { return db_; }

 private:
  sqlite3* db_{nullptr};
};

/// A driver on a file of its own, with a writer, a reader and a feed.
class SqliteTest : public ::testing::Test {
 protected:
  void open(const std::string& schema) { open(schema, file_.options()); }
  void open(const std::string& schema, const Options& options) {
    PlainConnection{file_.path()}.exec("PRAGMA journal_mode = WAL; " + schema);
    connect(options);
  }
  void connect(const Options& options) {
    driver_ = make_sqlite_driver(options);
    writer_ = driver_->connect(spi::Access::kWrite, soon());
    reader_ = driver_->connect(spi::Access::kRead, soon());
    feed_ = driver_->open_feed();
    (void)feed_->pull(soon());
  }
  template <typename... T>
  spi::RunOutcome write(std::string_view sql, const T&... values) {
    return run(*writer_, sql, values...);
  }
  template <typename... T>
  static spi::RunOutcome run(spi::Connection& connection, std::string_view sql,
                             const T&... values) {
    const Params params = Params::of(values...);
    return connection.run({.sql = sql, .params = &params, .deadline = soon()});
  }
  std::int64_t integer(std::string_view sql) {
    return static_cast<std::int64_t>(run(*reader_, sql).rows->slot(0, 0));
  }
  /// What the next pull brings, as text: `*` for everything, the id for a relation, `#tag`,
  /// `#~pattern`; for rows the id and what they are told by.
  std::vector<std::string> changes() {
    std::vector<std::string> found;
    for (const spi::Change& change : feed_->pull(soon()).changes) {
      switch (change.kind) {
        case spi::ChangeKind::kEverything:
          found.emplace_back("*");
          break;
        case spi::ChangeKind::kRelation:
          found.push_back(change.target);
          break;
        case spi::ChangeKind::kRows:
          found.push_back(change.target + " " + change.rows);
          break;
        case spi::ChangeKind::kTag:
          found.push_back("#" + change.target);
          break;
        case spi::ChangeKind::kTagPattern:
          found.push_back("#~" + change.target);
          break;
      }
    }
    return found;
  }

  TemporaryFile file_;
  std::unique_ptr<spi::Driver> driver_;
  std::unique_ptr<spi::Connection> writer_;
  std::unique_ptr<spi::Connection> reader_;
  std::unique_ptr<spi::ChangeFeed> feed_;
};

}  // namespace weir::test
