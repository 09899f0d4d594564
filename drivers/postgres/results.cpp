#include "drivers/postgres/results.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>

#include "weir/error.hpp"
#include "weir/spi/result_builder.hpp"

namespace weir::postgres {
namespace {

struct TypeName {
  Oid oid;
  std::string_view name;
};

// pg_type's rows of the types met every day; their oids never change. Ascending.
constexpr std::array kTypeNames{
    TypeName{16, "bool"},          TypeName{17, "bytea"},
    TypeName{18, "char"},          TypeName{19, "name"},
    TypeName{20, "int8"},          TypeName{21, "int2"},
    TypeName{22, "int2[]"},        TypeName{23, "int4"},
    TypeName{25, "text"},          TypeName{26, "oid"},
    TypeName{27, "tid"},           TypeName{28, "xid"},
    TypeName{29, "cid"},           TypeName{30, "oid[]"},
    TypeName{114, "json"},         TypeName{142, "xml"},
    TypeName{143, "xml[]"},        TypeName{199, "json[]"},
    TypeName{271, "xid8[]"},       TypeName{600, "point"},
    TypeName{601, "lseg"},         TypeName{602, "path"},
    TypeName{603, "box"},          TypeName{604, "polygon"},
    TypeName{628, "line"},         TypeName{629, "line[]"},
    TypeName{650, "cidr"},         TypeName{651, "cidr[]"},
    TypeName{700, "float4"},       TypeName{701, "float8"},
    TypeName{705, "unknown"},      TypeName{718, "circle"},
    TypeName{719, "circle[]"},     TypeName{774, "macaddr8"},
    TypeName{775, "macaddr8[]"},   TypeName{790, "money"},
    TypeName{791, "money[]"},      TypeName{829, "macaddr"},
    TypeName{869, "inet"},         TypeName{1000, "bool[]"},
    TypeName{1001, "bytea[]"},     TypeName{1002, "char[]"},
    TypeName{1003, "name[]"},      TypeName{1005, "int2[]"},
    TypeName{1007, "int4[]"},      TypeName{1009, "text[]"},
    TypeName{1010, "tid[]"},       TypeName{1011, "xid[]"},
    TypeName{1012, "cid[]"},       TypeName{1014, "bpchar[]"},
    TypeName{1015, "varchar[]"},   TypeName{1016, "int8[]"},
    TypeName{1017, "point[]"},     TypeName{1018, "lseg[]"},
    TypeName{1019, "path[]"},      TypeName{1020, "box[]"},
    TypeName{1021, "float4[]"},    TypeName{1022, "float8[]"},
    TypeName{1027, "polygon[]"},   TypeName{1028, "oid[]"},
    TypeName{1040, "macaddr[]"},   TypeName{1041, "inet[]"},
    TypeName{1042, "bpchar"},      TypeName{1043, "varchar"},
    TypeName{1082, "date"},        TypeName{1083, "time"},
    TypeName{1114, "timestamp"},   TypeName{1115, "timestamp[]"},
    TypeName{1182, "date[]"},      TypeName{1183, "time[]"},
    TypeName{1184, "timestamptz"}, TypeName{1185, "timestamptz[]"},
    TypeName{1186, "interval"},    TypeName{1187, "interval[]"},
    TypeName{1231, "numeric[]"},   TypeName{1266, "timetz"},
    TypeName{1270, "timetz[]"},    TypeName{1560, "bit"},
    TypeName{1561, "bit[]"},       TypeName{1562, "varbit"},
    TypeName{1563, "varbit[]"},    TypeName{1700, "numeric"},
    TypeName{2205, "regclass"},    TypeName{2206, "regtype"},
    TypeName{2210, "regclass[]"},  TypeName{2211, "regtype[]"},
    TypeName{2249, "record"},      TypeName{2278, "void"},
    TypeName{2950, "uuid"},        TypeName{2951, "uuid[]"},
    TypeName{3220, "pg_lsn"},      TypeName{3221, "pg_lsn[]"},
    TypeName{3614, "tsvector"},    TypeName{3615, "tsquery"},
    TypeName{3643, "tsvector[]"},  TypeName{3645, "tsquery[]"},
    TypeName{3802, "jsonb"},       TypeName{3807, "jsonb[]"},
    TypeName{3904, "int4range"},   TypeName{3905, "int4range[]"},
    TypeName{3906, "numrange"},    TypeName{3907, "numrange[]"},
    TypeName{3908, "tsrange"},     TypeName{3909, "tsrange[]"},
    TypeName{3910, "tstzrange"},   TypeName{3911, "tstzrange[]"},
    TypeName{3912, "daterange"},   TypeName{3913, "daterange[]"},
    TypeName{3926, "int8range"},   TypeName{3927, "int8range[]"},
    TypeName{5038, "pg_snapshot"}, TypeName{5039, "pg_snapshot[]"},
    TypeName{5069, "xid8"},
};
static_assert(std::ranges::is_sorted(kTypeNames, {}, &TypeName::oid));

enum class Decoding { kBool, kInteger, kReal, kText, kBytes, kOther };

Decoding decoding(Oid type) noexcept {
  switch (type) {
    case 16:
      return Decoding::kBool;
    case 20:
    case 21:
    case 23:
    case 26:
      return Decoding::kInteger;
    case 700:
    case 701:
      return Decoding::kReal;
    case 18:
    case 19:
    case 25:
    case 1042:
    case 1043:
      return Decoding::kText;
    case 17:
      return Decoding::kBytes;
    default:
      return Decoding::kOther;
  }
}

[[noreturn]] void throw_malformed(std::string_view type) {
  throw Error{ErrorCode::kInternal,
              fmt::format("postgresql: the server's text is not a {}", type),
              {.backend = "postgresql"}};
}

template <typename T>
T parse(std::string_view text, std::string_view type) {
  T value{};
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size()) throw_malformed(type);
  return value;
}

int hex_digit(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string decode_hex(std::string_view digits) {
  if (digits.size() % 2 != 0) throw_malformed("bytea");
  std::string bytes(digits.size() / 2, '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const int high = hex_digit(digits[2 * i]);
    const int low = hex_digit(digits[2 * i + 1]);
    if (high < 0 || low < 0) throw_malformed("bytea");
    bytes[i] = static_cast<char>(high * 16 + low);
  }
  return bytes;
}

/// `\\` is a backslash, `\nnn` an octal byte, the rest itself.
std::string decode_escape(std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      bytes += text[i];
    } else if (i + 1 < text.size() && text[i + 1] == '\\') {
      bytes += '\\';
      ++i;
    } else if (i + 3 < text.size()) {
      unsigned byte = 0;
      const char* const end = text.data() + i + 4;
      const auto parsed = std::from_chars(text.data() + i + 1, end, byte, 8);
      if (parsed.ec != std::errc{} || parsed.ptr != end || byte > 255) throw_malformed("bytea");
      bytes += static_cast<char>(byte);
      i += 3;
    } else {
      throw_malformed("bytea");
    }
  }
  return bytes;
}

}  // namespace

