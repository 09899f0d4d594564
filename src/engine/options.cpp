#include "weir/options.hpp"

#include <bit>
#include <cmath>

#include "src/sql/bounds.hpp"

namespace weir {
namespace {

using detail::require_duration;
using detail::require_option;
using detail::require_text;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds kNone{0};
constexpr milliseconds kOne{1};
constexpr std::size_t kMostConnections = 10'000;
constexpr std::size_t kMostStatements = 100'000'000;
constexpr std::size_t kMostShards = 1024;
constexpr std::size_t kMostStripes = 1UL << 24U;
constexpr double kMostJitter = 0.5;
constexpr std::size_t kLongestText = 64UL * 1024;  // of a DSN or a path
constexpr std::size_t kLongestStream = 256;
constexpr std::size_t kLongestName = 63;   // of a PostgreSQL name
constexpr std::size_t kLongestHost = 253;  // of a host name
constexpr std::size_t kLongestNameSpace = 64;
constexpr std::size_t kMostRedisConnections = 1000;
constexpr Bytes kLargestRedisValue = Bytes::mebi(256);  // Redis itself takes 512 MiB
constexpr Bytes kLongestStatement = Bytes::gibi(1);     // both databases refuse more

}  // namespace

void PoolOptions::validate() const {
  require_option(max_size >= 1 && max_size <= kMostConnections, "pool.max_size", max_size,
                 "1 to 10000");
  require_option(min_size <= max_size, "pool.min_size", min_size,
                 fmt::format("at most pool.max_size, which is {}", max_size));
  require_duration("pool.acquire_timeout", acquire_timeout, kNone);
  require_duration("pool.connect_timeout", connect_timeout, kOne);
  if (max_idle) require_duration("pool.max_idle", *max_idle, kNone);
  if (max_lifetime) require_duration("pool.max_lifetime", *max_lifetime, kOne);
  require_option(statement_cache <= kMostStatements, "pool.statement_cache", statement_cache,
                 "at most 100000000");
}

void MemoryOptions::validate() const {
  if (capacity > Bytes{0}) {
    require_option(max_entry >= Bytes{1} && max_entry <= capacity, "memory.max_entry",
                   fmt::format("{} bytes", max_entry.value),
                   fmt::format("1 byte to memory.capacity, which is {} bytes", capacity.value));
  }
  require_option(std::has_single_bit(shards) && shards <= kMostShards, "memory.shards", shards,
                 "a power of two from 1 to 1024");
  require_option(
      std::has_single_bit(key_stripes) && key_stripes >= 64 && key_stripes <= kMostStripes,
      "memory.key_stripes", key_stripes, "a power of two from 64 to 16777216");
  require_option(ttl_jitter >= 0.0 && ttl_jitter <= kMostJitter, "memory.ttl_jitter", ttl_jitter,
                 "0 to 0.5");  // NaN is refused too
}

void ListenOptions::validate() const {
  require_duration("listen.watch_interval", watch_interval, kOne, seconds{60});
  if (idle_interval)
    require_duration("listen.idle_interval", *idle_interval, watch_interval, seconds{60});
  require_duration("listen.prune_retention", prune_retention, seconds{1});
  require_duration("listen.prune_interval", prune_interval, milliseconds{10});
  if (via == WakeUps::kStream) require_text("listen.stream", stream, 1, kLongestStream);
}

void PostgresOptions::validate() const {
  require_text("postgres.application_name", application_name, 0, kLongestName);
}

void SqliteOptions::validate() const {
  for (const auto& [schema, file] : attach) {
    require_text("sqlite.attach: a schema name", schema, 1, kLongestName);
    require_option(schema != "main" && schema != "temp", "sqlite.attach: a schema name", schema,
                   "another name than main and temp");
    require_text(fmt::format("sqlite.attach[\"{}\"]", schema), file, 1, kLongestText);
  }
  require_duration("sqlite.busy_timeout", busy_timeout, kNone);
}

void RedisTlsOptions::validate() const {
  require_text("redis.tls.ca_file", ca_file, 0, kLongestText);
  require_text("redis.tls.cert_file", cert_file, 0, kLongestText);
  require_text("redis.tls.key_file", key_file, 0, kLongestText);
  require_text("redis.tls.server_name", server_name, 0, kLongestHost);
  require_option(cert_file.empty() == key_file.empty(), "redis.tls.cert_file",
                 cert_file.empty() ? "missing beside key_file" : "set without key_file",
                 "given together with redis.tls.key_file, or not at all");
}

void RedisOptions::validate() const {
  require_text("redis.url", url, 1, kLongestText);
  require_text("redis.user", user, 0, kLongestText);
  require_text("redis.password", password, 0, kLongestText);
  require_text("redis.sentinel_user", sentinel_user, 0, kLongestText);
  require_text("redis.sentinel_password", sentinel_password, 0, kLongestText);
  require_duration("redis.connect_timeout", connect_timeout, kOne);
  require_duration("redis.call_timeout", call_timeout, kOne);
  require_option(connections >= 1 && connections <= kMostRedisConnections, "redis.connections",
                 connections, "1 to 1000");
  require_text("redis.name_space", name_space, 1, kLongestNameSpace);
  require_option(name_space.find_first_of("{}") == std::string::npos, "redis.name_space",
                 name_space,
                 "without braces, which would put all keys onto one server of a cluster");
  require_option(max_value >= Bytes::kibi(1) && max_value <= kLargestRedisValue, "redis.max_value",
                 fmt::format("{} bytes", max_value.value), "1 KiB to 256 MiB");
  tls.validate();
  require_duration("redis.lifetime", lifetime, seconds{1}, hours{365 * 24});
  require_option(min_cost >= kNone && min_cost <= hours{1}, "redis.min_cost",
                 fmt::format("{} us", min_cost.count()), "0 to 1h");
  require_duration("redis.lease_above", lease_above, kNone);
  require_duration("redis.lease", lease, milliseconds{10}, hours{1});
  require_duration("redis.lease_wait", lease_wait, kNone, hours{1});
}

void Options::validate() const {
  require_text("database", database, 1, kLongestText);
  pool.validate();
  memory.validate();
  listen.validate();
  require_option(!listen.enabled || listen.via == WakeUps::kDatabase || redis.has_value(),
                 "listen.via", "kStream",
                 "kDatabase, unless options.redis says where the stream is");
  postgres.validate();
  sqlite.validate();
  if (redis) redis->validate();
  policy.validate();
  require_duration("statement_timeout", statement_timeout, kOne);
  require_duration("pull_timeout", pull_timeout, kOne);
  require_option(statement_memo >= 1 && statement_memo <= kMostStatements, "statement_memo",
                 statement_memo, "1 to 100000000");
  require_option(max_statement >= Bytes{1} && max_statement <= kLongestStatement, "max_statement",
                 fmt::format("{} bytes", max_statement.value), "1 byte to 1 GiB");
  require_text("rules_file", rules_file, 0, kLongestText);
}

}  // namespace weir
