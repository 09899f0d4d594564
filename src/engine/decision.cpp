#include "src/engine/decision.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <string_view>

namespace weir::detail {

Ruling Ruling::of(const EffectivePolicy& policy) noexcept {
  return {policy.mode,
          policy.ttl,
          policy.max_staleness,
          policy.stale_if_error,
          policy.stale_while_revalidate,
          policy.timeout};
}

void Ruling::override_with(const Policy& strong) noexcept {
  if (strong.mode) mode = *strong.mode;
  if (strong.ttl) ttl = strong.ttl;
  if (strong.max_staleness) max_staleness = *strong.max_staleness;
  if (strong.stale_if_error) stale_if_error = strong.stale_if_error;
  if (strong.stale_while_revalidate) stale_while_revalidate = strong.stale_while_revalidate;
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

namespace {

// Quotes and backslashes left out: within an array's text they may stand anywhere in a word.
bool holds_time_word(std::string_view raw) {
  std::string text;
  std::copy_if(raw.begin(), raw.end(), std::back_inserter(text),
               [](char c) { return c != '\\' && c != '"'; });
  constexpr std::array<std::string_view, 4> kWords{"now", "today", "tomorrow", "yesterday"};
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  for (std::size_t at = 0; at < text.size();) {
    if (!is_letter(text[at])) {
      ++at;
      continue;
    }
    std::size_t end = at;
    while (end < text.size() && is_letter(text[end])) ++end;
    const std::string_view word = std::string_view{text}.substr(at, end - at);
    at = end;
    const auto same = [&](std::string_view known) {
      return std::equal(word.begin(), word.end(), known.begin(), known.end(),
                        [](char a, char b) { return (a | 0x20) == b; });
    };
    if (std::any_of(kWords.begin(), kWords.end(), same)) return true;
  }
  return false;
}

}  // namespace

bool may_name_current_time(const Params& params) {
  bool found = false;
  const auto look = [&](const ParamView& value) {
    if (value.type() == ParamType::kText) found = found || holds_time_word(value.text());
  };
  params.for_each([&](const ParamView& value) {
    if (value.type() == ParamType::kArray) {
      value.array().for_each(look);
    } else {
      look(value);
    }
  });
  return found;
}

bool expired(const AgeInput& input) noexcept {
  return input.now >= input.expires || (input.ttl && input.now - input.read_started >= *input.ttl);
}

}  // namespace weir::detail
