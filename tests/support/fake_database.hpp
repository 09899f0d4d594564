#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "src/base/mutex.hpp"
#include "weir/error.hpp"
#include "weir/spi/analysis.hpp"
#include "weir/spi/change_feed.hpp"
#include "weir/spi/deadline.hpp"
#include "weir/spi/snapshot.hpp"

namespace weir::test {

/// The calls a test can count, fail and hold.
enum class FakeCall : std::size_t {
  kConnect,
  kPing,
  kAnalyze,
  kCheck,
  kRun,
  kUseSession,
  kSessionDoubt,
  kBegin,
  kCommit,
  kRollback,
  kSavepoint,
  kInvalidate,
  kSnapshot,
  kPull,
  kCancel,
  kDisconnect,  ///< Counted only.
  kCount_,
};

/// A place where a call waits until the test lets it go on. Thread safety: shared object safe.
class Gate {
 public:
  void open() {
    const detail::MutexLock lock{mutex_};
    open_ = true;
    changed_.notify_all();
  }
  /// Waits until a call stands at the gate; the test fails after 20 s.
  void await_arrival(std::size_t calls = 1) {
    const TimePoint limit = system_clock().now() + std::chrono::seconds{20};
    const detail::MutexLock lock{mutex_};
    while (arrived_ < calls) {
      if (changed_.wait_until(mutex_, limit) == std::cv_status::timeout) {
        ADD_FAILURE() << "nobody came to the gate within 20 s";
        return;
      }
    }
  }
  /// What a call does: false when its deadline passed first.
  [[nodiscard]] bool pass(const Clock& clock, spi::Deadline deadline) {
    const detail::MutexLock lock{mutex_};
    ++arrived_;
    changed_.notify_all();
    while (!open_) {
      if (changed_.wait_until(mutex_, deadline.at, clock) == std::cv_status::timeout) return false;
    }
    return true;
  }

 private:
  detail::Mutex mutex_;
  detail::CondVar changed_;
  bool open_ WEIR_GUARDED_BY(mutex_){false};
  std::size_t arrived_ WEIR_GUARDED_BY(mutex_){0};
};

/// Where a held call waits: before it did anything, or when all it has left to do is to return.
enum class Hold { kBefore, kAfter };

/// A key/value database in memory with the journal of the design: tables of text keys and values,
/// transaction ids given at the first write and journal rows that appear with the commit. And the
/// script of what calls do to it.
///
/// Thread safety: shared object safe, except the plain members, which are set up first.
class FakeDatabase {
 public:
  using Rows = std::map<std::string, std::string>;
  using Tables = std::map<std::string, Rows>;
  /// An empty value deletes.
  using Writes = std::map<std::pair<std::string, std::string>, std::optional<std::string>>;

  // --- Set up before use
  // -------------------------------------------------------------------------------------
  std::size_t max_readers{100};
  std::size_t max_writers{100};
  bool separate_writer{false};
  bool with_listener{false};
  bool standby{false};
  bool shares_change_ids{true};
  std::string environment{"fake"};
  std::set<std::string> untracked{};
  /// Tables whose changes tell the keys touched, and whose `get` is a keyed reference.
  std::set<std::string> keyed{};
  /// Analyses of normalized texts other than what the verb means.
  std::map<std::string, spi::Analysis> analyses{};
  /// What `session_doubt` answers.
  std::string doubt{};
  /// Called whenever a statement runs, to let time pass.
  std::function<void()> while_running{};

  // --- The script
  // --------------------------------------------------------------------------------------------
  [[nodiscard]] std::size_t calls(FakeCall call) const {
    return counts_[static_cast<std::size_t>(call)].load();
  }
  /// The next `times` calls of this kind throw `error`; one with `connection_usable` false loses
  /// its connection.
  void fail(FakeCall call, const Error& error, std::size_t times = 1) {
    const detail::MutexLock lock{mutex_};
    for (std::size_t i = 0; i < times; ++i) failures_[call].push_back(error);
  }
  /// The next call of this kind waits until the returned gate is opened.
  [[nodiscard]] std::shared_ptr<Gate> hold(FakeCall call, Hold when = Hold::kBefore) {
    const detail::MutexLock lock{mutex_};
    auto gate = std::make_shared<Gate>();
    gates_[{call, when}].push_back(gate);
    return gate;
  }

