#include "weir/spi/result_builder.hpp"

#include <fmt/format.h>

#include <bit>
#include <cassert>
#include <cstring>
#include <utility>

#include "weir/error.hpp"

namespace weir::spi {
namespace {

/// Copies texts to the end of a result under construction.
class Heap {
 public:
  Heap(char* data, std::size_t offset) noexcept : data_{data}, offset_{offset} {}
  std::uint32_t append(std::string_view text) noexcept {
    const std::size_t at = offset_;
    text.copy(data_ + at, text.size());
    offset_ += text.size();
    return static_cast<std::uint32_t>(at);
  }

 private:
  char* data_;
  std::size_t offset_;
};

constexpr std::uint64_t kCellSize = sizeof(std::uint64_t) + sizeof(CellType);

constexpr bool in_heap(CellType type) noexcept {
  return type == CellType::kText || type == CellType::kBytes || type == CellType::kOther;
}

}  // namespace

void ResultBuilder::add_column(std::string_view name, std::string_view type_name) {
  assert(types_.empty());
  take_room(sizeof(ColumnRecord) + name.size() + type_name.size());
  columns_.push_back({std::string{name}, std::string{type_name}});
}

void ResultBuilder::reserve(std::size_t rows, std::size_t text_bytes) {
  slots_.reserve(rows * columns_.size());
  types_.reserve(rows * columns_.size());
  heap_.reserve(text_bytes);
}

void ResultBuilder::real(double value) {
  push(CellType::kDouble, std::bit_cast<std::uint64_t>(value));
}

void ResultBuilder::push(CellType type, std::uint64_t word) {
  take_room(kCellSize);
  push_cell(type, word);
}

void ResultBuilder::push_bytes(CellType type, std::string_view value) {
  take_room(kCellSize + value.size());
  const std::uint64_t offset = heap_.size();
  heap_.append(value);
  push_cell(type, offset | std::uint64_t{value.size()} << 32U);
}

void ResultBuilder::push_cell(CellType type, std::uint64_t word) {
  assert(!columns_.empty());
  slots_.push_back(word);
  types_.push_back(type);
}

void ResultBuilder::take_room(std::uint64_t bytes) {
  if (size_.value + bytes > limit_.value) {
    throw Error{
        ErrorCode::kUsage,
        fmt::format("result: over {} bytes: {} and {} more after {} rows", limit_.value,
                    size_.value, bytes, columns_.empty() ? 0 : types_.size() / columns_.size())};
  }
  size_ = size_ + Bytes{bytes};
}

ResultRef ResultBuilder::finish(std::size_t rows_without_columns) {
  assert(columns_.empty() || types_.size() % columns_.size() == 0);
  const std::size_t slots_offset = sizeof(ResultHeader) + columns_.size() * sizeof(ColumnRecord);
  const std::size_t types_offset = slots_offset + slots_.size() * sizeof(std::uint64_t);
  const std::size_t heap_offset = types_offset + types_.size();
  ResultHeader header;
  header.columns = static_cast<std::uint32_t>(columns_.size());
  header.rows = columns_.empty() ? rows_without_columns : types_.size() / columns_.size();
  header.size = size_.value;
  header.slots_offset = static_cast<std::uint32_t>(slots_offset);
  header.types_offset = static_cast<std::uint32_t>(types_offset);

  ResultBuffer* const buffer = ResultBuffer::allocate(header.size);
  char* const data = const_cast<char*>(buffer->data());
  std::memcpy(data, &header, sizeof header);
  Heap heap{data, heap_offset};
  static_cast<void>(heap.append(heap_));
  for (std::size_t column = 0; column < columns_.size(); ++column) {
    const auto& [name, type] = columns_[column];
    ColumnRecord record;
    record.name_offset = heap.append(name);
    record.name_length = static_cast<std::uint32_t>(name.size());
    record.type_offset = heap.append(type);
    record.type_length = static_cast<std::uint32_t>(type.size());
    std::memcpy(data + sizeof header + column * sizeof record, &record, sizeof record);
  }
  for (std::size_t cell = 0; cell < slots_.size(); ++cell) {
    if (in_heap(types_[cell])) slots_[cell] += heap_offset;
  }
  if (!slots_.empty()) {
    std::memcpy(data + slots_offset, slots_.data(), slots_.size() * sizeof(std::uint64_t));
    std::memcpy(data + types_offset, types_.data(), types_.size());
  }
  *this = ResultBuilder{limit_};
  return ResultRef{buffer};
}

}  // namespace weir::spi
