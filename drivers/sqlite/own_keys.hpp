#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>

#include "drivers/sqlite/handle.hpp"
#include "drivers/sqlite/journal.hpp"

namespace weir::sqlite {

/// What the triggers of the tables tracked by rows told of one write transaction of our own.
///
/// Between BEGIN IMMEDIATE and COMMIT nobody else adds to the log of keys: what is there at the end
/// and was not at the beginning is the transaction's. Thread safety: one thread at a time.
/// Lifetime: the handle outlives it.
class OwnKeys {
 public:
  explicit OwnKeys(Handle& handle) : handle_{handle} {}

  /// Right after BEGIN IMMEDIATE. Never throws: without it all is told by table.
  void begin() noexcept;
  /// Right before COMMIT: puts the rows in the place of the tables in `changes`, where the log
  /// tells them. Also takes away what the log no longer needs. Errors: `Error`; then `changes` is
  /// as before, and the transaction may be gone.
  void settle(OwnChanges& changes);

 private:
  void load();
  [[nodiscard]] bool is_marked(const std::string& table);

  Handle& handle_;
  std::optional<std::int64_t> schema_version_{};  // of which by_rows_ is known
  std::set<std::string> by_rows_{};               // tables of main whose rows are told
  std::set<std::string> whole_{};                 // of by_rows_: not told by rows, once and for all
  bool begun_{false};
  std::int64_t newest_{0};   // at the beginning
  std::int64_t changes_{0};  // sqlite3_total_changes64, at the beginning
};

}  // namespace weir::sqlite
