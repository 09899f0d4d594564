#include "src/freshness/freshness.hpp"

#include <algorithm>
#include <utility>

namespace weir::detail {
namespace {

bool sees_all(const spi::Snapshot& snapshot, std::span<const spi::Change> changes,
              std::span<const spi::Change> past) {
  const auto seen = [&](const spi::Change& change) { return snapshot.sees(change.id); };
  return std::all_of(changes.begin(), changes.end(), seen) &&
         std::all_of(past.begin(), past.end(), seen);
}

/// Sees what either of them does. REQUIRES: neither is a standby's.
spi::Snapshot seeing_both(const spi::Snapshot& a, const spi::Snapshot& b) {
  const spi::Snapshot& later = a.xmax > b.xmax ? a : b;
  const spi::Snapshot& other = a.xmax > b.xmax ? b : a;
  spi::Snapshot both;
  both.xmax = later.xmax;
  for (const spi::ChangeId id : later.in_progress) {
    if (!other.sees(id)) both.in_progress.push_back(id);
  }
  both.xmin = both.in_progress.empty() ? both.xmax : both.in_progress.front();
  return both;
}

}  // namespace

LabelRef Freshness::label() const {
  const MutexLock lock{mutex_};
  return label_;
}

Freshness::Pulled Freshness::pulled() const noexcept {
  // number_ first (acquire): started_ is then of that pull or a later one. A later one is possible
  // only while `apply` is between its two stores, when every mark of the later pull is already
  // made.
  const std::uint64_t number = number_.load(std::memory_order_acquire);
  return {number, TimePoint{Duration{started_.load(std::memory_order_acquire)}}};
}

Verdict Freshness::judge(const Label& label, const Dependencies& dependencies) const {
  if (label.generation != generation()) return Verdict::kVoid;
  const spi::Snapshot& snapshot = label.snapshot;
  if (!cells_.everything()->seen_by(label)) return Verdict::kChanged;
  for (const Cell* cell : dependencies.cells) {
    if (!cell->seen_by(label)) return Verdict::kChanged;
  }
  if (!cells_.patterns_seen_by(snapshot, dependencies.tags)) return Verdict::kChanged;
  return Verdict::kFresh;
}

std::uint64_t Freshness::step_for(const spi::Snapshot& snapshot, bool sees_its_own,
                                  std::uint64_t step) {
  if (!all_marked_ || snapshot.standby || !sees_its_own) {
    all_marked_.reset();  // until a generation begins
    return 0;
  }
  if (snapshot.covers(*all_marked_)) {
    all_marked_ = snapshot;
    return step;
  }
  all_marked_ = seeing_both(*all_marked_, snapshot);
  return 0;
}

LabelRef Freshness::adopt(const Label& newest, const spi::Snapshot& snapshot) const {
  if (newest.floor == nullptr || !snapshot.covers(*newest.floor)) return nullptr;
  auto label = std::make_shared<Label>(newest);
  label->snapshot = snapshot;
  label->step = 0;  // what was learned here says nothing about what it saw
  return label;
}

bool Freshness::voids_catalog(const spi::Pull& pull) const {
  const LabelRef before = label();
  return !pull.reset.empty() || (before && before->incarnation != pull.incarnation) ||
         std::any_of(pull.changes.begin(), pull.changes.end(), [](const spi::Change& change) {
           return change.kind == spi::ChangeKind::kEverything;
         });
}

Freshness::Applied Freshness::apply(const spi::Pull& pull, std::uint64_t number,
                                    TimePoint started) {
  Applied applied;
  const LabelRef before = label();
  applied.first = before == nullptr;
  if (!pull.reset.empty()) {
    applied.reset = pull.reset;
  } else if (before && before->incarnation != pull.incarnation) {
    applied.reset = "the database server is another incarnation than before";
  }
  applied.everything = voids_catalog(pull);
  applied.epoch = before && before->incarnation == pull.incarnation && before->epoch != pull.epoch;
  const bool anew = applied.first || !applied.reset.empty();
  const spi::History* const history = pull.history ? &*pull.history : nullptr;
  std::span<const spi::Change> past;
  if (history != nullptr) past = history->changes;
  cells_.apply(pull.changes, past, [&](bool complete, std::uint64_t step) {
    const MutexLock lock{mutex_};
    // The new generation is seen before the label that belongs to it: an old entry judged in
    // between is void.
    if (!applied.reset.empty()) generation_.fetch_add(1, std::memory_order_acq_rel);
    auto next = std::make_shared<Label>();
    next->snapshot = pull.snapshot;
    next->incarnation = pull.incarnation;
    next->epoch = pull.epoch;
    if (!complete || (anew && history == nullptr)) {
      next->floor = std::make_shared<const spi::Snapshot>(pull.snapshot);
    } else if (anew) {
      next->floor = std::make_shared<const spi::Snapshot>(history->complete_from);
    } else {
      next->floor = label_->floor;
    }
    if (anew) all_marked_ = pull.snapshot;  // what was marked before is void or of its past
    next->step = step_for(pull.snapshot, sees_all(pull.snapshot, pull.changes, past), step);
    next->generation = generation();
    next->pull = number;
    next->started = started;
    label_ = std::move(next);
    started_.store(started.time_since_epoch().count(), std::memory_order_release);
    number_.store(number, std::memory_order_release);
  });
  return applied;
}

Freshness::Learned Freshness::learn(const ChangeBatch& batch) {
  const LabelRef before = label();
  if (!before || before->incarnation != batch.incarnation) return Learned::kMustPull;
  const spi::Snapshot& known = before->snapshot;
  if (known.standby || batch.from.standby || batch.to.standby) return Learned::kMustPull;
  if (known.covers(batch.to)) return Learned::kKnown;
  if (!known.covers(batch.from) || !batch.to.covers(known)) return Learned::kMustPull;
  for (const spi::Change& change : batch.changes) {
    if (change.kind == spi::ChangeKind::kEverything) return Learned::kMustPull;
  }
  Learned learned = Learned::kMustPull;
  cells_.apply(batch.changes, {}, [&](bool complete, std::uint64_t step) {
    const MutexLock lock{mutex_};
    const std::uint64_t own = step_for(batch.to, sees_all(batch.to, batch.changes, {}), step);
    if (label_ != before) return;  // a pull came in between; the next batch may join it
    auto next = std::make_shared<Label>(*before);
    next->snapshot = batch.to;
    next->step = own;
    if (!complete) next->floor = std::make_shared<const spi::Snapshot>(batch.to);
    label_ = std::move(next);
    learned = Learned::kLearned;
  });
  return learned;
}

void Freshness::void_all() {
  const MutexLock lock{mutex_};
  const std::uint64_t next = generation_.fetch_add(1, std::memory_order_acq_rel) + 1;
  if (label_ == nullptr) return;
  // A read that starts now may use the last snapshot: it is only what was read before that is void.
  auto renewed = std::make_shared<Label>(*label_);
  renewed->generation = next;
  label_ = std::move(renewed);
}

}  // namespace weir::detail
