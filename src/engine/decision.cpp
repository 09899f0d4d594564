#include "src/engine/decision.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace weir::detail {

Ruling Ruling::of(const EffectivePolicy& policy) noexcept {
  return {policy.mode, policy.ttl, policy.max_staleness, policy.stale_if_error, policy.timeout};
}

void Ruling::override_with(const Policy& strong) noexcept {
  if (strong.mode) mode = *strong.mode;
  if (strong.ttl) ttl = strong.ttl;
  if (strong.max_staleness) max_staleness = *strong.max_staleness;
  if (strong.stale_if_error) stale_if_error = strong.stale_if_error;
  if (strong.timeout) timeout = strong.timeout;
}

Decision decide(const spi::Analysis& analysis, const DecisionInput& input) {
  Decision decision;
  const auto refuse = [&](ReasonCode code, std::string reason) {
    decision.code = code;
    decision.reason = std::move(reason);
    return decision;
  };
  const auto because = [&] {
    return fmt::format("not cacheable: {}",
                       analysis.reasons.empty()
                           ? std::string{"the statement is not understood"}
                           : fmt::format("{}", fmt::join(analysis.reasons, "; ")));
  };
  if (analysis.kind != spi::StatementKind::kRead) {
    return refuse(analysis.kind == spi::StatementKind::kWrite ? ReasonCode::kWrite
                                                              : ReasonCode::kNotCacheable,
                  because());
  }
  if (input.ruling.mode == CacheMode::kOff)
    return refuse(ReasonCode::kOff, "off: a policy says so");
  if (analysis.cacheability == spi::Cacheability::kNever)
    return refuse(ReasonCode::kNotCacheable, because());
  if (analysis.needs_declared_session && !input.declared_session) {
    return refuse(ReasonCode::kSession,
                  "row security without a declared session: ask through with_session({.role = …})");
  }
  const bool provable = analysis.cacheability == spi::Cacheability::kProvable ||
                        (analysis.opaque_only && input.declares_reads);
  if (input.ruling.mode == CacheMode::kCoalesceOnly) {
    decision.share = true;
    decision.proven = provable;
    decision.code = ReasonCode::kOff;
    decision.reason = "coalesce only: a policy says that nothing is kept";
    return decision;
  }
  if (!provable && !input.ruling.ttl) {
    return refuse(ReasonCode::kNotCacheable,
                  because() + " (annotate a ttl to cache it all the same)");
  }
  decision.keep = true;
  decision.share = true;
  decision.proven = provable;
  return decision;
}

bool expired(const AgeInput& input) noexcept {
  return input.now >= input.expires || (input.ttl && input.now - input.read_started >= *input.ttl);
}

}  // namespace weir::detail