  // --- What others do
  // ----------------------------------------------------------------------------------------
  /// Commits one write by somebody else; an empty value deletes. Returns its id.
  spi::ChangeId write(const std::string& table, const std::string& key,
                      std::optional<std::string> value) {
    const spi::ChangeId id = begin_change();
    commit(id, {{{table, key}, std::move(value)}});
    return id;
  }
  /// Somebody's transaction gets its id now; `commit` or `abort` ends it.
  [[nodiscard]] spi::ChangeId begin_change() {
    const detail::MutexLock lock{mutex_};
    in_progress_.insert(next_id_);
    return next_id_++;
  }
  void commit(spi::ChangeId id, const Writes& writes, std::vector<spi::Change> more = {}) {
    const detail::MutexLock lock{mutex_};
    std::map<std::string, std::string> touched;  // table, rows
    for (const auto& [place, value] : writes) {
      if (value) {
        tables_[place.first][place.second] = *value;
      } else {
        tables_[place.first].erase(place.second);
      }
      std::string& rows = touched[place.first];
      if (!rows.empty()) rows += spi::Change::kRowSeparator;
      rows += "k:" + place.second;
    }
    for (const auto& [table, rows] : touched) {
      if (untracked.contains(table)) continue;
      if (keyed.contains(table)) {
        journal_.push_back({id, spi::ChangeKind::kRows, table, rows});
      } else {
        journal_.push_back({id, spi::ChangeKind::kRelation, table, {}});
      }
    }
    for (spi::Change& change : more)
      journal_.push_back({id, change.kind, std::move(change.target), std::move(change.rows)});
    in_progress_.erase(id);
    notified_ = true;
    woken_.notify_all();
  }
  void abort(spi::ChangeId id) {
    const detail::MutexLock lock{mutex_};
    in_progress_.erase(id);
  }
  void ddl() { commit(begin_change(), {}, {{0, spi::ChangeKind::kEverything, ""}}); }
  /// Every open connection is lost: its next call fails, and so do pings.
  void lose_connections() { epoch_.fetch_add(1); }
  /// A crash: connections are lost and the incarnation is another.
  void crash() {
    lose_connections();
    const detail::MutexLock lock{mutex_};
    incarnation_ += "'";
    journal_.clear();
    pruned_ = locked_snapshot();
  }
  /// The next pull cannot judge what was read before.
  void lose_journal(std::string why) {
    const detail::MutexLock lock{mutex_};
    reset_ = std::move(why);
  }

  /// The journal forgets what `seen` saw.
  void prune(const spi::Snapshot& seen) {
    const detail::MutexLock lock{mutex_};
    std::erase_if(journal_, [&](const spi::Change& change) { return seen.sees(change.id); });
    pruned_ = seen;
  }
  /// Something no journal row tells of changed.
  void change_epoch(std::string epoch) {
    const detail::MutexLock lock{mutex_};
    epoch_text_ = std::move(epoch);
  }

