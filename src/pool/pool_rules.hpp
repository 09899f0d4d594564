#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "weir/clock.hpp"
#include "weir/options.hpp"
#include "weir/spi/driver.hpp"

namespace weir::detail {

/// Why the pool closed a connection.
enum class CloseCause : std::uint8_t {
  kIdle,        ///< Idle for `max_idle`.
  kLifetime,    ///< Older than `max_lifetime`.
  kBroken,      ///< Unusable when it came back, or a transaction could not be rolled back.
  kPing,        ///< Did not answer when asked.
  kDiscarded,   ///< Whoever leased it said so.
  kPoolClosed,  ///< The pool was closed.
};
inline constexpr std::size_t kCloseCauses = 6;
[[nodiscard]] std::string_view to_string(CloseCause cause) noexcept;

/// What the pool knows of a connection without asking anybody.
struct ConnectionFacts {
  TimePoint opened{};
  TimePoint idle_since{};
  bool usable{true};
  bool suspect{false};  ///< Its last use ended in an error.
};

/// A connection idle this long may have been cut by a firewall or a restart: ask it before handing
/// it out.
inline constexpr Duration kSuspectAfter = std::chrono::seconds{5};

// The pool's decisions. Plain functions: no clock, no lock, no I/O.

/// How a caller without a connection goes on.
enum class Acquire : std::uint8_t { kTakeIdle, kOpen, kWait };
/// `places` are taken by connections that are open, being opened or being closed. Nobody overtakes
/// those who wait.
[[nodiscard]] Acquire decide_acquire(std::size_t idle, std::size_t places, std::size_t max_places,
                                     std::size_t waiting) noexcept;

/// What is done with an idle connection somebody wants.
enum class Reuse : std::uint8_t { kTake, kPing, kClose };
/// `broken_at`: when a connection of this pool was last found broken; all that were idle then are
/// suspect.
[[nodiscard]] Reuse decide_reuse(const ConnectionFacts& facts, const PoolOptions& options,
                                 TimePoint broken_at, TimePoint now) noexcept;

/// What is done before a lease's connection can be kept.
enum class Tidy : std::uint8_t { kNothing, kRollback };
[[nodiscard]] Tidy decide_tidy(bool usable, spi::TransactionState state) noexcept;

/// Why a connection that came back is closed; empty: it is kept.
[[nodiscard]] std::optional<CloseCause> decide_return(const ConnectionFacts& facts,
                                                      spi::TransactionState state,
                                                      const PoolOptions& options,
                                                      TimePoint now) noexcept;

/// Why an idle connection is closed by upkeep; empty: it is kept. `open`: how many are open, this
/// one included.
[[nodiscard]] std::optional<CloseCause> decide_upkeep(const ConnectionFacts& facts,
                                                      const PoolOptions& options, std::size_t open,
                                                      std::size_t min_open, TimePoint now) noexcept;

}  // namespace weir::detail
