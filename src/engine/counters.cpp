#include "src/engine/counters.hpp"

#include <algorithm>
#include <string>

namespace weir::detail {

std::size_t StripedCounter::stripe() noexcept {
  static std::atomic<std::size_t> next{0};
  thread_local const std::size_t mine = next.fetch_add(1, std::memory_order_relaxed) % kStripes;
  return mine;
}

std::uint64_t StripedCounter::read() const noexcept {
  std::uint64_t sum = 0;
  for (const Stripe& stripe : stripes_) sum += stripe.value.load(std::memory_order_relaxed);
  return sum;
}

void HistogramRecorder::record(Duration took) noexcept {
  const double seconds = std::chrono::duration<double>(took).count();
  const auto* const bound =
      std::lower_bound(Histogram::kBounds.begin(), Histogram::kBounds.end(), seconds);
  counts_[static_cast<std::size_t>(bound - Histogram::kBounds.begin())].fetch_add(
      1, std::memory_order_relaxed);
  nanoseconds_.fetch_add(static_cast<std::uint64_t>(std::chrono::nanoseconds{took}.count()),
                         std::memory_order_relaxed);
}

Histogram HistogramRecorder::read() const noexcept {
  Histogram histogram;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    histogram.counts[i] = counts_[i].load(std::memory_order_relaxed);
    histogram.count += histogram.counts[i];
  }
  histogram.sum_seconds = static_cast<double>(nanoseconds_.load(std::memory_order_relaxed)) * 1e-9;
  return histogram;
}

void Counters::read_into(Metrics& metrics) const {
  metrics.hits_total = hits.read();
  metrics.coalesced_total = coalesced.read();
  for (std::size_t code = 0; code < misses.size(); ++code) {
    if (const std::uint64_t n = misses[code].read(); n != 0) {
      metrics.misses_total.emplace(to_string(static_cast<ReasonCode>(code)), n);
    }
  }
  metrics.stored_total = stored.read();
  metrics.store_refused_total = store_refused.read();
  metrics.writes_total = writes.read();
  metrics.transactions_total = transactions.read();
  metrics.transaction_retries_total = transaction_retries.read();
  metrics.pulls_total = pulls.read();
  metrics.pull_failures_total = pull_failures.read();
  metrics.changes_total = changes.read();
  metrics.key_collisions_total = key_collisions.read();
  metrics.resets_total = resets.read();
  metrics.wake_ups_total = wake_ups.read();
  metrics.errors_total = errors.read();
  metrics.hint_errors_total = hint_errors.read();
  metrics.stale_on_error_total = stale_on_error.read();
  metrics.stale_while_revalidate_total = stale_while_revalidate.read();
  metrics.redis_hits_total = redis_hits.read();
  metrics.redis_misses_total = redis_misses.read();
  metrics.redis_stale_total = redis_stale.read();
  metrics.redis_too_old_total = redis_too_old.read();
  metrics.redis_corrupt_total = redis_corrupt.read();
  metrics.redis_errors_total = redis_errors.read();
  metrics.redis_puts_total = redis_puts.read();
  metrics.redis_put_errors_total = redis_put_errors.read();
  metrics.redis_skipped_cost_total = redis_skipped_cost.read();
  metrics.redis_lease_won_total = redis_lease_won.read();
  metrics.redis_lease_waited_total = redis_lease_waited.read();
  metrics.redis_get_seconds = redis_get.read();
  metrics.redis_put_seconds = redis_put.read();
  metrics.database_seconds = database.read();
  metrics.pull_seconds = pull.read();
}

}  // namespace weir::detail
