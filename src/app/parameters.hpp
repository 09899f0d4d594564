#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "weir/params.hpp"

namespace weir::app {

/// The parameters that a command line's words stand for.
///
/// `int:42`, `double:1.5`, `bool:true`, `text:…`, `bytes:` and hexadecimal digits, `null:` say what
/// they are. A word without such a prefix is an integer or a decimal number if it is written
/// exactly as one is printed (`42`, `-7`, `1.5`), and a text otherwise (`042`, `1.50`,
/// `2026-01-31`). Errors: `kUsage` naming the parameter's number; its value is not shown.
[[nodiscard]] Params parse_parameters(const std::vector<std::string>& words);

}  // namespace weir::app
