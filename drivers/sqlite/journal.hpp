#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "drivers/sqlite/handle.hpp"
#include "drivers/sqlite/location.hpp"
#include "drivers/sqlite/monitor.hpp"
#include "weir/clock.hpp"
#include "weir/spi/change_feed.hpp"
#include "weir/spi/snapshot.hpp"

namespace weir::sqlite {

/// What one transaction of this driver's own changed.
struct OwnChanges {
  std::set<std::string> relations{};
  std::vector<std::pair<spi::ChangeKind, std::string>> invalidations{};
  bool everything{false};
  std::vector<std::pair<std::string, std::string>> rows{};  ///< Relation, and `Change::rows`.
  std::int64_t keys_before{0};  ///< The last id in the log of keys when the transaction began,
  std::int64_t keys_after{0};   ///< and when it ended.

  [[nodiscard]] bool empty() const noexcept {
    return relations.empty() && invalidations.empty() && rows.empty() && !everything;
  }
};

/// How a write transaction ended.
enum class Ending : std::uint8_t {
  kCommitted,
  kRolledBack,
  kUnknown,  ///< SQLite ended it by itself, or the commit failed half way.
};

/// The changes of one database as this process knows them, numbered in the order it learned of
/// them.
///
/// Purpose: every commit, by whomever, must be in here before a pull that starts after it returns;
/// and this process's own commits should be in here as the tables they wrote, not as "everything".
///
/// SQLite tells a connection through `PRAGMA data_version` that *another* connection committed: not
/// who, not how often, not what. Two connections look here:
///
/// * the monitor, which never writes data and is never in a transaction between calls. Its version
/// moves with every
///   commit that is not its own: this process's and everybody's else. While it stands still,
///   nothing changed.
/// * the writer, whose version moves only with the commits of others.
///
/// A write transaction of ours is told apart from those of others so. All of our writes begin with
/// BEGIN IMMEDIATE: from there to the end of COMMIT nobody else can commit to any of the writer's
/// files.
///
///     BEGIN IMMEDIATE
///     opened():      look at the monitor: whatever it saw until now was others' doing. Note the
///     writer's version w0. … statements … committing() COMMIT closed():      read the monitor's
///     version m, and only then the writer's, w1.
///                    w1 = w0: between the lock and the reading of w1, so before m was read, nobody
///                    else committed.
///                             Then what moved the monitor up to m was our commit: take m as known,
///                             log our tables.
///                    w1 ≠ w0: log our tables, leave m unknown: the next pull finds it moved and
///                    takes it for others'.
///
/// States: idle → open (opened) ⇄ running, while a statement is → committing, for COMMIT and
/// ROLLBACK → idle (closed). A pull that finds the monitor moved
///
/// * in idle: others committed;
/// * in open: nobody can have committed. Our own writing moves the monitor too when it starts the
///   WAL file over. Nothing is visible: take the version as known. Schemas we have not locked
///   (read-only files) are others' doing;
/// * in running: SQLite may have ended the transaction by itself inside the statement
///   (RAISE(ROLLBACK), a full disk, a deadline), and then others may have committed. Wait a little
///   for the statement to end; where it takes longer, take the move for others';
/// * in committing: our commit just became visible, or did and was followed by others'. closed()
///   will tell: wait.
///
/// Whenever any of this cannot be done in time (the monitor cannot be read, the turn cannot be
/// had), our tables are logged, the monitor's version stays unknown, and the next pull voids
/// everything: never the other way round.
///
/// Files. Everything above is true of the files the monitor has open. Their names are looked at by
/// each pull; when they lead to other files, there is a new monitor and a new incarnation. A
/// connection looks for itself, before each call and once more before COMMIT: it never writes to,
/// or answers from, a file that was gone before the call began.
///
/// Invariants: a change is logged only when it is visible, or before any pull that could return a
/// snapshot that counts it; a snapshot handed out counts only changes visible when it was taken. So
/// a read that starts after a pull has seen all that the pull's snapshot claims.
///
/// Costs: a pull when nothing changed is one stat() and one PRAGMA per file. An own write pays
/// three more PRAGMAs, and a stat() per file for each look at the names.
///
/// A private in-memory database has no others and no monitor.
///
/// Thread safety: shared object safe; of two writers at a time the second is taken for others.
/// Source: https://www.sqlite.org/pragma.html#pragma_data_version and src/pager.c, src/wal.c of
/// SQLite 3.40.
class Journal {
 public:
  Journal(Location location, const Clock& clock);
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  /// A feed's place in the journal.
  struct Cursor {
    bool first{true};
    spi::ChangeId seen{0};
  };
  /// Errors: `ConnectionError`, `kTimeout`, `kMigration`; the cursor then stays.
  [[nodiscard]] spi::Pull pull(Cursor& cursor, spi::Deadline deadline);
  /// A snapshot that sees everything committed before the call. Errors: as `pull`.
  [[nodiscard]] spi::Snapshot snapshot(spi::Deadline deadline);

