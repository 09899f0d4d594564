#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "weir/clock.hpp"
#include "weir/detail/cell_reader.hpp"
#include "weir/spi/result_buffer.hpp"

namespace weir {

/// Where an answer came from.
enum class Source : std::uint8_t {
  kMemory,     ///< This process's memory.
  kRedis,      ///< The shared tier.
  kDatabase,   ///< Asked the database for this call.
  kCoalesced,  ///< Asked the database once for several callers at the same time.
};

/// Why an answer did not come from the cache, in classes a program can act on.
enum class ReasonCode : std::uint8_t {
  kHit,      ///< It did.
  kAbsent,   ///< Nothing was cached under this key.
  kStale,    ///< Something it depends on changed.
  kExpired,  ///< Its TTL ran out.
  kReset,  ///< Everything cached before was voided: another incarnation, a lost journal, `clear()`.
  kNotCacheable,  ///< The statement is not proven cacheable and has no TTL annotation.
  kOff,           ///< A policy says so.
  kTransaction,   ///< Read inside a transaction that bypasses the cache.
  kSession,       ///< Row security without a declared session, or a session in doubt.
  kNotValidated,  ///< The journal could not be pulled, so nothing could be proven.
  kTooLarge,      ///< The result is over the per-entry cap, so it is never stored.
  kWrite,         ///< The statement writes.
  kStandby,       ///< The connection leads to a standby.
};

[[nodiscard]] std::string_view to_string(Source source) noexcept;
[[nodiscard]] std::string_view to_string(ReasonCode code) noexcept;

/// One row of a result. A view: valid while the `Result` (or a copy of it) lives.
class Row {
 public:
  Row(const spi::ResultBuffer* buffer, std::size_t index) noexcept
      : buffer_{buffer}, index_{index} {}

  [[nodiscard]] std::size_t size() const noexcept { return buffer_->columns(); }
  /// Errors: `kUsage` for a column out of range, a NULL without `std::optional`, or another type;
  /// the message names column, row, wanted and actual type.
  template <typename T>
  [[nodiscard]] T get(std::size_t column) const {
    if (column >= buffer_->columns()) detail::throw_column_range(column, buffer_->columns());
    return detail::read_cell<T>(*buffer_, index_, column);
  }
  /// The same by name: exactly this one, or else the only one that differs just in the case of
  /// ASCII letters. Errors: as above, and for an unknown or ambiguous name.
  template <typename T>
  [[nodiscard]] T get(std::string_view column) const;
  [[nodiscard]] bool is_null(std::size_t column) const { return type(column) == CellType::kNull; }
  [[nodiscard]] CellType type(std::size_t column) const {
    if (column >= buffer_->columns()) detail::throw_column_range(column, buffer_->columns());
    return buffer_->type(index_, column);
  }

 private:
  const spi::ResultBuffer* buffer_;
  std::size_t index_;
};

/// A result's rows as tuples. A view: valid while the `Result` (or a copy of it) lives.
template <typename... T>
class Tuples {
 public:
  class iterator {
   public:
    using value_type = std::tuple<T...>;
    using difference_type = std::ptrdiff_t;
    using iterator_category = std::input_iterator_tag;
    using pointer = void;
    using reference = value_type;
    iterator() noexcept = default;
    iterator(const spi::ResultBuffer* buffer, std::size_t row) noexcept
        : buffer_{buffer}, row_{row} {}
    value_type operator*() const { return read(std::index_sequence_for<T...>{}); }
    iterator& operator++() noexcept {
      ++row_;
      return *this;
    }
    iterator operator++(int) noexcept { return iterator{buffer_, row_++}; }
    friend bool operator==(const iterator& a, const iterator& b) noexcept {
      return a.row_ == b.row_;
    }

   private:
    template <std::size_t... I>
    value_type read(std::index_sequence<I...>) const {
      return value_type{detail::read_cell<T>(*buffer_, row_, I)...};
    }
    const spi::ResultBuffer* buffer_{nullptr};
    std::size_t row_{0};
  };

