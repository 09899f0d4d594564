#pragma once

#include <vector>

#include "weir/clock.hpp"
#include "weir/options.hpp"
#include "weir/spi/admin.hpp"
#include "weir/spi/deadline.hpp"

namespace weir::postgres {

/// Looks for whatever would make caching wrong, slow or pointless on this database, as the role of
/// the DSN sees it. Ages are taken by the server's own clock alone.
/// Errors: `ConnectionError` when there is nothing to examine; a check that fails is a finding.
[[nodiscard]] std::vector<spi::Finding> examine(const Options& options, const Clock& clock,
                                                spi::Deadline deadline);

}  // namespace weir::postgres
