#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string_view>
#include <vector>

#include "drivers/redis/connection.hpp"
#include "drivers/redis/location.hpp"
#include "drivers/redis/reply.hpp"
#include "weir/clock.hpp"
#include "weir/spi/deadline.hpp"

namespace weir::redis {

/// Some commands that go to one server together.
struct Request {
  std::string_view key{};  ///< What they are about; says which server of a cluster.
  std::span<const Command> commands{};
  bool read_only{false};  ///< A replica may answer them.
  bool repeatable{true};  ///< Doing them twice is as good as doing them once.
};

/// How a request is put to a server.
enum class Manner {
  kPlain,
  kAsking,  ///< The server is about to take over the key's slot: each command is said to know it.
};

/// One server and its connections: at most `most` of them, each used by one caller at a time.
///
/// Thread safety: shared object safe.
class Node {
 public:
  /// Lifetime: `clock` outlives it.
  Node(Endpoint endpoint, ConnectionSettings settings, std::size_t most,
       std::chrono::milliseconds connect_timeout, const Clock& clock);

  /// The replies to the request's commands, errors among them. A connection that turns out to have
  /// died while idle is replaced once. Errors: `ConnectionError`, `kTimeout`, `kPermission`.
  [[nodiscard]] std::vector<Reply> run(const Request& request, Manner manner,
                                       spi::Deadline deadline);

  /// Opens one connection to see that it can be done, and keeps it. Errors: as `run`'s.
  void probe(spi::Deadline deadline);

  /// Closes what is idle; what is in use is closed when it comes back.
  void drop_connections() noexcept;

  [[nodiscard]] const Endpoint& endpoint() const noexcept { return endpoint_; }
  /// A connection of the caller's own, not counted here, for replies of up to `max_reply` bytes.
  /// Errors: as `run`'s.
  [[nodiscard]] std::unique_ptr<Connection> connect(std::size_t max_reply,
                                                    spi::Deadline deadline) const;

 private:
  struct Lease {
    std::unique_ptr<Connection> connection{};  // null: make one
    std::uint64_t generation{};
  };
  [[nodiscard]] Lease acquire(spi::Deadline deadline);
  void release(Lease lease) noexcept;

  const Endpoint endpoint_;
  const ConnectionSettings settings_;
  const std::size_t most_;
  const std::chrono::milliseconds connect_timeout_;
  const Clock* const clock_;

  std::mutex mutex_;  // guards all below
  std::condition_variable returned_;
  std::vector<std::unique_ptr<Connection>> idle_;
  std::size_t leased_{0};
  std::uint64_t generation_{0};  // connections of an older one are not kept
};

}  // namespace weir::redis