std::string_view builtin_type_name(Oid type) noexcept {
  const auto* found = std::ranges::lower_bound(kTypeNames, type, {}, &TypeName::oid);
  return found != kTypeNames.end() && found->oid == type ? found->name : std::string_view{};
}

std::vector<Oid> unknown_types(const Rows& rows) {
  std::vector<Oid> types;
  for (std::size_t column = 0; column < rows.columns(); ++column) {
    const Oid type = PQftype(rows.get(), static_cast<int>(column));
    if (builtin_type_name(type).empty() && std::ranges::find(types, type) == types.end())
      types.push_back(type);
  }
  return types;
}

std::string decode_bytea(std::string_view text) {
  return text.starts_with("\\x") ? decode_hex(text.substr(2)) : decode_escape(text);
}

spi::ResultRef to_result(const Rows& rows, const std::function<std::string(Oid)>& name_of) {
  spi::ResultBuilder builder;
  std::vector<Decoding> decodings;
  decodings.reserve(rows.columns());
  for (std::size_t column = 0; column < rows.columns(); ++column) {
    const Oid type = PQftype(rows.get(), static_cast<int>(column));
    const std::string_view name = builtin_type_name(type);
    builder.add_column(PQfname(rows.get(), static_cast<int>(column)),
                       name.empty() ? name_of(type) : std::string{name});
    decodings.push_back(decoding(type));
  }
  if (decodings.empty()) return builder.finish(rows.size());
  for (std::size_t row = 0; row < rows.size(); ++row) {
    for (std::size_t column = 0; column < decodings.size(); ++column) {
      if (rows.is_null(row, column)) {
        builder.null();
        continue;
      }
      const std::string_view text = rows.text(row, column);
      switch (decodings[column]) {
        case Decoding::kBool:
          builder.boolean(text == "t");
          break;
        case Decoding::kInteger:
          builder.integer(parse<std::int64_t>(text, "integer"));
          break;
        case Decoding::kReal:
          builder.real(parse<double>(text, "float"));
          break;
        case Decoding::kText:
          builder.text(text);
          break;
        case Decoding::kBytes:
          builder.bytes(decode_bytea(text));
          break;
        case Decoding::kOther:
          builder.other(text);
          break;
      }
    }
  }
  return builder.finish();
}

}  // namespace weir::postgres
