#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "src/engine/policy.hpp"
#include "weir/clock.hpp"
#include "weir/params.hpp"
#include "weir/policy.hpp"
#include "weir/result.hpp"
#include "weir/spi/analysis.hpp"

namespace weir::detail {

/// The part of a policy a lookup needs: no lists, so that taking it costs no allocation.
struct Ruling {
  CacheMode mode{CacheMode::kAuto};
  std::optional<std::chrono::milliseconds> ttl{};
  std::chrono::milliseconds max_staleness{EffectivePolicy::kDefaultStaleness};
  std::optional<std::chrono::milliseconds> stale_if_error{};
  std::optional<std::chrono::milliseconds> stale_while_revalidate{};
  std::optional<std::chrono::milliseconds> timeout{};

  [[nodiscard]] static Ruling of(const EffectivePolicy& policy) noexcept;
  /// The fields `strong` sets, set here too.
  void override_with(const Policy& strong) noexcept;
};

/// Whether a statement's results may be kept, and if not, why.
struct Decision {
  bool keep{false};                      ///< Look it up, and store what the database answers.
  bool share{false};                     ///< Answer concurrent callers with one query.
  bool proven{false};                    ///< Kept by proof; otherwise by its TTL alone.
  ReasonCode code{ReasonCode::kAbsent};  ///< Why not, when `keep` is false.
  std::string reason{};
};

/// What `decide` looks at beside the analysis.
struct DecisionInput {
  Ruling ruling{};
  bool declared_session{false};  ///< The caller declared a session.
  bool declares_reads{false};    ///< The policy has `depends_on`.
};

/// The rule for what is cached, design §1 "Untracked". Pure.
[[nodiscard]] Decision decide(const spi::Analysis& analysis, const DecisionInput& input);

/// Whether a text among the parameters, or an element of an array, holds a word that PostgreSQL
/// takes for the current time when it becomes a date or a timestamp: now, today, tomorrow,
/// yesterday, as a word of its own in any case. The analysis sees no values, so a result read with
/// one is kept only under a TTL. Pure.
[[nodiscard]] bool may_name_current_time(const Params& params);

/// What keeps a memory entry from being served as the caller asked, beside the freshness rule.
/// Pure.
struct AgeInput {
  TimePoint now{};
  TimePoint read_started{};
  TimePoint expires{TimePoint::max()};             ///< As stored, jitter included.
  std::optional<std::chrono::milliseconds> ttl{};  ///< The caller's.
};
[[nodiscard]] bool expired(const AgeInput& input) noexcept;

/// How long an analysis is trusted while there is no journal to tell of DDL.
inline constexpr std::chrono::seconds kUnjournaledAnalysisAge{10};

}  // namespace weir::detail
