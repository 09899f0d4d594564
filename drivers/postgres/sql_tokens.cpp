#include "drivers/postgres/sql_tokens.hpp"

#include <pg_query.h>

#include <algorithm>
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

/// Whether the scanner would take too long: it looks at a run of operator characters again from
/// each of them, in comments and constants too.
bool has_long_operators(std::string_view sql) noexcept {
  constexpr std::string_view kOperator = "~!@#^&|`?+-*/%<>=";
  constexpr std::size_t kMaxSteps = 4'000'000;
  std::size_t steps = 0;
  std::size_t run = 0;
  for (const char c : sql) {
    run = kOperator.find(c) == std::string_view::npos ? 0 : run + 1;
    steps += run;
    if (steps > kMaxSteps) return true;
  }
  return false;
}

/// The end of a `U&` token at `start`, where libpg_query 15 says it is empty or one character long:
/// all up to the next token.
std::size_t end_of_unicode(std::string_view sql, std::size_t start, std::size_t next) noexcept {
  const std::string_view token = sql.substr(start, next - start);
  if (token.size() < 4 || (token[0] != 'U' && token[0] != 'u') || token[1] != '&') return 0;
  std::size_t size = token.size();
  while (is_space(token[size - 1])) --size;
  return size > 3 && token[size - 1] == token[2] ? start + size : 0;
}

}  // namespace

std::optional<std::vector<Token>> tokenize(std::string_view sql) {
  if (sql.find('\0') != std::string_view::npos || has_long_operators(sql)) return std::nullopt;
  const std::string text{sql};
  const ParserLock lock{parser_mutex()};
  const PgQueryScanResult result = pg_query_scan(text.c_str());
  struct Free {
    PgQueryScanResult scanned;
    ~Free() { pg_query_free_scan_result(scanned); }
  };
  const Free free{result};
  if (result.error != nullptr) return std::nullopt;

  std::vector<WireToken> places;
  WireReader reader{{result.pbuf.data, result.pbuf.len}};
  while (!reader.done()) {
    const std::uint64_t tag = reader.varint();
    if (tag == ((1U << 3U) | kVarint)) {  // the parser's version
      static_cast<void>(reader.varint());
    } else if (tag != ((2U << 3U) | kChunk) || !read_token(reader.chunk(), places.emplace_back())) {
      return std::nullopt;
    }
  }
  if (!reader.ok()) return std::nullopt;

  std::vector<Token> tokens;
  tokens.reserve(places.size());
  std::size_t covered = 0;
  const auto only_space = [&](std::size_t end) {
    while (covered < end && is_space(sql[covered])) ++covered;
    return covered == end;
  };
  for (std::size_t i = 0; i < places.size(); ++i) {
    WireToken place = places[i];
    const std::size_t next = i + 1 < places.size() ? places[i + 1].start : sql.size();
    if (place.start < covered || next <= place.start || next > sql.size()) return std::nullopt;
    if (sql[place.start] == 'U' || sql[place.start] == 'u') {
      place.end = std::max(place.end, end_of_unicode(sql, place.start, next));
    }
    if (place.end <= place.start || place.end > next || !only_space(place.start)) {
      return std::nullopt;
    }
    const std::string_view part = sql.substr(place.start, place.end - place.start);
    tokens.push_back({kind_of(part, place.keyword), part});
    covered = place.end;
  }
  if (!only_space(sql.size())) return std::nullopt;
  return tokens;
}

}  // namespace weir::postgres
