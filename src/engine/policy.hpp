#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "weir/policy.hpp"

namespace weir::detail {

/// How a query is cached once every source was asked: no field without a meaning.
struct EffectivePolicy {
  static constexpr std::chrono::milliseconds kDefaultStaleness{1000};

  CacheMode mode{CacheMode::kAuto};
  std::optional<std::chrono::milliseconds> ttl{};  ///< Empty: no limit.
  std::chrono::milliseconds max_staleness{kDefaultStaleness};
  std::optional<std::chrono::milliseconds> stale_if_error{};          ///< Empty: never.
  std::optional<std::chrono::milliseconds> stale_while_revalidate{};  ///< Empty: never.
  std::optional<std::chrono::milliseconds> timeout{};  ///< Empty: no limit of the policy's.
  std::vector<std::string> tags{};                     ///< Sorted, each once.
  std::vector<std::string> depends_on{};               ///< Sorted, each once.
};

/// `strong`, with the fields it leaves empty taken from `weak`; tags and `depends_on` add up.
/// Associative: overlaying the sources strongest first, two at a time in any grouping, is the
/// precedence `Policy` documents.
[[nodiscard]] Policy overlay(Policy strong, const Policy& weak);

/// The policy with the built-in defaults for what it leaves empty.
[[nodiscard]] EffectivePolicy resolve(Policy policy);

}  // namespace weir::detail
