#pragma once

#include <map>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "src/app/listen/config.hpp"
#include "src/app/listen/log.hpp"
#include "src/app/listen/status.hpp"
#include "src/base/mutex.hpp"
#include "weir/clock.hpp"
#include "weir/spi/admin.hpp"

namespace weir::app {

/// Those of the tables that are in one of the schemas; all, when none is named.
[[nodiscard]] std::vector<std::string> tables_in(const std::vector<spi::UntrackedTable>& tables,
                                                 const std::vector<std::string>& schemas);

/// The thread that looks for tables without triggers in the databases this process leads, and puts
/// triggers on them where that is allowed. One database at a time, on connections of their own, for
/// it may have to wait for the application's locks.
///
/// Lifetime: board, log and clock outlive it; the destructor waits for a look under way.
class UpkeepLoop {
 public:
  UpkeepLoop(std::vector<DatabaseConfig> databases, Board& board, Log& log, const Clock& clock);
  UpkeepLoop(const UpkeepLoop&) = delete;
  UpkeepLoop& operator=(const UpkeepLoop&) = delete;
  ~UpkeepLoop();

  /// Lets the thread end after its present statement; does not wait.
  void stop() WEIR_EXCLUDES(mutex_);

 private:
  /// What is remembered of one database between looks.
  struct Memory {
    TimePoint due{};
    std::set<std::string> reported{};  ///< Untracked tables already told.
    std::map<std::string, std::string> failed{};
    std::string failure{};
  };

  void run() WEIR_EXCLUDES(mutex_);
  void look(const DatabaseConfig& database, Memory& memory);
  void track(const DatabaseConfig& database, Memory& memory, spi::Admin& admin,
             const std::vector<std::string>& tables);
  void tell(const DatabaseConfig& database, LogLevel level, std::string_view event,
            std::string text);
  /// False when it is time to stop.
  [[nodiscard]] bool rest_until(TimePoint when) WEIR_EXCLUDES(mutex_);

  const std::vector<DatabaseConfig> databases_;
  Board& board_;
  Log& log_;
  const Clock& clock_;
  detail::Mutex mutex_;
  detail::CondVar stopped_;
  bool stop_ WEIR_GUARDED_BY(mutex_){false};
  std::thread thread_;
};

}  // namespace weir::app
