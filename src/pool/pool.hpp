#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "src/pool/lane.hpp"
#include "src/pool/lease.hpp"
#include "weir/options.hpp"
#include "weir/spi/driver.hpp"

namespace weir::detail {

/// The connections to one database, leased for a while each.
///
/// A driver with a separate writer has `max_size` readers and, beside them, the writers it allows.
/// Has no thread of its own: somebody calls `tick` now and then. Thread safety: shared object safe.
/// Lifetime: leases may outlive the pool; driver and clock outlive both.
class Pool {
 public:
  /// Opens nothing yet. REQUIRES: the options are valid.
  Pool(spi::Driver& driver, const PoolOptions& options, const Clock& clock);
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;
  /// Closes without waiting for leases.
  ~Pool();

  /// A connection for `access`, preferably one last leased for the same `session` (the caller still
  /// says `use_session`). Who asked first is served first. Errors: `kPoolExhausted` when none
  /// became free within `acquire_timeout`, `kTimeout` when the deadline passed first, `kClosed`,
  /// and whatever opening a connection throws.
  [[nodiscard]] Lease lease(spi::Access access, std::uint64_t session, spi::Deadline deadline);

  /// Upkeep: closes what is idle too long or too old and opens up to `min_size`, for at most
  /// `connect_timeout`. Returns why a connection could not be opened, once; an empty text when
  /// `min_size` are open again after that; otherwise nothing.
  [[nodiscard]] std::optional<std::string> tick(TimePoint now);

  /// Refuses new leases, wakes those who wait with `kClosed`, closes what is idle and waits for the
  /// leases. Returns how many connections were still in use at the deadline; each is closed when it
  /// comes back.
  std::size_t close(spi::Deadline deadline);

  [[nodiscard]] PoolStats stats() const;

 private:
  std::shared_ptr<Lane> main_;    // readers, or everything
  std::shared_ptr<Lane> writer_;  // null unless the driver has a separate one
};

}  // namespace weir::detail
