#include "drivers/sqlite/scan.hpp"

#include <algorithm>

namespace weir::sqlite {
namespace {

bool is_space(char c) noexcept {
  return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r';
}
bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
bool is_letter(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}
bool is_name(char c) noexcept { return is_letter(c) || is_digit(c) || c == '$'; }
char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string_view trim(std::string_view text) noexcept {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

// The body of `/* weir: body */`; empty optional for any other comment.
std::optional<std::string_view> hint_body(std::string_view comment) noexcept {
  constexpr std::string_view kMark = "weir:";
  if (!comment.starts_with("/*")) return std::nullopt;
  comment.remove_prefix(2);
  if (comment.ends_with("*/")) comment.remove_suffix(2);
  comment = trim(comment);
  if (!comment.starts_with(kMark)) return std::nullopt;
  return trim(comment.substr(kMark.size()));
}

std::string quoted_by(std::string_view text, char quote) {
  std::string result(1, quote);
  for (const char c : text) {
    if (c == quote) result += quote;
    result += c;
  }
  return result + quote;
}

}  // namespace

std::size_t Tokenizer::until(std::size_t from, std::string_view end) const noexcept {
  const std::size_t found = sql_.find(end, at_ + from);
  return found == std::string_view::npos ? sql_.size() - at_ : found + end.size() - at_;
}

// A doubled quote is a quote inside.
std::size_t Tokenizer::quoted(std::size_t from, char quote) const noexcept {
  std::size_t length = from;
  for (; at_ + length < sql_.size(); ++length) {
    if (peek(length) != quote) continue;
    if (peek(length + 1) != quote) return length + 1;
    ++length;
  }
  return sql_.size() - at_;
}

std::size_t Tokenizer::word(std::size_t from) const noexcept {
  std::size_t length = from;
  while (at_ + length < sql_.size() && is_name(peek(length))) ++length;
  return length;
}

// `$name` may go on with `::name` and end with `(…)`, as in Tcl.
std::size_t Tokenizer::parameter() const noexcept {
  if (peek(0) == '?') {
    std::size_t length = 1;
    while (is_digit(peek(length))) ++length;
    return length;
  }
  std::size_t length = word(1);
  while (peek(length) == ':' && peek(length + 1) == ':') length = word(length + 2);
  if (length > 1 && peek(length) == '(') {
    std::size_t end = length + 1;
    while (at_ + end < sql_.size() && !is_space(peek(end)) && peek(end) != ')') ++end;
    if (peek(end) == ')') length = end + 1;
  }
  return length;
}

std::size_t Tokenizer::token_length(TokenKind& kind) const noexcept {
  const char c = peek(0);
  const char d = peek(1);
  if (is_space(c)) {
    kind = TokenKind::kSpace;
    std::size_t length = 1;
    while (at_ + length < sql_.size() && is_space(peek(length))) ++length;
    return length;
  }
  if (c == '-' && d == '-') {
    kind = TokenKind::kComment;
    return until(2, "\n");
  }
  if (c == '/' && d == '*' && at_ + 2 < sql_.size()) {
    kind = TokenKind::kComment;
    return until(2, "*/");
  }
  if (c == '\'') {
    kind = TokenKind::kString;
    return quoted(1, '\'');
  }
  if ((c == 'x' || c == 'X') && d == '\'') {
    kind = TokenKind::kString;
    return until(2, "'");
  }
  if (c == '"' || c == '`') {
    kind = TokenKind::kQuoted;
    return quoted(1, c);
  }
  if (c == '[') {
    kind = TokenKind::kQuoted;
    return until(1, "]");
  }
  if (c == '?' || c == ':' || c == '@' || c == '$' || c == '#') {
    kind = TokenKind::kParameter;
    return parameter();
  }
  if (is_digit(c) || (c == '.' && is_digit(d))) {
    kind = TokenKind::kNumber;
    std::size_t length = 1;
    while (at_ + length < sql_.size()) {
      const char n = peek(length);
      const bool sign = (n == '+' || n == '-') && lower(peek(length - 1)) == 'e' && lower(d) != 'x';
      if (!is_name(n) && n != '.' && !sign) break;
      ++length;
    }
    return length;
  }
  if (is_letter(c)) {
    kind = TokenKind::kWord;
    return word(1);
  }
  kind = TokenKind::kSymbol;
  return 1;
}

std::optional<Token> Tokenizer::next() noexcept {
  if (at_ >= sql_.size()) return std::nullopt;
  Token token;
  const std::size_t length = std::min(token_length(token.kind), sql_.size() - at_);
  token.begin = at_;
  token.text = sql_.substr(at_, length);
  at_ += length;
  return token;
}

std::optional<Token> Tokenizer::next_meaningful() noexcept {
  std::optional<Token> token = next();
  while (token && (token->kind == TokenKind::kSpace || token->kind == TokenKind::kComment))
    token = next();
  return token;
}

spi::Scan scan_statement(std::string_view sql) {
  spi::Scan scan;
  std::size_t begin = sql.size();  // of the first token that stays
  std::size_t end = 0;             // of the last one
  std::size_t end_with_comments = 0;
  Tokenizer tokens{sql};
  while (const auto token = tokens.next()) {
    const std::size_t token_end = token->begin + token->text.size();
    if (token->kind == TokenKind::kSpace) continue;
    if (token->kind == TokenKind::kComment) {
      const auto hint = hint_body(token->text);
      if (hint) scan.hints.emplace_back(*hint);
      if (begin == sql.size() && hint) continue;
      if (begin == sql.size()) begin = token->begin;
      end_with_comments = token_end;
      continue;
    }
    if (token->text == ";") continue;
    if (begin == sql.size()) begin = token->begin;
    end = token_end;
    end_with_comments = std::max(end_with_comments, token_end);
  }
  // Comments after the last token belong to the last column's name; semicolons between them stay
  // with them.
  if (end_with_comments < end) end_with_comments = end;
  if (begin < end_with_comments) scan.normalized = sql.substr(begin, end_with_comments - begin);
  return scan;
}

std::optional<std::size_t> find_statement(std::string_view sql, std::size_t at) {
  Tokenizer tokens{sql, at};
  while (const auto token = tokens.next_meaningful()) {
    if (token->text != ";") return token->begin;
  }
  return std::nullopt;
}

std::string first_word(std::string_view sql) {
  const auto start = find_statement(sql, 0);
  if (!start) return {};
  const auto token = Tokenizer{sql, *start}.next();
  if (!token || token->kind != TokenKind::kWord) return {};
  std::string word{token->text};
  std::transform(word.begin(), word.end(), word.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  return word;
}

std::string quote_name(std::string_view name) { return quoted_by(name, '"'); }
std::string quote_text(std::string_view text) { return quoted_by(text, '\''); }

bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

std::string to_lower(std::string_view text) {
  std::string copy{text};
  std::transform(copy.begin(), copy.end(), copy.begin(), lower);
  return copy;
}

}  // namespace weir::sqlite
