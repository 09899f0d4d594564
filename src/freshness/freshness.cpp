#include "src/freshness/freshness.hpp"

#include <algorithm>
#include <utility>

namespace weir::detail {

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
  if (!cells_.everything()->seen_by(snapshot)) return Verdict::kChanged;
  for (const Cell* cell : dependencies.cells) {
    if (!cell->seen_by(snapshot)) return Verdict::kChanged;
  }
  if (!cells_.patterns_seen_by(snapshot, dependencies.tags)) return Verdict::kChanged;
  return Verdict::kFresh;
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
  cells_.apply(pull.changes, [&] {
    const MutexLock lock{mutex_};
    // The new generation is seen before the label that belongs to it: an old entry judged in
    // between is void.
    if (!applied.reset.empty()) generation_.fetch_add(1, std::memory_order_acq_rel);
    auto next = std::make_shared<Label>();
    next->snapshot = pull.snapshot;
    next->incarnation = pull.incarnation;
    next->generation = generation();
    next->pull = number;
    next->started = started;
    label_ = std::move(next);
    started_.store(started.time_since_epoch().count(), std::memory_order_release);
    number_.store(number, std::memory_order_release);
  });
  return applied;
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
