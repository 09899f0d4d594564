#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "drivers/sqlite/handle.hpp"
#include "drivers/sqlite/location.hpp"
#include "drivers/sqlite/tracking.hpp"
#include "weir/clock.hpp"
#include "weir/spi/admin.hpp"

namespace weir::sqlite {

/// The upkeep of weir's tables and triggers in one file. Opens a connection for each call; steps
/// wait for other writers as long as the busy timeout says. A private in-memory database needs none
/// of it: every step is skipped.
///
/// Thread safety: distinct objects safe; shared object unsafe.
class SqliteAdmin final : public spi::Admin {
 public:
  SqliteAdmin(Location location, std::chrono::milliseconds limit, const Clock& clock)
      : location_{std::move(location)}, limit_{limit}, clock_{clock} {}

  [[nodiscard]] spi::MigrationStatus status() override;
  std::vector<spi::AdminStep> migrate_up(spi::DryRun dry_run, const Progress& progress) override;
  std::vector<spi::AdminStep> migrate_down(spi::DryRun dry_run, const Progress& progress) override;
  std::vector<spi::AdminStep> track(const std::vector<std::string>& tables, spi::DryRun dry_run,
                                    const Progress& progress) override;
  std::vector<spi::AdminStep> track_keys(const std::string& table,
                                         const std::vector<std::string>& columns,
                                         spi::DryRun dry_run, const Progress& progress) override;
  std::vector<spi::AdminStep> untrack(const std::vector<std::string>& tables, spi::DryRun dry_run,
                                      const Progress& progress) override;
  [[nodiscard]] std::vector<spi::UntrackedTable> untracked() override;
  [[nodiscard]] std::map<std::string, std::string> names_of(
      const std::vector<std::string>& relations) override;
  [[nodiscard]] std::vector<spi::Finding> doctor(spi::Deadline deadline) override;

 private:
  class Work;
  [[nodiscard]] std::unique_ptr<Handle> open(spi::Deadline deadline) const;
  [[nodiscard]] spi::Deadline deadline() const { return spi::Deadline::after(clock_, limit_); }

  const Location location_;
  const std::chrono::milliseconds limit_;
  const Clock& clock_;
};

/// What would make caching wrong or slow in this file.
[[nodiscard]] std::vector<spi::Finding> examine(Handle& handle, const Location& location);

}  // namespace weir::sqlite
