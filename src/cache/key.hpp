#pragma once

#include <cstdint>
#include <string_view>

namespace weir::detail {

/// What a result is kept under: all of its bytes decide, the hash only finds them. A view.
struct Key {
  std::uint64_t hash{};
  std::string_view bytes{};

  friend bool operator==(const Key&, const Key&) = default;
};

}  // namespace weir::detail
