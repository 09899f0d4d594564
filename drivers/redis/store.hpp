#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "drivers/redis/location.hpp"
#include "drivers/redis/router.hpp"
#include "weir/spi/remote_store.hpp"

namespace weir::redis {

/// `spi::RemoteStore` over Redis.
class Store final : public spi::RemoteStore {
 public:
  /// Errors: `kConfig`. Lifetime: `clock` outlives it.
  Store(const RedisOptions& options, const Clock& clock);

  [[nodiscard]] std::string_view display_name() const noexcept override;
  [[nodiscard]] std::optional<spi::RemoteValue> get(std::string_view key,
                                                    spi::Deadline deadline) override;
  void put(std::string_view key, std::string_view value, std::chrono::milliseconds lifetime,
           spi::Deadline deadline) override;
  [[nodiscard]] bool add(std::string_view key, std::string_view value,
                         std::chrono::milliseconds lifetime, spi::Deadline deadline) override;
  void remove_if(std::string_view key, std::string_view value, spi::Deadline deadline) override;
  void ping(spi::Deadline deadline) override;
  [[nodiscard]] spi::StoreFacts facts(spi::Deadline deadline) override;
  [[nodiscard]] std::unique_ptr<spi::ChangeStream> open_stream(std::string_view name) override;

 private:
  [[nodiscard]] spi::Deadline bounded(spi::Deadline deadline) const;
  [[nodiscard]] Reply run_one(const Request& request, spi::Deadline deadline);
  void require_size(std::string_view operation, std::string_view value) const;

  const RedisOptions options_;
  const Clock* const clock_;
  const Location location_;
  std::unique_ptr<Router> router_;
};

}  // namespace weir::redis
