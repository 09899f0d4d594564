#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weir::spi {

/// The id of a change: PostgreSQL's 64-bit transaction id, SQLite's journal counter. Zero is never
/// one.
using ChangeId = std::uint64_t;

/// Which changes a read has seen.
///
/// Thread safety: distinct objects safe; shared object safe for const calls.
/// Source: PostgreSQL's `pg_snapshot` (documentation, "Transaction ID and Snapshot Information
/// Functions").
struct Snapshot {
  ChangeId xmin{1};  ///< Every id below was finished when the snapshot was taken.
  ChangeId xmax{1};  ///< No id from here on was finished when the snapshot was taken.
  std::vector<ChangeId> in_progress{};  ///< Unfinished ids in [xmin, xmax), ascending.
  /// Taken on a standby, whose snapshots do not list what is in progress: only ids below `xmin`
  /// count as seen.
  bool standby{false};

  friend bool operator==(const Snapshot&, const Snapshot&) = default;

  /// Whether a read at this snapshot saw the change. Complexity: O(log in_progress), usually one
  /// comparison.
  [[nodiscard]] bool sees(ChangeId id) const noexcept;
  /// Whether every change `older` sees is seen by this snapshot too; false when that cannot be
  /// proven. Complexity: O(in_progress of both). REQUIRES: snapshots of the same incarnation.
  [[nodiscard]] bool covers(const Snapshot& older) const noexcept;
  /// PostgreSQL's text form, `xmin:xmax:id,id,…`; a standby's has `s` in front. `parse` reads it
  /// back.
  [[nodiscard]] std::string to_string() const;
  /// From untrusted text. Errors: `kUsage` naming what is wrong with it (form, order, range) and
  /// where.
  [[nodiscard]] static Snapshot parse(std::string_view text);
};

}  // namespace weir::spi
