#include <fmt/format.h>

#include <array>
#include <string_view>

#include "src/app/commands.hpp"
#include "src/app/failure.hpp"
#include "src/app/patience.hpp"
#include "src/app/target.hpp"
#include "weir/clock.hpp"
#include "weir/spi/deadline.hpp"

namespace weir::app {
namespace {

constexpr std::array<std::string_view, 4> kSeverities{"ok", "note", "warning", "ERROR"};

std::string describe(const spi::Finding& finding) {
  std::string text = fmt::format("{:8} {}", kSeverities[static_cast<std::size_t>(finding.severity)],
                                 finding.check);
  if (!finding.object.empty()) text += fmt::format(" ({})", finding.object);
  text += fmt::format(": {}\n", finding.meaning);
  if (!finding.fix.empty()) text += fmt::format("         fix: {}\n", finding.fix);
  return text;
}

}  // namespace

int run(const DoctorArguments& arguments) {
  const Upkeep upkeep = open_upkeep(arguments.target);
  std::vector<spi::Finding> findings;
  {
    const Patience patience{"examining the database"};
    findings = upkeep.admin->doctor(spi::Deadline::after(system_clock(), arguments.target.timeout));
  }
  std::array<std::size_t, kSeverities.size()> counts{};
  std::string text;
  for (const spi::Finding& finding : findings) {
    ++counts[static_cast<std::size_t>(finding.severity)];
    text += describe(finding);
  }
  const auto plural = [](std::size_t count, std::string_view what) {
    return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
  };
  text += fmt::format("{}: {}, {}, {}, {} ok\n", upkeep.driver->display_name(),
                      plural(counts[3], "error"), plural(counts[2], "warning"),
                      plural(counts[1], "note"), counts[0]);
  print(text);
  return counts[2] + counts[3] == 0 ? kOk : kProblem;
}

}  // namespace weir::app
