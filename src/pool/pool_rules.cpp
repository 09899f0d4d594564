#include "src/pool/pool_rules.hpp"

namespace weir::detail {
namespace {

bool too_old(const ConnectionFacts& facts, const PoolOptions& options, TimePoint now) noexcept {
  return options.max_lifetime && now - facts.opened >= *options.max_lifetime;
}

}  // namespace

std::string_view to_string(CloseCause cause) noexcept {
  switch (cause) {
    case CloseCause::kIdle:
      return "idle";
    case CloseCause::kLifetime:
      return "lifetime";
    case CloseCause::kBroken:
      return "broken";
    case CloseCause::kPing:
      return "ping";
    case CloseCause::kDiscarded:
      return "discarded";
    case CloseCause::kPoolClosed:
      return "pool closed";
  }
  return "unknown";
}

Acquire decide_acquire(std::size_t idle, std::size_t places, std::size_t max_places,
                       std::size_t waiting) noexcept {
  if (waiting > 0) return Acquire::kWait;
  if (idle > 0) return Acquire::kTakeIdle;
  return places < max_places ? Acquire::kOpen : Acquire::kWait;
}

Reuse decide_reuse(const ConnectionFacts& facts, const PoolOptions& options, TimePoint broken_at,
                   TimePoint now) noexcept {
  if (!facts.usable || too_old(facts, options, now)) return Reuse::kClose;
  const bool doubtful =
      facts.suspect || now - facts.idle_since >= kSuspectAfter || facts.idle_since <= broken_at;
  return doubtful ? Reuse::kPing : Reuse::kTake;
}

Tidy decide_tidy(bool usable, spi::TransactionState state) noexcept {
  const bool open_transaction =
      state == spi::TransactionState::kActive || state == spi::TransactionState::kFailed;
  return usable && open_transaction ? Tidy::kRollback : Tidy::kNothing;
}

std::optional<CloseCause> decide_return(const ConnectionFacts& facts, spi::TransactionState state,
                                        const PoolOptions& options, TimePoint now) noexcept {
  if (!facts.usable || state != spi::TransactionState::kIdle) return CloseCause::kBroken;
  if (too_old(facts, options, now)) return CloseCause::kLifetime;
  return std::nullopt;
}

std::optional<CloseCause> decide_upkeep(const ConnectionFacts& facts, const PoolOptions& options,
                                        std::size_t open, std::size_t min_open,
                                        TimePoint now) noexcept {
  if (!facts.usable) return CloseCause::kBroken;
  if (too_old(facts, options, now)) return CloseCause::kLifetime;
  const bool idle_long = options.max_idle && now - facts.idle_since >= *options.max_idle;
  return idle_long && open > min_open ? std::optional{CloseCause::kIdle} : std::nullopt;
}

}  // namespace weir::detail
