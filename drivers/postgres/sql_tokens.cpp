#include "drivers/postgres/sql_tokens.hpp"

#include <pg_query.h>

#include <cstdint>
#include <string>

#include "drivers/postgres/parser_lock.hpp"

namespace weir::postgres {
namespace {

/// Reads protocol-buffer wire format. After a fault everything reads as zero and `ok()` is false.
class WireReader {
 public:
  explicit WireReader(std::string_view bytes) noexcept : bytes_{bytes} {}

  [[nodiscard]] bool ok() const noexcept { return ok_; }
  [[nodiscard]] bool done() const noexcept { return !ok_ || at_ == bytes_.size(); }

  std::uint64_t varint() noexcept {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (at_ == bytes_.size()) break;
      const auto byte = static_cast<unsigned char>(bytes_[at_++]);
      value |= static_cast<std::uint64_t>(byte & 0x7fU) << shift;
      if ((byte & 0x80U) == 0) return value;
    }
    ok_ = false;
    return 0;
  }

  std::string_view chunk() noexcept {
    const std::uint64_t length = varint();
    if (!ok_ || length > bytes_.size() - at_) {
      ok_ = false;
      return {};
    }
    const std::string_view part = bytes_.substr(at_, length);
    at_ += length;
    return part;
  }

 private:
  std::string_view bytes_;
  std::size_t at_{0};
  bool ok_{true};
};

constexpr std::uint64_t kVarint = 0;
constexpr std::uint64_t kChunk = 2;

/// A ScanToken message; field numbers are the same in libpg_query 13 to 17.
struct WireToken {
  std::size_t start{0};
  std::size_t end{0};
  bool keyword{false};
};

bool read_token(std::string_view bytes, WireToken& token) {
  WireReader reader{bytes};
  while (!reader.done()) {
    const std::uint64_t tag = reader.varint();
    if ((tag & 7U) != kVarint) return false;
    const std::uint64_t value = reader.varint();
    switch (tag >> 3U) {
      case 1:
        token.start = value;
        break;
      case 2:
        token.end = value;
        break;
      case 5:
        token.keyword = value != 0;
        break;
      default:  // 4: the token's number, which differs between versions
        break;
    }
  }
  return reader.ok();
}

bool is_space(char c) noexcept {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

bool starts_word(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80U;
}

/// What a token is, by its first characters: the scanner's numbers differ between versions.
Token::Kind kind_of(std::string_view text, bool keyword) noexcept {
  if (keyword) return Token::Kind::kKeyword;
  const char first = text.front();
  const char second = text.size() > 1 ? text[1] : '\0';
  if (first == '"') return Token::Kind::kQuoted;
  if (first == '\'') return Token::Kind::kLiteral;
  if (first == '$') return is_digit(second) ? Token::Kind::kParameter : Token::Kind::kLiteral;
  if (is_digit(first) || (first == '.' && is_digit(second))) return Token::Kind::kLiteral;
  if (first == '-' && second == '-') return Token::Kind::kComment;
  if (first == '/' && second == '*') return Token::Kind::kComment;
  if (!starts_word(first)) return Token::Kind::kOther;
  if (second == '\'') return Token::Kind::kLiteral;  // E'', B'', X'', N''
  if (second == '&' && text.size() > 2) {
    if (text[2] == '\'') return Token::Kind::kLiteral;
    if (text[2] == '"') return Token::Kind::kQuoted;
  }
  return Token::Kind::kIdentifier;
}

}  // namespace

std::optional<std::vector<Token>> tokenize(std::string_view sql) {
  if (sql.find('\0') != std::string_view::npos) return std::nullopt;
  const std::string text{sql};
  const ParserLock lock{parser_mutex()};
  const PgQueryScanResult result = pg_query_scan(text.c_str());
  struct Free {
    PgQueryScanResult scanned;
    ~Free() { pg_query_free_scan_result(scanned); }
  };
  const Free free{result};
  if (result.error != nullptr) return std::nullopt;

  std::vector<Token> tokens;
  std::size_t covered = 0;
  const auto only_space = [&](std::size_t end) {
    while (covered < end && is_space(sql[covered])) ++covered;
    return covered == end;
  };
  WireReader reader{{result.pbuf.data, result.pbuf.len}};
  while (!reader.done()) {
    const std::uint64_t tag = reader.varint();
    if (tag == ((1U << 3U) | kVarint)) {  // the parser's version
      static_cast<void>(reader.varint());
      continue;
    }
    if (tag != ((2U << 3U) | kChunk)) return std::nullopt;
    WireToken token;
    if (!read_token(reader.chunk(), token)) return std::nullopt;
    if (token.start < covered || token.end <= token.start || token.end > sql.size()) {
      return std::nullopt;
    }
    if (!only_space(token.start)) return std::nullopt;
    const std::string_view part = sql.substr(token.start, token.end - token.start);
    tokens.push_back({kind_of(part, token.keyword), part});
    covered = token.end;
  }
  if (!reader.ok() || !only_space(sql.size())) return std::nullopt;
  return tokens;
}

}  // namespace weir::postgres
