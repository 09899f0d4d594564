#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "src/app/listen/config.hpp"
#include "src/app/listen/log.hpp"
#include "src/app/listen/publisher.hpp"
#include "src/app/listen/status.hpp"
#include "weir/clock.hpp"
#include "weir/spi/change_feed.hpp"
#include "weir/spi/driver.hpp"
#include "weir/spi/remote_store.hpp"

namespace weir::app {

/// The thread that listens to one database.
///
/// When to connect, stand for election, look and prune is the driver's listener's; here its steps
/// are told to the board and the log.
/// Lifetime: board, log and clock outlive it; the destructor interrupts and joins.
class Watcher {
 public:
  /// `store` is where changes are republished as `redis` says; null for nowhere.
  Watcher(DatabaseConfig config, std::optional<RedisConfig> redis,
          std::shared_ptr<spi::RemoteStore> store, Board& board, Log& log, const Clock& clock);
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;
  ~Watcher();

  /// Whether it does what these ask for.
  [[nodiscard]] bool does(const DatabaseConfig& config,
                          const std::optional<RedisConfig>& redis) const {
    return config_ == config && redis_ == redis;
  }
  /// Lets the thread end after its present duty; does not wait.
  void stop() noexcept;

 private:
  void run();
  void publish(const std::vector<spi::AnnouncedBatch>& batches);
  void tell(std::vector<LogEvent> events);

  const DatabaseConfig config_;
  const std::optional<RedisConfig> redis_;
  const std::shared_ptr<spi::RemoteStore> store_;  // outlives the publisher's stream
  Board& board_;
  Log& log_;
  const Clock& clock_;
  const std::unique_ptr<spi::Driver> driver_;
  const std::unique_ptr<spi::Listener> listener_;
  std::unique_ptr<Publisher> publisher_;  // of the thread
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace weir::app
