#pragma once

#include <set>
#include <string_view>

#include "drivers/sqlite/access.hpp"
#include "drivers/sqlite/handle.hpp"

namespace weir::sqlite {

/// The tables whose pages the program SQLite made of a read would open.
///
/// The authorizer is not told of a table of which only columns of NATURAL or USING are used, and
/// the program leaves out tables that cannot matter: so a read is of what either of them names.
/// Source: "The SQLite Bytecode Engine", OpenRead, and src/resolve.c, SQLite 3.40. Errors: `Error`.
[[nodiscard]] std::set<TableName> opened_tables(Handle& handle, std::string_view sql);

}  // namespace weir::sqlite
