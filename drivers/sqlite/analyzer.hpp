#pragma once

#include <string_view>

#include "drivers/sqlite/access.hpp"
#include "drivers/sqlite/handle.hpp"
#include "weir/spi/analysis.hpp"

namespace weir::sqlite {

/// What `sql` reads and writes, by compiling it on the connection.
///
/// A connection compiles against the schema as it last read it, and finds out only when a statement
/// runs that another process changed it meanwhile. So everything here happens inside one read
/// transaction that has looked at every schema first. Errors: `Error` when the database cannot be
/// read; a wrong statement is `kOther`.
[[nodiscard]] spi::Analysis analyze_statement(Handle& handle, AccessRecorder& recorder,
                                              const Location& location, std::string_view sql);

/// Why a statement is not run, and the declared way to do it; empty for one that is.
[[nodiscard]] std::string refusal_of(const StatementAccess& access);

}  // namespace weir::sqlite
