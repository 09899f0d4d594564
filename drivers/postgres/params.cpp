#include "drivers/postgres/params.hpp"

#include <fmt/core.h>

#include <cmath>
#include <string_view>

#include "weir/error.hpp"
#include "weir/spi/text.hpp"

namespace weir::postgres {
namespace {

constexpr std::int64_t kMicrosPerSecond = 1'000'000;
constexpr std::int64_t kSecondsPerDay = 86'400;

struct Civil {
  std::int64_t year;
  unsigned month;
  unsigned day;
};

/// Days since 1970-01-01 as a date of the proleptic Gregorian calendar; std::chrono::year ends at
/// 32767. Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days.
Civil civil(std::int64_t days) {
  days += 719'468;
  const std::int64_t era = (days >= 0 ? days : days - 146'096) / 146'097;
  const auto day_of_era = static_cast<unsigned>(days - era * 146'097);
  const unsigned year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const unsigned day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const unsigned shifted = (5 * day_of_year + 2) / 153;
  const unsigned month = shifted < 10 ? shifted + 3 : shifted - 9;
  return {static_cast<std::int64_t>(year_of_era) + era * 400 + (month <= 2 ? 1 : 0), month,
          day_of_year - (153 * shifted + 2) / 5 + 1};
}

std::string era_suffix(const Civil& date) { return date.year <= 0 ? " BC" : ""; }

std::string date_part(const Civil& date) {
  return fmt::format("{:04}-{:02}-{:02}", date.year <= 0 ? 1 - date.year : date.year, date.month,
                     date.day);
}

void append_hex(std::string& out, std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out += kDigits[byte >> 4U];
    out += kDigits[byte & 15U];
  }
}

void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  out += '"';
}

void append_element(std::string& out, const ParamView& element, std::string_view what) {
  switch (element.type()) {
    case ParamType::kNull:
      out += "NULL";
      break;
    case ParamType::kBool:
      out += element.boolean() ? "t" : "f";
      break;
    case ParamType::kInt64:
      out += fmt::format("{}", element.integer());
      break;
    case ParamType::kDouble:
      out += double_text(element.real());
      break;
    case ParamType::kText:
      spi::require_clean_text(element.text(), what);
      append_quoted(out, element.text());
      break;
    case ParamType::kBytes:
      out += "\"\\\\x";
      append_hex(out, element.text());
      out += '"';
      break;
    case ParamType::kTimestamp:
      append_quoted(out, timestamp_text(element.integer()));
      break;
    case ParamType::kDate:
      append_quoted(out, date_text(element.integer()));
      break;
    case ParamType::kArray:  // Params::add makes no arrays of arrays
      throw Error{ErrorCode::kUsage, fmt::format("{}: arrays of arrays are not supported", what)};
  }
}

std::string array_text(const ArrayView& array, std::string_view what) {
  std::string out = "{";
  array.for_each([&](const ParamView& element) {
    if (out.size() > 1) out += ',';
    append_element(out, element, what);
  });
  out += '}';
  return out;
}

}  // namespace

std::string timestamp_text(std::int64_t microseconds) {
  std::int64_t seconds = microseconds / kMicrosPerSecond;
  std::int64_t micros = microseconds % kMicrosPerSecond;
  if (micros < 0) {
    micros += kMicrosPerSecond;
    --seconds;
  }
  std::int64_t days = seconds / kSecondsPerDay;
  std::int64_t second = seconds % kSecondsPerDay;
  if (second < 0) {
    second += kSecondsPerDay;
    --days;
  }
  const Civil date = civil(days);
  std::string text = fmt::format("{} {:02}:{:02}:{:02}", date_part(date), second / 3600,
                                 second / 60 % 60, second % 60);
  if (micros != 0) text += fmt::format(".{:06}", micros);
  return text + "+00" + era_suffix(date);
}

std::string date_text(std::int64_t days) {
  const Civil date = civil(days);
  return date_part(date) + era_suffix(date);
}

std::string double_text(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  // fmt's default is the shortest form that reads back the same.
  std::string text = fmt::format("{}", value);
  return text;
}

PqParams encode(const Params& params) {
  PqParams out;
  out.reserve(params.size());
  params.for_each([&](const ParamView& param) {
    const auto what = [&] { return fmt::format("parameter {}", out.count() + 1); };
    switch (param.type()) {
      case ParamType::kNull:
        out.add_null();
        break;
      case ParamType::kBool:
        out.add_text(param.boolean() ? "t" : "f");
        break;
      case ParamType::kInt64:
        out.add_text(fmt::format("{}", param.integer()));
        break;
      case ParamType::kDouble:
        out.add_text(double_text(param.real()));
        break;
      case ParamType::kText:
        if (spi::find_text_fault(param.text())) spi::require_clean_text(param.text(), what());
        out.add_text(std::string{param.text()});
        break;
      case ParamType::kBytes:
        out.add_bytes(param.text());
        break;
      case ParamType::kTimestamp:
        out.add_text(timestamp_text(param.integer()));
        break;
      case ParamType::kDate:
        out.add_text(date_text(param.integer()));
        break;
      case ParamType::kArray:
        out.add_text(array_text(param.array(), what()));
        break;
    }
  });
  return out;
}

std::string type_signature(const Params& params) {
  std::string signature;
  std::size_t index = 0;
  params.for_each([&](const ParamView& param) {
    ++index;
    if (param.type() == ParamType::kBytes) signature += fmt::format(",{}", index);
  });
  return signature;
}

}  // namespace weir::postgres
