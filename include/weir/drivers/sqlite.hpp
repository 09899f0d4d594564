#pragma once

#include <memory>

#include "weir/clock.hpp"
#include "weir/options.hpp"
#include "weir/spi/driver.hpp"

namespace weir {

/// The driver for the SQLite database `options.database` names (`sqlite:path` or
/// `sqlite::memory:`). Opens nothing yet. Errors: `kConfig` naming the field, the value and the
/// bound. Lifetime: `clock` outlives the driver.
[[nodiscard]] std::unique_ptr<spi::Driver> make_sqlite_driver(const Options& options,
                                                              const Clock& clock = system_clock());

}  // namespace weir
