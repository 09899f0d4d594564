#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

namespace weir::test {

/// The environment variable's value; empty when unset.
inline std::string environment(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): tests never call setenv
  return value == nullptr ? std::string{} : std::string{value};
}

/// Whether a missing server fails a test instead of skipping it; CI and tests/run.sh set
/// WEIR_REQUIRE_SERVERS=1.
inline bool servers_required() { return environment("WEIR_REQUIRE_SERVERS") == "1"; }

}  // namespace weir::test

/// Declares `const std::string dsn` from the environment variable `name`, or ends the test:
/// skipped, failed where servers are required. For test bodies and SetUp(); in a fixture's SetUp()
/// assign `dsn` to a member.
#define WEIR_DSN_OR_SKIP(dsn, name)                                                     \
  const std::string dsn = ::weir::test::environment(name);                              \
  if (dsn.empty() && ::weir::test::servers_required()) FAIL() << name << " is not set"; \
  if (dsn.empty()) GTEST_SKIP() << name << " is not set; see tests/support/servers.sh"

/// A superuser's DSN of a private PostgreSQL cluster.
#define WEIR_POSTGRES_DSN_OR_SKIP(dsn) WEIR_DSN_OR_SKIP(dsn, "WEIR_TEST_POSTGRES_DSN")
/// The same cluster through a PgBouncer in transaction mode.
#define WEIR_PGBOUNCER_DSN_OR_SKIP(dsn) WEIR_DSN_OR_SKIP(dsn, "WEIR_TEST_PGBOUNCER_DSN")
