#include "src/cache/memory_tier.hpp"

#include <algorithm>

namespace weir::detail {
namespace {

// Counters tell only how many: nothing is read by them.
constexpr auto kRelaxed = std::memory_order_relaxed;

/// The n-th of a sequence of numbers that look random.
/// Source: Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014.
std::uint64_t split_mix(std::uint64_t n) noexcept {
  std::uint64_t z = (n + 1) * 0x9E3779B97F4A7C15U;
  z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9U;
  z = (z ^ (z >> 27U)) * 0x94D049BB133111EBU;
  return z ^ (z >> 31U);
}

}  // namespace

MemoryTier::MemoryTier(const MemoryOptions& options, DeadCheck is_dead)
    : capacity_{options.capacity.value},
      max_entry_{options.max_entry.value},
      shard_count_{options.shards},
      is_dead_{std::move(is_dead)},
      shards_{std::make_unique<Shard[]>(options.shards)},
      worth_{options.capacity} {}

MemoryTier::~MemoryTier() = default;

EntryRef MemoryTier::peek(Key key) const {
  const Shard& shard = shard_of(key.hash);
  const ReadLock lock{shard.mutex};
  return EntryRef{shard.index.find(key)};
}

EntryRef MemoryTier::find(Key key) const {
  EntryRef entry = peek(key);
  if (entry) entry->use(worth_.now());
  return entry;
}

PutReport MemoryTier::put(Key key, EntryDraft draft) {
  PutReport report;
  if (capacity_ == 0) {
    counters_.rejected.fetch_add(1, kRelaxed);
    return report;
  }
  const EntryRef previous = peek(key);
  const Bytes charge = Entry::charge_for(key, draft);
  if (charge.value > max_entry_) {
    report.outcome = PutOutcome::kTooLarge;
  } else {
    worth_.offered(charge);
    const EntryRef entry = Entry::create(key, std::move(draft));
    if (previous) entry->inherit(*previous);
    entry->start(worth_.now());
    if (reserve(entry->charge().value, *entry, report)) {
      if (insert(entry, report)) {
        report.outcome = PutOutcome::kStored;
      } else {
        give_back(entry->charge().value);
      }
    }
  }
  switch (report.outcome) {
    case PutOutcome::kStored:
      counters_.stored.fetch_add(1, kRelaxed);
      return report;
    case PutOutcome::kTooLarge:
      counters_.too_large.fetch_add(1, kRelaxed);
      break;
    case PutOutcome::kRejected:
      counters_.rejected.fetch_add(1, kRelaxed);
      break;
  }
  if (previous) remove(key.hash, previous.get(), counters_.replaced);
  return report;
}

bool MemoryTier::insert(const EntryRef& entry, PutReport& report) {
  Shard& shard = shard_of(entry->key().hash);
  for (;;) {
    std::size_t slots = 0;
    {
      EntryRef replaced;  // let go of after the lock
      const WriteLock lock{shard.mutex};
      slots = shard.index.wanted_slots();
      if (slots == shard.index.slots()) {
        replaced = shard.index.insert(entry);
        if (replaced) {
          give_back(replaced->charge().value);
          counters_.replaced.fetch_add(1, kRelaxed);
        } else {
          counters_.entries.fetch_add(1, kRelaxed);
        }
        return true;
      }
    }
    // Room for the larger table is made without the lock, and the old one counts until it is gone.
    const std::size_t bytes = EntryIndex::bytes_of(slots);
    if (!reserve(bytes, *entry, report)) return false;
    const WriteLock lock{shard.mutex};
    if (shard.index.wanted_slots() == slots && shard.index.slots() != slots) {
      const std::size_t before = EntryIndex::bytes_of(shard.index.slots());
      shard.index.resize(slots);
      give_back(before);
    } else {
      give_back(bytes);  // another thread was faster, or there is room now
    }
  }
}

bool MemoryTier::remove(std::uint64_t hash, const Entry* entry,
                        std::atomic<std::uint64_t>& counter) {
  EntryRef removed;  // let go of after the lock
  Shard& shard = shard_of(hash);
  const WriteLock lock{shard.mutex};
  removed = shard.index.erase(hash, entry);
  if (!removed) return false;
  give_back(removed->charge().value);
  counters_.entries.fetch_sub(1, kRelaxed);
  counter.fetch_add(1, kRelaxed);
  const std::size_t enough = shard.index.enough_slots();
  if (enough != shard.index.slots() && try_reserve(EntryIndex::bytes_of(enough))) {
    const std::size_t before = EntryIndex::bytes_of(shard.index.slots());
    shard.index.resize(enough);
    give_back(before);
  }
  return true;
}

bool MemoryTier::erase(const Entry& entry) {
  return remove(entry.key().hash, &entry, counters_.erased);
}

void MemoryTier::clear() {
  for (std::size_t i = 0; i < shard_count_; ++i) {
    EntryIndex old;  // let go of after the lock
    std::uint64_t bytes = 0;
    {
      const WriteLock lock{shards_[i].mutex};
      std::swap(old, shards_[i].index);
    }
    std::vector<EntryRef> entries;
    old.list(entries);
    for (const EntryRef& entry : entries) bytes += entry->charge().value;
    give_back(bytes + EntryIndex::bytes_of(old.slots()));
    counters_.entries.fetch_sub(entries.size(), kRelaxed);
    counters_.erased.fetch_add(entries.size(), kRelaxed);
  }
}

void MemoryTier::for_each(const std::function<void(const Entry&)>& visit) const {
  std::vector<EntryRef> entries;
  for (std::size_t i = 0; i < shard_count_; ++i) {
    entries.clear();
    {
      const ReadLock lock{shards_[i].mutex};
      shards_[i].index.list(entries);
    }
    for (const EntryRef& entry : entries) visit(*entry);
  }
}

MemoryStats MemoryTier::stats() const noexcept {
  return {.entries = counters_.entries.load(kRelaxed),
          .bytes = Bytes{used_.load(kRelaxed)},
          .stored = counters_.stored.load(kRelaxed),
          .too_large = counters_.too_large.load(kRelaxed),
          .rejected = counters_.rejected.load(kRelaxed),
          .evicted_for_room = counters_.evicted_for_room.load(kRelaxed),
          .evicted_dead = counters_.evicted_dead.load(kRelaxed),
          .replaced = counters_.replaced.load(kRelaxed),
          .erased = counters_.erased.load(kRelaxed)};
}

bool MemoryTier::try_reserve(std::size_t bytes) noexcept {
  // Relaxed: the number alone is the bound; the memory it stands for is ordered by the shards'
  // locks.
  std::uint64_t used = used_.load(kRelaxed);
  while (bytes <= capacity_ && used <= capacity_ - bytes) {
    if (used_.compare_exchange_weak(used, used + bytes, kRelaxed)) return true;
  }
  return false;
}

void MemoryTier::give_back(std::uint64_t bytes) noexcept { used_.fetch_sub(bytes, kRelaxed); }

bool MemoryTier::reserve(std::size_t bytes, const Entry& newcomer, PutReport& report) {
  if (bytes > capacity_) return false;
  while (!try_reserve(bytes)) {
    if (!evict(newcomer, report)) return false;
  }
  return true;
}

bool MemoryTier::evict(const Entry& newcomer, PutReport& report) {
  Candidates all;
  const std::span<Candidate> candidates{all.data(), collect(all)};
  if (candidates.empty()) return false;
  if (evict_dead(candidates, report)) return true;

  for (Candidate& candidate : candidates) candidate.priority = worth_.priority(*candidate.entry);
  std::sort(candidates.begin(), candidates.end(),
            [](const Candidate& a, const Candidate& b) { return a.priority < b.priority; });
  const double newcomers = worth_.priority(newcomer);
  if (newcomers < candidates.front().priority) {
    worth_.raise(newcomers);
    return false;
  }
  {
    const MutexLock lock{runners_up_mutex_};
    for (std::size_t i = 0; i < kRunnersUp; ++i) {
      runners_up_[i] = i + 1 < candidates.size() ? RunnerUp{candidates[i + 1].entry->key().hash,
                                                            candidates[i + 1].entry.get()}
                                                 : RunnerUp{};
    }
  }
  const Entry& victim = *candidates.front().entry;
  if (remove(victim.key().hash, &victim, counters_.evicted_for_room)) {
    worth_.raise(candidates.front().priority);
    ++report.evicted_entries;
    report.evicted_bytes = report.evicted_bytes + victim.charge();
  }
  return true;  // or another thread took it: room was made all the same
}

std::size_t MemoryTier::collect(Candidates& candidates) {
  std::array<RunnerUp, kRunnersUp> runners_up;
  {
    const MutexLock lock{runners_up_mutex_};
    runners_up = runners_up_;
  }
  std::size_t count = 0;
  for (const RunnerUp& one : runners_up) {
    if (one.entry == nullptr) continue;
    const Shard& shard = shard_of(one.hash);
    const ReadLock lock{shard.mutex};
    if (shard.index.holds(one.hash, one.entry)) candidates[count++].entry = EntryRef{one.entry};
  }
  const std::size_t known = count;
  const std::uint64_t random = split_mix(draws_.fetch_add(1, kRelaxed));
  std::array<EntryRef, kSample> drawn;
  std::size_t draws = 0;
  for (std::size_t i = 0; i < shard_count_ && draws < kSample; ++i) {
    const Shard& shard = shards_[((random >> 40U) + i) & (shard_count_ - 1)];
    const ReadLock lock{shard.mutex};
    draws += shard.index.sample(random, std::span{drawn}.subspan(draws));
  }
  for (std::size_t i = 0; i < draws; ++i) {
    const bool twice = std::any_of(
        candidates.begin(), candidates.begin() + static_cast<std::ptrdiff_t>(known),
        [&](const Candidate& candidate) { return candidate.entry.get() == drawn[i].get(); });
    if (!twice) candidates[count++].entry = std::move(drawn[i]);
  }
  return count;
}

bool MemoryTier::evict_dead(std::span<const Candidate> candidates, PutReport& report) {
  if (!is_dead_) return false;
  bool any = false;
  for (const Candidate& candidate : candidates) {
    if (!is_dead_(*candidate.entry)) continue;
    any = true;
    if (remove(candidate.entry->key().hash, candidate.entry.get(), counters_.evicted_dead)) {
      ++report.evicted_entries;
      report.evicted_bytes = report.evicted_bytes + candidate.entry->charge();
    }
  }
  return any;
}

}  // namespace weir::detail
