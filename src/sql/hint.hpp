#pragma once

#include <span>
#include <string>
#include <vector>

#include "weir/policy.hpp"

namespace weir::detail {

/// What the `/* weir: … */` comments of one statement ask for.
struct Hint {
  Policy policy{};
  std::string name{};  ///< What rules and metrics call the statement; empty when not given.
  /// What is wrong with the hint. When there is anything, the whole hint is ignored: `policy` and
  /// `name` are empty.
  std::vector<std::string> problems{};
};

/// Reads the bodies of a statement's hint comments as one hint.
///
/// A hint is words with blanks between: `auto`, `off`, `coalesce` (one of them), and `key=value`
/// with the keys `ttl`, `max_staleness`, `stale_if_error`, `stale_while_revalidate`, `timeout`
/// (durations, see `parse_duration`), `name`, `tag` and `depends_on` (the last two may repeat).
[[nodiscard]] Hint parse_hint(std::span<const std::string> bodies);

}  // namespace weir::detail
