#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "drivers/sqlite/access.hpp"
#include "drivers/sqlite/handle.hpp"
#include "drivers/sqlite/location.hpp"

namespace weir::sqlite {

/// What a name in a statement stands for.
enum class Nature : std::uint8_t {
  kTable,
  kView,
  kVirtual,   ///< CREATE VIRTUAL TABLE, and the shadow tables of one.
  kPureCall,  ///< json_each(…) and its like.
  kInternal,  ///< sqlite_schema, statistics, pragma_… and other windows into SQLite.
  kNothing,   ///< A name that is only the statement's own: a common table expression.
};

struct Relation {
  TableName name{};
  Nature nature{Nature::kNothing};
};

/// The tables and views of all schemas as one connection sees them.
///
/// Thread safety: one thread at a time. Lifetime: the handle outlives it. Errors of all calls:
/// `Error` when the database cannot be read.
class Catalog {
 public:
  Catalog(Handle& handle, const Location& location);

  /// What a name that SQLite's compiler reported is.
  [[nodiscard]] Relation resolve(const TableName& name);
  /// The table or view that a person means by `name` or `schema.name`, found as SQLite finds names:
  /// capitals or not, main first. Errors: `kUndefinedObject` naming what was looked for, and where.
  [[nodiscard]] Relation find(std::string_view name, std::string_view operation);

 private:
  [[nodiscard]] std::optional<Relation> look_up(const std::string& schema, std::string_view table);
  [[nodiscard]] bool is_shadow(const std::string& schema, const std::string& table);
  [[nodiscard]] bool is_module(const std::string& lower);

  Handle& handle_;
  std::vector<std::string> schemas_;
};

}  // namespace weir::sqlite
