#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "src/base/mutex.hpp"
#include "src/sql/statement.hpp"
#include "weir/spi/analysis.hpp"

namespace weir::detail {

/// The statement texts seen lately, each parsed once.
///
/// Bounded in number and, at `kBytesEach` for each, in bytes of text together; what was not asked
/// for goes first (CLOCK, per shard). A hit takes a shared lock and one reference count. Thread
/// safety: shared object safe.
class StatementMemo {
 public:
  static constexpr std::size_t kBytesEach = 4096;

  using Hash = std::uint64_t (*)(std::string_view) noexcept;

  /// Without a hash, `hash64`; texts with equal hashes are never mistaken for each other.
  /// REQUIRES: `capacity` at least 1.
  explicit StatementMemo(std::size_t capacity, Hash hash = nullptr);
  StatementMemo(const StatementMemo&) = delete;
  StatementMemo& operator=(const StatementMemo&) = delete;
  ~StatementMemo();

  /// The statement with exactly this text, or null when it is not remembered.
  [[nodiscard]] StatementRef find(std::string_view sql) const;
  /// Remembers the text with what the driver's scan found in it. Returns the statement that is
  /// already remembered, if another thread was faster. REQUIRES: `check_statement_text` passed.
  [[nodiscard]] StatementRef add(std::string_view sql, const spi::Scan& scan);
  /// The statement with `facts` in place of what it had; remembered in its place, if it still is.
  [[nodiscard]] StatementRef attach(const Statement& statement,
                                    std::shared_ptr<const StatementFacts> facts);

  [[nodiscard]] std::size_t size() const;
  /// The statements remembered now, in no order.
  [[nodiscard]] std::vector<StatementRef> statements() const;
  [[nodiscard]] std::uint64_t evicted() const noexcept {
    return evicted_.load(std::memory_order_relaxed);  // a counter: orders nothing
  }

 private:
  struct Slot {
    StatementRef statement{};
    mutable std::atomic<bool> used{false};
  };
  struct Shard {
    mutable SharedMutex mutex;
    std::unordered_map<std::uint64_t, std::size_t> index WEIR_GUARDED_BY(mutex);  // hash → slot
    std::deque<Slot> slots WEIR_GUARDED_BY(mutex);
    std::vector<std::size_t> free WEIR_GUARDED_BY(mutex);
    std::size_t hand WEIR_GUARDED_BY(mutex){0};
    std::size_t bytes WEIR_GUARDED_BY(mutex){0};
  };
  class NormalForms;

  [[nodiscard]] Shard& shard_of(std::uint64_t hash) const noexcept;
  /// The slot that holds this text, or null.
  [[nodiscard]] static const Slot* slot_of(const Shard& shard, std::uint64_t hash,
                                           std::string_view sql) WEIR_REQUIRES_SHARED(shard.mutex);
  /// Frees the first slot whose statement was not used since the hand last passed.
  [[nodiscard]] static StatementRef evict(Shard& shard) WEIR_REQUIRES(shard.mutex);
  static StatementRef clear_slot(Shard& shard, std::size_t slot) WEIR_REQUIRES(shard.mutex);

  const Hash hash_;
  std::size_t capacity_each_;
  std::unique_ptr<Shard[]> shards_;
  std::size_t shard_count_;
  std::shared_ptr<NormalForms> normal_forms_;
  std::atomic<std::uint64_t> evicted_{0};
};

}  // namespace weir::detail