  explicit Tuples(const spi::ResultBuffer* buffer) noexcept : buffer_{buffer} {}
  [[nodiscard]] iterator begin() const noexcept { return {buffer_, 0}; }
  [[nodiscard]] iterator end() const noexcept { return {buffer_, buffer_->rows()}; }
  [[nodiscard]] std::size_t size() const noexcept { return buffer_->rows(); }

 private:
  const spi::ResultBuffer* buffer_;
};

/// How a call was answered.
struct Provenance {
  Source source{Source::kDatabase};
  ReasonCode code{ReasonCode::kAbsent};
  std::string reason{};      ///< Empty for a hit that is fresh.
  TimePoint read_started{};  ///< When the read that produced the rows began: they are at least as
                             ///< new as that moment.
  TimePoint answered{};      ///< When this call was answered.
};

/// An immutable answer: rows shared by reference, and how they were come by.
///
/// Copies are cheap and share the rows. Views taken from it (`Row`, `string_view`, `Tuples`) live
/// as long as any copy. One that was moved from throws `kUsage` when its rows are asked for. Thread
/// safety: distinct objects safe; shared object safe for const calls.
class Result {
 public:
  class iterator {
   public:
    using value_type = Row;
    using difference_type = std::ptrdiff_t;
    using iterator_category = std::input_iterator_tag;
    using pointer = void;
    using reference = Row;
    iterator() noexcept = default;
    iterator(const spi::ResultBuffer* buffer, std::size_t row) noexcept
        : buffer_{buffer}, row_{row} {}
    Row operator*() const noexcept { return Row{buffer_, row_}; }
    iterator& operator++() noexcept {
      ++row_;
      return *this;
    }
    iterator operator++(int) noexcept { return iterator{buffer_, row_++}; }
    friend bool operator==(const iterator& a, const iterator& b) noexcept {
      return a.row_ == b.row_;
    }

   private:
    const spi::ResultBuffer* buffer_{nullptr};
    std::size_t row_{0};
  };

  /// REQUIRES: `rows` is not null.
  Result(spi::ResultRef rows, Provenance provenance) noexcept
      : rows_{std::move(rows)}, provenance_{std::move(provenance)} {}

  [[nodiscard]] std::size_t size() const { return here().rows(); }
  [[nodiscard]] std::size_t rows() const { return here().rows(); }
  [[nodiscard]] std::size_t columns() const { return here().columns(); }
  [[nodiscard]] bool empty() const { return here().rows() == 0; }
  /// Errors: `kUsage` out of range.
  [[nodiscard]] std::string_view column_name(std::size_t column) const;
  /// The database's name of the column's type; SQLite: the declared type. Errors: `kUsage` out of
  /// range.
  [[nodiscard]] std::string_view column_type(std::size_t column) const;
  /// As `Row::get` finds it. Errors: `kUsage` for an unknown or ambiguous name.
  [[nodiscard]] std::size_t column_index(std::string_view name) const;

  /// Errors: `kUsage` out of range.
  [[nodiscard]] Row operator[](std::size_t row) const {
    if (row >= rows()) detail::throw_row_range(row, rows());
    return Row{rows_.get(), row};
  }
  [[nodiscard]] iterator begin() const { return {&here(), 0}; }
  [[nodiscard]] iterator end() const { return {&here(), rows()}; }

  /// The rows as `std::tuple<T...>`, one type a column. Errors: `kUsage` unless there are as many
  /// columns.
  template <typename... T>
  [[nodiscard]] Tuples<T...> as() const& {
    if (sizeof...(T) != columns()) detail::throw_column_count(sizeof...(T), *rows_);
    return Tuples<T...>{rows_.get()};
  }
  template <typename... T>
  Tuples<T...> as() && = delete;  // The tuples' string views would outlive the rows.

