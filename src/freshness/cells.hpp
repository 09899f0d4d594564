#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "src/base/mutex.hpp"
#include "src/freshness/label.hpp"
#include "weir/spi/change_feed.hpp"
#include "weir/spi/snapshot.hpp"

namespace weir::detail {

/// The changes known to have touched one dependency: the newest id, a few recent ids, the newest
/// forgotten one, and at which step the last was learned.
///
/// A snapshot is judged to have seen all of them only if it provably has: what was forgotten counts
/// as "every id up to it". Thread safety: any number of readers beside one writer (`CellTable` sees
/// to the one).
class Cell {
 public:
  /// REQUIRES: steps do not descend. Complexity: O(1).
  void mark(spi::ChangeId id, std::uint64_t step) noexcept;

  /// Whether `snapshot`, which has seen everything learned up to `step` (0: that is not known), saw
  /// every change marked before. Usually one comparison. The step is what spares hot cells from a
  /// long transaction anywhere, which keeps xmin low for its whole life.
  [[nodiscard]] bool seen_by(const spi::Snapshot& snapshot, std::uint64_t step = 0) const noexcept {
    return newest_.load(std::memory_order_acquire) < snapshot.xmin ||
           marked_.load(std::memory_order_acquire) <= step || seen_by_slowly(snapshot);
  }
  [[nodiscard]] bool seen_by(const Label& label) const noexcept {
    return seen_by(label.snapshot, label.step);
  }
  /// The largest id ever marked, 0 when none was.
  [[nodiscard]] spi::ChangeId newest() const noexcept {
    return newest_.load(std::memory_order_acquire);
  }

 private:
  [[nodiscard]] bool seen_by_slowly(const spi::Snapshot& snapshot) const noexcept;

  static constexpr std::uint64_t kNever = 0;
  static constexpr std::size_t kRecent = 4;
  static_assert(kRecent < spi::History::kNewest);  // one more makes forgotten_ exact
  // Written in this order: forgotten_, recent_, newest_ (each release). Readers go the other way
  // round (acquire), so that whoever sees an id overwritten sees it covered by forgotten_.
  std::atomic<spi::ChangeId> newest_{0};
  std::atomic<std::uint64_t> marked_{kNever};  // the step of the last mark
  std::array<std::atomic<spi::ChangeId>, kRecent> recent_{};
  std::atomic<spi::ChangeId> forgotten_{0};
};

/// What is known of a relation's changes.
struct RelationCells {
  Cell any{};    ///< Every change to it.
  Cell whole{};  ///< Those that did not tell which rows they touched.
  /// How many changes `any` was marked with. Orders nothing.
  std::atomic<std::uint64_t> changes{0};
};

/// The cells of key values: a fixed number that all values of all columns share by their hash.
///
/// A value that shares its cell with one that changed costs a miss, never a stale hit. Thread
/// safety: any number of readers beside one writer (`CellTable` sees to the one).
class KeyStripes {
 public:
  /// REQUIRES: `count` is a power of two. Takes no memory before the first mark.
  explicit KeyStripes(std::size_t count) : count_{count} {}

  /// What stands for a value, in this process and every other: its hash with what it is a value of.
  /// `item` is `column:value`.
  [[nodiscard]] static std::uint64_t hash(std::string_view relation,
                                          std::string_view item) noexcept;
  void make();  ///< REQUIRES: called by the one writer, or before anybody reads.
  [[nodiscard]] bool made() const noexcept { return !stripes_.empty(); }
  /// REQUIRES (all below): made.
  void mark(std::uint64_t key, spi::ChangeId id, std::uint64_t step) noexcept;
  [[nodiscard]] const Cell* at(std::uint64_t key) const noexcept {
    return &stripes_[key & (count_ - 1)].cell;
  }
  /// Whether the value that last marked this one's cell was another one.
  [[nodiscard]] bool taken_by_another(std::uint64_t key) const noexcept;

