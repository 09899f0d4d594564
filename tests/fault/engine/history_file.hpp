#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/support/history.hpp"

namespace weir::test {

/// What one process did, in its own words.
struct History {
  std::vector<ReadRecord> reads{};
  std::vector<WriteRecord> writes{};
  std::uint64_t failed_reads{0};
  std::string metrics{};  ///< Prometheus text.
};

/// To a file, and back. The clock is monotonic and the machine's, so that times of processes
/// compare. Errors: `std::runtime_error`.
void save(const History& history, const std::string& file);
[[nodiscard]] History load_history(const std::string& file);

}  // namespace weir::test
