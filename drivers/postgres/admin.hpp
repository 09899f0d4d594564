#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "drivers/postgres/admin_session.hpp"
#include "weir/clock.hpp"
#include "weir/options.hpp"
#include "weir/spi/admin.hpp"

namespace weir::postgres {

/// Migrations, tracking and doctor for PostgreSQL. Connects when first used.
///
/// Thread safety: distinct objects safe; shared object unsafe.
class Admin final : public spi::Admin {
 public:
  /// Lifetime: the clock outlives it.
  Admin(const Options& options, const Clock& clock);

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
  [[nodiscard]] std::map<std::string, std::string> column_names_of(
      const std::string& relation) override;
  [[nodiscard]] std::vector<spi::Finding> doctor(spi::Deadline deadline) override;

 private:
  enum class Tracking { kOn, kOff };

  [[nodiscard]] AdminSession& session();
  std::vector<spi::AdminStep> change_tracking(Tracking wanted,
                                              const std::vector<std::string>& tables,
                                              const std::vector<std::string>* keys,
                                              spi::DryRun dry_run, const Progress& progress);

  Options options_;
  const Clock* clock_;
  std::optional<AdminSession> session_;
};

[[nodiscard]] std::unique_ptr<spi::Admin> make_admin(const Options& options, const Clock& clock);

}  // namespace weir::postgres
