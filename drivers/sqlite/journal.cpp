#include "drivers/sqlite/journal.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <random>

#include "weir/error.hpp"

namespace weir::sqlite {
namespace {

constexpr std::size_t kLogLimit = 16384;
// How long the end of an own transaction waits for its turn before it gives up telling itself from
// others.
constexpr std::chrono::milliseconds kClosingLimit{500};
// How long a pull waits for an own statement to end that may have ended its transaction.
constexpr std::chrono::milliseconds kRunningLimit{50};

std::string random_nonce() {
  std::random_device source;
  return fmt::format("{:08x}{:08x}", source(), source());
}

// The same told by table. With no memory for it, as everything.
OwnChanges without_rows(const OwnChanges& changes) noexcept {
  OwnChanges plain;
  try {
    plain = changes;
    for (const auto& [relation, rows] : changes.rows) plain.relations.insert(relation);
    plain.rows.clear();
  } catch (...) {
    plain.everything = true;
  }
  return plain;
}

[[noreturn]] void throw_timeout(std::string_view what) {
  throw Error{ErrorCode::kTimeout,
              fmt::format("look for changes by others: deadline passed while waiting for {}", what),
              ErrorDetails{.backend = "sqlite"}};
}

}  // namespace

class Journal::Turn {
 public:
  Turn(Journal& journal, spi::Deadline deadline) : journal_{journal} { take(deadline); }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  ~Turn() { give_back(); }

  // Lets others go first until the statement under way has ended, or the commit under way has told
  // what it was. False when the statement takes too long to wait for.
  [[nodiscard]] bool wait_for_own(spi::Deadline deadline) {
    give_back();
    bool ended = false;
    bool committing = false;
    {
      std::unique_lock lock{journal_.mutex_};
      ended = journal_.changed_.wait_for(
          lock, std::min<Duration>(kRunningLimit, deadline.left(journal_.clock_)),
          [&] { return journal_.phase_ < Phase::kRunning; });
      committing = journal_.phase_ == Phase::kCommitting;
      if (committing && !journal_.changed_.wait_for(lock, deadline.left(journal_.clock_), [&] {
            return journal_.phase_ != Phase::kCommitting;
          })) {
        throw_timeout("a commit of this process to end");
      }
    }
    take(deadline);
    return ended || committing;
  }

 private:
  void take(spi::Deadline deadline) {
    std::unique_lock lock{journal_.mutex_};
    if (!journal_.changed_.wait_for(lock, deadline.left(journal_.clock_),
                                    [&] { return !journal_.turn_taken_; })) {
      throw_timeout("another thread to look");
    }
    journal_.turn_taken_ = true;
    held_ = true;
  }
  void give_back() noexcept {
    if (!std::exchange(held_, false)) return;
    const std::lock_guard lock{journal_.mutex_};
    journal_.turn_taken_ = false;
    journal_.changed_.notify_all();
  }

