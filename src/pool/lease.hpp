#pragma once

#include <cstdint>
#include <exception>
#include <memory>
#include <utility>

#include "weir/clock.hpp"
#include "weir/spi/driver.hpp"

namespace weir::detail {

class Lane;

/// A connection with what the pool remembers about it.
struct PooledConnection {
  std::unique_ptr<spi::Connection> connection{};
  TimePoint opened{};
  TimePoint idle_since{};
  std::uint64_t session{0};  ///< For whom it was last leased.
  bool suspect{false};
};

/// A connection on loan from the pool; goes back at the end of its scope.
///
/// What comes back in a transaction is rolled back; what is broken is closed and its place freed.
/// If the scope is left by an exception, the connection is asked whether it still works before
/// somebody else gets it. Thread safety: one thread at a time. Lifetime: may outlive the pool, not
/// the driver.
class [[nodiscard]] Lease {
 public:
  Lease() noexcept = default;
  Lease(std::shared_ptr<Lane> lane, PooledConnection pooled) noexcept
      : lane_{std::move(lane)}, pooled_{std::move(pooled)} {}
  Lease(Lease&& other) noexcept = default;
  Lease& operator=(Lease&& other) noexcept {
    if (this != &other) {
      give_back();
      lane_ = std::move(other.lane_);
      pooled_ = std::move(other.pooled_);
      discard_ = other.discard_;
      exceptions_ = other.exceptions_;
    }
    return *this;
  }
  ~Lease() { give_back(); }

  [[nodiscard]] explicit operator bool() const noexcept { return pooled_.connection != nullptr; }
  /// REQUIRES (both): not empty.
  [[nodiscard]] spi::Connection& operator*() const noexcept { return *pooled_.connection; }
  [[nodiscard]] spi::Connection* operator->() const noexcept { return pooled_.connection.get(); }

  /// When the connection was opened.
  [[nodiscard]] TimePoint opened() const noexcept { return pooled_.opened; }
  /// The connection is closed instead of kept.
  void discard() noexcept { discard_ = true; }
  /// The connection is asked whether it still works before its next use.
  void suspect() noexcept { pooled_.suspect = true; }
  /// Gives the connection back now; the lease is empty afterwards.
  void give_back() noexcept;

 private:
  std::shared_ptr<Lane> lane_{};
  PooledConnection pooled_{};
  bool discard_{false};
  int exceptions_{std::uncaught_exceptions()};  // in flight when it was leased
};

}  // namespace weir::detail
