#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "weir/policy.hpp"
#include "weir/units.hpp"

namespace weir {

/// Limits for the connection pool. An empty optional means "no limit"; zero is never a code for
/// that.
struct PoolOptions {
  std::size_t min_size{0};   ///< Kept open when idle; at most `max_size`.
  std::size_t max_size{16};  ///< Leased plus idle; 1 to 10000. SQLite's writer comes on top.
  std::chrono::milliseconds acquire_timeout{
      std::chrono::seconds{2}};  ///< Wait for a connection to become free; not negative.
  std::chrono::milliseconds connect_timeout{
      std::chrono::seconds{5}};  ///< Opening a connection; at least 1 ms.
  std::optional<std::chrono::milliseconds> max_idle{
      std::chrono::minutes{10}};  ///< Close one idle this long.
  std::optional<std::chrono::milliseconds> max_lifetime{
      std::chrono::hours{1}};        ///< Close one this old when returned.
  std::size_t statement_cache{256};  ///< Prepared statements kept per connection; 0 prepares none.
  void validate() const;  ///< Throws Error(kConfig) naming the field, the value and the bound.
};

/// The memory tier.
struct MemoryOptions {
  Bytes capacity{
      Bytes::mebi(64)};  ///< Keys, results, index and overhead together; 0 turns the tier off.
  Bytes max_entry{
      Bytes::mebi(1)};     ///< A larger result is delivered but not stored; 1 byte to `capacity`.
  std::size_t shards{16};  ///< Power of two, 1 to 1024.
  /// TTLs are shortened at random by up to this share, so that entries do not expire together; 0 to
  /// 0.5.
  double ttl_jitter{0.1};
  /// Places for the changes of key values, which values share by hash: more of them void less for
  /// nothing where many keys change. Power of two, 64 to 16777216; each takes 64 bytes, once a
  /// table that is tracked by keys is read.
  std::size_t key_stripes{65'536};
  void validate() const;
};

/// What tells an application of changes before it looks for them.
enum class WakeUps {
  kDatabase,  ///< Notifications, on a connection of its own; it may be elected to send them.
  kStream,    ///< The Redis stream on which `weir listen` republishes changes; no connection more.
};

/// The in-process listener: makes changes seen in milliseconds instead of within `max_staleness`.
struct ListenOptions {
  bool enabled{true};                            ///< PostgreSQL only.
  std::chrono::milliseconds watch_interval{20};  ///< Leader's look at the journal; 1 ms to 60 s.
  /// The same when no change came for a while; `watch_interval` to 60 s. Empty: four times that.
  std::optional<std::chrono::milliseconds> idle_interval{};
  std::chrono::milliseconds prune_retention{
      std::chrono::hours{1}};  ///< Journal rows are kept this long; at least 1 s.
  std::chrono::milliseconds prune_interval{std::chrono::minutes{1}};  ///< At least 10 ms.
  WakeUps via{WakeUps::kDatabase};  ///< `kStream` needs `Options::redis`.
  std::string stream{};  ///< For `kStream`: its name, as in "weir:changes:shop"; 1 to 256 bytes.
  void validate() const;
};

/// How PostgreSQL is reached.
enum class Pooling {
  kDirect,       ///< A server, or a pooler in session mode.
  kTransaction,  ///< PgBouncer in transaction mode: no named statements, no session state, no
                 ///< LISTEN.
};

struct PostgresOptions {
  Pooling pooling{Pooling::kDirect};
  std::string application_name{"weir"};  ///< At most 63 bytes.
  void validate() const;
};

/// What SQLite connections open with.
struct SqliteOptions {
  std::map<std::string, std::string>
      attach{};  ///< Schema name → file, attached on every connection.
  std::chrono::milliseconds busy_timeout{
      std::chrono::seconds{5}};  ///< Wait for another writer; not negative.
  bool create{true};             ///< Create the file when it is missing.
  /// Enforce REFERENCES clauses, as `PRAGMA foreign_keys = ON` does. Off, as in SQLite itself.
  bool foreign_keys{false};
  void validate() const;
};

/// TLS towards Redis, for `rediss://` addresses. The server's certificate must be for the host that
/// the address names.
struct RedisTlsOptions {
  std::string ca_file{};      ///< PEM; empty means the system's certificate authorities.
  std::string cert_file{};    ///< The client's certificate, PEM; together with `key_file`.
  std::string key_file{};     ///< The client's private key, PEM.
  std::string server_name{};  ///< Must be the certificate's name, instead of the address's host.
  void validate() const;
};

/// The second tier: results shared between processes through Redis.
struct RedisOptions {
  /// `redis://[user[:password]@]host[:port][/db]`, `rediss://…` with TLS,
  /// `unix://[user[:password]@]/path[?db=n]`, `redis+sentinel://host:port,host:port/service[/db]`,
  /// `redis+cluster://host:port,host:port`; the last two also as `rediss+…`.
  std::string url{};
  std::string user{};               ///< Instead of the URL's.
  std::string password{};           ///< Instead of the URL's; needs no percent-encoding here.
  std::string sentinel_user{};      ///< For the sentinels themselves, where they ask for one.
  std::string sentinel_password{};  ///< For the sentinels themselves.
  /// Opening a connection, login included, name resolution not; at least 1 ms. A call that has to
  /// open one is bounded by `call_timeout` all the same.
  std::chrono::milliseconds connect_timeout{std::chrono::seconds{1}};
  std::chrono::milliseconds call_timeout{100};  ///< One call, whatever it takes; at least 1 ms.
  std::size_t connections{8};                   ///< At most this many to each server; 1 to 1000.
  std::string name_space{"weir"};   ///< What all keys begin with; 1 to 64 bytes, no braces.
  Bytes max_value{Bytes::mebi(4)};  ///< A larger entry is neither stored nor read; to 256 MiB.
  bool read_from_replicas{false};   ///< Redis Cluster only: lookups go to replicas where there are.
  RedisTlsOptions tls{};
  /// An entry is kept this long at most; 1 s to 365 days. A change voids it much earlier: this only
  /// bounds how long Redis holds what nobody asks for.
  std::chrono::milliseconds lifetime{std::chrono::hours{24}};
  Bytes compress_above{Bytes::kibi(2)};  ///< A larger entry is stored compressed where that helps.
  /// A result cheaper for the database than this is neither looked up nor stored, until it is known
  /// what a lookup in this Redis really costs; not negative.
  std::chrono::microseconds min_cost{500};
  /// A statement that takes the database longer than this is computed by one process at a time; not
  /// negative.
  std::chrono::milliseconds lease_above{20};
  /// The longest such a process is waited for before another takes over; 10 ms to an hour.
  std::chrono::milliseconds lease{std::chrono::seconds{3}};
  /// The longest a caller waits for another process's result; not negative; 0 never waits.
  std::chrono::milliseconds lease_wait{std::chrono::seconds{1}};
  void validate() const;  ///< Throws Error(kConfig) naming the field, the value and the bound.
};

/// Everything `Database::open` needs.
struct Options {
  /// `postgresql://…` or libpq's `key=value …`; `sqlite:path`, `sqlite::memory:`.
  std::string database{};
  PoolOptions pool{};
  MemoryOptions memory{};
  ListenOptions listen{};
  PostgresOptions postgres{};
  SqliteOptions sqlite{};
  std::optional<RedisOptions> redis{};  ///< The tier that processes share; PostgreSQL only.
  Policy policy{};                      ///< Defaults for every query.
  std::chrono::milliseconds statement_timeout{
      std::chrono::seconds{30}};  ///< One statement; at least 1 ms.
  std::chrono::milliseconds pull_timeout{
      std::chrono::seconds{2}};         ///< One look at the journal; at least 1 ms.
  std::size_t statement_memo{10'000};   ///< Statement texts remembered; at least 1.
  Bytes max_statement{Bytes::mebi(1)};  ///< A longer statement text is refused.
  std::string rules_file{};             ///< TOML; empty for none; reloaded on change.
  void validate() const;  ///< Throws Error(kConfig) naming the field, the value and the bound.
};

}  // namespace weir
