#pragma once

#include <chrono>
#include <cstdint>
#include <map>
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

  /// Errors: `kConfig` naming the field, the value and the bound.
  [[nodiscard]] static Location from(const Options& options);
};

/// Which files are behind the location's names right now, as text; equal texts mean the same files.
/// Errors: `ConnectionError` when one is missing.
[[nodiscard]] std::string identify_files(const Location& location);

}  // namespace weir::sqlite
