#include "drivers/redis/location.hpp"

#include <fmt/format.h>

#include <charconv>
#include <utility>

#include "weir/error.hpp"

namespace weir::redis {
namespace {

constexpr std::uint16_t kRedisPort = 6379;
constexpr std::uint16_t kSentinelPort = 26379;
constexpr std::size_t kMostEndpoints = 100;
constexpr unsigned kLastDatabase = 65'535;
constexpr std::size_t kLongestSocketPath = 107;  // sockaddr_un

struct Scheme {
  std::string_view prefix;
  Topology topology;
  bool tls;
  bool socket;
};

constexpr Scheme kSchemes[] = {
    {"redis://", Topology::kSingle, false, false},
    {"rediss://", Topology::kSingle, true, false},
    {"unix://", Topology::kSingle, false, true},
    {"redis+unix://", Topology::kSingle, false, true},
    {"redis+sentinel://", Topology::kSentinel, false, false},
    {"rediss+sentinel://", Topology::kSentinel, true, false},
    {"redis+cluster://", Topology::kCluster, false, false},
    {"rediss+cluster://", Topology::kCluster, true, false},
};

[[noreturn]] void refuse(std::string_view what) {
  throw Error{ErrorCode::kConfig, fmt::format("options: redis.url {}", what)};
}

template <typename Number>
std::optional<Number> parse_number(std::string_view text) {
  Number number{};
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (fault != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::string decode_percent(std::string_view text, std::string_view part) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    unsigned code = 0;
    const std::string_view digits = text.substr(i + 1, 2);
    const auto [end, fault] =
        std::from_chars(digits.data(), digits.data() + digits.size(), code, 16);
    if (digits.size() != 2 || fault != std::errc{} || end != digits.data() + 2 || code == 0) {
      refuse(
          fmt::format("has a '%' in its {} that two hexadecimal digits do not follow; write %25 "
                      "for a percent sign",
                      part));
    }
    decoded += static_cast<char>(code);
    i += 2;
  }
  return decoded;
}

unsigned parse_database(std::string_view text) {
  const auto number = parse_number<unsigned>(text);
  if (!number || *number > kLastDatabase) {
    refuse(fmt::format("has the database number '{}'; must be 0 to {}", text, kLastDatabase));
  }
  return *number;
}

// Takes "user:password@" off the front.
Credentials take_credentials(std::string_view& rest) {
  const std::size_t path = rest.find('/');
  const std::size_t at = rest.substr(0, path).rfind('@');
  if (at == std::string_view::npos) return {};
  const std::string_view info = rest.substr(0, at);
  rest.remove_prefix(at + 1);
  const std::size_t colon = info.find(':');
  Credentials credentials{.user = decode_percent(info.substr(0, colon), "user")};
  if (colon != std::string_view::npos) {
    credentials.password = decode_percent(info.substr(colon + 1), "password");
  }
  return credentials;
}

void parse_socket(std::string_view rest, Location& location) {
  const std::size_t question = rest.find('?');
  if (question != std::string_view::npos) {
    const std::string_view query = rest.substr(question + 1);
    if (!query.starts_with("db=")) refuse("has parameters other than ?db=NUMBER");
    location.database = parse_database(query.substr(3));
    rest = rest.substr(0, question);
  }
  Endpoint endpoint{.path = decode_percent(rest, "path")};
  if (!endpoint.path.starts_with('/') || endpoint.path.size() > kLongestSocketPath) {
    refuse(
        fmt::format("names the socket '{}'; must be an absolute path of at most {} bytes, as in "
                    "unix:///run/redis/redis.sock",
                    endpoint.path, kLongestSocketPath));
  }
  location.endpoints.push_back(std::move(endpoint));
}

void parse_hosts(std::string_view hosts, Location& location) {
  const std::uint16_t port = location.topology == Topology::kSentinel ? kSentinelPort : kRedisPort;
  for (;;) {
    const std::size_t comma = hosts.find(',');
    const std::string_view text = hosts.substr(0, comma);
    const auto endpoint = parse_endpoint(text, port);
    if (!endpoint) {
      refuse(fmt::format("has '{}' where HOST, HOST:PORT or [ADDRESS]:PORT belongs", text));
    }
    location.endpoints.push_back(*endpoint);
    if (comma == std::string_view::npos) break;
    hosts.remove_prefix(comma + 1);
  }
  if (location.endpoints.size() > kMostEndpoints) {
    refuse(fmt::format("names {} hosts; at most {}", location.endpoints.size(), kMostEndpoints));
  }
  if (location.topology == Topology::kSingle && location.endpoints.size() > 1) {
    refuse("names several hosts; use redis+cluster:// or redis+sentinel:// for that");
  }
}

// What follows the hosts: "/db", "/service", "/service/db".
void parse_path(std::string_view path, Location& location) {
  if (path.find('?') != std::string_view::npos) {
    refuse("has parameters, which only unix:// takes");
  }
  if (location.topology == Topology::kSentinel) {
    const std::size_t slash = path.find('/');
    location.service = decode_percent(path.substr(0, slash), "service");
    if (location.service.empty()) {
      refuse("names no service; the form is redis+sentinel://HOST:PORT,HOST:PORT/SERVICE");
    }
    path = slash == std::string_view::npos ? std::string_view{} : path.substr(slash + 1);
  }
  if (!path.empty()) location.database = parse_database(path);
  if (location.topology == Topology::kCluster && location.database != 0) {
    refuse(fmt::format("asks for database {}; a cluster has only database 0", location.database));
  }
}

}  // namespace

std::string to_string(const Endpoint& endpoint) {
  if (!endpoint.path.empty()) return endpoint.path;
  const bool bracketed = endpoint.host.find(':') != std::string::npos;
  return bracketed ? fmt::format("[{}]:{}", endpoint.host, endpoint.port)
                   : fmt::format("{}:{}", endpoint.host, endpoint.port);
}

std::optional<Endpoint> parse_endpoint(std::string_view text,
                                       std::optional<std::uint16_t> default_port) {
  Endpoint endpoint;
  std::string_view port;
  bool has_port = false;
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos) return std::nullopt;
    endpoint.host = text.substr(1, close - 1);
    const std::string_view rest = text.substr(close + 1);
    has_port = !rest.empty();
    if (has_port && !rest.starts_with(':')) return std::nullopt;
    if (has_port) port = rest.substr(1);
  } else {
    const std::size_t colon = text.rfind(':');
    has_port = colon != std::string_view::npos;
    endpoint.host = text.substr(0, colon);
    if (has_port) port = text.substr(colon + 1);
    // A bare IPv6 address has more colons, and could be read in two ways; servers write it so.
    if (endpoint.host.find(':') != std::string::npos && default_port) return std::nullopt;
  }
  for (const char c : endpoint.host) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= 0x20 || byte == 0x7F || c == '@' || c == '/' || c == '?') return std::nullopt;
  }
  if (!has_port) {
    if (!default_port || endpoint.host.empty()) return std::nullopt;
    endpoint.port = *default_port;
    return endpoint;
  }
  const auto number = parse_number<std::uint16_t>(port);
  if (!number || *number == 0) return std::nullopt;
  if (endpoint.host.empty() && default_port) return std::nullopt;
  endpoint.port = *number;
  return endpoint;
}

