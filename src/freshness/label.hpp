#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "weir/clock.hpp"
#include "weir/spi/snapshot.hpp"

namespace weir::detail {

/// What a read that starts after a pull is known to have seen: the snapshot that pull took. Shared
/// by every entry read under it.
struct Label {
  spi::Snapshot snapshot{};
  std::string incarnation{};  ///< Of the server whose ids the snapshot speaks of.
  std::string epoch{};        ///< See `spi::Pull::epoch`.
  /// Every change it did not see, and the label's pull did, is in its cell. What others read at a
  /// snapshot that does not cover it cannot be judged here. Null: nothing of others can.
  std::shared_ptr<const spi::Snapshot> floor{};
  /// Not 0: every change learned up to this step (`CellTable::apply` counts them) is seen by the
  /// snapshot, so that a cell which nothing marked since needs no look at ids.
  std::uint64_t step{0};
  std::uint64_t generation{0};  ///< Entries of an older generation than `Freshness`' are void.
  std::uint64_t pull{0};        ///< Number of the pull that took it.
  TimePoint started{};          ///< Before that pull was sent.
};

using LabelRef = std::shared_ptr<const Label>;

}  // namespace weir::detail
