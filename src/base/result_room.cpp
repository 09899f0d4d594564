#include "src/base/result_room.hpp"

#include <cstdint>
#include <cstring>
#include <utility>

namespace weir::detail {
namespace {

using spi::ColumnRecord;
using spi::ResultHeader;

constexpr std::uint64_t kCellSize = sizeof(std::uint64_t) + sizeof(CellType);

template <typename T>
T load(const char* from) noexcept {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

/// Follows the texts of the heap, each of which has to begin where the one before ended.
class HeapCheck {
 public:
  HeapCheck(std::uint64_t begin, std::uint64_t end) noexcept : at_{begin}, end_{end} {}
  [[nodiscard]] bool take(std::uint32_t offset, std::uint32_t length) noexcept {
    if (offset != at_ || length > end_ - at_) return false;
    at_ += length;
    return true;
  }
  [[nodiscard]] bool at_end() const noexcept { return at_ == end_; }

 private:
  std::uint64_t at_;
  std::uint64_t end_;
};

}  // namespace

ResultRoom::ResultRoom(std::size_t size)
    : rows_{spi::ResultBuffer::allocate(size)},
      data_{const_cast<char*>(rows_->data())},
      size_{size} {}

CheckedResult ResultRoom::finish() noexcept {
  const std::string_view fault = find_fault();
  if (!fault.empty()) return {{}, fault};
  return {std::move(rows_), {}};
}

std::string_view ResultRoom::find_fault() const noexcept {
  if (size_ < sizeof(ResultHeader)) return "shorter than a result's header";
  if (size_ > UINT32_MAX) return "over 4 GiB";
  const auto header = load<ResultHeader>(data_);
  if (header.magic != ResultHeader::kMagic) return "not a result";
  if (header.size != size_) return "not of the size it tells";
  const std::uint64_t columns_end = sizeof(ResultHeader) + header.columns * sizeof(ColumnRecord);
  if (columns_end > size_) return "more columns than bytes";
  if (header.slots_offset != columns_end) return "the slots do not follow the columns";
  std::uint64_t cells = 0;
  if (header.columns > 0) {
    if (header.rows > (size_ - columns_end) / kCellSize / header.columns)
      return "more rows than bytes";
    cells = header.rows * header.columns;
  } else if (header.rows > UINT32_MAX) {
    return "too many rows without columns";
  }
  const std::uint64_t slots_end = columns_end + cells * sizeof(std::uint64_t);
  if (header.types_offset != slots_end) return "the cell types do not follow the slots";

  const char* const slots = data_ + columns_end;
  const char* const types = data_ + slots_end;
  HeapCheck heap{slots_end + cells, size_};
  for (std::uint64_t cell = 0; cell < cells; ++cell) {
    const auto slot = load<std::uint64_t>(slots + cell * sizeof(std::uint64_t));
    switch (static_cast<CellType>(types[cell])) {
      case CellType::kNull:
        if (slot != 0) return "a null with a value";
        break;
      case CellType::kBool:
        if (slot > 1) return "a bool that is neither 0 nor 1";
        break;
      case CellType::kInt64:
      case CellType::kDouble:
        break;
      case CellType::kText:
      case CellType::kBytes:
      case CellType::kOther:
        if (!heap.take(static_cast<std::uint32_t>(slot), static_cast<std::uint32_t>(slot >> 32U)))
          return "a text outside its place";
        break;
      default:
        return "a cell of an unknown type";
    }
  }
  for (std::uint64_t column = 0; column < header.columns; ++column) {
    const auto record =
        load<ColumnRecord>(data_ + sizeof(ResultHeader) + column * sizeof(ColumnRecord));
    if (!heap.take(record.name_offset, record.name_length) ||
        !heap.take(record.type_offset, record.type_length))
      return "a column's name outside its place";
  }
  if (!heap.at_end()) return "bytes behind the last text";
  return {};
}

CheckedResult copy_result(std::string_view bytes, Bytes limit) {
  if (bytes.size() > limit.value) return {{}, "over the limit"};
  ResultRoom room{bytes.size()};
  bytes.copy(room.data(), bytes.size());
  return room.finish();
}

}  // namespace weir::detail
