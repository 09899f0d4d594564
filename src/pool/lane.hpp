#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "src/base/mutex.hpp"
#include "src/pool/lease.hpp"
#include "src/pool/pool_rules.hpp"
#include "weir/options.hpp"
#include "weir/spi/driver.hpp"

namespace weir::detail {

/// A pool's numbers at one moment.
struct PoolStats {
  std::size_t open{0};  ///< Idle plus leased.
  std::size_t idle{0};
  std::size_t leased{0};
  std::size_t opening{0};
  std::size_t waiting{0};  ///< Callers waiting for a connection to become free.
  std::uint64_t created{0};
  std::uint64_t connect_failures{0};
  std::array<std::uint64_t, kCloseCauses> closed{};  ///< By `CloseCause`.
  std::uint64_t waits{0};      ///< Leases that had to wait, those in vain included.
  Duration wait_time{};        ///< Of all of those together.
  std::uint64_t exhausted{0};  ///< Waits that ran into a limit.
};

/// The connections of one kind: those of the whole pool, or its readers, or its writer.
///
/// Purpose: `places_` counts connections that are open, being opened or being closed, and never
/// passes `max_places`. A caller gets a place with a connection in it or one to open a connection
/// in, and connects, pings and closes without the lock. Invariant: while somebody waits, no
/// connection is idle and no place is free; so whoever frees one hands it to the first who waits,
/// and nobody can overtake. Thread safety: shared object safe.
class Lane : public std::enable_shared_from_this<Lane> {
 public:
  struct Limits {
    std::size_t min_open{0};
    std::size_t max_places{1};
    std::string max_name{};  ///< What to raise, for messages.
    std::string kind{};      ///< "read ", "write ", or empty when they serve both; for messages.
  };

  Lane(spi::Driver& driver, spi::Access access, Limits limits, const PoolOptions& options,
       const Clock& clock);

  [[nodiscard]] Lease lease(std::uint64_t session, spi::Deadline deadline) WEIR_EXCLUDES(mutex_);
  void give_back(PooledConnection pooled, bool discard) noexcept WEIR_EXCLUDES(mutex_);
  /// Closes what is idle too long or too old, then opens up to `min_open`. Returns as `Pool::tick`.
  [[nodiscard]] std::optional<std::string> tick(TimePoint now) WEIR_EXCLUDES(mutex_);
  /// Refuses from now on, and closes what is idle.
  void close() noexcept WEIR_EXCLUDES(mutex_);
  /// Waits until every place is free; returns how many are not.
  [[nodiscard]] std::size_t drain(spi::Deadline deadline) WEIR_EXCLUDES(mutex_);
  void add_to(PoolStats& stats) const WEIR_EXCLUDES(mutex_);

 private:
  /// Somebody who waits for a place. Read and written under the lock.
  struct Waiter {
    enum class State : std::uint8_t { kWaiting, kServed, kClosed };
    State state{State::kWaiting};
    PooledConnection handed{};  ///< No connection: open one.
    CondVar changed{};
  };

  /// A place; the connection in it, or none: open one.
  [[nodiscard]] PooledConnection take_place(std::uint64_t session, spi::Deadline deadline)
      WEIR_EXCLUDES(mutex_);
  [[nodiscard]] PooledConnection wait_for_place(spi::Deadline deadline) WEIR_REQUIRES(mutex_);
  [[nodiscard]] PooledConnection pop_idle(std::uint64_t session) WEIR_REQUIRES(mutex_);
  /// Makes the connection in a place one that may be handed out, opening another if need be.
  void make_ready(PooledConnection& pooled, spi::Deadline deadline) WEIR_EXCLUDES(mutex_);
  [[nodiscard]] PooledConnection connect(spi::Deadline deadline) WEIR_EXCLUDES(mutex_);
  /// Closes a connection and keeps its place.
  void close_connection(PooledConnection& pooled, CloseCause cause) noexcept WEIR_EXCLUDES(mutex_);
  [[nodiscard]] std::optional<std::string> refill(TimePoint now) WEIR_EXCLUDES(mutex_);
  void keep(PooledConnection pooled) noexcept WEIR_REQUIRES(mutex_);
  void free_place() noexcept WEIR_REQUIRES(mutex_);
  void serve(PooledConnection handed) noexcept WEIR_REQUIRES(mutex_);
  [[noreturn]] void throw_closed() const;
  [[noreturn]] void throw_exhausted(spi::Deadline deadline, TimePoint asked,
                                    std::size_t others) const;

  spi::Driver& driver_;
  const spi::Access access_;
  const Limits limits_;
  const PoolOptions options_;
  const Clock& clock_;

  mutable Mutex mutex_;
  CondVar freed_;
  bool closed_ WEIR_GUARDED_BY(mutex_){false};
  std::size_t places_ WEIR_GUARDED_BY(mutex_){0};
  std::vector<PooledConnection> idle_ WEIR_GUARDED_BY(mutex_);  // the last one was used last
  std::list<Waiter*> waiters_ WEIR_GUARDED_BY(mutex_);          // in the order they came
  TimePoint broken_at_ WEIR_GUARDED_BY(mutex_){TimePoint::min()};
  TimePoint refill_at_ WEIR_GUARDED_BY(mutex_){TimePoint::min()};
  bool refill_failing_ WEIR_GUARDED_BY(mutex_){false};
  PoolStats stats_ WEIR_GUARDED_BY(mutex_);  // but open, idle and waiting
};

}  // namespace weir::detail
