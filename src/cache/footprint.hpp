#pragma once

#include <cstddef>

namespace weir::detail {

/// What the allocator takes from the system for a block of `size` bytes.
///
/// An estimate after glibc (malloc/malloc.c, 2.36: 8 bytes of header, steps of 16, at least 32, and
/// whole pages from the initial mmap threshold on); close enough for others.
[[nodiscard]] constexpr std::size_t allocated_size(std::size_t size) noexcept {
  constexpr std::size_t kHeader = 8;
  constexpr std::size_t kStep = 16;
  constexpr std::size_t kSmallest = 32;
  constexpr std::size_t kMapped = 128 * 1024;
  constexpr std::size_t kPage = 4096;
  if (size >= kMapped) return (size + 2 * kHeader + kPage - 1) / kPage * kPage;
  const std::size_t chunk = (size + kHeader + kStep - 1) / kStep * kStep;
  return chunk < kSmallest ? kSmallest : chunk;
}

}  // namespace weir::detail
