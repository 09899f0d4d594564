#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "drivers/sqlite/table_shape.hpp"
#include "weir/spi/driver.hpp"

namespace weir::sqlite {

/// The canonical text of the values of key columns: what analysis, engine and triggers agree on.
///
/// `i` and a decimal for a whole number, `t` and the first characters for a text. A column of
/// TEXT affinity holds whole numbers as texts. SQLite compares a parameter with a column after it
/// applied the column's affinity to it; what that makes of a text that looks like a number but is
/// not plainly a whole one is not known here, and neither is a REAL or a BLOB.
inline constexpr std::size_t kKeyTextLimit = 64;  ///< Characters.

/// What a parameter compared with a column of a class means. See `Driver::key_value`.
[[nodiscard]] spi::KeyText key_text(KeyClass key, const ParamView& value);
/// The same for a whole number, and for a text. Empty where it is not known.
[[nodiscard]] std::string key_text(KeyClass key, std::int64_t value);
[[nodiscard]] std::optional<std::string> key_text(KeyClass key, std::string_view value);

/// SQL for the canonical text of `reference`, a column of that class, after `prefix`; the empty
/// text for NULL; NULL for a value that has no such text.
[[nodiscard]] std::string key_text_sql(KeyClass key, std::string_view reference,
                                       std::string_view prefix);

}  // namespace weir::sqlite
