#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "tests/integration/postgres/journal_fixture.hpp"
#include "tests/support/error_of.hpp"
#include "weir/drivers/postgres.hpp"
#include "weir/params.hpp"
#include "weir/result.hpp"
#include "weir/spi/driver.hpp"

namespace weir::postgres::test {

using weir::test::error_of;

/// A database of its own with weir in it, a driver for it, and one connection of that driver.
class ConnectionTest : public JournalTest {
 protected:
  void SetUp() override {
    JournalTest::SetUp();
    if (!IsSkipped() && !HasFatalFailure()) reopen(options());
  }
  void TearDown() override {
    connection_.reset();
    driver_.reset();
    JournalTest::TearDown();
  }

  [[nodiscard]] virtual Options options() const { return options_for(dsn()); }
  void reopen(const Options& options) {
    connection_.reset();
    driver_ = make_postgres_driver(options);
    connection_ = driver_->connect(spi::Access::kWrite, soon());
  }

  static spi::Deadline soon() { return in(std::chrono::seconds{20}); }
  /// A deadline that has passed: whatever asks the server fails.
  static spi::Deadline never() { return spi::Deadline{TimePoint{}}; }

  template <typename... T>
  Result ask(std::string_view sql, const T&... values) {
    return ask_on(*connection_, sql, values...);
  }
  template <typename... T>
  static Result ask_on(spi::Connection& connection, std::string_view sql, const T&... values) {
    const Params params = Params::of(values...);
    return Result{connection.run({.sql = sql, .params = &params, .deadline = soon()}).rows, {}};
  }
  /// As the engine reads what it may keep: analysed first.
  Result read(std::string_view sql) {
    (void)connection_->analyze(sql, soon());
    return ask(sql);
  }
  std::string text(std::string_view sql) { return ask(sql).one<std::string>(); }
  std::string doubt() { return connection_->session_doubt(soon()); }

  std::unique_ptr<spi::Driver> driver_;
  std::unique_ptr<spi::Connection> connection_;
};

}  // namespace weir::postgres::test
