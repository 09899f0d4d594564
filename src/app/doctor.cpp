#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "src/app/commands.hpp"
#include "src/app/failure.hpp"
#include "src/app/patience.hpp"
#include "src/app/target.hpp"
#include "weir/clock.hpp"
#include "weir/error.hpp"
#include "weir/open_driver.hpp"
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

/// The middle one of some calls' times.
std::chrono::microseconds call_time(spi::RemoteStore& store, spi::Deadline deadline) {
  std::array<Duration, 21> times{};
  for (Duration& time : times) {
    const TimePoint start = system_clock().now();
    store.ping(deadline);
    time = system_clock().now() - start;
  }
  std::sort(times.begin(), times.end());
  return std::chrono::ceil<std::chrono::microseconds>(times[times.size() / 2]);
}

std::vector<spi::Finding> examine_redis(const DoctorArguments& arguments,
                                        const spi::Driver& driver) {
  using spi::Severity;
  std::vector<spi::Finding> findings;
  if (!driver.shares_change_ids()) {
    findings.push_back({Severity::kError, "redis-database", std::string{driver.display_name()},
                        "results of this kind of database cannot be shared between processes",
                        "leave Options::redis empty"});
  }
  Options options = options_of(arguments.target);
  options.redis = RedisOptions{.url = arguments.redis};
  const std::unique_ptr<spi::RemoteStore> store = open_store(options);
  const std::string name{store->display_name()};
  const spi::Deadline deadline = spi::Deadline::after(system_clock(), arguments.target.timeout);
  try {
    const spi::StoreFacts facts = store->facts(deadline);
    findings.push_back({Severity::kOk, "redis-reachable", name,
                        fmt::format("{}; a call takes {} µs, and results that cost the database "
                                    "less than a lookup are not put there",
                                    facts.version, call_time(*store, deadline).count()),
                        ""});
    const std::string& policy = facts.eviction_policy;
    if (!facts.max_memory) {
      findings.push_back({Severity::kNote, "redis-memory", name,
                          "it has no maxmemory: it grows until the host has none left",
                          "CONFIG SET maxmemory <bytes>"});
    } else if (policy == "noeviction") {
      findings.push_back({Severity::kNote, "redis-memory", name,
                          "its maxmemory-policy is noeviction: when it is full, nothing new is put "
                          "there until entries expire",
                          "CONFIG SET maxmemory-policy allkeys-lru (any policy is safe)"});
    } else {
      findings.push_back({Severity::kOk, "redis-memory", name,
                          fmt::format("maxmemory {} MiB, policy {}",
                                      facts.max_memory->value / Bytes::mebi(1).value,
                                      policy.empty() ? "not told" : policy),
                          ""});
    }
  } catch (const Error& error) {
    findings.push_back({Severity::kError, "redis-reachable", name,
                        fmt::format("it does not answer: {}", error.what()),
                        "start it, or mend the URL; queries go to the database meanwhile"});
  }
  return findings;
}

}  // namespace

int run(const DoctorArguments& arguments) {
  const Upkeep upkeep = open_upkeep(arguments.target);
  std::vector<spi::Finding> findings;
  {
    const Patience patience{"examining the database"};
    findings = upkeep.admin->doctor(spi::Deadline::after(system_clock(), arguments.target.timeout));
    if (!arguments.redis.empty()) {
      const std::vector<spi::Finding> more = examine_redis(arguments, *upkeep.driver);
      findings.insert(findings.end(), more.begin(), more.end());
    }
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
