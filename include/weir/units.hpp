#pragma once

#include <compare>
#include <cstdint>

namespace weir {

/// A number of bytes.
struct Bytes {
  std::uint64_t value{};

  static constexpr Bytes kibi(std::uint64_t n) noexcept { return Bytes{n << 10U}; }
  static constexpr Bytes mebi(std::uint64_t n) noexcept { return Bytes{n << 20U}; }
  static constexpr Bytes gibi(std::uint64_t n) noexcept { return Bytes{n << 30U}; }

  constexpr auto operator<=>(const Bytes&) const = default;
};

constexpr Bytes operator+(Bytes a, Bytes b) noexcept { return Bytes{a.value + b.value}; }

}  // namespace weir
