#include "drivers/postgres/scan.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "drivers/postgres/sql_tokens.hpp"

namespace weir::postgres {
namespace {

constexpr std::string_view kHintPrefix = "weir:";

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x80U; });
}

void append_folded(std::string& out, std::string_view text) {
  if (!is_ascii(text)) {
    out.append(text);
    return;
  }
  for (const char c : text) out.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c);
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\n\r\f\v";
  const std::size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

/// The body of a `/* weir: … */` comment.
std::optional<std::string> hint_in(std::string_view comment) {
  if (!comment.starts_with("/*")) return std::nullopt;
  const std::string_view body = trim(comment.substr(2, comment.size() - 4));
  if (!body.starts_with(kHintPrefix)) return std::nullopt;
  return std::string{trim(body.substr(kHintPrefix.size()))};
}

/// Whether the server may see another constant than the scanner did.
bool depends_on_backslash(const Token& token) {
  return token.kind == Token::Kind::kLiteral && token.text.front() != 'e' &&
         token.text.front() != 'E' && token.text.front() != '$' &&
         token.text.find('\\') != std::string_view::npos;
}

}  // namespace

spi::Scan scan_statement(std::string_view sql) {
  spi::Scan scan;
  const std::optional<std::vector<Token>> tokens = tokenize(sql);
  if (!tokens) {
    scan.normalized = std::string{sql};
    return scan;
  }
  bool exact = false;
  std::size_t end = 0;  // of the normal form without trailing semicolons
  for (const Token& token : *tokens) {
    if (token.kind == Token::Kind::kComment) {
      if (std::optional<std::string> hint = hint_in(token.text)) {
        scan.hints.push_back(*std::move(hint));
        continue;
      }
      if (!token.text.starts_with("/*+")) continue;
    }
    exact = exact || depends_on_backslash(token);
    if (!scan.normalized.empty()) scan.normalized.push_back(' ');
    if (token.kind == Token::Kind::kKeyword || token.kind == Token::Kind::kIdentifier) {
      append_folded(scan.normalized, token.text);
    } else {
      scan.normalized.append(token.text);
    }
    if (token.text != ";") end = scan.normalized.size();
  }
  if (exact) {
    scan.normalized = std::string{sql};
  } else {
    scan.normalized.resize(end);
  }
  return scan;
}

}  // namespace weir::postgres