  /// The rows as aggregates of what `Row::get` reads, columns in the order of the members (at most
  /// 24; no aggregate within an aggregate). Errors: `kUsage` unless there are as many columns as
  /// members, and as for `Row::get`.
  template <typename T>
  [[nodiscard]] std::vector<T> to() const&;
  /// The one value (scalar `T`, one column) or row (aggregate `T`). Errors: `kUsage` unless there
  /// is exactly one row.
  template <typename T>
  [[nodiscard]] T one() const&;
  /// As `one`, but empty when there is no row.
  template <typename T>
  [[nodiscard]] std::optional<T> one_or_none() const&;

  // On a temporary the same, but what views into the rows does not compile.
  template <typename T>
  [[nodiscard]] std::vector<T> to() && {
    return owned<T>().template to<T>();
  }
  template <typename T>
  [[nodiscard]] T one() && {
    return owned<T>().template one<T>();
  }
  template <typename T>
  [[nodiscard]] std::optional<T> one_or_none() && {
    return owned<T>().template one_or_none<T>();
  }

  /// The rows as a JSON array of objects; bytes are base64, doubles round-trip exactly, non-finite
  /// ones are strings, types without a cell type are strings, malformed UTF-8 becomes U+FFFD.
  [[nodiscard]] std::string json() const;

  [[nodiscard]] Source source() const noexcept { return provenance_.source; }
  [[nodiscard]] ReasonCode reason_code() const noexcept { return provenance_.code; }
  /// Why it did not come from the cache, in words; empty for a hit, but for one served under
  /// `stale_while_revalidate`, which says what changed.
  [[nodiscard]] const std::string& reason() const noexcept { return provenance_.reason; }
  /// How long before the answer the read that produced the rows began; zero when the database
  /// answered.
  [[nodiscard]] std::chrono::nanoseconds age() const noexcept {
    return source() == Source::kDatabase ? Duration{}
                                         : provenance_.answered - provenance_.read_started;
  }
  /// The bytes the rows take.
  [[nodiscard]] std::size_t size_bytes() const { return here().size(); }
  /// Null when it was moved from.
  [[nodiscard]] const spi::ResultRef& buffer() const noexcept { return rows_; }

 private:
  [[nodiscard]] const spi::ResultBuffer& here() const {
    if (!rows_) detail::throw_moved_from();
    return *rows_;
  }
  template <typename T>
  [[nodiscard]] T read_row(std::size_t row) const;
  template <typename T>
  [[nodiscard]] const Result& owned() const {
    static_assert(
        !detail::holds_view<T>(),
        "weir: the rows die with this temporary Result, and the views with them; name it first");
    return *this;
  }

  spi::ResultRef rows_;
  Provenance provenance_;
};

// ---------------------------------------------------------------------------------------------------------------

template <typename T>
T Row::get(std::string_view column) const {
  return detail::read_cell<T>(*buffer_, index_, detail::find_column(*buffer_, column));
}

template <typename T>
T Result::read_row(std::size_t row) const {
  if constexpr (detail::IsCell<T>::value) {
    if (columns() != 1) detail::throw_column_count(1, *rows_);
    return detail::read_cell<T>(*rows_, row, 0);
  } else {
    constexpr std::size_t kMembers = detail::member_count<T>();
    if (kMembers != columns()) detail::throw_column_count(kMembers, *rows_);
    return detail::read_struct<T>(*rows_, row, std::make_index_sequence<kMembers>{});
  }
}

template <typename T>
std::vector<T> Result::to() const& {
  std::vector<T> all;
  all.reserve(rows());
  for (std::size_t row = 0; row < rows(); ++row) all.push_back(read_row<T>(row));
  return all;
}

template <typename T>
T Result::one() const& {
  if (rows() != 1) detail::throw_row_count(rows());
  return read_row<T>(0);
}

template <typename T>
std::optional<T> Result::one_or_none() const& {
  if (empty()) return std::nullopt;
  return one<T>();
}

}  // namespace weir
