#pragma once

#include <cstddef>
#include <string_view>

#include "weir/spi/result_buffer.hpp"
#include "weir/units.hpp"

namespace weir::detail {

/// A result from outside, or what is wrong with its bytes.
struct CheckedResult {
  spi::ResultRef rows{};     ///< Null when there is a fault.
  std::string_view fault{};  ///< Static text; empty when there is none.
};

/// Room for the bytes of a result that come from outside, say from a shared tier.
///
/// Thread safety: distinct objects safe; shared object unsafe.
class ResultRoom {
 public:
  /// REQUIRES: `size` was checked against a limit; that much is allocated.
  explicit ResultRoom(std::size_t size);

  /// Where the bytes go. Until `finish`.
  [[nodiscard]] char* data() noexcept { return data_; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

  /// The result, if it is one: laid out to the byte as `ResultHeader` tells, so that nothing that
  /// is asked of it later reads past its end. REQUIRES: all bytes were written; called once.
  /// Complexity: O(cells), the texts themselves are not read.
  [[nodiscard]] CheckedResult finish() noexcept;

 private:
  [[nodiscard]] std::string_view find_fault() const noexcept;

  spi::ResultRef rows_;
  char* data_;
  std::size_t size_;
};

/// A copy of `bytes` as a result of at most `limit` bytes, or what is wrong with them.
[[nodiscard]] CheckedResult copy_result(std::string_view bytes, Bytes limit);

}  // namespace weir::detail
