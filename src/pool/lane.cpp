#include "src/pool/lane.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cassert>
#include <utility>

#include "weir/error.hpp"

namespace weir::detail {
namespace {

constexpr Duration kPingLimit = std::chrono::seconds{1};
constexpr Duration kRollbackLimit = std::chrono::seconds{1};
// After a failed refill the next one waits this long, so that a dead database does not occupy the
// upkeep.
constexpr Duration kRefillPause = std::chrono::seconds{5};

ConnectionFacts facts_of(const PooledConnection& pooled) {
  return {.opened = pooled.opened,
          .idle_since = pooled.idle_since,
          .usable = pooled.connection->usable(),
          .suspect = pooled.suspect};
}

std::int64_t to_ms(Duration duration) {
  return std::chrono::ceil<std::chrono::milliseconds>(duration).count();
}

}  // namespace

void Lease::give_back() noexcept {
  if (!pooled_.connection) return;
  if (std::uncaught_exceptions() > exceptions_) pooled_.suspect = true;
  std::exchange(lane_, nullptr)
      ->give_back(std::exchange(pooled_, {}), std::exchange(discard_, false));
}

Lane::Lane(spi::Driver& driver, spi::Access access, Limits limits, const PoolOptions& options,
           const Clock& clock)
    : driver_{driver},
      access_{access},
      limits_{std::move(limits)},
      options_{options},
      clock_{clock} {
  assert(limits_.max_places >= 1);
  idle_.reserve(limits_.max_places);  // so that giving back cannot fail
}

Lease Lane::lease(std::uint64_t session, spi::Deadline deadline) {
  // Asked without any time left, a sound connection would look dead.
  if (deadline.passed(clock_)) {
    throw Error{
        ErrorCode::kTimeout,
        fmt::format("pool: the call's deadline had passed before a connection to {} was asked for",
                    driver_.display_name())};
  }
  PooledConnection pooled = take_place(session, deadline);
  try {
    make_ready(pooled, deadline);
  } catch (...) {
    const MutexLock lock{mutex_};
    free_place();
    throw;
  }
  pooled.session = session;
  pooled.suspect = false;
  {
    const MutexLock lock{mutex_};
    ++stats_.leased;
    if (!closed_) return Lease{shared_from_this(), std::move(pooled)};
  }
  give_back(std::move(pooled), false);
  throw_closed();
}

PooledConnection Lane::take_place(std::uint64_t session, spi::Deadline deadline) {
  const MutexLock lock{mutex_};
  if (closed_) throw_closed();
  switch (decide_acquire(idle_.size(), places_, limits_.max_places, waiters_.size())) {
    case Acquire::kTakeIdle:
      return pop_idle(session);
    case Acquire::kOpen:
      ++places_;
      return {};
    case Acquire::kWait:
      break;
  }
  return wait_for_place(deadline);
}

PooledConnection Lane::wait_for_place(spi::Deadline deadline) {
  const TimePoint asked = clock_.now();
  const TimePoint limit = std::min(deadline.at, asked + options_.acquire_timeout);
  ++stats_.waits;
  Waiter self;
  const auto position = waiters_.insert(waiters_.end(), &self);
  while (self.state == Waiter::State::kWaiting) {
    // A place that came with the last moment counts.
    if (self.changed.wait_until(mutex_, limit, clock_) == std::cv_status::timeout &&
        self.state == Waiter::State::kWaiting) {
      waiters_.erase(position);
      stats_.wait_time += clock_.now() - asked;
      ++stats_.exhausted;
      throw_exhausted(deadline, asked, waiters_.size());
    }
  }
  stats_.wait_time += clock_.now() - asked;
  if (self.state == Waiter::State::kClosed) throw_closed();
  return std::move(self.handed);
}

PooledConnection Lane::pop_idle(std::uint64_t session) {
  // One that is in the wanted session already saves a round trip; then the one used last.
  auto found =
      std::find_if(idle_.rbegin(), idle_.rend(),
                   [session](const PooledConnection& pooled) { return pooled.session == session; });
  if (found == idle_.rend()) found = idle_.rbegin();
  PooledConnection pooled = std::move(*found);
  idle_.erase(std::next(found).base());
  return pooled;
}

void Lane::make_ready(PooledConnection& pooled, spi::Deadline deadline) {
  if (pooled.connection) {
    const TimePoint now = clock_.now();
    TimePoint broken_at;
    {
      const MutexLock lock{mutex_};
      broken_at = broken_at_;
    }
    switch (decide_reuse(facts_of(pooled), options_, broken_at, now)) {
      case Reuse::kTake:
        return;
      case Reuse::kPing:
        if (pooled.connection->ping(deadline.earlier(spi::Deadline{now + kPingLimit}))) return;
        close_connection(pooled, CloseCause::kPing);
        break;
      case Reuse::kClose:
        close_connection(pooled,
                         pooled.connection->usable() ? CloseCause::kLifetime : CloseCause::kBroken);
        break;
    }
  }
  pooled = connect(deadline);
}

PooledConnection Lane::connect(spi::Deadline deadline) {
  {
    const MutexLock lock{mutex_};
    ++stats_.opening;
  }
  const TimePoint now = clock_.now();
  PooledConnection opened;
  try {
    opened.connection =
        driver_.connect(access_, deadline.earlier(spi::Deadline{now + options_.connect_timeout}));
  } catch (...) {
    const MutexLock lock{mutex_};
    --stats_.opening;
    ++stats_.connect_failures;
    throw;
  }
  opened.opened = clock_.now();
  opened.idle_since = opened.opened;
  const MutexLock lock{mutex_};
  --stats_.opening;
  ++stats_.created;
  return opened;
}

void Lane::close_connection(PooledConnection& pooled, CloseCause cause) noexcept {
  pooled.connection.reset();  // talks to the database: not under the lock
  const MutexLock lock{mutex_};
  ++stats_.closed[static_cast<std::size_t>(cause)];
  // Where one was lost, the others that were idle then may be too.
  if (cause == CloseCause::kPing || cause == CloseCause::kBroken) broken_at_ = clock_.now();
}

void Lane::give_back(PooledConnection pooled, bool discard) noexcept {
  spi::Connection& connection = *pooled.connection;
  if (!discard && decide_tidy(connection.usable(), connection.state()) == Tidy::kRollback) {
    try {
      connection.rollback(spi::Deadline{clock_.now() + kRollbackLimit});
      pooled.suspect = false;  // it just answered
    } catch (...) {            // the state it is left in decides
    }
  }
  pooled.idle_since = clock_.now();
  auto cause =
      discard ? CloseCause::kDiscarded
              : decide_return(facts_of(pooled), connection.state(), options_, pooled.idle_since);
  {
    const MutexLock lock{mutex_};
    --stats_.leased;
    if (closed_ && !cause) cause = CloseCause::kPoolClosed;
    if (!cause) return keep(std::move(pooled));
  }
  close_connection(pooled, *cause);
  const MutexLock lock{mutex_};
  free_place();
}

std::optional<std::string> Lane::tick(TimePoint now) {
  std::vector<std::pair<PooledConnection, CloseCause>> gone;
  {
    const MutexLock lock{mutex_};
    std::size_t open = idle_.size() + stats_.leased;
    for (auto pooled = idle_.begin(); pooled != idle_.end();) {  // longest idle first
      const auto cause = decide_upkeep(facts_of(*pooled), options_, open, limits_.min_open, now);
      if (!cause) {
        ++pooled;
        continue;
      }
      gone.emplace_back(std::move(*pooled), *cause);
      pooled = idle_.erase(pooled);
      --open;
    }
  }
  for (auto& [pooled, cause] : gone) {
    close_connection(pooled, cause);
    const MutexLock lock{mutex_};
    free_place();
  }

  return refill(now);
}

std::optional<std::string> Lane::refill(TimePoint now) {
  const spi::Deadline deadline{clock_.now() + options_.connect_timeout};  // for all together
  while (!deadline.passed(clock_)) {
    {
      const MutexLock lock{mutex_};
      if (closed_ || now < refill_at_) break;
      if (places_ >= limits_.min_open) {
        if (std::exchange(refill_failing_, false)) return "";
        break;
      }
      ++places_;
    }
    PooledConnection opened;
    try {
      opened = connect(deadline);
    } catch (const Error& error) {
      const MutexLock lock{mutex_};
      free_place();
      refill_at_ = now + kRefillPause;
      if (std::exchange(refill_failing_, true)) break;  // told already
      return error.what();
    }
    {
      const MutexLock lock{mutex_};
      ++stats_.leased;
    }
    give_back(std::move(opened), false);
  }
  return std::nullopt;
}

void Lane::close() noexcept {
  std::vector<PooledConnection> gone;
  {
    const MutexLock lock{mutex_};
    closed_ = true;
    gone.swap(idle_);
    for (Waiter* waiter : waiters_) {
      waiter->state = Waiter::State::kClosed;
      waiter->changed.notify_one();
    }
    waiters_.clear();
  }
  for (PooledConnection& pooled : gone) {
    close_connection(pooled, CloseCause::kPoolClosed);
    const MutexLock lock{mutex_};
    free_place();
  }
}

std::size_t Lane::drain(spi::Deadline deadline) {
  const MutexLock lock{mutex_};
  while (places_ > 0) {
    if (freed_.wait_until(mutex_, deadline.at, clock_) == std::cv_status::timeout) break;
  }
  return places_;
}

void Lane::keep(PooledConnection pooled) noexcept {
  if (waiters_.empty()) {
    idle_.push_back(std::move(pooled));
  } else {
    serve(std::move(pooled));
  }
}

void Lane::free_place() noexcept {
  if (!waiters_.empty()) return serve({});
  --places_;
  freed_.notify_all();
}

void Lane::serve(PooledConnection handed) noexcept {
  Waiter& first = *waiters_.front();
  waiters_.pop_front();
  first.handed = std::move(handed);
  first.state = Waiter::State::kServed;
  first.changed.notify_one();  // under the lock: it is gone as soon as it can go on
}

void Lane::add_to(PoolStats& stats) const {
  const MutexLock lock{mutex_};
  stats.open += idle_.size() + stats_.leased;
  stats.idle += idle_.size();
  stats.leased += stats_.leased;
  stats.opening += stats_.opening;
  stats.waiting += waiters_.size();
  stats.created += stats_.created;
  stats.connect_failures += stats_.connect_failures;
  for (std::size_t cause = 0; cause < kCloseCauses; ++cause)
    stats.closed[cause] += stats_.closed[cause];
  stats.waits += stats_.waits;
  stats.wait_time += stats_.wait_time;
  stats.exhausted += stats_.exhausted;
}

void Lane::throw_closed() const {
  throw Error{ErrorCode::kClosed,
              fmt::format("pool: the pool for {} is closed", driver_.display_name())};
}

void Lane::throw_exhausted(spi::Deadline deadline, TimePoint asked, std::size_t others) const {
  if (deadline.at < asked + options_.acquire_timeout) {
    throw Error{ErrorCode::kTimeout,
                fmt::format("pool: the call's deadline passed after {} ms of waiting for a "
                            "{}connection to {}; all "
                            "{} of {} are in use and {} other callers wait",
                            to_ms(clock_.now() - asked), limits_.kind, driver_.display_name(),
                            limits_.max_places, limits_.max_name, others)};
  }
  throw Error{
      ErrorCode::kPoolExhausted,
      fmt::format(
          "pool: no {}connection to {} became free within pool.acquire_timeout = {} ms; all {} of "
          "{} "
          "are in use and {} other callers wait; raise either, or hold connections for shorter",
          limits_.kind, driver_.display_name(), options_.acquire_timeout.count(),
          limits_.max_places, limits_.max_name, others)};
}

}  // namespace weir::detail
