#include "src/app/listen/upkeep.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <exception>
#include <utility>

#include "weir/error.hpp"
#include "weir/open_driver.hpp"
#include "weir/spi/driver.hpp"

namespace weir::app {
namespace {

constexpr Duration kLookAgain = std::chrono::milliseconds{500};  // whether it leads by now
constexpr std::size_t kNamed = 20;                               // tables in one line of the log

std::string list_of(const std::vector<std::string>& tables) {
  const std::size_t shown = std::min(tables.size(), kNamed);
  std::string text = fmt::format(
      "{}", fmt::join(tables.begin(), tables.begin() + static_cast<std::ptrdiff_t>(shown), ", "));
  if (shown < tables.size()) text += fmt::format(" and {} more", tables.size() - shown);
  return text;
}

}  // namespace

std::vector<std::string> tables_in(const std::vector<spi::UntrackedTable>& tables,
                                   const std::vector<std::string>& schemas) {
  std::vector<std::string> found;
  for (const spi::UntrackedTable& table : tables) {
    if (schemas.empty() ||
        std::find(schemas.begin(), schemas.end(), table.schema) != schemas.end()) {
      found.push_back(table.table);
    }
  }
  return found;
}

UpkeepLoop::UpkeepLoop(std::vector<DatabaseConfig> databases, Board& board, Log& log,
                       const Clock& clock)
    : databases_{std::move(databases)}, board_{board}, log_{log}, clock_{clock} {
  thread_ = std::thread{[this] { run(); }};
}

UpkeepLoop::~UpkeepLoop() {
  stop();
  thread_.join();
}

void UpkeepLoop::stop() {
  {
    const detail::MutexLock lock{mutex_};
    stop_ = true;
  }
  stopped_.notify_all();
}

bool UpkeepLoop::rest_until(TimePoint when) {
  const detail::MutexLock lock{mutex_};
  while (!stop_) {
    if (stopped_.wait_until(mutex_, when, clock_) == std::cv_status::timeout) break;
  }
  return !stop_;
}

void UpkeepLoop::run() {
  std::map<std::string, Memory> memories;
  while (rest_until(clock_.now() + kLookAgain)) {
    for (const DatabaseConfig& database : databases_) {
      Memory& memory = memories[database.name];
      const bool leads = board_.update(
          database.name, [](const DatabaseStatus& status) { return status.role == Role::kLeader; });
      if (database.track == TrackNew::kOff || !leads || clock_.now() < memory.due) continue;
      if (!rest_until(clock_.now())) return;
      try {
        look(database, memory);
        if (!std::exchange(memory.failure, {}).empty())
          tell(database, LogLevel::kInfo, "upkeep", "looks for untracked tables again");
      } catch (const std::exception& error) {  // a thread's edge: tried again at the next look
        if (std::exchange(memory.failure, error.what()) != error.what()) {
          tell(database, LogLevel::kWarning, "upkeep-failed",
               fmt::format("cannot look for untracked tables: {}", error.what()));
        }
      }
      memory.due = clock_.now() + database.track_interval;
    }
  }
}

void UpkeepLoop::look(const DatabaseConfig& database, Memory& memory) {
  const auto driver = open_driver(options_of(database), clock_);
  const auto admin = driver->open_admin();
  std::vector<std::string> tables = tables_in(admin->untracked(), database.schemas);
  if (database.track == TrackNew::kOn && !tables.empty()) {
    track(database, memory, *admin, tables);
    tables = tables_in(admin->untracked(), database.schemas);
  }
  board_.update(database.name, [&](DatabaseStatus& status) { status.untracked = tables.size(); });
  if (database.track == TrackNew::kOn) return;  // each failure was told
  std::set<std::string> present{tables.begin(), tables.end()};
  std::vector<std::string> news;
  std::set_difference(present.begin(), present.end(), memory.reported.begin(),
                      memory.reported.end(), std::back_inserter(news));
  if (!news.empty()) {
    tell(database, LogLevel::kWarning, "untracked",
         fmt::format("what reads these tables is cached only with a TTL, for they are not tracked: "
                     "{}; run `weir track`, or set track = \"on\"",
                     list_of(news)));
  }
  memory.reported = std::move(present);
}

void UpkeepLoop::track(const DatabaseConfig& database, Memory& memory, spi::Admin& admin,
                       const std::vector<std::string>& tables) {
  std::map<std::string, std::string> failed;
  const auto progress = [&](const spi::AdminStep& step) {
    if (step.action.starts_with("tracked") || step.action.starts_with("repaired")) {
      board_.update(database.name, [](DatabaseStatus& status) { ++status.tracked; });
      tell(database, LogLevel::kInfo, "tracked", fmt::format("{}: {}", step.object, step.action));
    } else if (step.action.starts_with("failed")) {
      const auto known = memory.failed.find(step.object);
      if (known == memory.failed.end() || known->second != step.action) {
        tell(database, LogLevel::kWarning, "track-failed",
             fmt::format("{}: {}", step.object, step.action));
      }
      failed.emplace(step.object, step.action);
    }
  };
  // One by one, so that a stop waits for one table and a table dropped meanwhile is no failure.
  for (const std::string& table : tables) {
    if (!rest_until(clock_.now())) return;
    try {
      (void)admin.track({table}, spi::DryRun::kNo, progress);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kUndefinedObject) throw;
    }
  }
  memory.failed = std::move(failed);
}

void UpkeepLoop::tell(const DatabaseConfig& database, LogLevel level, std::string_view event,
                      std::string text) {
  log_.write({level, event, database.name, std::move(text), {}});
}

}  // namespace weir::app
