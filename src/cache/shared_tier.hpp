#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "src/base/cost_average.hpp"
#include "src/base/mutex.hpp"
#include "src/cache/breaker.hpp"
#include "src/cache/stored_entry.hpp"
#include "src/sql/shared_key.hpp"
#include "weir/clock.hpp"
#include "weir/options.hpp"
#include "weir/spi/deadline.hpp"
#include "weir/spi/remote_store.hpp"

namespace weir::detail {

/// An entry that was found, and when.
struct SharedFind {
  StoredEntry entry{};
  TimePoint asked{};                      ///< Before the store was.
  std::chrono::milliseconds remaining{};  ///< Of its life, by the store's clock.
};

/// How a call to the shared tier ended.
enum class SharedOutcome : std::uint8_t {
  kDone,
  kAbsent,    ///< Nothing there; for a lease: somebody else holds it.
  kCorrupt,   ///< Something there that is no entry, or one of another key.
  kTooLarge,  ///< To be put.
  kFailed,    ///< The store did not do it.
  kOff,       ///< It was not asked: it did not work lately.
};

/// Who hears of a `SharedTier`'s store. Called without a lock held; must not throw.
struct SharedWatchers {
  /// It stopped working, and why; it works again when the reason is empty.
  std::function<void(std::string_view reason)> degraded{};
  /// How long a lookup took that got an answer.
  std::function<void(Duration took)> got{};
  /// How long a put took.
  std::function<void(Duration took)> put{};
};

/// Results shared by processes through a store: bytes in, entries out, and a breaker before it all.
///
/// Whether an entry is true, and whether it is worth the trip, is the engine's to decide. Nothing
/// here throws for what the store does. Thread safety: shared object safe.
class SharedTier {
 public:
  /// REQUIRES: `options.validate()` passed; `store` is not null. Lifetime: the clock outlives it.
  SharedTier(RedisOptions options, std::unique_ptr<spi::RemoteStore> store, const Clock& clock,
             SharedWatchers watchers = {});
  SharedTier(const SharedTier&) = delete;
  SharedTier& operator=(const SharedTier&) = delete;
  ~SharedTier() { stop(); }

  [[nodiscard]] const RedisOptions& options() const noexcept { return options_; }
  [[nodiscard]] spi::RemoteStore& store() noexcept { return *store_; }
  /// Whether a lookup would reach the store.
  [[nodiscard]] bool open_for_reads() const noexcept { return reads_.closed(); }

  /// What a lookup takes, as far as is known.
  [[nodiscard]] std::chrono::nanoseconds fetch_cost() const noexcept {
    return fetch_.value().value_or(options_.min_cost);
  }
  /// Whether a lookup that would not pay should be made all the same, once in a while, to learn
  /// what lookups cost now.
  [[nodiscard]] bool wants_measurement() noexcept {
    constexpr std::uint32_t kOneIn = 64;
    return (skipped_.fetch_add(1, std::memory_order_relaxed) + 1) % kOneIn == 0;
  }

  struct Got {
    SharedOutcome outcome{SharedOutcome::kOff};
    std::optional<SharedFind> found{};  ///< With `kDone`.
  };
  [[nodiscard]] Got get(const SharedKey& key, spi::Deadline deadline);
  /// REQUIRES: `lifetime` is at least 1 ms.
  [[nodiscard]] SharedOutcome put(const SharedKey& key, const StoredEntry& entry,
                                  spi::Deadline deadline);

  /// Takes the lease on the key for `options().lease`, in the name of `owner`. `kDone`: it was
  /// free.
  [[nodiscard]] SharedOutcome take_lease(const SharedKey& key, std::string_view owner,
                                         spi::Deadline deadline);
  void give_lease_back(const SharedKey& key, std::string_view owner);
  /// A name nobody else has.
  [[nodiscard]] std::string new_owner();

  /// Waits. Returns false when there is nothing to wait for any more: `stop` was called.
  [[nodiscard]] bool wait_until(TimePoint until) WEIR_EXCLUDES(mutex_);
  /// Ends all waits.
  void stop() WEIR_EXCLUDES(mutex_);

 private:
  /// Calls `f` unless the breaker says no, and tells it how that went. Returns whether `f`
  /// returned.
  template <typename F>
  [[nodiscard]] SharedOutcome guarded(Breaker& breaker, spi::Deadline deadline, F&& f);
  /// Half of the time there is: the database needs some too.
  [[nodiscard]] spi::Deadline limit(TimePoint now, spi::Deadline deadline) const;
  void told(Breaker::Turn turn, std::string_view reason);
  [[nodiscard]] std::uint64_t random() noexcept;

  const RedisOptions options_;
  const std::unique_ptr<spi::RemoteStore> store_;
  const Clock& clock_;
  const SharedWatchers watchers_;
  const std::uint64_t seed_;
  std::atomic<std::uint64_t> draws_{0};
  std::atomic<std::uint32_t> skipped_{0};
  CostAverage fetch_;
  // Apart, because a full store refuses writes and answers reads.
  Breaker reads_;
  Breaker writes_;

  Mutex mutex_;
  CondVar stopped_;
  bool stop_ WEIR_GUARDED_BY(mutex_){false};
};

}  // namespace weir::detail
