#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weir/options.hpp"

namespace weir::redis {

/// Where one server listens: a host and a port, or a Unix socket.
struct Endpoint {
  std::string host{};
  std::uint16_t port{};
  std::string path{};  ///< Of a Unix socket; then host and port mean nothing.

  bool operator==(const Endpoint&) const = default;
};

/// "host:port", "[v6]:port" or the socket's path.
[[nodiscard]] std::string to_string(const Endpoint& endpoint);

/// "host:port" or "[v6]:port" as redirections and configuration have it. Nothing for anything else.
[[nodiscard]] std::optional<Endpoint> parse_endpoint(std::string_view text,
                                                     std::optional<std::uint16_t> default_port);

enum class Topology { kSingle, kSentinel, kCluster };

struct Credentials {
  std::string user{};  ///< Empty: the server's default user.
  std::string password{};
};

/// What an address of the options means.
struct Location {
  Topology topology{Topology::kSingle};
  std::vector<Endpoint> endpoints{};  ///< The server, the sentinels, or some nodes of the cluster.
  std::string service{};              ///< The name the sentinels know the primary by.
  Credentials credentials{};
  Credentials sentinel_credentials{};
  unsigned database{0};
  bool tls{false};
  std::string display_name{};  ///< The address without user and password.
};

/// Understands `options.url`; `options.user` and `options.password` go before the URL's.
/// Errors: `kConfig` saying which part is wrong; the message shows nothing that may be a password.
[[nodiscard]] Location parse_location(const RedisOptions& options);

}  // namespace weir::redis
