#pragma once

#include <memory>

#include "weir/clock.hpp"
#include "weir/options.hpp"
#include "weir/spi/remote_store.hpp"

namespace weir::redis {

/// The Redis at `options.url`: one server, a Sentinel group or a cluster. Connects to nothing yet.
/// Errors: `kConfig` naming the field, the value and the bound; the message has no part of a
/// password. Lifetime: `clock` outlives the store, the store its streams.
[[nodiscard]] std::unique_ptr<spi::RemoteStore> open(const RedisOptions& options,
                                                     const Clock& clock = system_clock());

}  // namespace weir::redis
