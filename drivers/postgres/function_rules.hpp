#pragma once

#include <string_view>

#include "weir/spi/analysis.hpp"

namespace weir::postgres {

/// What calling one of PostgreSQL's own functions means for caching.
struct FunctionVerdict {
  enum class Effect {
    kNone,     ///< Depends on its arguments and on what is in the key.
    kTtlOnly,  ///< Depends on time, chance or something untracked.
    kNever,    ///< Depends on this very session, or does something.
  };
  Effect effect{Effect::kNone};
  bool writes{false};  ///< May change data.
  bool may_change_session{false};
};

/// Judges a function of pg_catalog by its name and pg_proc.provolatile.
///
/// Immutable ones are trusted. Of the stable ones only those of a list are: their results depend on
/// their arguments and on settings in the key (TimeZone, DateStyle, lc_*, …) alone. Volatile ones
/// never are.
[[nodiscard]] FunctionVerdict judge_builtin(std::string_view name, char volatility) noexcept;

/// Whether a cast to this type of pg_catalog reads the catalogs (`regclass` and its kin).
[[nodiscard]] bool is_catalog_type(std::string_view type) noexcept;

/// Whether text cast to this type of pg_catalog may say 'now'.
[[nodiscard]] bool is_time_type(std::string_view type) noexcept;

/// Whether a relation of pg_catalog shows something else to each session.
[[nodiscard]] bool is_session_relation(std::string_view name) noexcept;

}  // namespace weir::postgres