  /// The incarnation of these files.
  [[nodiscard]] std::string incarnation(const FileIdentity& files) const;
  /// Whether a pull found other files under the database's names than those with this hash. Cheap.
  [[nodiscard]] bool replaced(std::size_t files_hash) const noexcept;
  [[nodiscard]] static std::size_t hash(const FileIdentity& files) {
    return std::hash<std::string>{}(files.text());
  }

  /// The steps of an own write transaction, see above. None of them throws. `writer` reads the
  /// versions of the writer, which has `files` open.
  void opened(VersionReader& writer, const FileIdentity& files, spi::Deadline deadline) noexcept;
  void running(const VersionReader& writer) noexcept;
  void committing(const VersionReader& writer) noexcept;
  /// The statement, or a COMMIT that failed, is over and the transaction still open.
  void resting(const VersionReader& writer) noexcept;
  void closed(VersionReader& writer, Ending ending, const OwnChanges& changes) noexcept;
  /// Logs changes that were made outside a write transaction.
  void log(const OwnChanges& changes) noexcept;

 private:
  enum class Phase : std::uint8_t { kIdle, kOpen, kRunning, kCommitting };

  // The exclusive right to use the monitor and to open a transaction; held for the length of a few
  // PRAGMAs.
  class Turn;

  void notice(Turn& turn, spi::Deadline deadline);
  void open_monitor(spi::Deadline deadline);
  /// Takes what our own commit moved as known. REQUIRES: the turn is held.
  void attribute(VersionReader& writer, const OwnChanges& changes, spi::Deadline deadline);
  [[nodiscard]] bool has_others() const noexcept { return !shared_.empty(); }
  // REQUIRES (all below): mutex_ is held.
  [[nodiscard]] std::vector<spi::Change> changes_after(const Cursor& cursor) const;
  void append(spi::ChangeKind kind, std::string target, spi::ChangeId id, std::string rows = {});
  void append_all(const OwnChanges& changes) noexcept;
  [[nodiscard]] spi::Snapshot snapshot_now() const;

  const Location location_;
  const std::vector<std::string> shared_;
  const Clock& clock_;
  const std::string nonce_;

  // Used by the turn's holder only.
  std::unique_ptr<Monitor> monitor_{};
  FileIdentity files_{};        // the monitor's
  Versions known_{};            // the monitor's versions all changes of which are in the log
  Versions writer_versions_{};  // w0 of owner_
  std::vector<bool> locked_{};  // per schema: the open transaction keeps others from committing

  std::atomic<std::size_t> files_hash_{0};  // of files_; 0 before the monitor was opened

  mutable std::mutex mutex_;
  std::condition_variable changed_;  // turn given back, or phase left
  bool turn_taken_{false};
  Phase phase_{Phase::kIdle};
  const VersionReader* owner_{nullptr};  // whose transaction the phase is; null when idle
  spi::ChangeId last_{0};
  spi::ChangeId forgotten_{0};  // changes up to here may be missing in log_
  std::deque<spi::Change> log_{};
};

}  // namespace weir::sqlite
