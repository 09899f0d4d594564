#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "drivers/sqlite/handle.hpp"
#include "drivers/sqlite/table_shape.hpp"
#include "drivers/sqlite/track_triggers.hpp"

namespace weir::sqlite {

/// The newest version of weir's tables this library knows.
inline constexpr int kSchemaVersion = 2;
/// The version from which on the rows of a table can be told.
inline constexpr int kKeyVersion = 2;

enum class TrackState : std::uint8_t {
  kTracked,
  kUntracked,
  kOutdated,     ///< Has triggers of weir's that are not as they should be (the table was renamed,
                 ///< say).
  kCannotTrack,  ///< A virtual table, a shadow table.
};

/// A table of the application in `main`.
struct UserTable {
  std::string name{};
  TrackState state{TrackState::kUntracked};
  std::vector<std::string> keys{};  ///< The columns told; empty when tracked as a whole.
  std::string untellable{};         ///< See `TableShape`.
};

/// How a table of `main` is tracked.
struct Tracking {
  TableShape shape{};
  std::vector<std::size_t> keys{};  ///< The columns told; empty: the table as a whole.
};

/// What the journal's row of a table says.
struct JournalEntry {
  std::vector<std::string> keys{};
  bool chosen{false};  ///< Somebody chose the columns.
};

/// Whether a table of `main` is one of weir's own.
[[nodiscard]] bool is_weirs(std::string_view table) noexcept;
/// What there is of weir's tables in a file.
struct InstalledTables {
  int version{0};  ///< 0 when there are none, or they are damaged.
  std::vector<std::string> names{};
  std::string damage{};  ///< What is wrong with them and what mends it; empty when sound.
};
[[nodiscard]] InstalledTables inspect_tables(Handle& handle);
/// The version of weir's tables in the file; 0 when there are none. Errors: `kMigration` when they
/// are damaged.
[[nodiscard]] int installed_version(Handle& handle);
/// Empty unless the table of `main` has weir's triggers, to the byte, as they should be, and its
/// row in the journal.
[[nodiscard]] std::optional<Tracking> tracking_of(Handle& handle, std::string_view table);
[[nodiscard]] inline bool is_tracked(Handle& handle, std::string_view table) {
  return tracking_of(handle, table).has_value();
}
/// Empty for a table without a row. REQUIRES: this version of weir's tables is installed.
[[nodiscard]] std::optional<JournalEntry> journal_entry(Handle& handle, std::string_view table,
                                                        int version);
/// The columns as the journal's row keeps them.
[[nodiscard]] std::string join_keys(const std::vector<std::string>& keys);
/// The application's tables in `main` by name, with their state. Views, SQLite's and weir's own
/// tables are left out.
[[nodiscard]] std::vector<UserTable> user_tables(Handle& handle);
/// Names of all triggers weir put on `table`, whether or not they are as they should be.
[[nodiscard]] std::vector<std::string> triggers_on(Handle& handle, std::string_view table);

}  // namespace weir::sqlite
