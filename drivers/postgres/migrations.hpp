#pragma once

#include <span>

#include "weir/spi/admin.hpp"

namespace weir::postgres {

/// The PostgreSQL migrations in order, compiled in from migrations/postgres. Lifetime: the whole
/// process.
[[nodiscard]] std::span<const spi::Migration> migrations();

}  // namespace weir::postgres
