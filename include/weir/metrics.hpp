#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace weir {

/// A latency histogram with fixed buckets, as read at one moment.
struct Histogram {
  /// Upper bounds in seconds; a last bucket without bound follows.
  static constexpr std::array<double, 14> kBounds{1e-6, 5e-6, 2.5e-5, 1e-4, 2.5e-4, 1e-3, 2.5e-3,
                                                  5e-3, 1e-2, 2.5e-2, 1e-1, 2.5e-1, 1.0,  5.0};
  std::array<std::uint64_t, kBounds.size() + 1> counts{};
  std::uint64_t count{};
  double sum_seconds{};
};

/// What changes did to one statement's results since it was first analysed.
struct StatementChanges {
  std::string statement{};        ///< Its normal form.
  std::uint64_t table_changes{};  ///< Changes to the tables it reads, whatever the rows.
  std::uint64_t touched{};        ///< Lookups that found a result voided by a change.
};

/// Counters since the database was opened, as read at one moment (each exact, together not one
/// instant).
struct Metrics {
  std::uint64_t hits_total{};
  std::uint64_t coalesced_total{};
  std::map<std::string, std::uint64_t> misses_total{};  ///< By reason code.
  std::uint64_t stored_total{};
  std::uint64_t store_refused_total{};
  std::uint64_t evicted_total{};
  std::uint64_t writes_total{};  ///< Statements run that write or may write.
  std::uint64_t transactions_total{};
  std::uint64_t transaction_retries_total{};
  std::uint64_t pulls_total{};
  std::uint64_t pull_failures_total{};
  std::uint64_t changes_total{};  ///< Changes learned by pulls.
  /// Results found stale only because a key value of theirs shares its place with one that changed.
  std::uint64_t key_collisions_total{};
  std::uint64_t resets_total{};
  std::uint64_t wake_ups_total{};
  std::uint64_t errors_total{};          ///< Queries and writes that ended in an `Error`.
  std::uint64_t hint_errors_total{};     ///< Problems in hints; each text's when first seen.
  std::uint64_t stale_on_error_total{};  ///< Served under `stale_if_error`.
  std::uint64_t stale_while_revalidate_total{};  ///< Served under that policy.

  std::uint64_t redis_hits_total{};     ///< Of `hits_total`, those from the shared tier.
  std::uint64_t redis_misses_total{};   ///< Lookups there that found nothing to serve.
  std::uint64_t redis_stale_total{};    ///< Of those, because something changed.
  std::uint64_t redis_too_old_total{};  ///< Of those, because it was read before what the journal
                                        ///< retained when this process began.
  std::uint64_t redis_corrupt_total{};  ///< Of those, because the bytes were no entry of this key.
  std::uint64_t redis_errors_total{};   ///< Lookups that the store did not answer.
  std::uint64_t redis_puts_total{};
  std::uint64_t redis_put_errors_total{};
  std::uint64_t redis_skipped_cost_total{};  ///< Cheaper to recompute than to fetch: not looked up,
                                             ///< or not put.
  std::uint64_t redis_lease_won_total{};     ///< Reads other processes may have waited for.
  std::uint64_t redis_lease_waited_total{};  ///< Lookups that waited for another process's read.

  std::uint64_t entries{};
  std::uint64_t memory_bytes{};
  std::uint64_t memory_capacity_bytes{};
  std::uint64_t statements{};  ///< Remembered statement texts.
  std::uint64_t connections_open{};
  std::uint64_t connections_leased{};
  std::uint64_t connections_waiting{};
  bool listening{};  ///< Wake-ups are proven to arrive.
  bool leading{};    ///< This process is the elected listener.

  bool redis_open{};  ///< The shared tier did not work lately and is not asked.

  /// Of the statements remembered those whose tables changed most, most first; at most
  /// `kMostStatements`.
  std::vector<StatementChanges> statement_changes{};
  static constexpr std::size_t kMostStatements = 100;

  Histogram redis_get_seconds{};  ///< Time a lookup in the shared tier took.
  Histogram redis_put_seconds{};
  Histogram database_seconds{};  ///< Time the database took per query, as seen from here.
  Histogram pull_seconds{};

  /// Prometheus text exposition format, version 0.0.4; names start with `weir_`.
  [[nodiscard]] std::string to_prometheus() const;
};

}  // namespace weir
