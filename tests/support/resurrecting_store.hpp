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
class ResurrectingStore final : public SharedRemoteStore {
 public:
  /// REQUIRES: `store->keep_past()` was called.
  ResurrectingStore(const std::shared_ptr<FakeRemoteStore>& store, std::uint64_t seed)
      : SharedRemoteStore{store}, store_{store}, random_{seed} {}

  [[nodiscard]] std::optional<spi::RemoteValue> get(std::string_view key,
                                                    spi::Deadline deadline) override {
    if (draw() % 3 == 0) {
      std::vector<std::string> past = store_->past(key);
      if (!past.empty())
        return spi::RemoteValue{std::move(past[draw() % past.size()]), std::chrono::hours{1}};
    }
    return SharedRemoteStore::get(key, deadline);
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
