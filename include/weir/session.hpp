#pragma once

#include <map>
#include <optional>
#include <string>

namespace weir {

/// A declared session: who asks and under which settings. Part of the cache key; two handles with
/// equal sessions share entries.
struct Session {
  std::optional<std::string> role{};         ///< PostgreSQL: `SET ROLE`.
  std::optional<std::string> search_path{};  ///< PostgreSQL: as in `SET search_path`.
  std::map<std::string, std::string>
      settings{};  ///< PostgreSQL: settings by name, custom ones (`app.user`) included.

  friend bool operator==(const Session&, const Session&) = default;
  [[nodiscard]] bool declared() const noexcept { return role || search_path || !settings.empty(); }
};

}  // namespace weir
