#include <fmt/format.h>

#include <stdexcept>

#include "tests/bench/row_keys.hpp"
#include "weir/open_driver.hpp"

namespace weir::bench {

void fill(const test::RealDatabase& database, int rows, int users) {
  const auto connection = database.foreign();
  connection->run(
      "CREATE TABLE orders (id integer PRIMARY KEY, user_id integer NOT NULL, "
      "total integer NOT NULL, note text NOT NULL); CREATE INDEX orders_user ON orders (user_id)");
  const std::string cells =
      fmt::format("i, i % {} + 1, i % 1000, 'a note on order number ' || i", users);
  connection->run(
      database.postgres()
          ? fmt::format("INSERT INTO orders SELECT {} FROM generate_series(1, {}) i", cells, rows)
          : fmt::format("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
                        "WHERE i < {}) INSERT INTO orders SELECT {} FROM n",
                        rows, cells));
  connection->run("UPDATE orders SET total = total + 1");  // first touches are not to be measured
  tidy(database);
  connection->run("ANALYZE orders");
  open_driver(database.options())->open_admin()->migrate_up(spi::DryRun::kNo, {});
}

void apply(const test::RealDatabase& database, const Tracking& tracking) {
  const auto driver = open_driver(database.options());
  const auto admin = driver->open_admin();
  const auto steps = tracking.triggers
                         ? admin->track_keys("orders", tracking.keys, spi::DryRun::kNo, {})
                         : admin->untrack({"orders"}, spi::DryRun::kNo, {});
  const auto connection = database.foreign();
  const auto count = [&](const std::string& postgres, const std::string& sqlite) {
    const auto rows =
        connection->run("SELECT count(*) FROM " + (database.postgres() ? postgres : sqlite));
    return std::stol(rows.at(0).at(0).value());
  };
  const auto told = [&] {
    return count("weir.journal WHERE kind = 'k'", "weir_key WHERE keys IS NOT NULL");
  };
  const bool has_triggers =
      count("pg_trigger WHERE tgrelid = 'orders'::regclass AND NOT tgisinternal",
            "sqlite_master WHERE type = 'trigger' AND tbl_name = 'orders'") > 0;
  const long before = told();
  connection->run("UPDATE orders SET total = total + 1 WHERE id = 1");
  if (has_triggers != tracking.triggers || (told() > before) == tracking.keys.empty()) {
    throw std::runtime_error{
        fmt::format("the table is not tracked by \"{}\": {}", tracking.name, steps.at(0).action)};
  }
}

void tidy(const test::RealDatabase& database) {
  database.foreign()->run(database.postgres() ? "VACUUM orders"
                                              : "PRAGMA wal_checkpoint(TRUNCATE)");
}

}  // namespace weir::bench
