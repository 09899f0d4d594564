#include <fmt/format.h>
#include <sys/vfs.h>

#include <algorithm>
#include <array>

#include "drivers/sqlite/admin.hpp"
#include "drivers/sqlite/scan.hpp"

namespace weir::sqlite {
namespace {

using spi::Finding;
using spi::Severity;

constexpr std::string_view kOperation = "examine the database";

// https://man7.org/linux/man-pages/man2/statfs.2.html: NFS, SMB (three), Coda, AFS, Ceph, FUSE, 9P.
bool is_network_file_system(const std::string& path) {
  static constexpr auto kTypes =
      std::to_array<std::uint32_t>({0x6969, 0x517b, 0xff534d42, 0xfe534d42, 0x73757245, 0x5346414f,
                                    0x00c36400, 0x65735546, 0x01021997});
  struct statfs status {};
  if (::statfs(path.c_str(), &status) != 0) return false;
  const auto type = static_cast<std::uint32_t>(status.f_type);
  return std::find(kTypes.begin(), kTypes.end(), type) != kTypes.end();
}

void examine_files(Handle& handle, const Location& location, std::vector<Finding>& findings) {
  for (const std::string& schema : location.shared_schemas()) {
    const std::string mode =
        handle.text(fmt::format("PRAGMA {}.journal_mode", quote_name(schema)), kOperation);
    if (mode == "wal") {
      findings.push_back({Severity::kOk,
                          "journal-mode",
                          schema,
                          "WAL: readers and the writer do not wait for each other",
                          {}});
    } else {
      findings.push_back(
          {Severity::kWarning, "journal-mode", schema,
           fmt::format(
               "journal mode {}: readers and writers block each other, and a look for changes "
               "waits for a commit under way",
               mode),
           "PRAGMA journal_mode = WAL (once, with the sqlite3 command)"});
    }
    if (sqlite3_db_readonly(handle.get(), schema.c_str()) != 0) {
      findings.push_back(
          {Severity::kNote, "read-only", schema, "this process may not write the file", {}});
    }
    if (is_network_file_system(location.file_of(schema))) {
      findings.push_back({Severity::kError, "network-file-system", schema,
                          "file locks and shared memory cannot be relied on here: changes by other "
                          "machines may go "
                          "unnoticed",
                          "keep the file on a local disk"});
    }
  }
}

void examine_tracking(Handle& handle, const Location& location, std::vector<Finding>& findings) {
  const InstalledTables tables_of_weir = inspect_tables(handle);
  const int installed = tables_of_weir.version;
  if (!tables_of_weir.damage.empty()) {
    findings.push_back(
        {Severity::kError,
         "tables-damaged",
         {},
         fmt::format("{}; nothing is cached until then", tables_of_weir.damage),
         fmt::format("weir migrate down --database {0} && weir migrate up --database {0} && weir "
                     "track --database {0}",
                     location.display_name())});
    return;
  }
  if (installed > kSchemaVersion) {
    findings.push_back(
        {Severity::kError,
         "schema-version",
         {},
         fmt::format(
             "weir's tables have version {}, this library knows up to {}: nothing is cached",
             installed, kSchemaVersion),
         "use a newer library"});
    return;
  }
  if (installed != 0 && installed < kKeyVersion) {
    findings.push_back({Severity::kNote,
                        "migration-pending",
                        {},
                        "a write voids the entries of all rows of its table",
                        fmt::format("weir migrate up --database {0} && weir track --database {0}",
                                    location.display_name())});
  }
  const std::vector<UserTable> tables = user_tables(handle);
  const bool any = std::any_of(tables.begin(), tables.end(), [](const UserTable& table) {
    return table.state == TrackState::kTracked;
  });
  if (installed == 0) {
    findings.push_back({Severity::kNote,
                        "journal-missing",
                        {},
                        "every commit by another process voids the whole database's entries; what "
                        "is invalidated by "
                        "hand stays in this process",
                        fmt::format("weir migrate up --database {0} && weir track --database {0}",
                                    location.display_name())});
  }
  for (const UserTable& table : tables) {
    const std::string object = "main." + table.name;
    if (table.state == TrackState::kOutdated) {
      findings.push_back(
          {Severity::kError, "trigger-outdated", object,
           "weir's triggers are not as they should be (was the table, or a column, renamed?): the "
           "table counts as untracked",
           fmt::format("weir track --database {} {}", location.display_name(), object)});
    } else if (table.state == TrackState::kUntracked && any) {
      findings.push_back(
          {Severity::kWarning, "untracked-table", object,
           "any commit by another process voids this table's entries",
           fmt::format("weir track --database {} {}", location.display_name(), object)});
    } else if (table.state == TrackState::kCannotTrack) {
      findings.push_back({Severity::kNote,
                          "virtual-table",
                          object,
                          "queries on it are cached only where a TTL is annotated",
                          {}});
    } else if (table.state == TrackState::kTracked) {
      const bool by_rows = !table.keys.empty();
      findings.push_back(
          {Severity::kOk,
           "tracked",
           object,
           by_rows ? fmt::format("writes keep the entries of rows with other values of {}",
                                 fmt::join(table.keys, ", "))
           : table.untellable.empty()
               ? "commits by others that leave it alone keep its entries"
               : fmt::format("commits by others that leave it alone keep its entries; "
                             "its rows cannot be told: {}",
                             table.untellable),
           {}});
    }
  }
  if (any) {
    findings.push_back(
        {Severity::kNote,
         "trigger-holes",
         {},
         "writes that fire no triggers go unnoticed on tracked tables: sqlite3_blob_write, and "
         "connections with SQLITE_DBCONFIG_ENABLE_TRIGGER off, of other processes",
         fmt::format("weir untrack --database {}, if an application here does either",
                     location.display_name())});
  }
}

}  // namespace

std::vector<Finding> examine(Handle& handle, const Location& location) {
  std::vector<Finding> findings;
  examine_files(handle, location, findings);
  examine_tracking(handle, location, findings);
  return findings;
}

}  // namespace weir::sqlite
