#pragma once

#include <chrono>
#include <optional>

namespace weir::app {

/// The signals that steer a service (SIGTERM, SIGINT, SIGHUP) as something to wait for, and SIGPIPE
/// as an error of the call that writes. Made before any thread, so that every thread has them
/// blocked.
///
/// Thread safety: shared object safe.
class Signals {
 public:
  Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;
  ~Signals();

  /// The next signal, or nothing once so much time has passed.
  [[nodiscard]] std::optional<int> wait(std::chrono::milliseconds limit) const;

 private:
  int descriptor_{-1};
};

}  // namespace weir::app
