#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "weir/params.hpp"

namespace weir::detail {

/// Builds the key of a lookup: session id, statement id and parameters, as bytes, with their hash.
///
/// Two keys are equal only if the session ids, the statement ids and the parameters (types and
/// nulls included) are. Up to `Params::kInline` bytes of parameters need no allocation. Thread
/// safety: distinct objects safe; shared object unsafe.
class KeyBuilder {
 public:
  /// Lifetime of the views: until the next `build` or the builder's end.
  struct BuiltKey {
    std::string_view bytes{};
    std::uint64_t hash{};
  };

  KeyBuilder() noexcept = default;
  KeyBuilder(const KeyBuilder&) = delete;
  KeyBuilder& operator=(const KeyBuilder&) = delete;

  [[nodiscard]] BuiltKey build(std::uint64_t statement_id, std::uint64_t session_id,
                               const Params& params);

 private:
  static constexpr std::size_t kPrefix = 2 * sizeof(std::uint64_t);

  std::array<char, kPrefix + Params::kInline> inline_;
  std::unique_ptr<char[]> heap_{};
  std::size_t heap_size_{0};
};

}  // namespace weir::detail
