#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "tests/support/servers.hpp"

/// A Redis URL of the running test servers, or the test ends: skipped, failed where servers are
/// required.
#define WEIR_REDIS_DSN_OR_SKIP(dsn) WEIR_DSN_OR_SKIP(dsn, "WEIR_TEST_REDIS_DSN")

namespace weir::test {

/// The URL of the servers of this kind ("plain", "cluster", "sentinel", "tls") that all tests
/// share; started when first asked for. Throws `std::runtime_error`.
[[nodiscard]] std::string shared_redis(const std::string& kind);
/// The folder of the shared servers of this kind.
[[nodiscard]] std::string shared_redis_folder(const std::string& kind);

/// A name no other test and no other run has, beginning as the rights in redis_rights.txt want it.
[[nodiscard]] std::string unique_redis_key();

/// Whether `condition` comes true within `limit`; looks every few milliseconds.
[[nodiscard]] bool eventually(const std::function<bool()>& condition,
                              std::chrono::seconds limit = std::chrono::seconds{20});

/// Runs redis-cli with `arguments` at `url` (redis://…) and returns what it prints, trimmed.
[[nodiscard]] std::string redis_cli(const std::string& url, const std::string& arguments);

/// Servers of a test's own, to be stopped, killed and started as it likes. Nodes count from 1:
/// cluster: 1 to 3 are primaries, 4 to 6 their replicas; sentinel: 1 is the primary, 2 its replica,
/// 3 to 5 the sentinels.
class PrivateRedis {
 public:
  explicit PrivateRedis(const std::string& kind);
  ~PrivateRedis();
  PrivateRedis(const PrivateRedis&) = delete;
  PrivateRedis& operator=(const PrivateRedis&) = delete;

  [[nodiscard]] const std::string& url() const { return url_; }
  [[nodiscard]] const std::string& folder() const { return folder_; }
  /// One server's own `redis://` address.
  [[nodiscard]] std::string node_url(int node) const;
  [[nodiscard]] std::string cli(int node, const std::string& arguments) const;
  [[nodiscard]] std::string port(int node) const;

  void freeze(int node) const;  ///< SIGSTOP: it accepts connections and answers nothing.
  void thaw(int node) const;
  void kill(int node) const;   ///< SIGKILL, and waits until it is gone.
  void start(int node) const;  ///< Again, after `kill`; waits until it answers.

 private:
  [[nodiscard]] int pid(int node) const;

  std::string kind_;
  std::string name_;
  std::string url_;
  std::string folder_;
};

}  // namespace weir::test
