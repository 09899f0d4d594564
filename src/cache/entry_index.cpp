#include "src/cache/entry_index.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

#include "src/cache/footprint.hpp"

namespace weir::detail {

std::size_t EntryIndex::bytes_of(std::size_t slots) noexcept {
  return slots == 0 ? 0 : allocated_size(slots * sizeof(Slot));
}

std::size_t EntryIndex::wanted_slots() const noexcept {
  if (slots() == 0) return kFewestSlots;
  return (size_ + 1) * 4 > slots() * 3 ? slots() * 2 : slots();
}

std::size_t EntryIndex::enough_slots() const noexcept {
  return slots() > kFewestSlots && size_ * 8 < slots() ? slots() / 2 : slots();
}

void EntryIndex::resize(std::size_t slots) {
  assert(slots == wanted_slots() || slots == enough_slots());
  std::vector<Slot> old(slots);
  old.swap(slots_);
  for (Slot& from : old) {
    if (!from.entry) continue;
    std::size_t to = home(from.hash);
    while (slots_[to].entry) to = next(to);
    slots_[to] = std::move(from);
  }
}

const Entry* EntryIndex::find(Key key) const noexcept {
  if (size_ == 0) return nullptr;
  for (std::size_t at = home(key.hash); slots_[at].entry; at = next(at)) {
    if (slots_[at].hash == key.hash && slots_[at].entry->key() == key) {
      return slots_[at].entry.get();
    }
  }
  return nullptr;
}

std::size_t EntryIndex::locate(std::uint64_t hash, const Entry* entry) const noexcept {
  if (size_ == 0) return kNowhere;
  for (std::size_t at = home(hash); slots_[at].entry; at = next(at)) {
    if (slots_[at].entry.get() == entry) return at;
  }
  return kNowhere;
}

EntryRef EntryIndex::insert(EntryRef entry) noexcept {
  assert(wanted_slots() == slots());
  const Key key = entry->key();
  std::size_t at = home(key.hash);
  for (; slots_[at].entry; at = next(at)) {
    if (slots_[at].hash == key.hash && slots_[at].entry->key() == key) {
      return std::exchange(slots_[at].entry, std::move(entry));
    }
  }
  slots_[at] = Slot{key.hash, std::move(entry)};
  ++size_;
  return {};
}

EntryRef EntryIndex::erase(std::uint64_t hash, const Entry* entry) noexcept {
  std::size_t hole = locate(hash, entry);
  if (hole == kNowhere) return {};
  EntryRef erased = std::move(slots_[hole].entry);
  --size_;
  // Whatever a probe would no longer reach over the hole moves into it, and leaves the next hole.
  for (std::size_t at = next(hole); slots_[at].entry; at = next(at)) {
    const std::size_t way = (at - home(slots_[at].hash)) & (slots_.size() - 1);
    const std::size_t way_from_hole = (at - hole) & (slots_.size() - 1);
    if (way < way_from_hole) continue;  // its home lies behind the hole
    slots_[hole] = std::move(slots_[at]);
    hole = at;
  }
  return erased;
}

std::size_t EntryIndex::sample(std::uint64_t random, std::span<EntryRef> out) const noexcept {
  const std::size_t wanted = std::min(out.size(), size_);
  std::size_t found = 0;
  for (std::size_t at = wanted > 0 ? home(random) : 0; found < wanted; at = next(at)) {
    if (slots_[at].entry) out[found++] = slots_[at].entry;
  }
  return found;
}

void EntryIndex::list(std::vector<EntryRef>& out) const {
  out.reserve(out.size() + size_);
  for (const Slot& slot : slots_) {
    if (slot.entry) out.push_back(slot.entry);
  }
}

}  // namespace weir::detail
