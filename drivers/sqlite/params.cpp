#include "drivers/sqlite/params.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string>

#include "weir/error.hpp"
#include "weir/spi/text.hpp"

namespace weir::sqlite {
namespace {

constexpr std::size_t kMaxParameters = 65535;

[[noreturn]] void refuse(const std::string& message) {
  throw Error{ErrorCode::kUsage, message, ErrorDetails{.backend = "sqlite"}};
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

[[noreturn]] void refuse_number(std::string_view name) {
  refuse(fmt::format("parameter '{}': the number must be 1 to {}", name, kMaxParameters));
}

// N of `$N`. Throws for `$1::int`, which SQLite reads as one name.
std::optional<std::size_t> dollar_number(std::string_view name) {
  if (name.size() < 2 || name[0] != '$' || !is_digit(name[1])) return std::nullopt;
  std::size_t number = 0;
  const auto [end, fault] = std::from_chars(name.data() + 1, name.data() + name.size(), number);
  if (end != name.data() + name.size()) {
    refuse(fmt::format(
        "parameter '{}': SQLite takes this for one name; write CAST(${} AS …) instead of ::", name,
        number));
  }
  if (fault != std::errc{} || number < 1 || number > kMaxParameters) refuse_number(name);
  return number;
}

std::string iso_date(std::int64_t days, std::size_t position) {
  // SQLite's date functions know the years 0000 to 9999; beyond, text no longer sorts as time does.
  constexpr std::int64_t kFirst = -719528;  // 0000-01-01
  constexpr std::int64_t kLast = 2932896;   // 9999-12-31
  if (days < kFirst || days > kLast) {
    refuse(fmt::format(
        "parameter {}: the date is outside the years 0000 to 9999, which SQLite has no text for",
        position));
  }
  const std::chrono::year_month_day date{
      std::chrono::sys_days{std::chrono::days{static_cast<int>(days)}}};
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
}

// As `CURRENT_TIMESTAMP` writes it; a fraction has six digits, so that texts sort as times do.
std::string iso_timestamp(std::int64_t microseconds, std::size_t position) {
  constexpr std::int64_t kDay = 86'400'000'000;
  std::int64_t days = microseconds / kDay;
  std::int64_t rest = microseconds % kDay;
  if (rest < 0) {
    rest += kDay;
    --days;
  }
  const std::int64_t seconds = rest / 1'000'000;
  const std::int64_t fraction = rest % 1'000'000;
  std::string text = fmt::format("{} {:02}:{:02}:{:02}", iso_date(days, position), seconds / 3600,
                                 seconds / 60 % 60, seconds % 60);
  if (fraction != 0) text += fmt::format(".{:06}", fraction);
  return text;
}

}  // namespace

ParameterMap::ParameterMap(sqlite3_stmt* statement) {
  const int count = sqlite3_bind_parameter_count(statement);
  wanted_ = static_cast<std::size_t>(count);
  int used = 0;
  for (int index = 1; index <= count; ++index) {
    // No name: a plain `?`, or a number below some `?N` that nothing uses.
    const char* const name = sqlite3_bind_parameter_name(statement, index);
    if (name == nullptr) continue;
    if (name[0] == '?') {
      if (static_cast<std::size_t>(index) > kMaxParameters) refuse_number(name);
      highest_ = name;
    }
    const auto number = dollar_number(name);
    if (!number) continue;
    ++used;
    if (index_of_.size() < *number) {
      index_of_.resize(*number, 0);
      highest_ = name;
    }
    index_of_[*number - 1] = index;
  }
  if (used == 0) return;
  if (used != count)
    refuse("parameters: $1, $2 … cannot be mixed with ?, ?1 or named ones in one statement");
  wanted_ = index_of_.size();
}

void ParameterMap::bind(sqlite3_stmt* statement, const Params& params) const {
  if (params.size() != wanted_) {
    refuse(fmt::format("the statement takes {} parameter{}, {} given{}{}", wanted_,
                       wanted_ == 1 ? "" : "s", params.size(),
                       highest_.empty() ? "" : "; its highest is ", highest_));
  }
  std::size_t position = 0;
  params.for_each([&](const ParamView& value) { bind_one(statement, value, ++position); });
}

void ParameterMap::bind_one(sqlite3_stmt* statement, const ParamView& value,
                            std::size_t position) const {
  const int index = index_of_.empty() ? static_cast<int>(position) : index_of_[position - 1];
  if (index == 0) return;
  int code = SQLITE_OK;
  const auto bind_text = [&](std::string_view text) {
    return sqlite3_bind_text64(statement, index, text.data(), text.size(), SQLITE_TRANSIENT,
                               SQLITE_UTF8);
  };
  switch (value.type()) {
    case ParamType::kNull:
      code = sqlite3_bind_null(statement, index);
      break;
    case ParamType::kBool:
      code = sqlite3_bind_int(statement, index, value.boolean() ? 1 : 0);
      break;
    case ParamType::kInt64:
      code = sqlite3_bind_int64(statement, index, value.integer());
      break;
    case ParamType::kDouble:
      if (std::isnan(value.real()))
        refuse(fmt::format("parameter {}: SQLite has no NaN", position));
      code = sqlite3_bind_double(statement, index, value.real());
      break;
    case ParamType::kText:
      spi::require_clean_text(value.text(), fmt::format("parameter {}", position));
      code = bind_text(value.text());
      break;
    case ParamType::kBytes:
      // A null pointer would bind NULL.
      code = sqlite3_bind_blob64(statement, index, value.text().empty() ? "" : value.text().data(),
                                 value.text().size(), SQLITE_TRANSIENT);
      break;
    case ParamType::kTimestamp:
      code = bind_text(iso_timestamp(value.integer(), position));
      break;
    case ParamType::kDate:
      code = bind_text(iso_date(value.integer(), position));
      break;
    case ParamType::kArray:
      refuse(fmt::format(
          "parameter {}: SQLite has no arrays; pass the values as one JSON text and write "
          "IN (SELECT value FROM json_each(?))",
          position));
  }
  if (code == SQLITE_TOOBIG) {
    refuse(fmt::format("parameter {}: {} bytes are more than SQLite's limit of {}", position,
                       value.text().size(),
                       sqlite3_limit(sqlite3_db_handle(statement), SQLITE_LIMIT_LENGTH, -1)));
  }
  if (code != SQLITE_OK) {
    throw Error{ErrorCode::kDatabase,
                fmt::format("parameter {}: {}", position, sqlite3_errstr(code)),
                ErrorDetails{.backend = "sqlite"}};
  }
}

}  // namespace weir::sqlite
