#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "src/base/mutex.hpp"
#include "src/freshness/freshness.hpp"
#include "weir/spi/change_feed.hpp"
#include "weir/spi/deadline.hpp"
#include "weir/token.hpp"

namespace weir::detail {

/// What a lookup needs to have been pulled before it may be answered from the cache.
struct PullNeed {
  TimePoint not_before{};  ///< The pull was sent then or later: now − max_staleness.
  std::uint64_t at_least{
      0};  ///< Its number is this or higher: it started after the own writes seen so far.
};

/// How `Puller::ensure` ended.
enum class PullOutcome : std::uint8_t {
  kDone,     ///< What was needed has been pulled.
  kFailed,   ///< The journal could not be read; `last_failure()` says why.
  kTimeout,  ///< The caller's deadline passed first.
};

/// Whether a pull may be tried while the last one failed: a plain function, for tests.
/// Waits 50 ms after a first failure and twice as long after each further one, up to 1 s.
[[nodiscard]] Duration pull_backoff(std::uint64_t failures_in_a_row) noexcept;

/// Pulls the journal, one pull at a time for the whole process, on the thread of whoever needs it
/// first.
///
/// Callers that need what a pull under way will bring wait for it; callers that need a later one
/// start it when that one is done, once for all of them. After a failure everybody who waited is
/// told at once, and nobody tries again before the backoff has passed, so that a dead journal costs
/// a branch and not a timeout per lookup. Thread safety: shared object safe.
class Puller {
 public:
  /// One pull that ended.
  struct Attempt {
    spi::Pull pull{};              ///< Empty when it failed.
    Freshness::Applied applied{};  ///< Empty when it failed.
    std::string failure{};         ///< Empty when it succeeded.
    Duration took{};
  };
  using Observer = std::function<void(const Attempt&)>;

  /// `forget_catalog` is called before a pull that brings DDL or a reset takes effect, and must not
  /// come back here. `observer` hears of every pull after it ended, on the thread that pulled,
  /// without a lock held. Lifetime: `freshness` and `clock` outlive the puller.
  Puller(std::unique_ptr<spi::ChangeFeed> feed, Freshness& freshness, const Clock& clock,
         Duration pull_timeout, std::function<void()> forget_catalog = {}, Observer observer = {});

  /// Whether `need` is met already. Lock-free.
  [[nodiscard]] bool satisfied(const PullNeed& need) const noexcept {
    const Freshness::Pulled pulled = freshness_.pulled();
    return pulled.number != 0 && pulled.number >= need.at_least &&
           pulled.started >= need.not_before && !tokens_pending_.load(std::memory_order_acquire);
  }
  /// Pulls, or waits for a pull, until `need` is met.
  [[nodiscard]] PullOutcome ensure(const PullNeed& need, spi::Deadline deadline)
      WEIR_EXCLUDES(mutex_);

  /// Own writes up to now are to be seen by every lookup that starts after this returns. Lock-free.
  void require_after_now() noexcept;
  /// How often `require_after_now` was called: a read that begins after this was asked has seen all
  /// those writes. Not to be told from `required`, which stays the same from one pull to the next.
  [[nodiscard]] std::uint64_t writes() const noexcept {
    return writes_.load(std::memory_order_acquire);  // pairs with the release in require_after_now
  }
  /// What lookups starting now must have pulled because of own writes.
  [[nodiscard]] std::uint64_t required() const noexcept {
    return required_.load(std::memory_order_acquire);
  }
  /// Nothing is served until a pull covers the token. A token of another incarnation is covered by
  /// any later pull.
  void require(const Token& token) WEIR_EXCLUDES(mutex_);

  /// What went wrong last; empty when the last pull succeeded.
  [[nodiscard]] std::string last_failure() const WEIR_EXCLUDES(mutex_);

 private:
  void drop_covered_tokens() WEIR_REQUIRES(mutex_);
  /// Pulls and applies. REQUIRES: `running_` was set by this thread.
  [[nodiscard]] Attempt pull_once(std::uint64_t number, TimePoint now, spi::Deadline deadline)
      WEIR_EXCLUDES(mutex_);

  const std::unique_ptr<spi::ChangeFeed> feed_;
  Freshness& freshness_;
  const Clock& clock_;
  const Duration pull_timeout_;
  const std::function<void()> forget_catalog_;
  const Observer observer_;

  std::atomic<std::uint64_t> started_{0};   // number of the newest pull sent
  std::atomic<std::uint64_t> required_{0};  // raised by writers, read by lookups
  std::atomic<std::uint64_t> writes_{0};
  std::atomic<bool> tokens_pending_{false};

  mutable Mutex mutex_;
  CondVar done_;
  bool running_ WEIR_GUARDED_BY(mutex_){false};
  std::uint64_t failures_ WEIR_GUARDED_BY(mutex_){0};  // in a row
  TimePoint retry_at_ WEIR_GUARDED_BY(mutex_){};
  std::string failure_ WEIR_GUARDED_BY(mutex_);
  std::vector<Token> tokens_ WEIR_GUARDED_BY(mutex_);
};

}  // namespace weir::detail
