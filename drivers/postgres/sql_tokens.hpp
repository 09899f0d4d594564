#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

namespace weir::postgres {

/// One token of a statement, comments included.
struct Token {
  enum class Kind {
    kKeyword,
    kIdentifier,  ///< Unquoted.
    kParameter,   ///< `$1`.
    kLiteral,     ///< Any constant, in any quoting; adjacent string constants are one.
    kQuoted,      ///< A quoted identifier, `U&"…"` included.
    kComment,     ///< `-- …` or `/* … */`.
    kOther,       ///< Operators and punctuation.
  };
  Kind kind{Kind::kOther};
  std::string_view text{};
};

/// The tokens of `sql` by PostgreSQL's own scanner (standard_conforming_strings on), or empty when
/// it refuses the text or when what lies between the tokens is not plain white space.
///
/// Lifetime: the tokens point into `sql`. Thread safety: safe.
[[nodiscard]] std::optional<std::vector<Token>> tokenize(std::string_view sql);

}  // namespace weir::postgres
