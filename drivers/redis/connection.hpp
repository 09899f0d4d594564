#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "drivers/redis/channel.hpp"
#include "drivers/redis/location.hpp"
#include "drivers/redis/reply.hpp"
#include "weir/clock.hpp"
#include "weir/spi/deadline.hpp"

namespace weir::redis {

/// What a connection does when it opens.
enum class Greeting {
  kPlain,
  kPrimary,  ///< Asks for the server's ROLE, and takes none but a primary.
  kReplica,  ///< Says READONLY: a cluster's replica then answers reads itself.
};

/// How connections to the servers of one store are opened.
struct ConnectionSettings {
  Credentials credentials{};
  unsigned database{0};
  std::shared_ptr<const TlsContext> tls{};
  std::size_t max_reply{};  ///< A larger reply ends the connection.
  Greeting greeting{Greeting::kPlain};
};

/// One connection: commands go out, replies come back in order. Whatever leaves a reply outstanding
/// or the stream of bytes in doubt breaks it for good, so that no answer is ever taken for that of
/// another command.
///
/// Thread safety: unsafe.
class Connection {
 public:
  /// Connects, logs in and selects the database. Errors: `ConnectionError`, `kTimeout`,
  /// `kPermission`. Lifetime: `clock` outlives it.
  Connection(const Endpoint& endpoint, const ConnectionSettings& settings, spi::Deadline deadline,
             const Clock& clock);

  /// Sends all commands at once and returns as many replies, errors among them. Errors:
  /// `ConnectionError`, `kTimeout`; the connection is broken then.
  [[nodiscard]] std::vector<Reply> run(std::span<const Command> commands, spi::Deadline deadline);

  /// The two halves of `run`, for who waits for long. Errors: as `run`'s.
  void send(std::span<const Command> commands, spi::Deadline deadline);
  struct Received {
    Wait how{Wait::kReady};
    std::optional<Reply> reply{};  ///< Set iff kReady.
  };
  /// Neither waking nor the deadline breaks the connection: the reply is still awaited.
  [[nodiscard]] Received receive(spi::Deadline deadline, int wake);

  /// False once something broke it, or while a reply is outstanding.
  [[nodiscard]] bool clean() const noexcept { return !broken_ && outstanding_ == 0; }
  /// Whether an idle connection is still open as far as this side knows, with nothing unasked for
  /// received.
  [[nodiscard]] bool looks_alive() noexcept;
  [[nodiscard]] const std::string& server() const noexcept { return server_; }

 private:
  void greet(const ConnectionSettings& settings, spi::Deadline deadline);
  [[nodiscard]] Received receive_step(spi::Deadline deadline, int wake);

  const Clock* clock_;
  std::string server_;  // for messages
  ReplyReader reader_;
  std::unique_ptr<Channel> channel_;
  std::string operation_{"connect"};  // the last command's name, for messages
  std::size_t outstanding_{0};
  bool broken_{false};
};

}  // namespace weir::redis
