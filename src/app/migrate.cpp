#include <fmt/format.h>

#include "src/app/commands.hpp"
#include "src/app/failure.hpp"
#include "src/app/patience.hpp"
#include "src/app/target.hpp"

namespace weir::app {
namespace {

int show_status(spi::Admin& admin) {
  spi::MigrationStatus status;
  {
    const Patience patience{"looking at the database"};
    status = admin.status();
  }
  std::string text =
      status.installed == 0
          ? fmt::format("installed  none (this weir knows version {})\n", status.known)
          : fmt::format("installed  version {} (this weir knows {})\n", status.installed,
                        status.known);
  for (const std::string& title : status.applied) text += fmt::format("applied    {}\n", title);
  for (const std::string& title : status.pending) text += fmt::format("pending    {}\n", title);
  if (status.installed != 0 && !status.ddl_tracking.empty())
    text += fmt::format("DDL seen   by {}\n", status.ddl_tracking);
  print(text);
  if (status.installed > status.known) {
    complain(
        "weir: weir's schema here is newer than this weir, which must not use it; use a newer "
        "weir\n");
    return kProblem;
  }
  if (!status.pending.empty()) {
    complain("weir: migrations are pending; run `weir migrate up`\n");
    return kProblem;
  }
  return kOk;
}

}  // namespace

int run(const MigrateArguments& arguments) {
  using Direction = MigrateArguments::Direction;
  const Upkeep upkeep = open_upkeep(arguments.target);
  if (arguments.direction == Direction::kStatus) return show_status(*upkeep.admin);

  const bool dry = arguments.dry_run == spi::DryRun::kYes;
  const bool up = arguments.direction == Direction::kUp;
  const spi::Admin::Progress progress = [&](const spi::AdminStep& step) {
    print(dry ? script_of({{}, step.action, step.sql}, {}) : step.action + "\n");
  };
  const Patience patience{up ? "installing weir's schema" : "removing weir's schema"};
  const auto steps = up ? upkeep.admin->migrate_up(arguments.dry_run, progress)
                        : upkeep.admin->migrate_down(arguments.dry_run, progress);
  if (steps.empty()) {
    print(fmt::format("{}nothing to do: weir's schema is {}\n", dry ? "-- " : "",
                      up ? "up to date" : "not installed"));
  } else if (up && !dry) {
    complain(
        "weir: now run `weir track`, which puts triggers on the tables whose queries are to be "
        "cached\n");
  }
  return kOk;
}

}  // namespace weir::app
