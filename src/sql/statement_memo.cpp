#include "src/sql/statement_memo.hpp"

#include <algorithm>
#include <cassert>
#include <string>
#include <utility>

#include "src/base/hash.hpp"

namespace weir::detail {
namespace {

// Few statements need no shards, and then the bound is exact to the statement.
constexpr std::size_t kShards = 16;
constexpr std::size_t kShardedFrom = 1024;

std::size_t bytes_of(const Statement& statement) {
  return statement.sql().size() + statement.normalized().size();
}

std::uint64_t next_id() {
  static std::atomic<std::uint64_t> last{0};
  return last.fetch_add(1, std::memory_order_relaxed) + 1;  // only its being unique matters
}

}  // namespace

/// Every normal form some statement still holds. It outlives the memo while statements do.
class StatementMemo::NormalForms : public std::enable_shared_from_this<NormalForms> {
 public:
  [[nodiscard]] std::shared_ptr<const NormalForm> intern(const std::string& text) {
    if (auto alive = find(text)) return alive;
    // Made, and freed if another thread is faster, without the lock: its end takes the lock.
    const std::shared_ptr<const NormalForm> created{
        new NormalForm{text, next_id()}, [owner = shared_from_this()](const NormalForm* last) {
          owner->forget(*last);
          delete last;
        }};
    const MutexLock lock{mutex_};
    if (const auto found = forms_.find(text); found != forms_.end()) {
      if (auto alive = found->second.lock()) return alive;
      forms_.erase(found);  // its last statement just went; `forget` waits for our lock
    }
    forms_.emplace(created->text, created);
    return created;
  }

 private:
  [[nodiscard]] std::shared_ptr<const NormalForm> find(const std::string& text) {
    const MutexLock lock{mutex_};
    const auto found = forms_.find(text);
    return found == forms_.end() ? nullptr : found->second.lock();
  }

  void forget(const NormalForm& form) {
    const MutexLock lock{mutex_};
    // The key is compared by address: an equal text may be that of a younger form.
    const auto found = forms_.find(form.text);
    if (found != forms_.end() && found->first.data() == form.text.data()) forms_.erase(found);
  }

