#pragma once

#include <atomic>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <unordered_set>
#include <utility>

#include "src/base/mutex.hpp"
#include "weir/clock.hpp"
#include "weir/spi/change_feed.hpp"

namespace weir::detail {

class Core;

/// Whether the background thread should pull now. Pure.
/// Lookups that come in are answered without waiting for the network as long as the last pull stays
/// inside the default bound; half of it leaves room for the pull itself.
struct PullSchedule {
  Duration bound{};       ///< The default `max_staleness`.
  Duration since_pull{};  ///< Since the last successful pull was sent.
  bool asked{false};      ///< Lookups came in since the last look.
};
[[nodiscard]] bool pull_is_due(const PullSchedule& schedule) noexcept;
/// How often the background thread looks: a quarter of the bound, from 5 ms to half a second.
[[nodiscard]] Duration look_interval(Duration bound) noexcept;

/// The engine's threads: one that keeps the label young and does the upkeep of pool and rules;
/// where the database can wake us, one that listens; and, from the first time on that an answer is
/// to be asked for anew while a stale one is served, one that does that.
///
/// Thread safety: shared object safe. Lifetime: within its Core's; the destructor interrupts and
/// joins. When the last handle goes in an event's slot on one of these threads, that thread takes
/// the core over and ends it once the slot has returned: it can neither join itself nor delete what
/// it is still running in.
class Background {
 public:
  Background(Core& core, std::unique_ptr<spi::Listener> listener, Duration default_bound,
             const Clock& clock);
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;
  ~Background();

  /// Interrupts and joins; a thread of its own that calls this (from an event's slot) is not waited
  /// for. One call at a time.
  void stop() WEIR_EXCLUDES(mutex_);

  /// Runs `refresh` soon, unless one under this key waits or runs already or too many do. What it
  /// throws is swallowed.
  void refresh_later(std::string key, std::function<void()> refresh) WEIR_EXCLUDES(mutex_);

  /// Whether this is called on one of these threads.
  [[nodiscard]] bool on_own_thread() const noexcept WEIR_EXCLUDES(mutex_);
  /// Stops the threads; the one that calls this deletes `core` as the last thing it does.
  /// REQUIRES: `on_own_thread()`, and `core` is the one this belongs to.
  void hand_over(std::unique_ptr<Core> core) WEIR_EXCLUDES(mutex_);

  [[nodiscard]] bool listening() const noexcept {
    return listening_.load(std::memory_order_relaxed);
  }
  [[nodiscard]] bool leading() const noexcept { return leading_.load(std::memory_order_relaxed); }

 private:
  void look() WEIR_EXCLUDES(mutex_);
  void listen() WEIR_EXCLUDES(mutex_);
  void refresh() WEIR_EXCLUDES(mutex_);
  /// The last thing a thread does: deletes the core, and this with it, if it took it over.
  void leave() WEIR_EXCLUDES(mutex_);
  /// False when it is time to stop.
  [[nodiscard]] bool rest(Duration duration) WEIR_EXCLUDES(mutex_);

  Core& core_;
  const std::unique_ptr<spi::Listener> listener_;
  const Duration default_bound_;
  const Clock& clock_;
  std::atomic<bool> listening_{false};  // told in metrics only, orders nothing
  std::atomic<bool> leading_{false};    // likewise

  static constexpr std::size_t kMostRefreshes = 1024;

  mutable Mutex mutex_;
  CondVar stopped_;
  bool stop_ WEIR_GUARDED_BY(mutex_){false};
  CondVar wanted_;  // a refresh, or the end
  std::deque<std::pair<std::string, std::function<void()>>> refreshes_ WEIR_GUARDED_BY(mutex_);
  std::unordered_set<std::string> refreshing_
      WEIR_GUARDED_BY(mutex_);                     // those and the one that runs
  std::thread refresher_ WEIR_GUARDED_BY(mutex_);  // started by the first
  std::unique_ptr<Core> taken_over_ WEIR_GUARDED_BY(mutex_);
  std::thread::id heir_ WEIR_GUARDED_BY(mutex_);  // who took it over

  std::thread looker_;
  std::thread listener_thread_;
};

}  // namespace weir::detail
