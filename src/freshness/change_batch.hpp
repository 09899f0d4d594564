#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weir/spi/change_feed.hpp"
#include "weir/spi/snapshot.hpp"
#include "weir/units.hpp"

namespace weir::detail {

/// What a listener learned with one look at the journal, for others to learn it without looking.
struct ChangeBatch {
  static constexpr Bytes kMaxText = Bytes::mebi(1);
  static constexpr std::size_t kMaxChanges = 10'000;

  std::string incarnation{};           ///< Of the server whose ids these are.
  spi::Snapshot from{};                ///< Of the look before: those changes were told then.
  spi::Snapshot to{};                  ///< Of this look.
  std::vector<spi::Change> changes{};  ///< Every change `to` sees and `from` does not.
};

/// A batch, or what is wrong with its text.
struct ParsedChangeBatch {
  std::optional<ChangeBatch> batch{};
  std::string fault{};  ///< Empty when there is none; names the part and the place.
};

/// One line of text, for people too: `weir1 incarnation=5f… from=10:12:11 to=14:14:
/// 11=relation:16384 12=rows:5:163851:42 13=tag:user:42 13=pattern:user:* 14=everything check=…`,
/// in incarnation, targets and rows with control characters, spaces and `%` as `%20`; before a
/// rows' target its size in bytes. The check is XXH3 of what is before it.
///
/// A batch over the limits is written without its changes and as if `from` were `to`: its readers
/// find that they know less than `from`, and pull.
[[nodiscard]] std::string encode(const ChangeBatch& batch);

/// Reads back what `encode` wrote. The text is untrusted: whatever it is, no exception but for
/// memory. A reader that cannot read a batch has a gap there.
[[nodiscard]] ParsedChangeBatch parse_change_batch(std::string_view text);

}  // namespace weir::detail
