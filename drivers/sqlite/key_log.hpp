#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "drivers/sqlite/handle.hpp"

namespace weir::sqlite {

/// What the log of keys says of some stretch of it.
struct ToldKeys {
  /// By table, the items (`column:value`) of all rows written; a table that is named but has none
  /// was written too.
  std::map<std::string, std::set<std::string>> items{};
  std::set<std::string> whole{};  ///< The tables of which a row could not be told.
  std::int64_t newest{0};         ///< The last row's id, or the stretch's begin.
  bool complete{true};            ///< False when a part of it was pruned, or never was.
};

/// The last id in the log; 0 when it is empty. Errors of all of these: `Error`.
[[nodiscard]] std::int64_t newest_key(Handle& handle);
/// What was logged after `seen`.
[[nodiscard]] ToldKeys read_keys(Handle& handle, std::int64_t seen);
/// Whether the log is longer than needs be.
[[nodiscard]] bool wants_pruning(Handle& handle);
/// Takes all but the newest rows away. REQUIRES: a write transaction is open.
void prune_keys(Handle& handle);

/// The items as texts for `Change::rows`, each of bearable length. At least one.
[[nodiscard]] std::vector<std::string> rows_of(const std::set<std::string>& items);

}  // namespace weir::sqlite
