#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "weir/spi/deadline.hpp"
#include "weir/spi/snapshot.hpp"

namespace weir::spi {

/// What a change touched.
enum class ChangeKind : std::uint8_t {
  kRelation,  ///< `target` is a relation id as the analysis names it (PostgreSQL: the oid; SQLite:
              ///< `schema.table`).
  kTag,       ///< `target` is a tag.
  kTagPattern,  ///< `target` is a glob over tags.
  kEverything,  ///< Any DDL: every entry and every analysis.
  kRows,  ///< `target` as for `kRelation`; only rows that `Change::rows` tells of were touched.
};

/// One change to one thing, as the journal tells it.
struct Change {
  ChangeId id{};
  ChangeKind kind{ChangeKind::kEverything};
  std::string target{};
  /// Of `kRows`: for every tracked key column each value it had or got, in any row touched, but
  /// NULL. Items `column:value`, with `kRowSeparator` between them; the value in canonical form,
  /// that is a text which is equal for values that are equal in SQL. Values of different columns
  /// may be missing only if no analysis true after this change keys by that column.
  std::string rows{};

  static constexpr char kRowSeparator = '\x1f';
};

/// What the journal still tells of the time before a process's first pull: enough to judge entries
/// that other processes read back then.
struct History {
  /// Of a thing that changed more often, the newest this many changes suffice; of a pattern, all.
  static constexpr std::size_t kNewest = 5;

  /// Every change that this snapshot did not see, and the pull's did, is among `changes`.
  Snapshot complete_from{};
  std::vector<Change> changes{};  ///< Order means nothing.
};

/// What one pull learned.
struct Pull {
  Snapshot snapshot{};  ///< Taken by the pull: later reads on the same database see at least this.
  std::string incarnation{};  ///< Of the server that answered; ids of different incarnations do not
                              ///< compare.
  std::vector<Change>
      changes;  ///< Every change not seen by the previous pull's snapshot; order means nothing.
  /// Not empty: nothing read before this pull can be judged any more, and this is why.
  std::string reset{};
  /// What the catalog and the settings are as far as no journal row tells of it: equal in all
  /// processes that pull now. It may become again what it once was. Empty where nobody compares it.
  std::string epoch{};
  /// Comes with a first pull and with one that resets, if asked for and to be had.
  std::optional<History> history{};
};

/// The journal of one database as one process reads it.
///
/// Thread safety: one pull at a time (the engine sees to that); destruction only when none runs.
class ChangeFeed {
 public:
  ChangeFeed() = default;
  ChangeFeed(const ChangeFeed&) = delete;
  ChangeFeed& operator=(const ChangeFeed&) = delete;
  virtual ~ChangeFeed() = default;

  /// Has first pulls, and those that reset, bring what the journal retains. Called before any pull.
  virtual void want_history() {}
  /// Learns what changed since the last pull that returned. The first one returns just the
  /// snapshot, and the history if that is wanted. Errors: `Error`; then nothing was learned and the
  /// next call starts from the same place, reconnecting if need be. `kMigration` when the journal
  /// is missing, older or newer than this library.
  [[nodiscard]] virtual Pull pull(Deadline deadline) = 0;
};

/// What a leader learned between two looks at the journal: every change that `to` sees and `from`
/// does not. With `from` equal to `to` it has no changes, and tells that whoever does not cover it
/// must pull: after an election, or when there were more changes than are worth telling.
struct AnnouncedBatch {
  std::string incarnation{};
  Snapshot from{};
  Snapshot to{};
  std::vector<Change> changes{};
};

/// What one step of a listener did.
struct ListenStep {
  bool woken{false};            ///< A wake-up arrived: pulling now will likely bring something.
  bool leader{false};           ///< This process watches the journal and wakes the others.
  bool wake_ups_arrive{false};  ///< Proven by a probe: false behind a transaction-mode pooler.
  std::size_t announced{0};     ///< Changes this step announced, as leader.
  std::size_t pruned{0};        ///< Journal rows this step pruned, as leader.
  std::size_t looks{0};         ///< Looks at the journal, as leader.
  bool answered{false};         ///< The database answered something in this step.
  std::vector<AnnouncedBatch> batches{};  ///< What was announced, in order.
  std::string deaf_because{};             ///< Why wake-ups do not arrive, when that is known.
  std::string prune_failure{};            ///< Why a prune in this step failed; empty when none did.
};

/// Waits for wake-ups, and, when elected, sends them and prunes the journal. Nothing depends on it
/// for being right.
///
/// Thread safety: one `step` at a time; `interrupt` from anywhere.
class Listener {
 public:
  Listener() = default;
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  virtual ~Listener() = default;

  /// Waits for a wake-up until the deadline, doing the leader's duties if elected, and returns
  /// early when woken. Errors: `Error` when the connection is lost; the next call reconnects.
  [[nodiscard]] virtual ListenStep step(Deadline deadline) = 0;
  /// Makes a running or the next `step` return at once.
  virtual void interrupt() noexcept = 0;
};

}  // namespace weir::spi
