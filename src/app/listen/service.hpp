#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "src/app/listen/config.hpp"
#include "src/app/listen/http.hpp"
#include "src/app/listen/log.hpp"
#include "src/app/listen/status.hpp"
#include "src/app/listen/upkeep.hpp"
#include "src/app/listen/watcher.hpp"
#include "weir/clock.hpp"

namespace weir::app {

/// Everything `weir listen` runs: a thread per database, one for upkeep, and the HTTP server.
///
/// Thread safety: shared object unsafe. Lifetime: log and clock outlive it.
class ListenService {
 public:
  ListenService(Log& log, const Clock& clock) : log_{log}, clock_{clock} {}
  ListenService(const ListenService&) = delete;
  ListenService& operator=(const ListenService&) = delete;
  ~ListenService() { stop(); }

  /// Runs this configuration in the place of the one before; what did not change goes on
  /// undisturbed. Errors: `kRefused` when the HTTP address cannot be bound, and others; then the
  /// one before stays in force.
  void apply(const ListenConfig& config);
  /// Ends all threads; waits for the duties under way, which their own timeouts bound.
  void stop();

  /// `leads 1 of 2 databases`
  [[nodiscard]] std::string summary() const;
  /// False when a thread hangs.
  [[nodiscard]] bool alive() const;

 private:
  [[nodiscard]] HttpPages pages();

  Log& log_;
  const Clock& clock_;
  Board board_;
  ListenConfig config_;
  std::atomic<std::uint64_t> applied_{0};  // counted in metrics only
  std::map<std::string, std::unique_ptr<Watcher>> watchers_;
  std::unique_ptr<UpkeepLoop> upkeep_;
  std::unique_ptr<HttpServer> http_;
};

}  // namespace weir::app
