#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "weir/clock.hpp"

namespace weir::test {

// Purpose: tells whether what concurrent readers saw was possible. Every key has a row in a left
// and in a right table; each of its writes is one transaction that sets both to the key's next
// version. A key has one writer at a time, so its versions are committed in order. Version 0 was
// always there.

/// What became of a write.
enum class WriteOutcome : std::uint8_t { kCommitted, kRolledBack, kUnknown };

struct WriteRecord {
  int key{};
  std::int64_t version{};
  int process{};      ///< Who wrote: reads of the same process must see it at once.
  TimePoint begin{};  ///< Before anything was sent.
  TimePoint end{};    ///< After the commit returned.
  WriteOutcome outcome{WriteOutcome::kCommitted};
};

/// One key's row of a read: a single query over both tables.
struct SeenVersion {
  int key{};
  std::int64_t left{};
  std::int64_t right{};
};

struct ReadRecord {
  int process{};
  TimePoint begin{};
  TimePoint end{};
  Duration bound{};  ///< The staleness asked for.
  std::vector<SeenVersion> seen{};
};

/// Why each impossible read was impossible, a line each; empty when all could be. It is one of:
/// torn, never committed, from the future, own write missing, staler than its bound, not of one
/// moment.
[[nodiscard]] std::vector<std::string> impossible_reads(const std::vector<WriteRecord>& writes,
                                                        const std::vector<ReadRecord>& reads);

}  // namespace weir::test
