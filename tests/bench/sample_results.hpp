#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "weir/spi/result_buffer.hpp"

namespace weir::bench {

/// Results like those of applications, the same on every machine.
enum class SampleKind {
  kTracks,  ///< A catalogue: ids, names, a repeated album, sizes, a price.
  kLedger,  ///< Ids, amounts, timestamps, a status.
  kOpaque,  ///< Keys and tokens that look random: next to nothing to compress.
};

[[nodiscard]] std::string_view to_string(SampleKind kind) noexcept;

/// A result of at least `bytes` bytes, by less than a row.
[[nodiscard]] spi::ResultRef sample_result(SampleKind kind, std::size_t bytes);

}  // namespace weir::bench
