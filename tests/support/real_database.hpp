#pragma once

#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "weir/options.hpp"
#include "weir/params.hpp"
#include "weir/spi/driver.hpp"

namespace weir::test {

enum class Engine { kPostgres, kSqlite };

std::ostream& operator<<(std::ostream& out, Engine engine);

/// A connection that knows nothing of weir: libpq's or SQLite's own. Errors: `std::runtime_error`.
///
/// Thread safety: one thread at a time.
class ForeignConnection {
 public:
  using Rows = std::vector<std::vector<std::optional<std::string>>>;

  ForeignConnection() = default;
  ForeignConnection(const ForeignConnection&) = delete;
  ForeignConnection& operator=(const ForeignConnection&) = delete;
  virtual ~ForeignConnection() = default;

  /// Runs one or more statements; returns the rows of the last one.
  virtual Rows run(const std::string& sql) = 0;
  /// PostgreSQL: COPY … FROM STDIN with these lines.
  virtual void copy(const std::string& sql, const std::string& lines) = 0;
};

/// A fresh database of a test's own, gone with this object.
///
/// Thread safety: shared object safe for const calls.
class RealDatabase {
 public:
  /// `server` is a superuser's DSN for PostgreSQL and ignored for SQLite.
  static std::unique_ptr<RealDatabase> make(Engine engine, const std::string& server);

  RealDatabase() = default;
  RealDatabase(const RealDatabase&) = delete;
  RealDatabase& operator=(const RealDatabase&) = delete;
  virtual ~RealDatabase() = default;

  [[nodiscard]] virtual Engine engine() const noexcept = 0;
  [[nodiscard]] virtual std::unique_ptr<ForeignConnection> foreign() const = 0;
  /// Runs a script in a process of its own: `psql` or `sqlite3`.
  virtual void command_line(const std::string& script) const = 0;

  [[nodiscard]] bool postgres() const noexcept { return engine() == Engine::kPostgres; }
  [[nodiscard]] const Options& options() const noexcept { return options_; }
  /// Installs weir's schema and tracks every table there is.
  void install() const;
  void track() const;

 protected:
  Options options_{};
};

/// The database without weir's engine: a bare connection of the driver, nothing cached.
///
/// Thread safety: one thread at a time.
class Direct {
 public:
  explicit Direct(const Options& options);
  spi::ResultRef run(std::string_view sql, const Params& params = {});
  /// Runs it prepared, for what runs often.
  spi::ResultRef run_prepared(std::string_view sql, const Params& params = {});
  spi::Analysis analyze(std::string_view sql);

 private:
  std::unique_ptr<spi::Driver> driver_;
  std::unique_ptr<spi::Connection> connection_;
};

/// Whether the order of rows is part of an answer.
enum class RowOrder { kMatters, kAny };

/// How two answers differ, in words; empty when they are equal: column names, types and cells.
std::string difference(const spi::ResultBuffer& cached, const spi::ResultBuffer& direct,
                       RowOrder order);

}  // namespace weir::test
