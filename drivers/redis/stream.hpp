#pragma once

#include <memory>
#include <string>

#include "drivers/redis/router.hpp"
#include "weir/clock.hpp"
#include "weir/options.hpp"
#include "weir/spi/remote_store.hpp"

namespace weir::redis {

/// A Redis stream. Reads on a connection of its own; appends through the router's.
/// Lifetime: `router`, `options` and `clock` outlive it.
[[nodiscard]] std::unique_ptr<spi::ChangeStream> make_change_stream(Router& router,
                                                                    std::string name,
                                                                    const RedisOptions& options,
                                                                    const Clock& clock);

}  // namespace weir::redis
