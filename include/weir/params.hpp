#pragma once

#include <array>
#include <bit>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <ranges>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include "weir/detail/traits.hpp"

namespace weir {

/// What a parameter is. The numbers are part of the cache key's encoding: never reuse one.
enum class ParamType : std::uint8_t {
  kNull = 0,
  kBool = 1,
  kInt64 = 2,
  kDouble = 3,
  kText = 4,
  kBytes = 5,
  kTimestamp = 6,  ///< Microseconds since 1970-01-01 00:00 UTC.
  kDate = 7,       ///< Days since 1970-01-01.
  kArray = 8,
};

class ParamView;

/// The elements of an array parameter, each null or of one type. A view: valid while its `Params`
/// lives unchanged.
class ArrayView {
 public:
  ArrayView(ParamType element, std::uint32_t count, std::string_view encoded) noexcept
      : element_{element}, count_{count}, encoded_{encoded} {}
  [[nodiscard]] ParamType element_type() const noexcept { return element_; }
  [[nodiscard]] std::size_t size() const noexcept { return count_; }
  /// Calls `f(const ParamView&)` for every element in order.
  template <typename F>
  void for_each(F&& f) const;

 private:
  ParamType element_;
  std::uint32_t count_;
  std::string_view encoded_;
};

/// One parameter as a driver reads it. A view: valid while its `Params` lives unchanged.
class ParamView {
 public:
  [[nodiscard]] ParamType type() const noexcept { return type_; }
  [[nodiscard]] bool is_null() const noexcept { return type_ == ParamType::kNull; }
  /// REQUIRES: kBool.
  [[nodiscard]] bool boolean() const noexcept { return word_ != 0; }
  /// REQUIRES: kInt64, kTimestamp (microseconds) or kDate (days).
  [[nodiscard]] std::int64_t integer() const noexcept { return static_cast<std::int64_t>(word_); }
  /// REQUIRES: kDouble.
  [[nodiscard]] double real() const noexcept { return std::bit_cast<double>(word_); }
  /// REQUIRES: kText or kBytes.
  [[nodiscard]] std::string_view text() const noexcept { return text_; }
  /// REQUIRES: kArray.
  [[nodiscard]] ArrayView array() const noexcept {
    return ArrayView{element_, static_cast<std::uint32_t>(word_), text_};
  }

  /// Reads the parameter at the start of `encoded` and moves `encoded` past it. REQUIRES: written
  /// by `Params`.
  static ParamView take(std::string_view& encoded) noexcept;

 private:
  ParamType type_{ParamType::kNull};
  ParamType element_{ParamType::kNull};
  std::uint64_t word_{};
  std::string_view text_{};
};

namespace detail {
template <typename T>
concept StringLike = std::convertible_to<const T&, std::string_view>;
template <typename T>
concept ByteSpanLike = std::convertible_to<const T&, std::span<const std::byte>>;
template <typename T>
concept PlainScalar = std::is_same_v<T, bool> || Integer<T> || std::is_same_v<T, float> ||
    std::is_same_v<T, double> || IsSysTime<T>::value ||
    std::is_same_v<T, std::chrono::year_month_day> || StringLike<T> || ByteSpanLike<T>;
/// What can be an element of an array.
template <typename T>
struct IsElement : std::bool_constant<PlainScalar<T>> {};
template <typename T>
struct IsElement<std::optional<T>> : std::bool_constant<PlainScalar<T>> {};
}  // namespace detail

/// The parameters of one call, in the encoding that is both the tail of the cache key and what
/// drivers read.
///
/// Every value is written as its type, and, where the type does not fix it, its length: two
/// parameter lists encode equally only if they are equal in types, nulls and bytes. Values are
/// never canonicalised (1.0 and 1 differ). Up to `kInline` encoded bytes need no allocation. Thread
/// safety: distinct objects safe; shared object safe for const calls.
class Params {
 public:
  static constexpr std::size_t kInline = 192;

