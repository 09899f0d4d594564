#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <ratio>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "weir/detail/traits.hpp"
#include "weir/spi/result_buffer.hpp"

namespace weir::detail {

[[noreturn]] void throw_cell_range(const spi::ResultBuffer& buffer, std::size_t row,
                                   std::size_t column, std::string_view wanted);
[[noreturn]] void throw_row_range(std::size_t row, std::size_t rows);
[[noreturn]] void throw_column_range(std::size_t column, std::size_t columns);
[[noreturn]] void throw_column_count(std::size_t wanted, const spi::ResultBuffer& buffer);
[[noreturn]] void throw_row_count(std::size_t rows);
[[noreturn]] void throw_moved_from();

/// The column called `name`. Errors: `kUsage` for an unknown name, listing the columns, and for an
/// ambiguous one.
[[nodiscard]] std::size_t find_column(const spi::ResultBuffer& buffer, std::string_view name);

// One reader per cell type; each throws kUsage naming column, row, wanted and actual type.
[[nodiscard]] bool read_bool(const spi::ResultBuffer& buffer, std::size_t row, std::size_t column);
[[nodiscard]] std::int64_t read_integer(const spi::ResultBuffer& buffer, std::size_t row,
                                        std::size_t column);
[[nodiscard]] double read_double(const spi::ResultBuffer& buffer, std::size_t row,
                                 std::size_t column);
[[nodiscard]] float read_float(const spi::ResultBuffer& buffer, std::size_t row,
                               std::size_t column);
[[nodiscard]] std::string_view read_text(const spi::ResultBuffer& buffer, std::size_t row,
                                         std::size_t column);
[[nodiscard]] std::span<const std::byte> read_bytes(const spi::ResultBuffer& buffer,
                                                    std::size_t row, std::size_t column);
/// From a timestamp, timestamptz or date in ISO form.
[[nodiscard]] std::chrono::sys_time<std::chrono::microseconds> read_time(
    const spi::ResultBuffer& buffer, std::size_t row, std::size_t column);

template <Integer T>
constexpr std::string_view integer_name() noexcept {
  constexpr bool kSigned = std::is_signed_v<T>;
  switch (sizeof(T)) {
    case 1:
      return kSigned ? "int8" : "uint8";
    case 2:
      return kSigned ? "int16" : "uint16";
    case 4:
      return kSigned ? "int32" : "uint32";
    default:
      return kSigned ? "int64" : "uint64";
  }
}

template <typename T>
inline constexpr bool kView =
    std::is_same_v<T, std::string_view> || std::is_same_v<T, std::span<const std::byte>>;
template <typename T>
inline constexpr bool kView<std::optional<T>> = kView<T>;

/// What one cell can be read as; optional values apart.
template <typename T>
concept PlainCell = std::is_same_v<T, bool> || Integer<T> || std::is_same_v<T, float> ||
    std::is_same_v<T, double> || kView<T> || std::is_same_v<T, std::string> ||
    std::is_same_v<T, std::vector<std::byte>> || IsSysTime<T>::value;
template <typename T>
struct IsCell : std::bool_constant<PlainCell<T>> {};
template <typename T>
struct IsCell<std::optional<T>> : std::bool_constant<PlainCell<T>> {};

template <typename T>
[[nodiscard]] T read_cell(const spi::ResultBuffer& buffer, std::size_t row, std::size_t column) {
  static_assert(IsCell<T>::value, "weir: a cell cannot be read as this type");
  if constexpr (IsOptional<T>::value) {
    if (buffer.type(row, column) == CellType::kNull) return std::nullopt;
    return read_cell<typename T::value_type>(buffer, row, column);
  } else if constexpr (std::is_same_v<T, bool>) {
    return read_bool(buffer, row, column);
  } else if constexpr (Integer<T>) {
    const std::int64_t value = read_integer(buffer, row, column);
    if (!std::in_range<T>(value)) throw_cell_range(buffer, row, column, integer_name<T>());
    return static_cast<T>(value);
  } else if constexpr (std::is_same_v<T, float>) {
    return read_float(buffer, row, column);
  } else if constexpr (std::is_same_v<T, double>) {
    return read_double(buffer, row, column);
  } else if constexpr (std::is_same_v<T, std::string_view>) {
    return read_text(buffer, row, column);
  } else if constexpr (std::is_same_v<T, std::string>) {
    return std::string{read_text(buffer, row, column)};
  } else if constexpr (std::is_same_v<T, std::span<const std::byte>>) {
    return read_bytes(buffer, row, column);
  } else if constexpr (std::is_same_v<T, std::vector<std::byte>>) {
    const std::span<const std::byte> bytes = read_bytes(buffer, row, column);
    return {bytes.begin(), bytes.end()};
  } else {
    using Unit = typename T::duration;
    const auto time = read_time(buffer, row, column);
    if constexpr (std::ratio_less_v<typename Unit::period, std::micro> &&
                  std::is_integral_v<typename Unit::rep>) {
      using std::chrono::microseconds;
      if (time.time_since_epoch() > std::chrono::duration_cast<microseconds>(Unit::max()) ||
          time.time_since_epoch() < std::chrono::duration_cast<microseconds>(Unit::min())) {
        throw_cell_range(buffer, row, column, "a time in so fine a unit");
      }
    }
    return std::chrono::floor<Unit>(time);
  }
}

// How an aggregate is filled without reflection: its members are counted, and the kind of each is
// found out, by what they can be initialised from. `std::optional` needs its own reader: one that
// converts to anything would be taken for the value inside, and fail on NULL.

/// Converts to anything.
struct AnyMember {
  template <typename T>
  operator T() const;  // NOLINT(google-explicit-constructor)
};
/// Converts to every `std::optional` and to nothing else.
struct OptionalMember {
  template <typename T>
  operator std::optional<T>() const;  // NOLINT(google-explicit-constructor)
};
/// Converts to what views into the rows, optional or not.
struct ViewMember {
  operator std::string_view() const;            // NOLINT(google-explicit-constructor)
  operator std::span<const std::byte>() const;  // NOLINT(google-explicit-constructor)
};

template <typename T, std::size_t... I>
constexpr bool takes_members(std::index_sequence<I...>) {
  return requires { T{((void)I, AnyMember{})...}; };
}
/// How many members the aggregate `T` has, up to 24.
template <typename T, std::size_t N = 24>
constexpr std::size_t member_count() {
  static_assert(std::is_aggregate_v<T>,
                "weir: to<T>() and one<T>() fill aggregates, in the order of their members");
  if constexpr (N == 24) {
    static_assert(!takes_members<T>(std::make_index_sequence<N + 1>{}), "weir: at most 24 members");
  }
  if constexpr (N == 0) {
    return 0;
  } else if constexpr (takes_members<T>(std::make_index_sequence<N>{})) {
    return N;
  } else {
    return member_count<T, N - 1>();
  }
}

/// Whether member `At` of the aggregate `T` can be initialised from a `Probe`.
template <typename T, typename Probe, std::size_t At, std::size_t... I>
constexpr bool member_takes(std::index_sequence<I...>) {
  return requires { T{std::conditional_t<I == At, Probe, AnyMember>{}...}; };
}
template <typename T, std::size_t... I>
constexpr bool any_member_views([[maybe_unused]] std::index_sequence<I...> members) {
  return (member_takes<T, ViewMember, I>(members) || ...);
}
/// Whether a `T` read from a result points into the result's rows.
template <typename T>
constexpr bool holds_view() {
  if constexpr (IsCell<T>::value) {
    return kView<T>;
  } else {
    return any_member_views<T>(std::make_index_sequence<member_count<T>()>{});
  }
}

/// Reads one cell as whatever member it initialises.
struct CellReader {
  const spi::ResultBuffer& buffer;
  std::size_t row;
  std::size_t column;
  template <typename T>
  operator T() const {  // NOLINT(google-explicit-constructor)
    return read_cell<T>(buffer, row, column);
  }
};
/// Reads one cell as the `std::optional` member it initialises.
struct OptionalCellReader {
  const spi::ResultBuffer& buffer;
  std::size_t row;
  std::size_t column;
  template <typename T>
  operator std::optional<T>() const {  // NOLINT(google-explicit-constructor)
    return read_cell<std::optional<T>>(buffer, row, column);
  }
};
template <typename T, std::size_t... I>
[[nodiscard]] T read_struct([[maybe_unused]] const spi::ResultBuffer& buffer,
                            [[maybe_unused]] std::size_t row, std::index_sequence<I...>) {
  return T{std::conditional_t<member_takes<T, OptionalMember, I>(std::index_sequence<I...>{}),
                              OptionalCellReader, CellReader>{buffer, row, I}...};
}

}  // namespace weir::detail