  // --- What the fakes of the SPI use
  // -------------------------------------------------------------------------
  void count(FakeCall call) { counts_[static_cast<std::size_t>(call)].fetch_add(1); }
  [[nodiscard]] std::optional<Error> take_failure(FakeCall call) {
    const detail::MutexLock lock{mutex_};
    std::deque<Error>& waiting = failures_[call];
    if (waiting.empty()) return std::nullopt;
    Error error = waiting.front();
    waiting.pop_front();
    return error;
  }
  [[nodiscard]] std::shared_ptr<Gate> take_gate(FakeCall call, Hold when) {
    const detail::MutexLock lock{mutex_};
    auto& waiting = gates_[{call, when}];
    if (waiting.empty()) return nullptr;
    auto gate = waiting.front();
    waiting.pop_front();
    return gate;
  }
  [[nodiscard]] Rows rows(const std::string& table, const Writes& own = {}) const {
    const detail::MutexLock lock{mutex_};
    const auto found = tables_.find(table);
    Rows rows = found == tables_.end() ? Rows{} : found->second;
    for (const auto& [place, value] : own) {
      if (place.first != table) continue;
      rows.erase(place.second);
      if (value) rows.emplace(place.second, *value);
    }
    return rows;
  }
  [[nodiscard]] spi::Snapshot snapshot() const {
    const detail::MutexLock lock{mutex_};
    return locked_snapshot();
  }
  [[nodiscard]] std::string incarnation() const {
    const detail::MutexLock lock{mutex_};
    return incarnation_;
  }
  [[nodiscard]] std::size_t epoch() const { return epoch_.load(); }
  [[nodiscard]] spi::Pull pull(const std::optional<spi::Pull>& previous, bool wants_history) {
    const detail::MutexLock lock{mutex_};
    spi::Pull pull;
    pull.snapshot = locked_snapshot();
    pull.incarnation = incarnation_;
    pull.epoch = epoch_text_;
    pull.reset = std::exchange(reset_, {});
    if (previous && previous->incarnation != incarnation_) pull.reset = "the incarnation changed";
    if (previous && previous->epoch != epoch_text_) pull.reset = "the epoch changed";
    if (wants_history && (!previous || !pull.reset.empty()))
      pull.history = spi::History{pruned_, journal_};
    if (!previous) return pull;
    for (const spi::Change& change : journal_) {
      if (!previous->snapshot.sees(change.id)) pull.changes.push_back(change);
    }
    return pull;
  }
  /// Whether something was committed, or `wake` called, before the deadline.
  [[nodiscard]] bool await_commit(const Clock& clock, spi::Deadline deadline) {
    const detail::MutexLock lock{mutex_};
    while (!notified_) {
      if (woken_.wait_until(mutex_, deadline.at, clock) == std::cv_status::timeout) return false;
    }
    notified_ = false;
    return true;
  }
  void wake() {
    const detail::MutexLock lock{mutex_};
    notified_ = true;
    woken_.notify_all();
  }

 private:
  [[nodiscard]] spi::Snapshot locked_snapshot() const WEIR_REQUIRES(mutex_) {
    spi::Snapshot snapshot{};
    snapshot.xmax = next_id_;
    snapshot.xmin = in_progress_.empty() ? next_id_ : *in_progress_.begin();
    if (!standby) snapshot.in_progress.assign(in_progress_.begin(), in_progress_.end());
    snapshot.standby = standby;
    return snapshot;
  }

  std::array<std::atomic<std::size_t>, static_cast<std::size_t>(FakeCall::kCount_)> counts_{};
  std::atomic<std::size_t> epoch_{0};
  mutable detail::Mutex mutex_;
  detail::CondVar woken_;
  bool notified_ WEIR_GUARDED_BY(mutex_){false};
  std::map<FakeCall, std::deque<Error>> failures_ WEIR_GUARDED_BY(mutex_);
  std::map<std::pair<FakeCall, Hold>, std::deque<std::shared_ptr<Gate>>> gates_
      WEIR_GUARDED_BY(mutex_);
  Tables tables_ WEIR_GUARDED_BY(mutex_);
  std::vector<spi::Change> journal_ WEIR_GUARDED_BY(mutex_);
  std::set<spi::ChangeId> in_progress_ WEIR_GUARDED_BY(mutex_);
  spi::ChangeId next_id_ WEIR_GUARDED_BY(mutex_){100};
  std::string incarnation_ WEIR_GUARDED_BY(mutex_){"fake-1"};
  std::string reset_ WEIR_GUARDED_BY(mutex_);
  std::string epoch_text_ WEIR_GUARDED_BY(mutex_){"epoch-1"};
  spi::Snapshot pruned_ WEIR_GUARDED_BY(mutex_){};
};

}  // namespace weir::test
