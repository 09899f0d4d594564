#pragma once

#include <memory>
#include <vector>

#include "drivers/redis/location.hpp"
#include "drivers/redis/node.hpp"
#include "drivers/redis/reply.hpp"
#include "weir/clock.hpp"
#include "weir/options.hpp"
#include "weir/spi/deadline.hpp"

namespace weir::redis {

/// Finds the server a request belongs to, and finds it again when it has moved.
///
/// Thread safety: shared object safe.
class Router {
 public:
  Router() = default;
  Router(const Router&) = delete;
  Router& operator=(const Router&) = delete;
  virtual ~Router() = default;

  /// The replies to the request's commands, errors among them that no other server would answer
  /// better. Errors: `ConnectionError`, `kTimeout`, `kPermission`.
  [[nodiscard]] virtual std::vector<Reply> run(const Request& request, spi::Deadline deadline) = 0;
  /// A connection of the caller's own to the primary for `key`, for replies of up to `max_reply`
  /// bytes. Errors: as `run`'s.
  [[nodiscard]] virtual std::unique_ptr<Connection> connect(std::string_view key,
                                                            std::size_t max_reply,
                                                            spi::Deadline deadline) = 0;
  /// The last server found for `key` is not the right one any more: look again next time.
  virtual void suspect(std::string_view key) noexcept = 0;
};

/// What every router makes its nodes from.
struct NodeMaker {
  ConnectionSettings settings{};
  std::size_t connections{1};
  std::chrono::milliseconds connect_timeout{};
  const Clock* clock{};

  [[nodiscard]] std::shared_ptr<Node> make(const Endpoint& endpoint, Greeting greeting) const;
};

[[nodiscard]] std::unique_ptr<Router> make_single_router(const Location& location,
                                                         const NodeMaker& maker);
[[nodiscard]] std::unique_ptr<Router> make_sentinel_router(const Location& location,
                                                           const NodeMaker& maker);
enum class Replicas { kIgnored, kRead };
[[nodiscard]] std::unique_ptr<Router> make_cluster_router(const Location& location,
                                                          const NodeMaker& maker,
                                                          Replicas replicas);

}  // namespace weir::redis
