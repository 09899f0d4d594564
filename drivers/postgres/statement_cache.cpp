#include "drivers/postgres/statement_cache.hpp"

#include <fmt/core.h>

#include <cassert>
#include <utility>

namespace weir::postgres {

StatementCache::Entry* StatementCache::find(std::string_view key) {
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, found->second);
  return &entries_.front();
}

StatementCache::Entry& StatementCache::insert(std::string_view key) {
  assert(capacity_ > 0 && !by_key_.contains(key));
  while (entries_.size() >= capacity_) {
    evicted_.push_back(std::move(entries_.back().name));
    by_key_.erase(entries_.back().key);
    entries_.pop_back();
  }
  entries_.push_front({.key = std::string{key}, .name = fmt::format("weir_{}", next_++)});
  by_key_.emplace(entries_.front().key, entries_.begin());
  return entries_.front();
}

void StatementCache::retire(std::string_view key) {
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return;
  const auto entry = found->second;
  evicted_.push_back(std::move(entry->name));
  by_key_.erase(found);
  entries_.erase(entry);
}

std::vector<std::string> StatementCache::take_evicted() noexcept {
  return std::exchange(evicted_, {});
}

}  // namespace weir::postgres
