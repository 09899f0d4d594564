#include "weir/spi/result_buffer.hpp"

#include <bit>
#include <new>

namespace weir {

std::string_view to_string(CellType type) noexcept {
  switch (type) {
    case CellType::kNull:
      return "NULL";
    case CellType::kBool:
      return "bool";
    case CellType::kInt64:
      return "int64";
    case CellType::kDouble:
      return "double";
    case CellType::kText:
      return "text";
    case CellType::kBytes:
      return "bytes";
    case CellType::kOther:
      return "other";
  }
  return "unknown";
}

}  // namespace weir

namespace weir::spi {

static_assert(sizeof(ResultHeader) == 32 && sizeof(ColumnRecord) == 16, "the stored form");
static_assert(std::endian::native == std::endian::little,
              "results are shared as they lie in memory");
static_assert(sizeof(ResultBuffer) % alignof(std::uint64_t) == 0, "data() is 8-byte aligned");

ResultBuffer* ResultBuffer::allocate(std::size_t size) {
  return ::new (::operator new(sizeof(ResultBuffer) + size)) ResultBuffer;
}

void ResultBuffer::release() const noexcept {
  // Release: what this thread read happens before the deletion. Acquire: pairs with the other
  // threads' releases.
  if (references_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  auto* const self = const_cast<ResultBuffer*>(this);
  self->~ResultBuffer();
  ::operator delete(self);
}

}  // namespace weir::spi
