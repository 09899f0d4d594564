#include <fmt/format.h>

#include <algorithm>

#include "src/app/commands.hpp"
#include "src/app/failure.hpp"
#include "src/app/patience.hpp"
#include "src/app/target.hpp"

namespace weir::app {

int run(const TrackArguments& arguments) {
  const Upkeep upkeep = open_upkeep(arguments.target);
  const bool dry = arguments.dry_run == spi::DryRun::kYes;
  const bool on = arguments.wanted == TrackArguments::Wanted::kTracked;
  std::string previous;
  const spi::Admin::Progress progress = [&](const spi::AdminStep& step) {
    print(dry ? script_of(step, previous) : fmt::format("{}: {}\n", step.object, step.action));
    previous = step.sql;
  };
  const Patience patience{on ? "putting triggers on tables" : "taking triggers off tables"};
  const auto steps = on ? upkeep.admin->track(arguments.tables, arguments.dry_run, progress)
                        : upkeep.admin->untrack(arguments.tables, arguments.dry_run, progress);
  if (steps.empty()) print(fmt::format("{}nothing to do: there are no tables\n", dry ? "-- " : ""));
  const auto failed = std::count_if(steps.begin(), steps.end(), [](const spi::AdminStep& step) {
    return step.action.starts_with("failed");
  });
  if (failed == 0) return kOk;
  complain(
      fmt::format("weir: {} of {} tables failed; the lines above say why\n", failed, steps.size()));
  return kProblem;
}

}  // namespace weir::app
