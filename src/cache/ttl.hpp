#pragma once

#include <cstdint>

#include "weir/clock.hpp"

namespace weir::detail {

/// `ttl` shortened by up to `share` of it, evenly over the values of `random`: entries stored
/// together do not expire together, and none lives longer than it may.
/// REQUIRES: 0 <= share < 1, ttl not negative.
[[nodiscard]] constexpr Duration jittered(Duration ttl, double share,
                                          std::uint64_t random) noexcept {
  constexpr double kRange = 18446744073709551616.0;  // 2^64
  const double cut =
      static_cast<double>(ttl.count()) * share * (static_cast<double>(random) / kRange);
  return ttl - Duration{static_cast<Duration::rep>(cut)};
}

}  // namespace weir::detail
