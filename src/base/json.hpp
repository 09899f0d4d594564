#pragma once

#include <string>
#include <string_view>

namespace weir::detail {

/// Appends `text` as a JSON string, quotes included; malformed UTF-8 becomes U+FFFD.
void append_json_string(std::string& out, std::string_view text);
[[nodiscard]] std::string json_quote(std::string_view text);

}  // namespace weir::detail
