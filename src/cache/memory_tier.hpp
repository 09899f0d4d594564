#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "src/base/mutex.hpp"
#include "src/cache/entry.hpp"
#include "src/cache/entry_index.hpp"
#include "src/cache/greedy_dual.hpp"
#include "src/cache/key.hpp"
#include "weir/options.hpp"
#include "weir/units.hpp"

namespace weir::detail {

/// What became of a result handed to the memory tier.
enum class PutOutcome : std::uint8_t {
  kStored,
  kTooLarge,  ///< Over `MemoryOptions::max_entry`.
  kRejected,  ///< The tier is off, or everything it would displace is worth more.
};

/// A `put`'s outcome and what had to go for it.
struct PutReport {
  PutOutcome outcome{PutOutcome::kRejected};
  std::size_t evicted_entries{0};
  Bytes evicted_bytes{};
};

/// The memory tier's counts since it was made, as read at one moment (each exact, together not one
/// instant).
struct MemoryStats {
  std::uint64_t entries{};
  Bytes bytes{};  ///< Keys, results, labels, index and overhead together.
  std::uint64_t stored{};
  std::uint64_t too_large{};
  std::uint64_t rejected{};
  std::uint64_t evicted_for_room{};
  std::uint64_t evicted_dead{};  ///< For room too, but of no use any more.
  std::uint64_t replaced{};
  std::uint64_t erased{};
};

/// Results in this process's memory, bounded in bytes.
///
/// Purpose: find an entry under a shared lock of one shard, and keep those that save most database
/// time per byte. Benefits: a hit writes nothing that others wait for, but the entry's reference
/// count; the bound holds at every moment (docs/adr/0005). Costs: victims are chosen among few
/// candidates, so sometimes not the worst goes. Invariants: `bytes` is the sum of the charges of
/// the entries in the shards, of the tables, and of what puts under way have reserved; it never
/// passes the capacity. A victim is chosen thus: some entries of a random shard and the runners-up
/// of earlier choices are candidates; all that are dead go; if none is, the one with the lowest
/// priority goes, unless the newcomer's is lower still. Candidates are held by reference and judged
/// without any lock.
/// Thread safety: shared object safe. No two of its locks are held together.
class MemoryTier {
 public:
  /// Whether an entry is of no further use: stale, void or expired. Called without a lock held;
  /// must not throw.
  using DeadCheck = std::function<bool(const Entry&)>;

  /// REQUIRES: `options.validate()` passed. An empty `is_dead` says of none that it is.
  explicit MemoryTier(const MemoryOptions& options, DeadCheck is_dead = {});
  MemoryTier(const MemoryTier&) = delete;
  MemoryTier& operator=(const MemoryTier&) = delete;
  ~MemoryTier();

  /// The entry under the key, dead or not, and null when there is none; counts as a use. Allocates
  /// nothing.
  [[nodiscard]] EntryRef find(Key key) const;
  /// Stores what the draft describes, in place of what is under the key. When it is not stored,
  /// what is under the key goes too: the caller had reason to read anew.
  PutReport put(Key key, EntryDraft draft);
  /// Erases this very entry. Returns whether it was there.
  bool erase(const Entry& entry);
  /// Erases every entry that was there when it began.
  void clear();

  /// Calls `visit` for every entry, without a lock held.
  void for_each(const std::function<void(const Entry&)>& visit) const;
  [[nodiscard]] MemoryStats stats() const noexcept;
  [[nodiscard]] Bytes capacity() const noexcept { return Bytes{capacity_}; }

 private:
  static constexpr std::size_t kCacheLine = 64;
  static constexpr std::size_t kSample = 8;
  static constexpr std::size_t kRunnersUp = 16;

  struct alignas(kCacheLine) Shard {
    mutable SharedMutex mutex;
    EntryIndex index WEIR_GUARDED_BY(mutex);
  };
  /// An entry remembered by address only: it is looked for before it is touched.
  struct RunnerUp {
    std::uint64_t hash{};
    const Entry* entry{};
  };
  struct Candidate {
    double priority{};
    EntryRef entry{};
  };
  using Candidates = std::array<Candidate, kSample + kRunnersUp>;
  struct alignas(kCacheLine) Counters {
    std::atomic<std::uint64_t> entries{0};
    std::atomic<std::uint64_t> stored{0};
    std::atomic<std::uint64_t> too_large{0};
    std::atomic<std::uint64_t> rejected{0};
    std::atomic<std::uint64_t> evicted_for_room{0};
    std::atomic<std::uint64_t> evicted_dead{0};
    std::atomic<std::uint64_t> replaced{0};
    std::atomic<std::uint64_t> erased{0};
  };

  [[nodiscard]] Shard& shard_of(std::uint64_t hash) const noexcept {
    return shards_[(hash >> 40U) & (shard_count_ - 1)];  // the index uses the low bits
  }
  [[nodiscard]] EntryRef peek(Key key) const;
  [[nodiscard]] bool insert(const EntryRef& entry, PutReport& report);
  /// Takes the entry out of its shard, gives its bytes back, and counts it.
  bool remove(std::uint64_t hash, const Entry* entry, std::atomic<std::uint64_t>& counter);

  [[nodiscard]] bool try_reserve(std::size_t bytes) noexcept;
  void give_back(std::uint64_t bytes) noexcept;
  /// Reserves the bytes, evicting what is worth less than the newcomer. Returns false if that does
  /// not suffice.
  [[nodiscard]] bool reserve(std::size_t bytes, const Entry& newcomer, PutReport& report);
  /// Returns false when nothing is there that is worth less than the newcomer.
  [[nodiscard]] bool evict(const Entry& newcomer, PutReport& report);
  [[nodiscard]] std::size_t collect(Candidates& candidates);
  [[nodiscard]] bool evict_dead(std::span<const Candidate> candidates, PutReport& report);

  const std::uint64_t capacity_;
  const std::uint64_t max_entry_;
  const std::size_t shard_count_;
  const DeadCheck is_dead_;
  const std::unique_ptr<Shard[]> shards_;

  alignas(kCacheLine) GreedyDual worth_;
  alignas(kCacheLine) std::atomic<std::uint64_t> used_{0};
  std::atomic<std::uint64_t> draws_{0};  // random numbers taken
  Counters counters_;

  Mutex runners_up_mutex_;
  std::array<RunnerUp, kRunnersUp> runners_up_ WEIR_GUARDED_BY(runners_up_mutex_){};
};

}  // namespace weir::detail
