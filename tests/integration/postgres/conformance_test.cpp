#include "tests/support/conformance.hpp"

#include <memory>
#include <string>

#include "drivers/postgres/admin.hpp"
#include "tests/integration/postgres/journal_fixture.hpp"
#include "weir/drivers/postgres.hpp"

namespace weir::test {
namespace {

namespace pg = postgres::test;

class PostgresDatabase final : public ConformanceDatabase {
 public:
  explicit PostgresDatabase(std::string admin_dsn)
      : admin_dsn_{std::move(admin_dsn)},
        name_{pg::unique_name("conformance")},
        // The tests' superuser is called weir: "$user" would lead to weir's own schema.
        dsn_{pg::with(admin_dsn_, {{"dbname", name_}, {"options", "-c search_path=public"}})} {
    pg::connect(admin_dsn_).exec("CREATE DATABASE " + name_, pg::in(std::chrono::seconds{60}));
    postgres::make_admin(pg::options_for(dsn_), system_clock())->migrate_up(spi::DryRun::kNo, {});
    pg::connect(dsn_).exec(
        // Unique by hash: a B-tree refuses large values.
        "CREATE TABLE items (id integer PRIMARY KEY, name text, price float8, data bytea, "
        "EXCLUDE USING hash (name WITH =));"
        "CREATE TABLE others (id integer PRIMARY KEY, name text);"
        "CREATE VIEW an_item AS SELECT id, name FROM items WHERE id = 1;"
        "SELECT weir.track('items'); SELECT weir.track('others')",
        pg::in(std::chrono::seconds{20}));
  }
  PostgresDatabase(const PostgresDatabase&) = delete;
  PostgresDatabase& operator=(const PostgresDatabase&) = delete;
  ~PostgresDatabase() override {
    try {
      pg::connect(admin_dsn_)
          .exec("DROP DATABASE " + name_ + " WITH (FORCE)", pg::in(std::chrono::seconds{60}));
    } catch (const Error& error) {
      ADD_FAILURE() << error.what();
    }
  }

  [[nodiscard]] const ConformanceDialect& dialect() const override { return dialect_; }
  [[nodiscard]] std::unique_ptr<spi::Driver> make_driver() override {
    return make_postgres_driver(pg::options_for(dsn_));
  }

 private:
  std::string admin_dsn_;
  std::string name_;
  std::string dsn_;
  ConformanceDialect dialect_{.slow_query = "SELECT count(*) FROM items, (SELECT pg_sleep(15)) s",
                              .session_change = "SET TimeZone = 'UTC'",
                              .text_parameter = "$1::text"};
};

const ConformanceParam kPostgres{"PostgreSQL", []() -> std::unique_ptr<ConformanceDatabase> {
                                   std::string dsn = environment("WEIR_TEST_POSTGRES_DSN");
                                   if (dsn.empty()) return nullptr;
                                   return std::make_unique<PostgresDatabase>(std::move(dsn));
                                 }};

INSTANTIATE_TEST_SUITE_P(Postgres, DriverConformance, ::testing::Values(kPostgres),
                         conformance_name);
INSTANTIATE_TEST_SUITE_P(Postgres, SharedDriverConformance, ::testing::Values(kPostgres),
                         conformance_name);

}  // namespace
}  // namespace weir::test