  Params() noexcept {}  // not defaulted: `Params{}` would zero the inline bytes
  Params(const Params& other);
  Params& operator=(const Params& other);
  Params(Params&& other) noexcept;
  Params& operator=(Params&& other) noexcept;
  ~Params() = default;

  /// The list holding `values` in order.
  template <typename... T>
  [[nodiscard]] static Params of(const T&... values) {
    Params params;
    (params.add(values), ...);
    return params;
  }

  /// Appends one value. Accepted: `nullptr`, `std::nullopt`, bool, integers of up to 64 bits,
  /// float, double, anything convertible to `std::string_view`, `std::byte` spans and vectors,
  /// `std::chrono::sys_time` (rounded down to microseconds; `sys_days` and `year_month_day` are
  /// dates), `std::optional` of these, and contiguous ranges of these scalars or strings as arrays.
  ///
  /// A null `const char*` is NULL, as in libpq and SQLite; an array of characters ends at its first
  /// NUL. What could mean two things does not compile: `char` and its kin (a text or a number?),
  /// ranges of `unsigned char` (bytes or an array?), `long double` (no database has it). Errors,
  /// after which the list is as before: `kUsage` for an unsigned integer above the int64 range, a
  /// time beyond the microseconds of an int64, a date that does not exist, more than 65535
  /// parameters or 4 GiB of them.
  template <typename T>
  Params& add(const T& value);

  [[nodiscard]] std::size_t size() const noexcept { return count_; }
  [[nodiscard]] bool empty() const noexcept { return count_ == 0; }
  [[nodiscard]] std::string_view encoded() const noexcept { return {data(), length_}; }
  /// Calls `f(const ParamView&)` for every parameter in order.
  template <typename F>
  void for_each(F&& f) const {
    for (std::string_view rest = encoded(); !rest.empty();) f(ParamView::take(rest));
  }

 private:
  [[nodiscard]] const char* data() const noexcept { return heap_ ? heap_.get() : inline_.data(); }
  /// Room for `size` more bytes, counted as written. Everything that can fail comes before it.
  [[nodiscard]] char* extend(std::size_t size) {
    if (size > capacity_ - length_) grow(size);
    char* const end = (heap_ ? heap_.get() : inline_.data()) + length_;
    length_ += static_cast<std::uint32_t>(size);
    return end;
  }
  void grow(std::size_t more);
  void put_null() { *extend(1) = static_cast<char>(ParamType::kNull); }
  void put_word(ParamType type, std::uint64_t word) {
    char* const out = extend(1 + sizeof word);
    *out = static_cast<char>(type);
    std::memcpy(out + 1, &word, sizeof word);
  }
  void put_sized(ParamType type, std::string_view bytes);
  void put_array(ParamType element, std::size_t count, const Params& elements);
  template <typename T>
  void put_value(const T& value);
  template <typename T>
  static constexpr ParamType type_of() noexcept;
  void check_count() const {
    if (count_ == kMaxCount) too_many();
  }
  [[noreturn]] static void too_many();
  [[noreturn]] static void too_large();
  [[noreturn]] static void no_such_date();
  [[noreturn]] static void time_out_of_range();

  static constexpr std::uint32_t kMaxCount = 65535;  // of PostgreSQL's protocol

