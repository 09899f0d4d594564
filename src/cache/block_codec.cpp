#include "src/cache/block_codec.hpp"

#include <lz4.h>

#include <climits>

namespace weir::detail {

std::optional<std::string> compress_block(std::string_view bytes) {
  if (bytes.size() > LZ4_MAX_INPUT_SIZE) return std::nullopt;
  std::string block(bytes.size() - bytes.size() / 8, '\0');
  const int size = LZ4_compress_default(bytes.data(), block.data(), static_cast<int>(bytes.size()),
                                        static_cast<int>(block.size()));
  if (size <= 0) return std::nullopt;  // it did not fit
  block.resize(static_cast<std::size_t>(size));
  return block;
}

bool decompress_block(std::string_view block, char* to, std::size_t size) noexcept {
  if (block.size() > INT_MAX || size > INT_MAX) return false;
  const int written =
      LZ4_decompress_safe(block.data(), to, static_cast<int>(block.size()), static_cast<int>(size));
  return written >= 0 && static_cast<std::size_t>(written) == size;
}

}  // namespace weir::detail
