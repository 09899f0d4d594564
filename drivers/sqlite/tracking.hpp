#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "drivers/sqlite/handle.hpp"

namespace weir::sqlite {

/// The newest version of weir's tables this library knows.
inline constexpr int kSchemaVersion = 1;

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
};

/// One trigger weir puts on a table.
struct TrackTrigger {
  std::string name{};
  std::string sql{};  ///< The CREATE TRIGGER, exactly as SQLite keeps it.
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
/// Whether the table of `main` has weir's triggers as they should be, and its row in the journal.
[[nodiscard]] bool is_tracked(Handle& handle, std::string_view table);
/// The application's tables in `main` by name, with their state. Views, SQLite's and weir's own
/// tables are left out.
[[nodiscard]] std::vector<UserTable> user_tables(Handle& handle);
/// The three triggers of a table.
[[nodiscard]] std::vector<TrackTrigger> track_triggers(std::string_view table);
/// Names of all triggers weir put on `table`, whether or not they are as they should be.
[[nodiscard]] std::vector<std::string> triggers_on(Handle& handle, std::string_view table);

}  // namespace weir::sqlite
