#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "drivers/sqlite/table_shape.hpp"

namespace weir::sqlite {

/// One trigger weir puts on a table.
struct TrackTrigger {
  std::string name{};
  std::string sql{};  ///< The CREATE TRIGGER, exactly as SQLite keeps it.
};

/// The log of keys holds at most about this many rows. Triggers that find it full leave the
/// table's mark, and nothing more while that is there.
inline constexpr int kKeyLogCapacity = 2048;

/// The three triggers that mark a table as written.
[[nodiscard]] std::vector<TrackTrigger> track_triggers(std::string_view table);

/// The triggers that log, for every row written, the values of the columns `keys` before and after:
/// as items of `Change::rows` with the separator before each; NULL when one of them has no
/// canonical text. With recursive triggers off, which is SQLite's default, REPLACE takes rows away
/// without telling: two of the triggers look beforehand which ones. REQUIRES: the shape is not
/// `untellable`, and the columns can be keys.
[[nodiscard]] std::vector<TrackTrigger> track_triggers(const TableShape& shape,
                                                       const std::vector<std::size_t>& keys);

}  // namespace weir::sqlite
