#pragma once

#include <string_view>

#include "weir/spi/analysis.hpp"

namespace weir::postgres {

/// The normal form and the hints of a statement.
///
/// Tokens joined by one space; keywords and ASCII identifiers in lower case; comments dropped but
/// for optimizer hints (`/*+ … */`); trailing semicolons dropped; literals, quoted identifiers and
/// identifiers with other characters exactly as spelled. What the scanner refuses, or might read
/// otherwise than the server does (a backslash in a plain string constant depends on
/// standard_conforming_strings), stays as it is.
/// Thread safety: safe. Complexity: linear.
[[nodiscard]] spi::Scan scan_statement(std::string_view sql);

}  // namespace weir::postgres
