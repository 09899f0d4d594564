#pragma once

#include <span>

#include "weir/spi/admin.hpp"

namespace weir::sqlite {

/// The SQLite migrations in order, compiled in from migrations/sqlite. Lifetime: the whole process.
[[nodiscard]] std::span<const spi::Migration> migrations();

}  // namespace weir::sqlite
