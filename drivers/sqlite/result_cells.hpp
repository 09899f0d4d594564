#pragma once

#include <sqlite3.h>

#include "weir/spi/result_builder.hpp"

namespace weir::sqlite {

/// The columns of a statement's result. REQUIRES: it was stepped.
void add_columns(spi::ResultBuilder& builder, sqlite3_stmt* statement);
/// One cell of the row a statement stands on.
void add_cell(spi::ResultBuilder& builder, sqlite3_stmt* statement, int column);

}  // namespace weir::sqlite
