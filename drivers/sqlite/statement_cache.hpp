#pragma once

#include <cstddef>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>

#include "drivers/sqlite/access.hpp"
#include "drivers/sqlite/handle.hpp"
#include "drivers/sqlite/params.hpp"

namespace weir::sqlite {

/// One compiled statement and what it touches.
struct PreparedStatement {
  StatementPtr statement{};
  ParameterMap parameters{};
  StatementAccess access{};
  bool reads_only{false};
};

/// The compiled statements of one connection by their text, the least recently used one going
/// first.
///
/// Thread safety: distinct objects safe; shared object unsafe.
class StatementCache {
 public:
  /// A capacity of 0 keeps nothing.
  explicit StatementCache(std::size_t capacity) : capacity_{capacity} {}

  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }
  /// Null when absent. Lifetime: until the next non-const call.
  [[nodiscard]] PreparedStatement* find(std::string_view sql);
  /// REQUIRES: absent, and capacity is not 0. Lifetime: as for `find`.
  PreparedStatement& insert(std::string_view sql, PreparedStatement prepared);
  void clear() noexcept;

 private:
  struct Entry {
    std::string sql;
    PreparedStatement prepared;
  };
  std::size_t capacity_;
  std::list<Entry> entries_{};  // most recently used first
  std::unordered_map<std::string_view, std::list<Entry>::iterator> by_text_{};
};

}  // namespace weir::sqlite
