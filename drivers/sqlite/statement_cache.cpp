#include "drivers/sqlite/statement_cache.hpp"

#include <utility>

namespace weir::sqlite {

PreparedStatement* StatementCache::find(std::string_view sql) {
  const auto found = by_text_.find(sql);
  if (found == by_text_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, found->second);
  return &found->second->prepared;
}

PreparedStatement& StatementCache::insert(std::string_view sql, PreparedStatement prepared) {
  while (entries_.size() >= capacity_) {
    by_text_.erase(entries_.back().sql);
    entries_.pop_back();
  }
  entries_.push_front(Entry{std::string{sql}, std::move(prepared)});
  by_text_.emplace(entries_.front().sql, entries_.begin());
  return entries_.front().prepared;
}

void StatementCache::clear() noexcept {
  by_text_.clear();
  entries_.clear();
}

}  // namespace weir::sqlite
