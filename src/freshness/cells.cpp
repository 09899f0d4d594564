#include "src/freshness/cells.hpp"

#include <algorithm>

#include "src/base/hash.hpp"
#include "weir/spi/text.hpp"

namespace weir::detail {

void Cell::mark(spi::ChangeId id, std::uint64_t step) noexcept {
  // First, and whatever comes of the rest: it may be news that this id is known.
  marked_.store(step, std::memory_order_release);  // pairs with the acquire in seen_by
  // The one writer may read what it wrote itself without ordering.
  if (id <= forgotten_.load(std::memory_order_relaxed)) return;  // covered already
  std::atomic<spi::ChangeId>* smallest = &recent_[0];
  for (auto& slot : recent_) {
    const spi::ChangeId held = slot.load(std::memory_order_relaxed);
    if (held == id) return;
    if (held < smallest->load(std::memory_order_relaxed)) smallest = &slot;
  }
  const spi::ChangeId out = smallest->load(std::memory_order_relaxed);
  if (out > id) {
    forgotten_.store(id, std::memory_order_release);  // pairs with the acquire in seen_by_slowly
  } else {
    if (out != 0)
      forgotten_.store(std::max(out, forgotten_.load(std::memory_order_relaxed)),
                       std::memory_order_release);
    smallest->store(id, std::memory_order_release);  // pairs with the acquire in seen_by_slowly
  }
  if (id > newest_.load(std::memory_order_relaxed)) newest_.store(id, std::memory_order_release);
}

bool Cell::seen_by_slowly(const spi::Snapshot& snapshot) const noexcept {
  for (const auto& slot : recent_) {
    const spi::ChangeId id = slot.load(std::memory_order_acquire);
    if (id != 0 && !snapshot.sees(id)) return false;
  }
  return forgotten_.load(std::memory_order_acquire) < snapshot.xmin;
}

std::uint64_t KeyStripes::hash(std::string_view relation, std::string_view item) noexcept {
  return hash64(item, hash64(relation));
}

void KeyStripes::make() {
  if (!made()) stripes_ = std::vector<Stripe>(count_);
}

void KeyStripes::mark(std::uint64_t key, spi::ChangeId id, std::uint64_t step) noexcept {
  Stripe& stripe = stripes_[key & (count_ - 1)];
  stripe.cell.mark(id, step);
  // Relaxed: for a metric only.
  stripe.marked_by.store(static_cast<std::uint32_t>(key >> 32U), std::memory_order_relaxed);
}

bool KeyStripes::taken_by_another(std::uint64_t key) const noexcept {
  return stripes_[key & (count_ - 1)].marked_by.load(std::memory_order_relaxed) !=
         static_cast<std::uint32_t>(key >> 32U);
}

CellTable::CellTable(Coverage coverage, std::size_t most_made, std::size_t key_stripes)
    : coverage_{coverage}, most_made_{most_made}, tags_(kTagStripes), keys_{key_stripes} {}

const Cell* CellTable::tag(std::string_view tag) const noexcept {
  return &tags_[hash64(tag) % kTagStripes];
}

const RelationCells* CellTable::relation_cells(std::string_view id) {
  const MutexLock lock{mutex_};
  auto [it, is_new] = by_id_.try_emplace(std::string{id}, nullptr);
  if (is_new) it->second = &relations_.emplace_back();
  return it->second;
}

const Cell* CellTable::relation_if_room(std::string_view id) {
  const MutexLock lock{mutex_};
  if (const auto known = by_id_.find(std::string{id}); known != by_id_.end())
    return &known->second->any;
  if (relations_.size() >= most_made_) return nullptr;
  return &by_id_.emplace(id, &relations_.emplace_back()).first->second->any;
}

const KeyStripes& CellTable::keys() {
  const MutexLock lock{mutex_};
  keys_.make();
  return keys_;
}

bool CellTable::mark(const spi::Change& change) {
  switch (change.kind) {
    case spi::ChangeKind::kEverything:
      everything_.mark(change.id, step_);
      break;
    case spi::ChangeKind::kRelation:
    case spi::ChangeKind::kRows: {
      auto it = by_id_.find(change.target);
      if (it == by_id_.end()) {
        // Nobody depends on it yet, and whoever will takes its label after this was seen.
        if (coverage_ == Coverage::kAsked) break;
        if (relations_.size() >= most_made_) return false;
        it = by_id_.emplace(change.target, &relations_.emplace_back()).first;
      }
      RelationCells& cells = *it->second;
      cells.any.mark(change.id, step_);
      cells.changes.fetch_add(1, std::memory_order_relaxed);
      if (change.kind == spi::ChangeKind::kRelation) {
        cells.whole.mark(change.id, step_);
      } else {
        mark_rows(change, cells);
      }
      break;
    }
    case spi::ChangeKind::kTag:
      tags_[hash64(change.target) % kTagStripes].mark(change.id, step_);
      break;
    case spi::ChangeKind::kTagPattern:
      mark_pattern(change);
      break;
  }
  return true;
}

void CellTable::mark_rows(const spi::Change& change, RelationCells& cells) {
  keys_.make();
  std::string_view rest = change.rows;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(spi::Change::kRowSeparator), rest.size());
    const std::string_view item = rest.substr(0, end);
    if (item.find(':') == std::string_view::npos) {  // not as it should be: any row is meant
      cells.whole.mark(change.id, step_);
    } else {
      keys_.mark(KeyStripes::hash(change.target, item), change.id, step_);
    }
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
}

void CellTable::mark_pattern(const spi::Change& change) {
  if (change.id <= forgotten_pattern_) return;
  patterns_.push_back({change.id, change.target});
  if (patterns_.size() > kPatterns) {
    const auto oldest =
        std::min_element(patterns_.begin(), patterns_.end(),
                         [](const Pattern& a, const Pattern& b) { return a.id < b.id; });
    forgotten_pattern_ = std::max(forgotten_pattern_, oldest->id);
    patterns_.erase(oldest);
  }
  newest_pattern_.store(std::max(newest_pattern_.load(std::memory_order_relaxed), change.id),
                        std::memory_order_release);  // pairs with the acquire in patterns_seen_by
}

bool CellTable::patterns_seen_by(const spi::Snapshot& snapshot,
                                 std::span<const std::string> tags) const {
  if (tags.empty() || newest_pattern_.load(std::memory_order_acquire) < snapshot.xmin) return true;
  const MutexLock lock{mutex_};
  if (forgotten_pattern_ >= snapshot.xmin) return false;
  return std::none_of(patterns_.begin(), patterns_.end(), [&](const Pattern& pattern) {
    return !snapshot.sees(pattern.id) &&
           std::any_of(tags.begin(), tags.end(), [&](const std::string& tag) {
             return spi::matches_glob(tag, pattern.glob);
           });
  });
}

std::size_t CellTable::relations() const {
  const MutexLock lock{mutex_};
  return relations_.size();
}

}  // namespace weir::detail
