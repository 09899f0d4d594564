#include "weir/result.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "weir/error.hpp"

namespace weir {
namespace detail {
namespace {

/// The columns' names for a message, the first few of many.
std::string column_list(const spi::ResultBuffer& buffer) {
  constexpr std::size_t kMost = 20;
  std::string list;
  for (std::size_t column = 0; column < std::min(buffer.columns(), kMost); ++column) {
    list += fmt::format("{}\"{}\"", column == 0 ? "" : ", ", buffer.column_name(column));
  }
  if (buffer.columns() > kMost) list += fmt::format(" and {} more", buffer.columns() - kMost);
  return list;
}

char to_lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool equal_but_for_case(std::string_view a, std::string_view b) noexcept {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return to_lower(x) == to_lower(y); });
}

/// The one column whose name is `name` by `same`, `buffer.columns()` for none.
template <typename Same>
std::size_t find_only(const spi::ResultBuffer& buffer, std::string_view name, Same same) {
  std::size_t found = buffer.columns();
  for (std::size_t column = 0; column < buffer.columns(); ++column) {
    if (!same(buffer.column_name(column), name)) continue;
    if (found != buffer.columns()) {
      throw Error{ErrorCode::kUsage,
                  fmt::format("result: column name \"{}\" is ambiguous: columns {} and {} have it",
                              name, found, column)};
    }
    found = column;
  }
  return found;
}

}  // namespace

void throw_row_range(std::size_t row, std::size_t rows) {
  throw Error{ErrorCode::kUsage, fmt::format("result: no row {}, there are {}", row, rows)};
}

void throw_column_range(std::size_t column, std::size_t columns) {
  throw Error{ErrorCode::kUsage,
              fmt::format("result: no column {}, there are {}", column, columns)};
}

void throw_column_count(std::size_t wanted, const spi::ResultBuffer& buffer) {
  throw Error{ErrorCode::kUsage, fmt::format("result: {} column(s) wanted, there are {}: {}",
                                             wanted, buffer.columns(), column_list(buffer))};
}

void throw_row_count(std::size_t rows) {
  throw Error{ErrorCode::kUsage, fmt::format("result: one row wanted, there are {}", rows)};
}

void throw_moved_from() {
  throw Error{ErrorCode::kUsage,
              "result: this one was moved from; use the one it was moved to, or copy it instead"};
}

std::size_t find_column(const spi::ResultBuffer& buffer, std::string_view name) {
  std::size_t found = find_only(buffer, name, std::equal_to<std::string_view>{});
  if (found == buffer.columns()) found = find_only(buffer, name, equal_but_for_case);
  if (found == buffer.columns()) {
    throw Error{ErrorCode::kUsage,
                fmt::format("result: no column \"{}\", there are: {}", name, column_list(buffer))};
  }
  return found;
}

}  // namespace detail

std::string_view to_string(Source source) noexcept {
  switch (source) {
    case Source::kMemory:
      return "memory";
    case Source::kRedis:
      return "redis";
    case Source::kDatabase:
      return "database";
    case Source::kCoalesced:
      return "coalesced";
  }
  return "unknown";
}

std::string_view to_string(ReasonCode code) noexcept {
  switch (code) {
    case ReasonCode::kHit:
      return "hit";
    case ReasonCode::kAbsent:
      return "absent";
    case ReasonCode::kStale:
      return "stale";
    case ReasonCode::kExpired:
      return "expired";
    case ReasonCode::kReset:
      return "reset";
    case ReasonCode::kNotCacheable:
      return "not cacheable";
    case ReasonCode::kOff:
      return "off";
    case ReasonCode::kTransaction:
      return "transaction";
    case ReasonCode::kSession:
      return "session";
    case ReasonCode::kNotValidated:
      return "not validated";
    case ReasonCode::kTooLarge:
      return "too large";
    case ReasonCode::kWrite:
      return "write";
    case ReasonCode::kStandby:
      return "standby";
  }
  return "unknown";
}

std::string_view Result::column_name(std::size_t column) const {
  if (column >= columns()) detail::throw_column_range(column, columns());
  return here().column_name(column);
}

std::string_view Result::column_type(std::size_t column) const {
  if (column >= columns()) detail::throw_column_range(column, columns());
  return here().column_type(column);
}

std::size_t Result::column_index(std::string_view name) const {
  return detail::find_column(here(), name);
}

}  // namespace weir
