#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace weir::app {

/// Tells the service manager how it stands: datagrams to the socket in NOTIFY_SOCKET, as
/// sd_notify(3) describes them. Without that variable it does nothing.
///
/// Thread safety: shared object safe for const calls.
class ServiceNotify {
 public:
  /// `socket` is a path, or a name in the abstract namespace behind `@`; empty for none.
  explicit ServiceNotify(std::string socket) : socket_{std::move(socket)} {}
  /// From NOTIFY_SOCKET.
  [[nodiscard]] static ServiceNotify from_environment();

  /// Sends lines such as `READY=1\nSTATUS=...`. Whether it was sent; a manager that is not there
  /// is no reason to fail.
  bool send(std::string_view state) const noexcept;  // NOLINT(modernize-use-nodiscard)

 private:
  std::string socket_;
};

/// How often the service manager wants a sign of life: WATCHDOG_USEC, when it is meant for us.
[[nodiscard]] std::optional<std::chrono::microseconds> watchdog_from_environment();

}  // namespace weir::app
