#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "src/freshness/cells.hpp"
#include "weir/params.hpp"
#include "weir/spi/analysis.hpp"
#include "weir/spi/driver.hpp"

namespace weir::detail {

/// One of an analysis' dependencies, resolved once.
struct FactsDependency {
  const RelationCells* cells{nullptr};
  bool keyed{false};  ///< `Analysis::keys` tells which rows of it count.
};

/// How many changes the dependencies saw, together.
[[nodiscard]] std::uint64_t sum_of_changes(std::span<const FactsDependency> dependencies) noexcept;

/// Beyond this many key values a result depends on the relation as a whole: each is a comparison at
/// every hit.
inline constexpr std::size_t kMostKeyValues = 64;

/// The hashes of the key values of one dependency under these parameters, in no order; nothing when
/// they are not known, or too many: then any row counts. REQUIRES: it is keyed.
[[nodiscard]] std::optional<std::vector<std::uint64_t>> key_hashes(const spi::Analysis& analysis,
                                                                   const std::string& relation,
                                                                   const Params& params,
                                                                   const spi::Driver& driver);

/// The cells a result under these parameters depends on. REQUIRES: `dependencies` are the analysis'
/// in order.
[[nodiscard]] std::vector<const Cell*> dependency_cells(
    const spi::Analysis& analysis, std::span<const FactsDependency> dependencies,
    const Params& params, const spi::Driver& driver, const KeyStripes* keys);

}  // namespace weir::detail
