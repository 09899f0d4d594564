#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weir/spi/analysis.hpp"

namespace weir::sqlite {

enum class TokenKind : std::uint8_t {
  kSpace,
  kComment,
  kWord,    ///< A keyword or an unquoted identifier.
  kQuoted,  ///< A "…", `…` or […] identifier; SQLite may take the first for a string.
  kString,  ///< '…' or x'…'.
  kNumber,
  kParameter,  ///< ?, ?N, :name, @name, $name.
  kSymbol,     ///< Any other single character.
};

struct Token {
  TokenKind kind{};
  std::size_t begin{};
  std::string_view text{};
};

/// SQLite's lexical structure, as far as telling strings, comments and words apart needs it.
///
/// What is unterminated runs to the end of the text.
/// Thread safety: distinct objects safe; shared object unsafe. Lifetime: tokens are views into the
/// text. Source: "SQLite tokenizer", src/tokenize.c of SQLite 3.40, `sqlite3GetToken`.
class Tokenizer {
 public:
  explicit Tokenizer(std::string_view sql, std::size_t at = 0) noexcept : sql_{sql}, at_{at} {}
  /// Empty at the end of the text.
  [[nodiscard]] std::optional<Token> next() noexcept;
  /// As `next`, but skips space and comments.
  [[nodiscard]] std::optional<Token> next_meaningful() noexcept;

 private:
  [[nodiscard]] std::size_t token_length(TokenKind& kind) const noexcept;
  [[nodiscard]] std::size_t until(std::size_t from, std::string_view end) const noexcept;
  [[nodiscard]] std::size_t quoted(std::size_t from, char quote) const noexcept;
  [[nodiscard]] std::size_t word(std::size_t from) const noexcept;
  [[nodiscard]] std::size_t parameter() const noexcept;
  [[nodiscard]] char peek(std::size_t ahead) const noexcept {
    return at_ + ahead < sql_.size() ? sql_[at_ + ahead] : '\0';
  }

  std::string_view sql_;
  std::size_t at_;
};

/// The statement's normal form and its hints.
///
/// SQLite names a result column after its expression's very text, and that text runs on to the next
/// token: in `SELECT 1 /* weir: off */` the column is called `1 /* weir: off */`. So the normal
/// form takes away only what no column name can contain: space around the statement, hint comments
/// before it, and semicolons after it.
[[nodiscard]] spi::Scan scan_statement(std::string_view sql);

/// Where in `sql`, from `at` on, something other than space, comments and semicolons begins; empty
/// when nowhere.
[[nodiscard]] std::optional<std::size_t> find_statement(std::string_view sql, std::size_t at);

/// The first word in upper case; empty when the text begins with something else.
[[nodiscard]] std::string first_word(std::string_view sql);

/// A name, respectively a text, as SQL spells it.
[[nodiscard]] std::string quote_name(std::string_view name);
[[nodiscard]] std::string quote_text(std::string_view text);

[[nodiscard]] bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept;
[[nodiscard]] std::string to_lower(std::string_view text);

}  // namespace weir::sqlite
