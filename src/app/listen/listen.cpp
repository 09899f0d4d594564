#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "src/app/commands.hpp"
#include "src/app/failure.hpp"
#include "src/app/listen/config.hpp"
#include "src/app/listen/log.hpp"
#include "src/app/listen/service.hpp"
#include "src/app/listen/service_notify.hpp"
#include "src/app/signals.hpp"
#include "weir/clock.hpp"
#include "weir/error.hpp"
#include "weir/spi/deadline.hpp"

namespace weir::app {
namespace {

constexpr std::chrono::seconds kDrain{8};  // the longest duty has five

/// Ends the process when a drain takes too long, or when a second signal asks for it.
class DrainLimit {
 public:
  DrainLimit(const Signals& signals, Log& log)
      : thread_{[this, &signals, &log] {
          const spi::Deadline limit = spi::Deadline::after(system_clock(), kDrain);
          while (!over_.load()) {
            const auto signal = signals.wait(std::chrono::milliseconds{50});
            const bool again = signal && *signal != SIGHUP;
            if (!again && !limit.passed(system_clock())) continue;
            log.write(
                {LogLevel::kError,
                 "aborted",
                 {},
                 again ? "a second signal: stops at once" : "draining took too long: stops at once",
                 {}});
            std::_Exit(kProblem);
          }
        }} {}
  DrainLimit(const DrainLimit&) = delete;
  DrainLimit& operator=(const DrainLimit&) = delete;
  ~DrainLimit() {
    over_.store(true);
    thread_.join();
  }

 private:
  std::atomic<bool> over_{false};
  std::thread thread_;
};

void reload(const ListenArguments& arguments, ListenService& service, Log& log,
            const ServiceNotify& manager) {
  manager.send("RELOADING=1\n");
  try {
    const ListenConfig config = ListenConfig::load(arguments.config);
    service.apply(config);
    log.write({LogLevel::kInfo, "reloaded", {}, config.summary(), {}});
  } catch (const std::exception& error) {
    log.write({LogLevel::kError,
               "reload-refused",
               {},
               fmt::format("{}; the configuration read before stays in force", error.what()),
               {}});
  }
  manager.send("READY=1\n");
}

}  // namespace

int run(const ListenArguments& arguments) {
  const ListenConfig config = ListenConfig::load(arguments.config);
  if (arguments.check == ListenArguments::Check::kOnly) {
    print(fmt::format("{}: ok: {}\n", arguments.config, config.summary()));
    return kOk;
  }
  const Signals signals;
  Log log{config.log, [](std::string_view line) { complain(line); }};
  const ServiceNotify manager = ServiceNotify::from_environment();
  const auto watchdog = watchdog_from_environment();
  ListenService service{log, system_clock()};
  try {
    service.apply(config);
  } catch (const Error& error) {
    complain(describe(error));
    return kCannotStart;
  }
  log.write({LogLevel::kInfo, "started", {}, config.summary(), {{"version", WEIR_VERSION}}});
  manager.send("READY=1\n");

  std::string status;
  while (true) {
    auto patience = std::chrono::milliseconds{1000};
    if (watchdog)
      patience = std::clamp<std::chrono::milliseconds>(
          std::chrono::duration_cast<std::chrono::milliseconds>(*watchdog / 3),
          std::chrono::milliseconds{10}, patience);
    const auto signal = signals.wait(patience);
    if (!signal) {
      if (watchdog && service.alive()) manager.send("WATCHDOG=1\n");
      if (std::string now = service.summary(); now != status) {
        manager.send(fmt::format("STATUS={}\n", now));
        status = std::move(now);
      }
      continue;
    }
    if (*signal == SIGHUP) {
      reload(arguments, service, log, manager);
      continue;
    }
    manager.send("STOPPING=1\n");
    log.write({LogLevel::kInfo, "stopping", {}, "drains", {}});
    {
      const DrainLimit limit{signals, log};
      service.stop();
    }
    log.write({LogLevel::kInfo, "stopped", {}, "stopped", {}});
    return kOk;
  }
}

}  // namespace weir::app
