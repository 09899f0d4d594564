#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>

namespace weir {

/// What a cell holds. The numbers are part of the stored form: never reuse one.
enum class CellType : std::uint8_t {
  kNull = 0,
  kBool = 1,
  kInt64 = 2,
  kDouble = 3,
  kText = 4,
  kBytes = 5,
  kOther = 6,  ///< A type weir has no cell type for: the database's exact text; the column names
               ///< the type.
};

[[nodiscard]] std::string_view to_string(CellType type) noexcept;

}  // namespace weir

namespace weir::detail {
class ResultRoom;
}

namespace weir::spi {

/// The start of a result's bytes; every offset counts from here. Little-endian, 8-byte aligned, and
/// the same in memory and in a shared tier. Then, in this order: `ColumnRecord`s, one 8-byte slot a
/// cell (row by row), one `CellType` byte a cell, and the heap of texts.
///
/// A slot holds the value (bool, int64, double; null: 0) or, for texts and bytes, offset | length
/// << 32 into the result. The heap has no gaps and shares nothing: the cells' texts in their order,
/// then each column's name and type name. So equal results have equal bytes, and no small result
/// can pretend to hold more than it does.
struct ResultHeader {
  static constexpr std::uint32_t kMagic = 0x31524957;  // "WIR1"
  std::uint32_t magic{kMagic};
  std::uint32_t columns{};
  std::uint64_t rows{};
  std::uint64_t size{};  ///< Of all bytes, this header included.
  std::uint32_t slots_offset{};
  std::uint32_t types_offset{};
};

/// One column: where in the heap its name and its type's name are.
struct ColumnRecord {
  std::uint32_t name_offset{};
  std::uint32_t name_length{};
  std::uint32_t type_offset{};
  std::uint32_t type_length{};
};

/// An immutable result in one contiguous allocation, shared by reference count.
///
/// Thread safety: shared object safe.
class ResultBuffer {
 public:
  ResultBuffer(const ResultBuffer&) = delete;
  ResultBuffer& operator=(const ResultBuffer&) = delete;

  [[nodiscard]] const char* data() const noexcept {
    return reinterpret_cast<const char*>(this + 1);
  }
  [[nodiscard]] const ResultHeader& header() const noexcept {
    return *reinterpret_cast<const ResultHeader*>(data());
  }
  [[nodiscard]] std::size_t size() const noexcept { return header().size; }
  [[nodiscard]] std::size_t rows() const noexcept { return header().rows; }
  [[nodiscard]] std::size_t columns() const noexcept { return header().columns; }

  /// REQUIRES (all below): indexes in range.
  [[nodiscard]] std::string_view column_name(std::size_t column) const noexcept {
    const ColumnRecord& record = column_record(column);
    return {data() + record.name_offset, record.name_length};
  }
  [[nodiscard]] std::string_view column_type(std::size_t column) const noexcept {
    const ColumnRecord& record = column_record(column);
    return {data() + record.type_offset, record.type_length};
  }
  [[nodiscard]] CellType type(std::size_t row, std::size_t column) const noexcept {
    return static_cast<CellType>(data()[header().types_offset + row * columns() + column]);
  }
  [[nodiscard]] std::uint64_t slot(std::size_t row, std::size_t column) const noexcept {
    std::uint64_t word = 0;
    std::memcpy(&word, data() + header().slots_offset + (row * columns() + column) * sizeof word,
                sizeof word);
    return word;
  }
  /// REQUIRES: a cell of kText, kBytes or kOther.
  [[nodiscard]] std::string_view text(std::size_t row, std::size_t column) const noexcept {
    const std::uint64_t word = slot(row, column);
    return {data() + static_cast<std::uint32_t>(word), static_cast<std::size_t>(word >> 32U)};
  }

  void retain() const noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
  void release() const noexcept;

 private:
  friend class ResultRef;
  friend class ResultBuilder;
  friend class detail::ResultRoom;
  ResultBuffer() = default;
  ~ResultBuffer() = default;
  [[nodiscard]] const ColumnRecord& column_record(std::size_t column) const noexcept {
    return reinterpret_cast<const ColumnRecord*>(data() + sizeof(ResultHeader))[column];
  }
  /// A buffer with room for `size` bytes, one reference held by the caller.
  [[nodiscard]] static ResultBuffer* allocate(std::size_t size);

  mutable std::atomic<std::uint32_t> references_{1};
  std::uint32_t unused_{0};  // keeps data() 8-byte aligned
};

/// A counted reference to a `ResultBuffer`.
///
/// Thread safety: distinct objects safe; shared object safe for const calls.
class ResultRef {
 public:
  ResultRef() noexcept = default;
  /// Takes over one reference.
  explicit ResultRef(const ResultBuffer* adopted) noexcept : buffer_{adopted} {}
  ResultRef(const ResultRef& other) noexcept : buffer_{other.buffer_} {
    if (buffer_ != nullptr) buffer_->retain();
  }
  ResultRef(ResultRef&& other) noexcept : buffer_{std::exchange(other.buffer_, nullptr)} {}
  ResultRef& operator=(ResultRef other) noexcept {
    std::swap(buffer_, other.buffer_);
    return *this;
  }
  ~ResultRef() {
    if (buffer_ != nullptr) buffer_->release();
  }
  [[nodiscard]] const ResultBuffer* get() const noexcept { return buffer_; }
  const ResultBuffer* operator->() const noexcept { return buffer_; }
  const ResultBuffer& operator*() const noexcept { return *buffer_; }
  explicit operator bool() const noexcept { return buffer_ != nullptr; }

 private:
  const ResultBuffer* buffer_{nullptr};
};

}  // namespace weir::spi
