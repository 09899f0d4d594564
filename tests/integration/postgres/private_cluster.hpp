#pragma once

#include <string>

namespace weir::postgres::test {

/// A PostgreSQL cluster of one test's own, to crash, copy and promote. Started by
/// tests/support/servers.sh, stopped with the object.
class PrivateCluster {
 public:
  PrivateCluster();
  PrivateCluster(const PrivateCluster&) = delete;
  PrivateCluster& operator=(const PrivateCluster&) = delete;
  ~PrivateCluster();

  [[nodiscard]] const std::string& dsn() const { return dsn_; }
  /// Kills the postmaster and its children at once, as a power cut would, and starts it again.
  void crash_and_restart();
  /// An orderly restart.
  void restart();

  /// Makes a hot standby of this cluster and starts it; returns its DSN.
  std::string start_standby();
  void promote_standby();

 private:
  void start();
  std::string folder_;
  std::string dsn_;
  std::string bin_;
  std::string port_;
  bool has_standby_{false};
};

}  // namespace weir::postgres::test