  Mutex mutex_;
  // The keys are the texts of the forms themselves.
  std::unordered_map<std::string_view, std::weak_ptr<const NormalForm>> forms_
      WEIR_GUARDED_BY(mutex_);
};

StatementMemo::StatementMemo(std::size_t capacity, Hash hash)
    : hash_{hash != nullptr ? hash : [](std::string_view text) noexcept { return hash64(text); }},
      shard_count_{capacity >= kShardedFrom ? kShards : 1},
      normal_forms_{std::make_shared<NormalForms>()} {
  assert(capacity >= 1);
  capacity_each_ = std::max<std::size_t>(1, capacity / shard_count_);
  shards_ = std::make_unique<Shard[]>(shard_count_);
}

StatementMemo::~StatementMemo() = default;

StatementMemo::Shard& StatementMemo::shard_of(std::uint64_t hash) const noexcept {
  return shards_[(hash >> 32U) % shard_count_];  // the index uses the low bits
}

const StatementMemo::Slot* StatementMemo::slot_of(const Shard& shard, std::uint64_t hash,
                                                  std::string_view sql) {
  const auto found = shard.index.find(hash);
  if (found == shard.index.end()) return nullptr;
  const Slot& slot = shard.slots[found->second];
  return slot.statement->sql() == sql ? &slot : nullptr;
}

StatementRef StatementMemo::find(std::string_view sql) const {
  const std::uint64_t hash = hash_(sql);
  const Shard& shard = shard_of(hash);
  const ReadLock lock{shard.mutex};
  const Slot* slot = slot_of(shard, hash, sql);
  if (slot == nullptr) return nullptr;
  // Relaxed: a lost or late mark costs at most an early eviction. Tested first, so that a hot
  // statement's line is not written on every hit.
  if (!slot->used.load(std::memory_order_relaxed))
    slot->used.store(true, std::memory_order_relaxed);
  return slot->statement;
}

StatementRef StatementMemo::add(std::string_view sql, const spi::Scan& scan) {
  const std::uint64_t hash = hash_(sql);
  auto texts = std::make_shared<Statement::Texts>();
  texts->sql = sql;
  texts->hash = hash;
  texts->normal = normal_forms_->intern(scan.normalized);
  texts->hint = parse_hint(scan.hints);
  const auto statement = std::make_shared<const Statement>(std::move(texts), nullptr);

  std::vector<StatementRef> gone;  // freed after the lock
  Shard& shard = shard_of(hash);
  const WriteLock lock{shard.mutex};
  if (const Slot* known = slot_of(shard, hash, sql)) return known->statement;
  // Another text with the same hash gives way: both cannot be found by it.
  if (const auto twin = shard.index.find(hash); twin != shard.index.end()) {
    gone.push_back(clear_slot(shard, twin->second));
  }
  const std::size_t bytes = bytes_of(*statement);
  while (!shard.index.empty() && (shard.index.size() >= capacity_each_ ||
                                  shard.bytes + bytes > capacity_each_ * kBytesEach)) {
    gone.push_back(evict(shard));
  }
  evicted_.fetch_add(gone.size(), std::memory_order_relaxed);  // a counter: orders nothing
  std::size_t place = shard.slots.size();
  if (shard.free.empty()) {
    shard.slots.emplace_back();
  } else {
    place = shard.free.back();
    shard.free.pop_back();
  }
  shard.index.emplace(hash, place);
  shard.slots[place].statement = statement;
  shard.slots[place].used.store(false, std::memory_order_relaxed);  // under the exclusive lock
  shard.bytes += bytes;
  return statement;
}

StatementRef StatementMemo::attach(const Statement& statement,
                                   std::shared_ptr<const StatementFacts> facts) {
  const auto with_facts = std::make_shared<const Statement>(statement.texts(), std::move(facts));
  StatementRef gone;  // freed after the lock
  Shard& shard = shard_of(statement.hash());
  const WriteLock lock{shard.mutex};
  if (slot_of(shard, statement.hash(), statement.sql()) != nullptr) {
    Slot& slot = shard.slots[shard.index.at(statement.hash())];
    // A text forgotten and learned again in between has another id: that one stays.
    if (slot.statement->texts() == statement.texts()) {
      gone = std::exchange(slot.statement, with_facts);
    }
  }
  return with_facts;
}

StatementRef StatementMemo::evict(Shard& shard) {
  while (true) {
    shard.hand = (shard.hand + 1) % shard.slots.size();
    Slot& slot = shard.slots[shard.hand];
    if (!slot.statement) continue;
    if (!slot.used.exchange(false, std::memory_order_relaxed)) {  // under the exclusive lock
      return clear_slot(shard, shard.hand);
    }
  }
}

StatementRef StatementMemo::clear_slot(Shard& shard, std::size_t slot) {
  StatementRef gone = std::exchange(shard.slots[slot].statement, nullptr);
  shard.index.erase(gone->hash());
  shard.bytes -= bytes_of(*gone);
  shard.free.push_back(slot);
  return gone;
}

std::vector<StatementRef> StatementMemo::statements() const {
  std::vector<StatementRef> all;
  for (std::size_t i = 0; i < shard_count_; ++i) {
    const ReadLock lock{shards_[i].mutex};
    for (const Slot& slot : shards_[i].slots) {
      if (slot.statement) all.push_back(slot.statement);
    }
  }
  return all;
}

std::size_t StatementMemo::size() const {
  std::size_t count = 0;
  for (std::size_t i = 0; i < shard_count_; ++i) {
    const ReadLock lock{shards_[i].mutex};
    count += shards_[i].index.size();
  }
  return count;
}

}  // namespace weir::detail
