#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/app/listen/log.hpp"
#include "weir/clock.hpp"
#include "weir/options.hpp"
#include "weir/spi/remote_store.hpp"

namespace weir::app {

/// What the listener does about tables without triggers.
enum class TrackNew : std::uint8_t { kOff, kReport, kOn };

/// One database to listen to.
struct DatabaseConfig {
  std::string name{};  ///< In logs, metrics and the stream's name.
  std::string dsn{};
  std::chrono::milliseconds interval{20};       ///< Between looks while changes come.
  std::chrono::milliseconds idle_interval{80};  ///< Between looks when none came for a while.
  std::chrono::milliseconds prune_retention{std::chrono::hours{1}};
  std::chrono::milliseconds prune_interval{std::chrono::minutes{1}};
  TrackNew track{TrackNew::kReport};
  std::chrono::milliseconds track_interval{std::chrono::minutes{1}};
  std::vector<std::string> schemas{};  ///< Where tables are looked for; empty: everywhere.

  friend bool operator==(const DatabaseConfig&, const DatabaseConfig&) = default;
};

/// Where changes are republished.
struct RedisConfig {
  std::string url{};
  std::string user{};  ///< Instead of the URL's, and needing no percent-encoding; so the next.
  std::string password{};
  std::string stream{"weir:changes"};  ///< A database's stream is this, a colon and its name.
  std::size_t keep{100'000};           ///< Entries kept in each stream, roughly.

  friend bool operator==(const RedisConfig&, const RedisConfig&) = default;
};

/// Where metrics and health are served.
struct HttpConfig {
  std::string host{"127.0.0.1"};  ///< Empty: not at all.
  std::uint16_t port{9717};       ///< 0: any free one.

  friend bool operator==(const HttpConfig&, const HttpConfig&) = default;
};

/// `weir listen`'s file, read and checked.
struct ListenConfig {
  std::vector<DatabaseConfig> databases{};  ///< At least one; names differ.
  std::optional<RedisConfig> redis{};
  HttpConfig http{};
  LogConfig log{};

  /// The value of an environment variable, or nothing.
  using Environment = std::function<std::optional<std::string>(const std::string&)>;
  static constexpr std::size_t kLongestFile = 1024UL * 1024;
  static constexpr std::size_t kMostDatabases = 256;

  /// Reads TOML. `${NAME}` in a string is the environment variable, `$$` a dollar sign. Errors:
  /// `kConfig` with file, line and key; no value of a variable, a DSN or a URL is in the message.
  [[nodiscard]] static ListenConfig parse(std::string_view text, const std::string& path,
                                          const Environment& environment);
  /// Reads the file; the environment is the process's.
  [[nodiscard]] static ListenConfig load(const std::string& path);

  /// `2 databases (shop, billing), stream weir:changes, http on 127.0.0.1:9717`
  [[nodiscard]] std::string summary() const;
};

/// The store that streams are in. Connects to nothing yet. Errors: `kConfig`.
[[nodiscard]] std::shared_ptr<spi::RemoteStore> open_store(const RedisConfig& redis,
                                                           const Clock& clock);
/// The options to open a listened database with.
[[nodiscard]] Options options_of(const DatabaseConfig& database);

}  // namespace weir::app