  Journal& journal_;
  bool held_{false};
};

Journal::Journal(Location location, const Clock& clock)
    : location_{std::move(location)},
      shared_{location_.shared_schemas()},
      clock_{clock},
      nonce_{random_nonce()} {}

spi::Pull Journal::pull(Cursor& cursor, spi::Deadline deadline) {
  spi::Pull pull;
  FileIdentity files;
  if (has_others()) {
    Turn turn{*this, deadline};
    notice(turn, deadline);
    files = files_;
    const std::lock_guard lock{mutex_};  // within the turn: the snapshot goes with the identity
    pull.snapshot = snapshot_now();
    pull.changes = changes_after(cursor);
  } else {
    const std::lock_guard lock{mutex_};
    pull.snapshot = snapshot_now();
    pull.changes = changes_after(cursor);
  }
  pull.incarnation = incarnation(files);
  cursor = Cursor{false, pull.snapshot.xmax - 1};
  return pull;
}

spi::Snapshot Journal::snapshot(spi::Deadline deadline) {
  if (has_others()) {
    Turn turn{*this, deadline};
    notice(turn, deadline);
  }
  const std::lock_guard lock{mutex_};
  return snapshot_now();
}

std::string Journal::incarnation(const FileIdentity& files) const {
  return (has_others() ? files.text() : std::string{"memory-"}) + nonce_;
}

bool Journal::replaced(std::size_t files_hash) const noexcept {
  const std::size_t now =
      files_hash_.load(std::memory_order_relaxed);  // pairs with open_monitor; only a hint
  return now != 0 && now != files_hash;
}

// REQUIRES: the turn is held. Afterwards known_ is what the monitor saw, or our own transaction
// will account for it.
void Journal::notice(Turn& turn, spi::Deadline deadline) {
  bool waited_enough = false;
  for (;;) {
    if (!monitor_ || files_.first_moved() != nullptr) {
      open_monitor(deadline);
      return;
    }
    monitor_->start(deadline);
    const Versions now = monitor_->versions();
    if (now == known_) return;

    bool by_others = false;
    bool in_doubt = false;
    {
      // The phase as it is after the versions were read. It cannot have gone from idle to open
      // since: that takes the turn. From open to idle without it, nothing was attributed, and the
      // difference is taken for others'.
      const std::lock_guard lock{mutex_};
      for (std::size_t i = 0; i < now.size(); ++i) {
        if (now[i] == known_[i]) continue;
        const bool ours = phase_ != Phase::kIdle && locked_[i];
        if (!ours) {
          by_others = true;
        } else if (phase_ == Phase::kOpen) {
          known_[i] = now[i];
        } else if (phase_ == Phase::kRunning && waited_enough) {
          by_others = true;
        } else {
          in_doubt = true;
        }
      }
    }
    if (in_doubt) {
      waited_enough = !turn.wait_for_own(deadline);
      continue;
    }
    if (!by_others) return;

    ForeignChanges found = monitor_->look(known_);
    const std::lock_guard lock{mutex_};
    const spi::ChangeId id = last_ + 1;
    for (auto& [kind, target] : found.changes) append(kind, std::move(target), id);
    for (auto& [target, rows] : found.rows)
      append(spi::ChangeKind::kRows, std::move(target), id, std::move(rows));
    known_ = std::move(found.versions);
    return;
  }
}

void Journal::open_monitor(spi::Deadline deadline) {
  constexpr int kTries = 5;
  const bool again = monitor_ != nullptr;
  for (int tries = 0; tries < kTries; ++tries) {
    const std::optional<FileIdentity> before = files_to_open(location_, again);
    auto monitor =
        std::make_unique<Monitor>(before ? location_.existing() : location_, clock_, deadline);
    Versions versions = monitor->versions();
    FileIdentity files{location_};
    if (files != before) continue;  // just created, or replaced: once more, to be sure
    const std::size_t files_hash = hash(files);
    const std::lock_guard lock{mutex_};
    monitor_ = std::move(monitor);
    known_ = std::move(versions);
    files_ = std::move(files);
    files_hash_.store(files_hash, std::memory_order_relaxed);
    owner_ = nullptr;  // a transaction open on other files must not be attributed to these
    phase_ = Phase::kIdle;
    if (again) append(spi::ChangeKind::kEverything, {}, last_ + 1);
    return;
  }
  throw ConnectionError{
      fmt::format("open {}: the files are being replaced", location_.display_name()),
      ErrorDetails{.backend = "sqlite", .retryable = true}};
}

void Journal::opened(VersionReader& writer, const FileIdentity& files,
                     spi::Deadline deadline) noexcept {
  if (!has_others()) return;
  try {
    Turn turn{*this, deadline};
    notice(turn, deadline);
    if (files != files_) return;
    Versions versions = writer.read();
    const std::lock_guard lock{mutex_};
    if (phase_ != Phase::kIdle) return;  // an earlier transaction is still ending
    writer_versions_ = std::move(versions);
    locked_ = writer.lockable();
    owner_ = &writer;
    phase_ = Phase::kOpen;
  } catch (...) {  // the phase stays idle: the commit will be taken for others'
  }
}

void Journal::running(const VersionReader& writer) noexcept {
  const std::lock_guard lock{mutex_};
  if (owner_ == &writer) phase_ = Phase::kRunning;
}

void Journal::committing(const VersionReader& writer) noexcept {
  const std::lock_guard lock{mutex_};
  if (owner_ == &writer) phase_ = Phase::kCommitting;
}

void Journal::resting(const VersionReader& writer) noexcept {
  const std::lock_guard lock{mutex_};
  if (owner_ == &writer) phase_ = Phase::kOpen;
  changed_.notify_all();
}

void Journal::attribute(VersionReader& writer, const OwnChanges& changes, spi::Deadline deadline) {
  {
    const std::lock_guard lock{mutex_};
    if (owner_ != &writer) return;
  }
  monitor_->start(deadline);
  const Versions monitors = monitor_->versions();
  writer.start(deadline);
  const Versions writers = writer.read();  // not before the line above: see the essay
  for (std::size_t i = 0; i < monitors.size(); ++i) {
    if (locked_[i] && writers[i] == writer_versions_[i]) known_[i] = monitors[i];
  }
  monitor_->know_keys(changes.keys_before, changes.keys_after);
}

void Journal::closed(VersionReader& writer, Ending ending, const OwnChanges& changes) noexcept {
  const auto finish = [&] {
    const std::lock_guard lock{mutex_};
    OwnChanges unknown;
    unknown.everything = true;
    // Unless others' schema changes were noticed when the transaction began, what its rows tell may
    // not be what analyses believe is told.
    const bool noticed = !has_others() || owner_ == &writer;
    if (ending != Ending::kRolledBack) append_all(noticed ? changes : without_rows(changes));
    if (ending == Ending::kUnknown) append_all(unknown);
    if (owner_ != &writer) return;
    owner_ = nullptr;
    phase_ = Phase::kIdle;
    changed_.notify_all();
  };
  try {
    if (has_others() && ending != Ending::kUnknown) {
      const spi::Deadline deadline = spi::Deadline::after(clock_, kClosingLimit);
      const Turn turn{*this, deadline};
      attribute(writer, ending == Ending::kCommitted ? changes : OwnChanges{}, deadline);
      finish();
      return;
    }
  } catch (...) {  // known_ stays behind: the next pull takes the commit for others'
  }
  finish();
}

void Journal::log(const OwnChanges& changes) noexcept {
  const std::lock_guard lock{mutex_};
  append_all(changes);
}

void Journal::append_all(const OwnChanges& changes) noexcept {
  if (changes.empty()) return;
  const spi::ChangeId id = last_ + 1;
  try {
    if (changes.everything) append(spi::ChangeKind::kEverything, {}, id);
    for (const std::string& relation : changes.relations)
      append(spi::ChangeKind::kRelation, relation, id);
    for (const auto& [relation, rows] : changes.rows)
      append(spi::ChangeKind::kRows, relation, id, rows);
    for (const auto& [kind, target] : changes.invalidations) append(kind, target, id);
  } catch (...) {  // no memory to say what changed: then everything did
    last_ = forgotten_ = id;
  }
}

void Journal::append(spi::ChangeKind kind, std::string target, spi::ChangeId id, std::string rows) {
  last_ = id;
  log_.push_back({id, kind, std::move(target), std::move(rows)});
  if (log_.size() > kLogLimit) {
    forgotten_ = log_.front().id;
    log_.pop_front();
  }
}

std::vector<spi::Change> Journal::changes_after(const Cursor& cursor) const {
  if (cursor.first || cursor.seen == last_) return {};
  if (cursor.seen < forgotten_) return {{last_, spi::ChangeKind::kEverything, {}, {}}};
  const auto begin = std::find_if(log_.rbegin(), log_.rend(), [&](const spi::Change& change) {
                       return change.id <= cursor.seen;
                     }).base();
  return {begin, log_.end()};
}

spi::Snapshot Journal::snapshot_now() const {
  spi::Snapshot snapshot;
  snapshot.xmin = snapshot.xmax = last_ + 1;
  return snapshot;
}

}  // namespace weir::sqlite
