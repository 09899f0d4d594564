#pragma once

#include <string_view>

namespace weir::postgres {

/// The first of PostgreSQL's words for a moving time (`now`, `today`, `tomorrow`, `yesterday`) that
/// stands as a word of its own in `text`, in any case; empty when there is none. As a constant of a
/// date or time type such a text means another value each time.
[[nodiscard]] std::string_view time_word(std::string_view text) noexcept;

}  // namespace weir::postgres