Location parse_location(const RedisOptions& options) {
  std::string_view rest = options.url;
  const Scheme* scheme = nullptr;
  for (const Scheme& candidate : kSchemes) {
    if (rest.starts_with(candidate.prefix)) scheme = &candidate;
  }
  if (scheme == nullptr) {
    refuse(
        "is not understood; must begin with redis://, rediss://, unix://, redis+sentinel:// or "
        "redis+cluster://");
  }
  rest.remove_prefix(scheme->prefix.size());

  Location location{.topology = scheme->topology, .tls = scheme->tls};
  location.credentials = take_credentials(rest);
  // Shown nowhere: what is before this '@' may be a password, or its first half a host.
  if (rest.find('@') != std::string_view::npos) {
    refuse(
        "has an '@' after its first '/'; in user, password and path write %2F for '/' and %40 "
        "for '@'");
  }
  if (scheme->socket) {
    parse_socket(rest, location);
  } else {
    const std::size_t slash = rest.find('/');
    parse_hosts(rest.substr(0, slash), location);
    parse_path(slash == std::string_view::npos ? std::string_view{} : rest.substr(slash + 1),
               location);
  }
  if (!options.user.empty()) location.credentials.user = options.user;
  if (!options.password.empty()) location.credentials.password = options.password;
  if (!location.credentials.user.empty() && location.credentials.password.empty()) {
    refuse("has a user and no password; give one there or in redis.password");
  }
  location.sentinel_credentials = {options.sentinel_user, options.sentinel_password};
  if (!options.sentinel_user.empty() && options.sentinel_password.empty()) {
    throw Error{ErrorCode::kConfig,
                "options: redis.sentinel_user is set without redis.sentinel_password; must be "
                "given together"};
  }

  location.display_name = scheme->prefix;
  for (const Endpoint& endpoint : location.endpoints) {
    if (&endpoint != &location.endpoints.front()) location.display_name += ',';
    location.display_name += to_string(endpoint);
  }
  if (!location.service.empty()) location.display_name += '/' + location.service;
  if (location.database != 0) {
    location.display_name += fmt::format("{}{}", scheme->socket ? "?db=" : "/", location.database);
  }
  return location;
}

}  // namespace weir::redis
