#pragma once

#include <cstddef>
#include <limits>
#include <memory>
#include <string_view>

#include "drivers/postgres/shared_state.hpp"
#include "weir/spi/driver.hpp"

namespace weir::postgres {

/// PostgreSQL behind one DSN.
///
/// Thread safety: shared object safe. Lifetime: the clock outlives it; it outlives what it opened.
class Driver final : public spi::Driver {
 public:
  /// Errors: `kConfig` for a DSN libpq does not understand. Connects to nothing.
  Driver(const Options& options, const Clock& clock) : shared_{options, clock} {}

  [[nodiscard]] std::string_view backend() const noexcept override { return "postgresql"; }
  [[nodiscard]] std::string_view display_name() const noexcept override {
    return shared_.display_name();
  }
  [[nodiscard]] std::size_t max_connections(spi::Access /*access*/) const noexcept override {
    return std::numeric_limits<std::size_t>::max();  // the server's own limit is its to tell
  }
  [[nodiscard]] bool separate_writer() const noexcept override { return false; }
  [[nodiscard]] bool shares_change_ids() const noexcept override { return true; }
  [[nodiscard]] spi::Scan scan(std::string_view sql) const override;
  [[nodiscard]] spi::KeyText key_value(std::string_view type,
                                       const ParamView& value) const override;
  [[nodiscard]] std::unique_ptr<spi::Connection> connect(spi::Access access,
                                                         spi::Deadline deadline) override;
  [[nodiscard]] std::unique_ptr<spi::ChangeFeed> open_feed() override;
  [[nodiscard]] std::unique_ptr<spi::Listener> open_listener() override;
  [[nodiscard]] std::unique_ptr<spi::Admin> open_admin() override;
  void forget_catalog() noexcept override { shared_.forget_catalog(); }

 private:
  SharedState shared_;
};

}  // namespace weir::postgres
