#include "src/cache/entry.hpp"

#include <cassert>
#include <cstring>
#include <new>

#include "src/cache/footprint.hpp"

namespace weir::detail {
namespace {

std::size_t block_size(Key key, const Dependencies& dependencies) noexcept {
  return sizeof(Entry) + dependencies.cells.size() * sizeof(const Cell*) + key.bytes.size();
}

std::size_t heap_of(const std::string& text) noexcept {
  return text.size() > std::string{}.capacity() ? allocated_size(text.size() + 1) : 0;
}

// A label is shared by all entries read under it. The first pays for all of it, the second for a
// half, and so on: together they pay for it at least once, whoever is evicted first.
std::size_t share_of(const LabelRef& label) noexcept {
  if (label == nullptr) return 0;
  constexpr std::size_t kControlBlock = 16;
  std::size_t whole = allocated_size(sizeof(Label) + kControlBlock) + heap_of(label->incarnation) +
                      heap_of(label->epoch);
  const std::size_t in_progress = label->snapshot.in_progress.capacity() * sizeof(spi::ChangeId);
  if (in_progress > 0) whole += allocated_size(in_progress);
  const long holders = label.use_count() - 1;  // without the draft's own
  return holders > 1 ? whole / static_cast<std::size_t>(holders) : whole;
}

}  // namespace

Bytes Entry::charge_for(Key key, const EntryDraft& draft) noexcept {
  std::size_t total = allocated_size(block_size(key, draft.dependencies)) +
                      allocated_size(sizeof(spi::ResultBuffer) + draft.rows->size()) +
                      share_of(draft.label);
  if (!draft.dependencies.tags.empty()) {
    total += allocated_size(draft.dependencies.tags.size() * sizeof(std::string));
    for (const std::string& tag : draft.dependencies.tags) total += heap_of(tag);
  }
  return Bytes{total};
}

EntryRef Entry::create(Key key, EntryDraft draft) {
  assert(draft.rows);
  const Bytes charge = charge_for(key, draft);
  void* const block = ::operator new(block_size(key, draft.dependencies));
  try {
    return EntryRef{::new (block) Entry{key, std::move(draft), charge}, EntryRef::Adopt{}};
  } catch (...) {  // copying the tags ran out of memory
    ::operator delete(block);
    throw;
  }
}

Entry::Entry(Key key, EntryDraft&& draft, Bytes charge)
    : fresh_number_{draft.fresh.number},
      fresh_started_{draft.fresh.started.time_since_epoch().count()},
      cell_count_{static_cast<std::uint32_t>(draft.dependencies.cells.size())},
      hash_{key.hash},
      key_size_{key.bytes.size()},
      rows_{std::move(draft.rows)},
      label_{std::move(draft.label)},
      read_started_{draft.read_started},
      expires_{draft.expires},
      cost_{draft.cost},
      charge_{charge},
      tags_{draft.dependencies.tags.begin(), draft.dependencies.tags.end()} {
  auto* const after = reinterpret_cast<char*>(this + 1);
  const auto cells = std::as_bytes(draft.dependencies.cells);
  if (!cells.empty()) std::memcpy(after, cells.data(), cells.size());
  if (!key.bytes.empty()) std::memcpy(after + cells.size(), key.bytes.data(), key.bytes.size());
}

void Entry::release() const noexcept {
  // Release: what this thread did with it happens before the deletion. Acquire: pairs with the
  // other threads' releases.
  if (references_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  auto* const self = const_cast<Entry*>(this);
  self->~Entry();
  ::operator delete(self);
}

}  // namespace weir::detail
