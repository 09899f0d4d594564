#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "drivers/sqlite/handle.hpp"
#include "weir/params.hpp"

namespace weir::sqlite {

/// Which parameter of the call each of a statement's parameters takes.
///
/// `?`, `?N` and `:name`, `@name`, `$name` take the parameter at SQLite's own number for them,
/// names being numbered by first appearance. `$1`, `$2` … would be just such names to SQLite; here
/// the number counts, so that one text works on both engines. Thread safety: distinct objects safe;
/// shared object safe for const calls.
class ParameterMap {
 public:
  ParameterMap() = default;
  /// Errors: `kUsage` when `$N` is mixed with other kinds, or is `$N` with something after it
  /// (`$1::int`).
  explicit ParameterMap(sqlite3_stmt* statement);

  /// How many parameters a call must give.
  [[nodiscard]] std::size_t size() const noexcept { return wanted_; }
  /// Errors: `kUsage`: another number of parameters than wanted, or one SQLite cannot hold.
  void bind(sqlite3_stmt* statement, const Params& params) const;

 private:
  void bind_one(sqlite3_stmt* statement, const ParamView& value, std::size_t position) const;

  std::size_t wanted_{0};
  std::string highest_{};  // the name with the highest number; empty when none has one
  /// For each position from 1 on, SQLite's index; 0 for a number no `$N` uses. Empty: position =
  /// index.
  std::vector<int> index_of_{};
};

}  // namespace weir::sqlite
