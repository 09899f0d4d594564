#include "drivers/postgres/driver.hpp"

#include "drivers/postgres/admin.hpp"
#include "drivers/postgres/change_feed.hpp"
#include "drivers/postgres/connection.hpp"
#include "drivers/postgres/key_value.hpp"
#include "drivers/postgres/listener.hpp"
#include "drivers/postgres/scan.hpp"
#include "weir/drivers/postgres.hpp"

namespace weir::postgres {

spi::Scan Driver::scan(std::string_view sql) const { return scan_statement(sql); }

spi::KeyText Driver::key_value(std::string_view type, const ParamView& value) const {
  return postgres::key_value(type, value);
}

std::unique_ptr<spi::Connection> Driver::connect(spi::Access /*access*/, spi::Deadline deadline) {
  return std::make_unique<Connection>(shared_, deadline);
}

std::unique_ptr<spi::ChangeFeed> Driver::open_feed() {
  return make_change_feed(shared_.options(), shared_.clock());
}

std::unique_ptr<spi::Listener> Driver::open_listener() {
  return make_listener(shared_.options(), shared_.clock());
}

std::unique_ptr<spi::Admin> Driver::open_admin() {
  return make_admin(shared_.options(), shared_.clock());
}

}  // namespace weir::postgres

namespace weir {

std::unique_ptr<spi::Driver> make_postgres_driver(const Options& options, const Clock& clock) {
  return std::make_unique<postgres::Driver>(options, clock);
}

}  // namespace weir
