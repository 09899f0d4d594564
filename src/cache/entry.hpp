#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "src/cache/key.hpp"
#include "src/freshness/cells.hpp"
#include "src/freshness/freshness.hpp"
#include "src/freshness/label.hpp"
#include "weir/clock.hpp"
#include "weir/spi/result_buffer.hpp"
#include "weir/units.hpp"

namespace weir::detail {

class EntryRef;

/// What an entry is made of. Lifetime: the views need to live until the entry is made, the cells as
/// long as the entry.
struct EntryDraft {
  spi::ResultRef rows{};  ///< Not null.
  LabelRef label{};       ///< What the read had seen; null for a result that only its TTL bounds.
  Dependencies dependencies{};
  TimePoint read_started{};
  TimePoint expires{TimePoint::max()};
  std::chrono::nanoseconds cost{};               ///< What the database took.
  Freshness::Pulled fresh{0, TimePoint::min()};  ///< The pull it is known to have been fresh after.
};

/// A moment as eviction counts it, see `GreedyDual`.
struct UseTime {
  double clock{};
  std::uint32_t turn{};
};

/// A cached result with what the freshness rule needs to judge it, in one allocation beside the
/// rows. Immutable but for how much it was used.
///
/// Thread safety: shared object safe.
class Entry {
 public:
  /// Uses beyond this many count no more, so that yesterday's favourites can be overtaken.
  static constexpr std::uint32_t kMostUses = 15;

  [[nodiscard]] static EntryRef create(Key key, EntryDraft draft);
  /// The memory an entry made of these takes: entry, key, rows, tags, its share of the label, and
  /// what the allocator adds to each.
  [[nodiscard]] static Bytes charge_for(Key key, const EntryDraft& draft) noexcept;

  Entry(const Entry&) = delete;
  Entry& operator=(const Entry&) = delete;

  [[nodiscard]] Key key() const noexcept { return {hash_, {key_data(), key_size_}}; }
  [[nodiscard]] const spi::ResultRef& rows() const noexcept { return rows_; }
  [[nodiscard]] const LabelRef& label() const noexcept { return label_; }
  [[nodiscard]] Dependencies dependencies() const noexcept {
    return {{cell_data(), cell_count_}, tags_};
  }
  [[nodiscard]] TimePoint read_started() const noexcept { return read_started_; }
  [[nodiscard]] TimePoint expires() const noexcept { return expires_; }
  [[nodiscard]] std::chrono::nanoseconds cost() const noexcept { return cost_; }
  [[nodiscard]] Bytes charge() const noexcept { return charge_; }

  /// The last pull after which it was proven fresh, as far as anybody noted it. The two are true
  /// each for itself, and perhaps of two pulls.
  [[nodiscard]] Freshness::Pulled fresh() const noexcept {
    return {fresh_number_.load(std::memory_order_relaxed),  // each orders nothing: it was proven
            TimePoint{Duration{fresh_started_.load(std::memory_order_relaxed)}}};
  }
  /// Notes that it was proven fresh after this pull. Not written when it is no news, as below.
  void note_fresh(const Freshness::Pulled& pull) const noexcept {
    const Freshness::Pulled known = fresh();
    if (pull.number > known.number) fresh_number_.store(pull.number, std::memory_order_relaxed);
    if (pull.started > known.started) {
      fresh_started_.store(pull.started.time_since_epoch().count(), std::memory_order_relaxed);
    }
  }
  /// How often it was stored or found, at most `kMostUses`.
  [[nodiscard]] std::uint32_t uses() const noexcept {
    return uses_.load(std::memory_order_relaxed);  // an estimate: nothing else is read by it
  }
  [[nodiscard]] UseTime last_use() const noexcept {
    return {last_clock_.load(std::memory_order_relaxed),  // estimates, as above
            last_turn_.load(std::memory_order_relaxed)};
  }
  /// Notes a use. Uses at the same time may count as one.
  void use(UseTime now) const noexcept {
    const std::uint32_t before = uses();
    if (before < kMostUses) uses_.store(before + 1, std::memory_order_relaxed);
    start(now);
  }
  /// Notes when it was made, which is its first use.
  void start(UseTime now) const noexcept {
    // Not written when unchanged: readers on many cores share the line.
    const UseTime last = last_use();
    if (last.clock != now.clock) last_clock_.store(now.clock, std::memory_order_relaxed);
    if (last.turn != now.turn) last_turn_.store(now.turn, std::memory_order_relaxed);
  }
  /// Counts the uses of the entry that this one replaces as its own.
  void inherit(const Entry& replaced) const noexcept {
    uses_.store(replaced.uses(), std::memory_order_relaxed);
  }

 private:
  friend class EntryRef;
  Entry(Key key, EntryDraft&& draft, Bytes charge);
  ~Entry() = default;

  // The cells' addresses follow the object, then the key's bytes.
  [[nodiscard]] const Cell* const* cell_data() const noexcept {
    return reinterpret_cast<const Cell* const*>(this + 1);
  }
  [[nodiscard]] const char* key_data() const noexcept {
    return reinterpret_cast<const char*>(cell_data() + cell_count_);
  }
  void retain() const noexcept {
    // Relaxed: whoever retains holds a reference already, or the index's under its lock.
    references_.fetch_add(1, std::memory_order_relaxed);
  }
  void release() const noexcept;

  mutable std::atomic<std::uint32_t> references_{1};
  mutable std::atomic<std::uint32_t> uses_{1};
  mutable std::atomic<double> last_clock_{0};
  mutable std::atomic<std::uint32_t> last_turn_{0};
  mutable std::atomic<std::uint64_t> fresh_number_;
  mutable std::atomic<Duration::rep> fresh_started_;
  std::uint32_t cell_count_;
  std::uint64_t hash_;
  std::size_t key_size_;
  spi::ResultRef rows_;
  LabelRef label_;
  TimePoint read_started_;
  TimePoint expires_;
  std::chrono::nanoseconds cost_;
  Bytes charge_;
  std::vector<std::string> tags_;
};

/// A counted reference to an `Entry`, which lives as long as any of them, in the cache or not.
///
/// Thread safety: distinct objects safe; shared object safe for const calls.
class EntryRef {
 public:
  EntryRef() noexcept = default;
  /// REQUIRES: `entry` is alive.
  explicit EntryRef(const Entry* entry) noexcept : entry_{entry} {
    if (entry_ != nullptr) entry_->retain();
  }
  EntryRef(const EntryRef& other) noexcept : EntryRef{other.entry_} {}
  EntryRef(EntryRef&& other) noexcept : entry_{std::exchange(other.entry_, nullptr)} {}
  EntryRef& operator=(EntryRef other) noexcept {
    std::swap(entry_, other.entry_);
    return *this;
  }
  ~EntryRef() {
    if (entry_ != nullptr) entry_->release();
  }

  [[nodiscard]] const Entry* get() const noexcept { return entry_; }
  const Entry* operator->() const noexcept { return entry_; }
  const Entry& operator*() const noexcept { return *entry_; }
  explicit operator bool() const noexcept { return entry_ != nullptr; }

 private:
  friend class Entry;
  struct Adopt {};
  EntryRef(const Entry* entry, Adopt) noexcept : entry_{entry} {}

  const Entry* entry_{nullptr};
};

}  // namespace weir::detail
