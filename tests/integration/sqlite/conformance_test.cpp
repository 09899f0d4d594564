#include "tests/support/conformance.hpp"

#include <memory>
#include <string>

#include "tests/integration/sqlite/sqlite_fixture.hpp"
#include "weir/drivers/sqlite.hpp"

namespace weir::test {
namespace {

enum class Kind { kMemory, kWal, kRollbackJournal, kTracked };

class SqliteDatabase final : public ConformanceDatabase {
 public:
  explicit SqliteDatabase(Kind kind) : kind_{kind} {
    dialect_.slow_query =
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000000000) "
        "SELECT count(*) FROM n";
    dialect_.session_change = "PRAGMA cache_size = 10";
    if (kind_ == Kind::kMemory) return;
    if (kind_ == Kind::kRollbackJournal)
      sqlite3_command(file_.path(),
                      "PRAGMA journal_mode = DELETE; CREATE TABLE x(a); DROP TABLE x");
    const auto driver = make_sqlite_driver(file_.options());
    create_tables(*driver);
    if (kind_ == Kind::kTracked) {
      const auto admin = driver->open_admin();
      admin->migrate_up(spi::DryRun::kNo, {});
      admin->track({}, spi::DryRun::kNo, {});
    }
  }

  [[nodiscard]] const ConformanceDialect& dialect() const override { return dialect_; }
  [[nodiscard]] std::unique_ptr<spi::Driver> make_driver() override {
    if (kind_ != Kind::kMemory) return make_sqlite_driver(file_.options());
    Options options;
    options.database = "sqlite::memory:";
    auto driver = make_sqlite_driver(options);
    create_tables(*driver);
    return driver;
  }

 private:
  static void create_tables(spi::Driver& driver) {
    const auto deadline = spi::Deadline::after(system_clock(), std::chrono::seconds{20});
    const auto connection = driver.connect(spi::Access::kWrite, deadline);
    for (const char* sql :
         {"CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT UNIQUE, price REAL, data BLOB)",
          "CREATE TABLE others (id INTEGER PRIMARY KEY, name TEXT)",
          "CREATE VIEW an_item AS SELECT id, name FROM items WHERE id = 1"}) {
      (void)connection->run({.sql = sql, .deadline = deadline});
    }
  }

  Kind kind_;
  TemporaryFile file_;
  ConformanceDialect dialect_;
};

ConformanceParam param(std::string name, Kind kind) {
  return {std::move(name), [kind] { return std::make_unique<SqliteDatabase>(kind); }};
}

INSTANTIATE_TEST_SUITE_P(Sqlite, DriverConformance,
                         ::testing::Values(param("Memory", Kind::kMemory), param("Wal", Kind::kWal),
                                           param("RollbackJournal", Kind::kRollbackJournal),
                                           param("Tracked", Kind::kTracked)),
                         conformance_name);
INSTANTIATE_TEST_SUITE_P(Sqlite, SharedDriverConformance,
                         ::testing::Values(param("Wal", Kind::kWal),
                                           param("RollbackJournal", Kind::kRollbackJournal),
                                           param("Tracked", Kind::kTracked)),
                         conformance_name);

}  // namespace
}  // namespace weir::test
