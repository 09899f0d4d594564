#include "src/base/iso_time.hpp"

#include <array>
#include <cstddef>
#include <optional>

namespace weir::detail {
namespace {

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

/// Reads fields from left to right.
class Reader {
 public:
  explicit Reader(std::string_view text) noexcept : rest_{text} {}

  [[nodiscard]] bool at_end() const noexcept { return rest_.empty(); }
  [[nodiscard]] bool at_digit() const noexcept { return !rest_.empty() && is_digit(rest_.front()); }
  [[nodiscard]] bool take(char wanted) noexcept {
    if (rest_.empty() || rest_.front() != wanted) return false;
    rest_.remove_prefix(1);
    return true;
  }
  /// A number of `fewest` to `most` digits, at most `limit`.
  [[nodiscard]] std::optional<std::int64_t> take_number(std::size_t fewest, std::size_t most,
                                                        std::int64_t limit) noexcept {
    std::int64_t number = 0;
    std::size_t digits = 0;
    for (; digits < most && at_digit(); ++digits) {
      number = number * 10 + (rest_.front() - '0');
      rest_.remove_prefix(1);
    }
    if (digits < fewest || number > limit) return std::nullopt;
    return number;
  }

 private:
  std::string_view rest_;
};

std::int64_t days_in_month(std::int64_t year, std::int64_t month) noexcept {
  constexpr std::array<std::int64_t, 12> kDays{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  return month == 2 && leap ? 29 : kDays.at(static_cast<std::size_t>(month - 1));
}

/// Days since 1970-01-01 of a date of year 0 or later; std::chrono::year ends at 32767, PostgreSQL
/// at 294276.
std::int64_t days_since_epoch(std::int64_t year, std::int64_t month, std::int64_t day) noexcept {
  const auto leap_days = [](std::int64_t years) { return years / 4 - years / 100 + years / 400; };
  // Leap days of the years from 1 to the one before; year 0 has 366 days and stands before them.
  std::int64_t days = year == 0 ? -366 : (year - 1) * 365 + leap_days(year - 1);
  for (std::int64_t m = 1; m < month; ++m) days += days_in_month(year, m);
  constexpr std::int64_t kEpoch = 719162;  // from 0001-01-01 to 1970-01-01
  return days + day - 1 - kEpoch;
}

/// Seconds east of UTC, or empty when it is no offset. Behind the sign.
std::optional<std::int64_t> take_offset(Reader& reader) noexcept {
  const auto hours = reader.take_number(2, 2, 23);
  if (!hours) return std::nullopt;
  std::int64_t seconds = *hours * 3600;
  if (reader.take(':') || reader.at_digit()) {
    const auto minutes = reader.take_number(2, 2, 59);
    if (!minutes) return std::nullopt;
    seconds += *minutes * 60;
    if (reader.take(':')) {
      const auto rest = reader.take_number(2, 2, 59);
      if (!rest) return std::nullopt;
      seconds += *rest;
    }
  }
  return seconds;
}

/// The microseconds of a fraction, behind its point, or empty when there are no digits.
std::optional<std::int64_t> take_fraction(Reader& reader) noexcept {
  if (!reader.at_digit()) return std::nullopt;
  std::int64_t micros = 0;
  for (std::int64_t unit = 100'000; reader.at_digit(); unit /= 10)
    micros += unit * reader.take_number(1, 1, 9).value_or(0);
  return micros;
}

/// Microseconds behind midnight UTC, or empty when it is no time of day.
std::optional<std::int64_t> take_time_of_day(Reader& reader) noexcept {
  const auto hours = reader.take_number(2, 2, 23);
  if (!hours || !reader.take(':')) return std::nullopt;
  const auto minutes = reader.take_number(2, 2, 59);
  if (!minutes) return std::nullopt;
  std::int64_t seconds = *hours * 3600 + *minutes * 60;
  std::int64_t micros = 0;
  if (reader.take(':')) {
    const auto rest = reader.take_number(2, 2, 59);
    if (!rest) return std::nullopt;
    seconds += *rest;
    if (reader.take('.')) {
      const auto fraction = take_fraction(reader);
      if (!fraction) return std::nullopt;
      micros = *fraction;
    }
  }
  const bool east = reader.take('+');
  if (east || reader.take('-')) {
    const auto offset = take_offset(reader);
    if (!offset) return std::nullopt;
    seconds -= east ? *offset : -*offset;
  } else {
    static_cast<void>(reader.take('Z'));
  }
  return seconds * 1'000'000 + micros;
}

}  // namespace

IsoTime parse_iso_time(std::string_view text) noexcept {
  const auto fault = [](IsoTimeFault what) { return IsoTime{{}, what}; };
  if (text == "infinity" || text == "-infinity") return fault(IsoTimeFault::kInfinite);
  const bool before = text.ends_with(" BC");
  if (before) text.remove_suffix(3);

  Reader reader{text};
  const auto year = reader.take_number(4, 6, 999'999);
  if (!year || !reader.take('-')) return fault(IsoTimeFault::kForm);
  const auto month = reader.take_number(2, 2, 12);
  if (!month || *month == 0 || !reader.take('-')) return fault(IsoTimeFault::kForm);
  const auto day = reader.take_number(2, 2, days_in_month(*year, *month));
  if (!day || *day == 0) return fault(IsoTimeFault::kForm);
  std::int64_t micros = 0;
  if (reader.take(' ') || reader.take('T')) {
    const auto time = take_time_of_day(reader);
    if (!time) return fault(IsoTimeFault::kForm);
    micros = *time;
  }
  if (!reader.at_end()) return fault(IsoTimeFault::kForm);
  if (before) return fault(IsoTimeFault::kBeforeYearZero);
  if (*year > 294'246) return fault(IsoTimeFault::kRange);  // the last full one of the int64
  const std::int64_t days = days_since_epoch(*year, *month, *day);
  return {std::chrono::sys_time<std::chrono::microseconds>{
              std::chrono::microseconds{days * 86'400'000'000 + micros}},
          IsoTimeFault::kNone};
}

}  // namespace weir::detail
