#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

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
  std::vector<spi::AdminStep> steps;
  if (!on) {
    steps = upkeep.admin->untrack(arguments.tables, arguments.dry_run, progress);
  } else if (!arguments.keys) {
    steps = upkeep.admin->track(arguments.tables, arguments.dry_run, progress);
  } else {
    for (const std::string& table : arguments.tables) {
      auto more = upkeep.admin->track_keys(table, *arguments.keys, arguments.dry_run, progress);
      std::move(more.begin(), more.end(), std::back_inserter(steps));
    }
  }
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
