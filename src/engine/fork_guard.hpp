#pragma once

#include <cstdint>

namespace weir::detail {

/// How often this process image was forked off: a database opened under another count belongs to
/// the parent. Complexity: one load.
[[nodiscard]] std::uint64_t fork_generation() noexcept;

}  // namespace weir::detail
