#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "weir/params.hpp"
#include "weir/spi/driver.hpp"

namespace weir::postgres {

/// Characters of a text that a change to its row tells; longer values that begin alike share.
inline constexpr std::size_t kKeyCharacters = 64;

/// The canonical form of a parameter compared for equality with a column of `type`, one of "int",
/// "bool", "uuid" and "text": what `column::text` prints, a text as `left(translate(column,
/// E'\x1f', '?'), 64)`. Parameters reach the server as params.cpp writes them. Thread safety: safe.
[[nodiscard]] spi::KeyText key_value(std::string_view type, const ParamView& value);

/// The same for a text as the type's input function reads it.
[[nodiscard]] spi::KeyText key_text(std::string_view type, std::string_view text);

}  // namespace weir::postgres
