#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <limits>

#include "src/cache/entry.hpp"
#include "weir/units.hpp"

namespace weir::detail {

/// Says which entry is worth least: GreedyDual-Size-Frequency weighed by measured cost.
///
/// An entry's priority is the aging clock at its last use plus its credit, uses × cost / bytes. The
/// clock is raised to the priority of whatever is evicted or not let in, so what is not used is
/// overtaken in time. Where we differ from the source: costs below `kCostFloor` count as that much,
/// because differences between fast queries are noise; uses are counted up to `Entry::kMostUses`,
/// so that moving hot sets are followed; and what was not used for `kLongestLife` turns goes first
/// however much it cost, for it would take many thousand turns of cheap results to overtake a dear
/// one. A turn is over when as many bytes as the cache holds have been offered to it.
/// Source: Cherkasova, "Improving WWW Proxies Performance with Greedy-Dual-Size-Frequency Caching
/// Policy", HP Labs HPL-98-69R1, 1998.
/// Thread safety: shared object safe, by estimates: all loads and stores are relaxed, since a lost
/// update only makes the next choice a little worse.
class GreedyDual {
 public:
  static constexpr std::chrono::nanoseconds kCostFloor{std::chrono::microseconds{50}};
  static constexpr std::uint32_t kLongestLife = 32;

  /// REQUIRES: `capacity` is not zero if anything is ever offered.
  explicit GreedyDual(Bytes capacity) noexcept : capacity_{capacity.value} {}

  [[nodiscard]] UseTime now() const noexcept {
    return {clock_.load(std::memory_order_relaxed), turn_.load(std::memory_order_relaxed)};
  }

  /// Less is worse.
  [[nodiscard]] double priority(const Entry& entry) const noexcept {
    const UseTime last = entry.last_use();
    if (now().turn - last.turn > kLongestLife) return -std::numeric_limits<double>::infinity();
    const auto cost = static_cast<double>(std::max(entry.cost(), kCostFloor).count());
    return last.clock + entry.uses() * cost / static_cast<double>(entry.charge().value);
  }

  /// Raises the clock to the priority of what was evicted for want of room, or not let in.
  void raise(double priority) noexcept {
    if (priority > now().clock) clock_.store(priority, std::memory_order_relaxed);
  }
  /// Takes note that so many bytes came, whether or not they are let in.
  void offered(Bytes bytes) noexcept {
    const std::uint64_t all =
        offered_.fetch_add(bytes.value, std::memory_order_relaxed) + bytes.value;
    const auto turn = static_cast<std::uint32_t>(all / capacity_);
    if (turn != now().turn) turn_.store(turn, std::memory_order_relaxed);
  }

 private:
  // Read by every hit, and written seldom enough.
  std::atomic<double> clock_{0};
  std::atomic<std::uint32_t> turn_{0};
  const std::uint64_t capacity_;
  // Written by every put: in a line of its own.
  alignas(64) std::atomic<std::uint64_t> offered_{0};
};

}  // namespace weir::detail
