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
  void validate() const;
};

/// The in-process listener: makes changes seen in milliseconds instead of within `max_staleness`.
struct ListenOptions {
  bool enabled{true};                            ///< PostgreSQL only.
  std::chrono::milliseconds watch_interval{20};  ///< Leader's look at the journal; 1 ms to 60 s.
  std::chrono::milliseconds prune_retention{
      std::chrono::hours{1}};  ///< Journal rows are kept this long; at least 1 s.
  std::chrono::milliseconds prune_interval{std::chrono::minutes{1}};  ///< At least 10 ms.
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

/// Everything `Database::open` needs.
struct Options {
  /// `postgresql://…` or libpq's `key=value …`; `sqlite:path`, `sqlite::memory:`.
  std::string database{};
  PoolOptions pool{};
  MemoryOptions memory{};
  ListenOptions listen{};
  PostgresOptions postgres{};
  SqliteOptions sqlite{};
  Policy policy{};  ///< Defaults for every query.
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
