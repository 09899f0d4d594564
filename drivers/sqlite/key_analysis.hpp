#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "drivers/sqlite/catalog.hpp"
#include "drivers/sqlite/handle.hpp"
#include "drivers/sqlite/location.hpp"
#include "weir/spi/analysis.hpp"

namespace weir::sqlite {

/// Finds the keys of the tables a statement reads, or says of each why it counts as a whole.
/// `opaque`: why nothing of the text can be believed; empty when it can. REQUIRES: `analysis` has
/// the relations and parameters; a transaction is open. Errors: `Error`.
void judge_keys(spi::Analysis& analysis, Handle& handle, const Location& location, Catalog& catalog,
                const std::vector<TableName>& tables, std::string opaque, std::string_view sql);

}  // namespace weir::sqlite
