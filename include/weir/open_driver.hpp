#pragma once

#include <memory>

#include "weir/clock.hpp"
#include "weir/options.hpp"
#include "weir/spi/driver.hpp"
#include "weir/spi/remote_store.hpp"

namespace weir {

/// The driver for `options.database`, connected to nothing yet: for tools that want a database's
/// `Admin` or a bare connection. Defined in weir::weir. Errors: `kConfig` naming the option.
[[nodiscard]] std::unique_ptr<spi::Driver> open_driver(const Options& options,
                                                       const Clock& clock = system_clock());
/// The store for `options.redis`, connected to nothing yet; null when that is empty. Errors:
/// `kConfig` naming the option.
[[nodiscard]] std::unique_ptr<spi::RemoteStore> open_store(const Options& options,
                                                           const Clock& clock = system_clock());

}  // namespace weir
