#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "weir/clock.hpp"
#include "weir/metrics.hpp"
#include "weir/result.hpp"

namespace weir::detail {

/// A counter many threads add to at once without sharing a cache line.
///
/// Thread safety: shared object safe. All orders are relaxed: counters order nothing.
class StripedCounter {
 public:
  void add(std::uint64_t n = 1) noexcept {
    stripes_[stripe()].value.fetch_add(n, std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t read() const noexcept;

 private:
  static constexpr std::size_t kStripes = 8;
  struct alignas(64) Stripe {
    std::atomic<std::uint64_t> value{0};
  };
  [[nodiscard]] static std::size_t stripe() noexcept;
  std::array<Stripe, kStripes> stripes_{};
};

/// A counter few threads add to. Thread safety: shared object safe; relaxed, as above.
class Counter {
 public:
  void add(std::uint64_t n = 1) noexcept { value_.fetch_add(n, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t read() const noexcept {
    return value_.load(std::memory_order_relaxed);
  }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// The buckets of a `Histogram` while they fill. Thread safety: shared object safe; relaxed, as
/// above.
class HistogramRecorder {
 public:
  void record(Duration took) noexcept;
  [[nodiscard]] Histogram read() const noexcept;

 private:
  std::array<std::atomic<std::uint64_t>, Histogram::kBounds.size() + 1> counts_{};
  std::atomic<std::uint64_t> nanoseconds_{0};
};

/// Everything the engine counts. Thread safety: shared object safe.
struct Counters {
  static constexpr std::size_t kReasons = static_cast<std::size_t>(ReasonCode::kStandby) + 1;

  StripedCounter hits;
  Counter coalesced;
  std::array<Counter, kReasons> misses;  // by ReasonCode
  Counter stored;
  Counter store_refused;
  Counter writes;
  Counter transactions;
  Counter transaction_retries;
  Counter pulls;
  Counter pull_failures;
  Counter changes;
  Counter key_collisions;
  Counter resets;
  Counter wake_ups;
  Counter errors;
  Counter hint_errors;
  Counter stale_on_error;
  Counter stale_while_revalidate;
  Counter redis_hits;
  Counter redis_misses;
  Counter redis_stale;
  Counter redis_too_old;
  Counter redis_corrupt;
  Counter redis_errors;
  Counter redis_puts;
  Counter redis_put_errors;
  Counter redis_skipped_cost;
  Counter redis_lease_won;
  Counter redis_lease_waited;
  HistogramRecorder redis_get;
  HistogramRecorder redis_put;
  HistogramRecorder database;
  HistogramRecorder pull;

  /// The counters' part of a `Metrics`; gauges stay as they are.
  void read_into(Metrics& metrics) const;
};

}  // namespace weir::detail
