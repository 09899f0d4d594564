#include "weir/detail/cell_reader.hpp"

#include <fmt/format.h>

#include <bit>
#include <cmath>
#include <limits>

#include "src/base/iso_time.hpp"
#include "weir/error.hpp"

namespace weir::detail {
namespace {

std::string place(const spi::ResultBuffer& buffer, std::size_t row, std::size_t column) {
  return fmt::format("result: column {} \"{}\" of row {}", column, buffer.column_name(column), row);
}

[[noreturn]] void throw_cell_type(const spi::ResultBuffer& buffer, std::size_t row,
                                  std::size_t column, std::string_view wanted,
                                  std::string_view cast_to = {}) {
  const CellType type = buffer.type(row, column);
  const std::string_view type_name = buffer.column_type(column);
  const std::string_view actual =
      type == CellType::kOther && !type_name.empty() ? type_name : to_string(type);
  std::string advice;
  if (type == CellType::kNull) {
    advice = ": read it as std::optional";
  } else if (type == CellType::kOther && !cast_to.empty()) {
    advice = fmt::format(": read it as text or cast it to {} in SQL", cast_to);
  } else if (type == CellType::kBytes) {
    advice = ": read it as std::span<const std::byte> or std::vector<std::byte>";
  }
  throw Error{ErrorCode::kUsage, fmt::format("{}: wanted {}, is {}{}", place(buffer, row, column),
                                             wanted, actual, advice)};
}

std::string_view fault_text(IsoTimeFault fault) noexcept {
  switch (fault) {
    case IsoTimeFault::kNone:
    case IsoTimeFault::kForm:
      break;
    case IsoTimeFault::kInfinite:
      return "is infinity, which no time point is";
    case IsoTimeFault::kBeforeYearZero:
      return "is before the year 1 (BC)";
    case IsoTimeFault::kRange:
      return "is after the year 294246";
  }
  return "is not a date or a date and time in ISO form";
}

}  // namespace

void throw_cell_range(const spi::ResultBuffer& buffer, std::size_t row, std::size_t column,
                      std::string_view wanted) {
  throw Error{ErrorCode::kUsage, fmt::format("{}: wanted {}, the value is out of its range",
                                             place(buffer, row, column), wanted)};
}

bool read_bool(const spi::ResultBuffer& buffer, std::size_t row, std::size_t column) {
  const CellType type = buffer.type(row, column);
  if (type != CellType::kBool && type != CellType::kInt64)
    throw_cell_type(buffer, row, column, "bool");
  const std::uint64_t value = buffer.slot(row, column);
  if (value > 1) throw_cell_range(buffer, row, column, "bool (0 or 1)");
  return value == 1;
}

std::int64_t read_integer(const spi::ResultBuffer& buffer, std::size_t row, std::size_t column) {
  if (buffer.type(row, column) != CellType::kInt64)
    throw_cell_type(buffer, row, column, "integer", "int8");
  return static_cast<std::int64_t>(buffer.slot(row, column));
}

double read_double(const spi::ResultBuffer& buffer, std::size_t row, std::size_t column) {
  const CellType type = buffer.type(row, column);
  if (type == CellType::kDouble) return std::bit_cast<double>(buffer.slot(row, column));
  if (type != CellType::kInt64) throw_cell_type(buffer, row, column, "double", "float8");
  const auto integer = static_cast<std::int64_t>(buffer.slot(row, column));
  const auto value = static_cast<double>(integer);
  // 2^63 itself is a double, but no int64 to compare with.
  if (value >= 0x1p63 || static_cast<std::int64_t>(value) != integer) {
    throw_cell_range(buffer, row, column, "double (exactly)");
  }
  return value;
}

float read_float(const spi::ResultBuffer& buffer, std::size_t row, std::size_t column) {
  const double value = read_double(buffer, row, column);
  if (std::isfinite(value) &&
      std::abs(value) > static_cast<double>(std::numeric_limits<float>::max())) {
    throw_cell_range(buffer, row, column, "float");
  }
  return static_cast<float>(value);
}

std::string_view read_text(const spi::ResultBuffer& buffer, std::size_t row, std::size_t column) {
  const CellType type = buffer.type(row, column);
  if (type != CellType::kText && type != CellType::kOther)
    throw_cell_type(buffer, row, column, "text");
  return buffer.text(row, column);
}

std::span<const std::byte> read_bytes(const spi::ResultBuffer& buffer, std::size_t row,
                                      std::size_t column) {
  if (buffer.type(row, column) != CellType::kBytes) throw_cell_type(buffer, row, column, "bytes");
  const std::string_view bytes = buffer.text(row, column);
  return {reinterpret_cast<const std::byte*>(bytes.data()), bytes.size()};
}

std::chrono::sys_time<std::chrono::microseconds> read_time(const spi::ResultBuffer& buffer,
                                                           std::size_t row, std::size_t column) {
  const CellType type = buffer.type(row, column);
  if (type != CellType::kText && type != CellType::kOther)
    throw_cell_type(buffer, row, column, "time");
  const IsoTime parsed = parse_iso_time(buffer.text(row, column));
  if (parsed.fault != IsoTimeFault::kNone) {
    throw Error{ErrorCode::kUsage,
                fmt::format("{}: wanted time, the {} {}", place(buffer, row, column),
                            type == CellType::kOther ? buffer.column_type(column) : "text",
                            fault_text(parsed.fault))};
  }
  return parsed.time;
}

}  // namespace weir::detail
