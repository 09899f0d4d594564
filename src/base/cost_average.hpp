#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>

namespace weir::detail {

/// A moving average of how long something takes; each measurement counts for an eighth.
///
/// Thread safety: shared object safe. Of measurements at the same moment some may count as none: it
/// is an estimate, and orders nothing (relaxed).
class CostAverage {
 public:
  void record(std::chrono::nanoseconds took) noexcept {
    constexpr std::int64_t kWeight = 8;
    const std::int64_t now = took.count() > 0 ? took.count() : 1;
    const std::int64_t before = nanoseconds_.load(std::memory_order_relaxed);
    nanoseconds_.store(before == kUnknown ? now : before + (now - before) / kWeight,
                       std::memory_order_relaxed);
  }
  /// Empty before the first measurement.
  [[nodiscard]] std::optional<std::chrono::nanoseconds> value() const noexcept {
    const std::int64_t now = nanoseconds_.load(std::memory_order_relaxed);
    if (now == kUnknown) return std::nullopt;
    return std::chrono::nanoseconds{now};
  }

 private:
  static constexpr std::int64_t kUnknown = 0;
  std::atomic<std::int64_t> nanoseconds_{kUnknown};
};

}  // namespace weir::detail