 private:
  struct Stripe {
    Cell cell{};
    std::atomic<std::uint32_t> marked_by{0};  // the upper half of the last value's hash
  };
  std::size_t count_;
  std::vector<Stripe> stripes_{};
};

/// Which relations get a cell.
enum class Coverage : std::uint8_t {
  kAsked,    ///< Those that were asked for: entries read by this process need no more.
  kChanged,  ///< And those that any change names: entries that others read depend on them.
};

/// The cells of one database in one process.
///
/// Relations get two cells each, when first asked for, or when they first change (`Coverage`); tags
/// share a fixed number of cells (a collision costs a miss, never a stale hit), and so do key
/// values; "everything" has one that every entry depends on. Patterns over tags are kept as a short
/// list, because a pattern cannot be turned into cells. Invariant: a cell asked for before a label
/// is taken misses no change the label has not seen. `apply` and the publication of its label
/// happen under one lock with `relation`, which is what makes that so. Lifetime: cells live as long
/// as the table and never move. Thread safety: shared object safe.
class CellTable {
 public:
  static constexpr std::size_t kTagStripes = 4096;
  static constexpr std::size_t kPatterns = 64;
  /// Beyond this many relations, changes make no cells.
  static constexpr std::size_t kMostMade = 100'000;
  static constexpr std::size_t kKeyStripes = 65'536;

  /// REQUIRES: `key_stripes` is a power of two.
  explicit CellTable(Coverage coverage = Coverage::kAsked, std::size_t most_made = kMostMade,
                     std::size_t key_stripes = kKeyStripes);

  [[nodiscard]] const Cell* everything() const noexcept { return &everything_; }
  [[nodiscard]] const Cell* tag(std::string_view tag) const noexcept;
  /// The relation's cells, made if need be.
  [[nodiscard]] const RelationCells* relation_cells(std::string_view id) WEIR_EXCLUDES(mutex_);
  /// The one of them that any change marks.
  [[nodiscard]] const Cell* relation(std::string_view id) { return &relation_cells(id)->any; }
  /// As `relation`, but null when there is none and no room for what somebody outside names.
  [[nodiscard]] const Cell* relation_if_room(std::string_view id) WEIR_EXCLUDES(mutex_);
  /// The key values' cells, made. What depends on one depends on the relation's `whole` too.
  [[nodiscard]] const KeyStripes& keys() WEIR_EXCLUDES(mutex_);

  /// Marks the changes, those of the past too, then calls `publish(complete, step)` under the same
  /// lock: whether every one of them is in a cell, and which step of learning this was, from 1.
  /// `publish` must not come back here.
  template <typename F>
  void apply(std::span<const spi::Change> changes, std::span<const spi::Change> past, F&& publish)
      WEIR_EXCLUDES(mutex_) {
    const MutexLock lock{mutex_};
    bool complete = true;
    ++step_;
    for (const spi::Change& change : past) complete = mark(change) && complete;
    for (const spi::Change& change : changes) complete = mark(change) && complete;
    publish(complete, step_);
  }

  /// Whether the snapshot saw every pattern invalidation that matches one of the tags.
  [[nodiscard]] bool patterns_seen_by(const spi::Snapshot& snapshot,
                                      std::span<const std::string> tags) const
      WEIR_EXCLUDES(mutex_);

  /// How many relations have a cell.
  [[nodiscard]] std::size_t relations() const WEIR_EXCLUDES(mutex_);

 private:
  struct Pattern {
    spi::ChangeId id{};
    std::string glob{};
  };
  /// Returns false if it is in no cell although some entry of another process may depend on it.
  bool mark(const spi::Change& change) WEIR_REQUIRES(mutex_);
  void mark_pattern(const spi::Change& change) WEIR_REQUIRES(mutex_);
  void mark_rows(const spi::Change& change, RelationCells& cells) WEIR_REQUIRES(mutex_);

  const Coverage coverage_;
  const std::size_t most_made_;
  Cell everything_;
  std::vector<Cell> tags_;
  KeyStripes keys_;  // made under the lock, marked under the lock
  std::atomic<spi::ChangeId> newest_pattern_{
      0};  // lets entries skip the lock; written after patterns_ (release)

  mutable Mutex mutex_;
  std::uint64_t step_ WEIR_GUARDED_BY(mutex_){0};
  std::deque<RelationCells> relations_ WEIR_GUARDED_BY(mutex_);
  std::unordered_map<std::string, RelationCells*> by_id_ WEIR_GUARDED_BY(mutex_);
  std::vector<Pattern> patterns_ WEIR_GUARDED_BY(mutex_);
  spi::ChangeId forgotten_pattern_ WEIR_GUARDED_BY(mutex_){0};
};

}  // namespace weir::detail
