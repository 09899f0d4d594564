#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "drivers/redis/location.hpp"
#include "drivers/redis/reply.hpp"

namespace weir::redis {

inline constexpr std::size_t kSlots = 16'384;

/// The slot of a key: CRC16 of the key, or of what stands between its first `{` and the next `}`
/// if that is not empty.
/// Source: Redis Cluster Specification, "Hash tags", redis.io, read 2026-11-22.
[[nodiscard]] std::size_t slot_of(std::string_view key) noexcept;

/// Who serves which slots, as the cluster told at one moment.
class SlotMap {
 public:
  struct Shard {
    Endpoint primary{};
    std::vector<Endpoint> replicas{};
  };

  /// Understands the answer to CLUSTER SLOTS. A node without a name of its own (its address is
  /// unknown to it) is where the answer came from. Nothing when the answer makes no sense.
  [[nodiscard]] static std::optional<SlotMap> parse(const Reply& reply, const Endpoint& told_by);

  /// Null when nobody serves the slot.
  [[nodiscard]] const Shard* find(std::size_t slot) const noexcept;
  /// The slot is now served by `primary`, whatever the map said.
  void move(std::size_t slot, const Endpoint& primary);
  [[nodiscard]] const std::vector<Shard>& shards() const noexcept { return shards_; }

 private:
  static constexpr std::uint16_t kNobody = 0xFFFF;

  std::vector<Shard> shards_{};
  std::vector<std::uint16_t> owners_ = std::vector<std::uint16_t>(kSlots, kNobody);
};

/// "MOVED 3999 127.0.0.1:6381" and "ASK …", taken apart.
struct Redirection {
  bool for_good{false};  ///< MOVED.
  std::size_t slot{};
  Endpoint target{};
};
/// Nothing when the reply is no redirection, or one that makes no sense.
[[nodiscard]] std::optional<Redirection> parse_redirection(const Reply& reply,
                                                           const Endpoint& told_by);

}  // namespace weir::redis