  std::array<char, kInline> inline_;
  std::unique_ptr<char[]> heap_{};
  std::uint32_t length_{0};
  std::uint32_t capacity_{kInline};
  std::uint32_t count_{0};
};

// ---------------------------------------------------------------------------------------------------------------

template <typename F>
void ArrayView::for_each(F&& f) const {
  for (std::string_view rest = encoded_; !rest.empty();) f(ParamView::take(rest));
}

template <typename T>
constexpr ParamType Params::type_of() noexcept {
  if constexpr (detail::IsOptional<T>::value) {
    return type_of<typename T::value_type>();
  } else if constexpr (std::is_same_v<T, bool>) {
    return ParamType::kBool;
  } else if constexpr (detail::Integer<T>) {
    return ParamType::kInt64;
  } else if constexpr (std::is_floating_point_v<T>) {
    return ParamType::kDouble;
  } else if constexpr (std::is_same_v<T, std::chrono::sys_days> ||
                       std::is_same_v<T, std::chrono::year_month_day>) {
    return ParamType::kDate;
  } else if constexpr (detail::IsSysTime<T>::value) {
    return ParamType::kTimestamp;
  } else {
    return detail::StringLike<T> ? ParamType::kText : ParamType::kBytes;
  }
}

template <typename T>
void Params::put_value(const T& value) {
  if constexpr (std::is_same_v<T, std::nullptr_t> || std::is_same_v<T, std::nullopt_t>) {
    put_null();
  } else if constexpr (detail::IsOptional<T>::value) {
    if (value) {
      put_value(*value);
    } else {
      put_null();
    }
  } else if constexpr (std::is_same_v<T, bool>) {
    put_word(ParamType::kBool, value ? 1 : 0);
  } else if constexpr (detail::Integer<T>) {
    if constexpr (std::is_unsigned_v<T> && sizeof(T) == sizeof(std::int64_t)) {
      if (value > static_cast<T>(INT64_MAX)) too_large();
    }
    put_word(ParamType::kInt64, static_cast<std::uint64_t>(static_cast<std::int64_t>(value)));
  } else if constexpr (std::is_same_v<T, float> || std::is_same_v<T, double>) {
    put_word(ParamType::kDouble, std::bit_cast<std::uint64_t>(static_cast<double>(value)));
  } else if constexpr (std::is_same_v<T, std::chrono::sys_days>) {
    put_word(ParamType::kDate, static_cast<std::uint64_t>(
                                   static_cast<std::int64_t>(value.time_since_epoch().count())));
  } else if constexpr (std::is_same_v<T, std::chrono::year_month_day>) {
    if (!value.ok()) no_such_date();
    put_value(std::chrono::sys_days{value});
  } else if constexpr (detail::IsSysTime<T>::value) {
    // In double first: a coarse duration can hold more than 64 bits of microseconds, and a floating
    // one NaN.
    const std::chrono::duration<double, std::micro> about{value.time_since_epoch()};
    if (!(about.count() >= -9.2e18 && about.count() <= 9.2e18)) time_out_of_range();
    const auto micros =
        std::chrono::floor<std::chrono::microseconds>(value).time_since_epoch().count();
    put_word(ParamType::kTimestamp, static_cast<std::uint64_t>(static_cast<std::int64_t>(micros)));
  } else if constexpr (std::is_array_v<T> && detail::StringLike<T>) {
    put_sized(ParamType::kText, {value, ::strnlen(value, sizeof value)});
  } else if constexpr (std::is_pointer_v<T> && detail::StringLike<T>) {
    if (value == nullptr) {
      put_null();
    } else {
      put_sized(ParamType::kText, std::string_view{value});
    }
  } else if constexpr (detail::StringLike<T>) {
    put_sized(ParamType::kText, value);
  } else if constexpr (detail::ByteSpanLike<T>) {
    const std::span<const std::byte> bytes{value};
    put_sized(ParamType::kBytes, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  } else {
    static_assert(!detail::kCharacter<T>,
                  "weir: is a character a text or a number? Pass a std::string_view or an int");
    static_assert(std::ranges::contiguous_range<T> && std::ranges::sized_range<T>,
                  "weir: this type cannot be a parameter");
    using Element = std::remove_cvref_t<std::ranges::range_value_t<T>>;
    static_assert(
        !std::is_same_v<Element, unsigned char>,
        "weir: bytes or an array? Pass std::as_bytes(std::span{value}) or a range of int");
    static_assert(detail::IsElement<Element>::value,
                  "weir: an array parameter holds scalars or strings, optional ones or not");
    Params elements;
    for (const auto& element : value) elements.put_value(element);
    put_array(type_of<Element>(), std::ranges::size(value), elements);
  }
}

template <typename T>
Params& Params::add(const T& value) {
  check_count();
  put_value(value);
  ++count_;
  return *this;
}

}  // namespace weir
