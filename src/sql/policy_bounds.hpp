#pragma once

#include <string_view>

#include "weir/policy.hpp"

namespace weir::detail {

/// Throws `kConfig` naming the field, its value and the bound, with `where` before the field: a
/// policy may come from the options, a hint or a rules file.
void check_policy(const Policy& policy, std::string_view where);
/// As above, for the name of a declared query or a hint.
void check_query_name(std::string_view name, std::string_view where);

}  // namespace weir::detail
