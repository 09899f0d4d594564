#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "weir/options.hpp"

namespace weir::sqlite {

/// Where one SQLite database is and how it is opened.
struct Location {
  std::string path{};  ///< Absolute; empty for a private in-memory database.
  std::map<std::string, std::string> attach{};  ///< Schema name → absolute path.
  std::chrono::milliseconds busy_timeout{};
  bool create{true};
  bool foreign_keys{false};

  [[nodiscard]] bool in_memory() const noexcept { return path.empty(); }
  /// The schemas that are files, and so can be changed by others: `main` first.
  [[nodiscard]] std::vector<std::string> shared_schemas() const;
  /// Where a schema's file is. REQUIRES: one of `shared_schemas`.
  [[nodiscard]] const std::string& file_of(const std::string& schema) const;
  [[nodiscard]] std::string display_name() const;
  /// The same, but nothing is created that is not there.
  [[nodiscard]] Location existing() const;

  /// Errors: `kConfig` naming the field, the value and the bound.
  [[nodiscard]] static Location from(const Options& options);
};

/// Which files were behind a location's names at one moment. As long as somebody has those files
/// open, equal identities mean the same files.
///
/// Thread safety: distinct objects safe; shared object safe for const calls.
class FileIdentity {
 public:
  FileIdentity() = default;  ///< Of no files.
  /// Of the files that are there now. Errors: `ConnectionError` when one is missing.
  explicit FileIdentity(const Location& location);

  /// The first name that no longer leads to its file; null when all do. One `stat` each.
  [[nodiscard]] const std::string* first_moved() const noexcept;
  [[nodiscard]] std::string text() const;
  [[nodiscard]] bool operator==(const FileIdentity&) const = default;

 private:
  struct File {
    std::string path;
    dev_t device;
    ino_t inode;
    [[nodiscard]] bool operator==(const File&) const = default;
  };
  std::vector<File> files_{};
};

/// The files that opening a location will find; empty when it is to create some. A file that was
/// there before is never created: whoever removed it may be about to put another one in its place.
/// Errors: `ConnectionError` when one is missing that was `seen_before`.
[[nodiscard]] std::optional<FileIdentity> files_to_open(const Location& location, bool seen_before);

}  // namespace weir::sqlite
