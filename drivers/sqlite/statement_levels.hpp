#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "drivers/sqlite/scan.hpp"

namespace weir::sqlite {

/// One token of a statement, without space and comments.
struct SqlToken {
  TokenKind kind{};
  std::string_view text{};
  std::string name{};        ///< Of words and quoted identifiers: what they name, in lower case.
  std::size_t partner{0};    ///< Of a parenthesis: where the other one is.
  std::size_t parameter{0};  ///< Of a parameter: its number as the driver counts them.

  /// A symbol, respectively an unquoted word given in lower case.
  [[nodiscard]] bool is(char symbol) const noexcept {
    return kind == TokenKind::kSymbol && text.front() == symbol;
  }
  [[nodiscard]] bool is(std::string_view word) const noexcept {
    return kind == TokenKind::kWord && name == word;
  }
  [[nodiscard]] bool names() const noexcept {
    return kind == TokenKind::kWord || kind == TokenKind::kQuoted;
  }
};

/// Tokens from `begin` up to but not including `end`.
struct TokenRange {
  std::size_t begin{0};
  std::size_t end{0};
  [[nodiscard]] bool empty() const noexcept { return begin >= end; }
};

enum class JoinKind : std::uint8_t {
  kInner,  ///< Comma, JOIN, INNER, CROSS; and the first item.
  kLeft,
  kOther,  ///< RIGHT, FULL, NATURAL.
};

/// One source of a FROM clause.
struct FromItem {
  JoinKind join{JoinKind::kInner};
  bool derived{false};        ///< A subquery or a function.
  std::string schema{};       ///< In lower case; empty when not said.
  std::string name{};         ///< In lower case; empty for a subquery.
  std::string alias{};        ///< What qualifies its columns, in lower case; may be empty.
  std::size_t name_token{0};  ///< Of a name: where it stands.
  TokenRange on{};
};

/// One SELECT with its sources and conditions: what is at its own level, in no deeper parentheses.
struct SelectCore {
  std::vector<FromItem> items{};
  TokenRange where{};
  bool unusual_join{false};  ///< RIGHT, FULL, NATURAL or USING somewhere.
};

/// A statement as its SELECTs.
struct StatementLevels {
  std::vector<SqlToken> tokens{};
  std::vector<SelectCore> cores{};
  std::size_t parameters{0};
  std::string fault{};  ///< What was not understood; then nothing else counts.
};

/// Reads a statement that SQLite has accepted.
///
/// Not a parser: it finds each SELECT, FROM and WHERE by the words that SQLite never takes for
/// names, and the sources between them; whatever is not as expected makes the whole statement a
/// fault. Source: src/parse.y of SQLite 3.40, "%fallback ID" for what is never a name.
[[nodiscard]] StatementLevels read_levels(std::string_view sql);

}  // namespace weir::sqlite
