#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "src/base/mutex.hpp"
#include "src/freshness/cells.hpp"
#include "src/freshness/change_batch.hpp"
#include "src/freshness/label.hpp"
#include "weir/clock.hpp"
#include "weir/spi/change_feed.hpp"

namespace weir::detail {

/// What an entry was computed from, beside "everything".
struct Dependencies {
  std::span<const Cell* const> cells{};
  std::span<const std::string> tags{};
};

/// The freshness rule's answer.
enum class Verdict : std::uint8_t {
  kFresh,    ///< The snapshot saw every change known to have touched a dependency.
  kChanged,  ///< It did not, or that cannot be proven.
  kVoid,     ///< It is of an older generation: its ids no longer mean anything.
};

/// The freshness rule (docs/architecture.md) for one database in one process.
///
/// Purpose: say whether a result read under a label is true as of the last pull. An entry is fresh
/// iff its snapshot sees every change in every one of its cells; nothing else decides, no clock and
/// no order of delivery. Invariants:
/// - A label is published only after all changes its snapshot sees, and earlier labels do not, are
/// marked.
/// - A label has a step only if its snapshot sees every change learned up to then, and those of the
/// cells are of its generation or older.
/// - Ids are compared only within one generation. Another incarnation, a reset and `void_all` start
/// a new one.
/// - What a snapshot that covers a label's floor did not see, and the label's pull did, is in its
/// cell, if the cells cover whatever changed. Snapshots of other processes are judged by it.
/// - `pulled()` is written after the label, so whoever sees a pull sees its marks.
/// Thread safety: shared object safe. `judge` and `pulled` take no lock, but for tagged entries
/// after a pattern.
class Freshness {
 public:
  explicit Freshness(Coverage coverage = Coverage::kAsked,
                     std::size_t key_stripes = CellTable::kKeyStripes)
      : cells_{coverage, CellTable::kMostMade, key_stripes} {}
  /// Which pulls have completed.
  struct Pulled {
    std::uint64_t number{0};  ///< Of the newest completed pull; 0: none.
    TimePoint started{};      ///< When it was sent. Meaningful when number > 0.
  };

  [[nodiscard]] CellTable& cells() noexcept { return cells_; }

  /// The newest label; null before the first pull.
  [[nodiscard]] LabelRef label() const WEIR_EXCLUDES(mutex_);
  [[nodiscard]] std::uint64_t generation() const noexcept {
    return generation_.load(std::memory_order_acquire);
  }
  [[nodiscard]] Pulled pulled() const noexcept;

  [[nodiscard]] Verdict judge(const Label& label, const Dependencies& dependencies) const;
  /// The label under which what another process read at `snapshot`, under the newest label's
  /// incarnation and epoch, can be judged here: to ask for after its cells were. Null when it is
  /// too old to be judged.
  [[nodiscard]] LabelRef adopt(const Label& newest, const spi::Snapshot& snapshot) const;
  /// As `judge`, for what depends only on "everything": an analysis.
  [[nodiscard]] Verdict judge_analysis(const Label& label) const { return judge(label, {}); }

  /// Whether taking in this pull makes what is known of the catalog void: DDL, a reset, another
  /// incarnation.
  [[nodiscard]] bool voids_catalog(const spi::Pull& pull) const;
  /// What applying a pull did.
  struct Applied {
    bool first{false};       ///< The first pull of this process.
    bool everything{false};  ///< DDL or a reset: analyses and catalogs are void.
    bool epoch{false};       ///< Within one incarnation, the epoch is another.
    std::string reset{};     ///< Not empty: a new generation began, and why.
  };
  /// Takes in a pull numbered `number` and sent at `started`. REQUIRES: numbers ascend, one call at
  /// a time.
  Applied apply(const spi::Pull& pull, std::uint64_t number, TimePoint started);

  /// What taking in a batch of changes did that came on a stream, not by a pull.
  enum class Learned : std::uint8_t {
    kKnown,     ///< Nothing: it was known.
    kLearned,   ///< Its changes are marked, and its snapshot is the label now.
    kMustPull,  ///< It does not join what is known here, or is more than marks can tell.
  };
  /// Takes in what somebody else learned. When the newest label covers where the batch begins, then
  /// what the batch's snapshot sees and the label's does not is in the batch, and the snapshot may
  /// become the label, of the same pull as before: no bound is met by it, and no own write.
  Learned learn(const ChangeBatch& batch);

  /// Voids every entry and label there is.
  void void_all() WEIR_EXCLUDES(mutex_);

 private:
  CellTable cells_;
  std::atomic<std::uint64_t> generation_{1};
  // Both written by apply only; number_ last (release) so that a reader who sees it sees started_
  // and the marks.
  std::atomic<Duration::rep> started_{0};
  std::atomic<std::uint64_t> number_{0};

  mutable Mutex mutex_;  // after CellTable's
  LabelRef label_ WEIR_GUARDED_BY(mutex_);
  /// Sees every change marked in this generation; empty when no snapshot is known to.
  std::optional<spi::Snapshot> all_marked_ WEIR_GUARDED_BY(mutex_);

  /// The step for a label with this snapshot, whose changes were just marked; 0 for none.
  [[nodiscard]] std::uint64_t step_for(const spi::Snapshot& snapshot, bool sees_its_own,
                                       std::uint64_t step) WEIR_REQUIRES(mutex_);
};

}  // namespace weir::detail
