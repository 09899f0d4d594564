#pragma once

#include <memory>

#include "weir/clock.hpp"
#include "weir/options.hpp"
#include "weir/spi/driver.hpp"

namespace weir {

/// The PostgreSQL driver for `options.database`. Connects to nothing yet.
/// Errors: `kConfig` for a DSN libpq does not understand; the message has no part of the password.
/// Lifetime: `clock` outlives the driver.
[[nodiscard]] std::unique_ptr<spi::Driver> make_postgres_driver(
    const Options& options, const Clock& clock = system_clock());

}  // namespace weir
