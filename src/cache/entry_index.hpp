#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "src/cache/entry.hpp"
#include "src/cache/key.hpp"

namespace weir::detail {

/// A hash table of entries by key: linear probing, erasure by shifting back, sixteen bytes a slot.
///
/// It never grows by itself, so that its owner can make room for the bytes first.
/// Thread safety: distinct objects safe; shared object safe for const calls.
class EntryIndex {
 public:
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::size_t slots() const noexcept { return slots_.size(); }

  /// The memory a table of so many slots takes.
  [[nodiscard]] static std::size_t bytes_of(std::size_t slots) noexcept;
  /// How many slots it should have before one more entry comes: at least as many as now.
  [[nodiscard]] std::size_t wanted_slots() const noexcept;
  /// How many would do for what it holds: half as many as now when it is nearly empty.
  [[nodiscard]] std::size_t enough_slots() const noexcept;
  /// REQUIRES: a number `wanted_slots` or `enough_slots` gave, with nothing changed since.
  void resize(std::size_t slots);

  /// The entry under the key, or null. Lifetime: until the next non-const call. Complexity: O(1)
  /// expected.
  [[nodiscard]] const Entry* find(Key key) const noexcept;
  /// Whether it holds this very entry. `entry` is only compared, it need not be alive.
  [[nodiscard]] bool holds(std::uint64_t hash, const Entry* entry) const noexcept {
    return locate(hash, entry) != kNowhere;
  }
  /// Returns the entry that was there before under the same key, or null.
  /// REQUIRES: `wanted_slots() == slots()`.
  [[nodiscard]] EntryRef insert(EntryRef entry) noexcept;
  /// Takes out this very entry. Returns it, or null when it is not there. `entry` is only compared.
  [[nodiscard]] EntryRef erase(std::uint64_t hash, const Entry* entry) noexcept;

  /// Fills `out` with the entries found from a place that `random` chooses on, which is as good as
  /// choosing at random. Returns how many: fewer than asked for only when there are fewer.
  [[nodiscard]] std::size_t sample(std::uint64_t random, std::span<EntryRef> out) const noexcept;
  /// Appends every entry.
  void list(std::vector<EntryRef>& out) const;

 private:
  struct Slot {
    std::uint64_t hash{};
    EntryRef entry{};
  };
  static constexpr std::size_t kFewestSlots = 8;
  static constexpr std::size_t kNowhere = static_cast<std::size_t>(-1);

  [[nodiscard]] std::size_t home(std::uint64_t hash) const noexcept {
    return static_cast<std::size_t>(hash) & (slots_.size() - 1);
  }
  [[nodiscard]] std::size_t next(std::size_t slot) const noexcept {
    return (slot + 1) & (slots_.size() - 1);
  }
  [[nodiscard]] std::size_t locate(std::uint64_t hash, const Entry* entry) const noexcept;

  std::vector<Slot> slots_;  // none, or a power of two
  std::size_t size_{0};
};

}  // namespace weir::detail
