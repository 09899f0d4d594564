#pragma once

#include <cstdint>
#include <string_view>

#ifndef XXH_INLINE_ALL
#define XXH_INLINE_ALL
#endif
#include <xxhash.h>

namespace weir::detail {

/// 128 bits of hash.
struct Hash128 {
  std::uint64_t low{};
  std::uint64_t high{};
  friend bool operator==(const Hash128&, const Hash128&) = default;
};

/// XXH3 of the bytes. The same on every machine and in every version of weir. Not for secrets.
[[nodiscard]] inline std::uint64_t hash64(std::string_view bytes) noexcept {
  return XXH3_64bits(bytes.data(), bytes.size());
}
/// As above, another function for every seed.
[[nodiscard]] inline std::uint64_t hash64(std::string_view bytes, std::uint64_t seed) noexcept {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}
[[nodiscard]] inline Hash128 hash128(std::string_view bytes, std::uint64_t seed = 0) noexcept {
  const XXH128_hash_t hash = XXH3_128bits_withSeed(bytes.data(), bytes.size(), seed);
  return {hash.low64, hash.high64};
}

}  // namespace weir::detail
