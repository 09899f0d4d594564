#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/fake_remote_store.hpp"

namespace weir::test {

/// One engine's handle on a store that every now and then answers with a value from the past, as
/// one does that was restored, or fell back to a replica that had not caught up.
///
/// Thread safety: shared object safe.
class ResurrectingStore final : public spi::RemoteStore {
 public:
  /// REQUIRES: `store->keep_past()` was called.
  ResurrectingStore(std::shared_ptr<FakeRemoteStore> store, std::uint64_t seed)
      : store_{std::move(store)}, random_{seed} {}

  [[nodiscard]] std::string_view display_name() const noexcept override {
    return store_->display_name();
  }
  [[nodiscard]] std::optional<spi::RemoteValue> get(std::string_view key,
                                                    spi::Deadline deadline) override {
    if (draw() % 3 == 0) {
      std::vector<std::string> past = store_->past(key);
      if (!past.empty())
        return spi::RemoteValue{std::move(past[draw() % past.size()]), std::chrono::hours{1}};
    }
    return store_->get(key, deadline);
  }
  void put(std::string_view key, std::string_view value, std::chrono::milliseconds lifetime,
           spi::Deadline deadline) override {
    store_->put(key, value, lifetime, deadline);
  }
  [[nodiscard]] bool add(std::string_view key, std::string_view value,
                         std::chrono::milliseconds lifetime, spi::Deadline deadline) override {
    return store_->add(key, value, lifetime, deadline);
  }
  void remove_if(std::string_view key, std::string_view value, spi::Deadline deadline) override {
    store_->remove_if(key, value, deadline);
  }
  void ping(spi::Deadline deadline) override { store_->ping(deadline); }
  [[nodiscard]] spi::StoreFacts facts(spi::Deadline deadline) override {
    return store_->facts(deadline);
  }
  [[nodiscard]] std::unique_ptr<spi::ChangeStream> open_stream(std::string_view name) override {
    return store_->open_stream(name);
  }

 private:
  std::uint64_t draw() {
    const std::lock_guard lock{mutex_};
    return random_();
  }
  const std::shared_ptr<FakeRemoteStore> store_;
  std::mutex mutex_;
  std::mt19937_64 random_;
};

}  // namespace weir::test
