#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace weir::detail {

/// The LZ4 block of `bytes`, or nothing unless that saves at least an eighth: then decompressing it
/// is not worth a reader's time.
[[nodiscard]] std::optional<std::string> compress_block(std::string_view bytes);

/// Writes what `block` holds to `to` and returns whether that is exactly `size` bytes. The block is
/// untrusted: nothing is read or written past either end, and no block claims more than it can hold
/// (see `could_hold`).
[[nodiscard]] bool decompress_block(std::string_view block, char* to, std::size_t size) noexcept;

/// Whether a block of `stored` bytes can decompress to `size`: asked before room is made.
[[nodiscard]] constexpr bool could_hold(std::size_t stored, std::size_t size) noexcept {
  return size / 255 <= stored;  // each byte of a match's length stands for at most 255
}

}  // namespace weir::detail
