#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "src/app/listen/backoff.hpp"
#include "weir/clock.hpp"
#include "weir/spi/change_feed.hpp"
#include "weir/spi/remote_store.hpp"

namespace weir::app {

/// Republishes what a leader announces on a stream.
///
/// While the stream cannot be written to, nothing is kept for it but the newest snapshot: once it
/// can be written to again, a batch without changes at that snapshot makes every reader that missed
/// something pull. Thread safety: shared object unsafe. Lifetime: the clock outlives it.
class Publisher {
 public:
  static constexpr std::chrono::milliseconds kAppendLimit{250};
  static constexpr std::chrono::milliseconds kFirstRetry{100};
  static constexpr std::chrono::milliseconds kLastRetry{5000};

  Publisher(std::unique_ptr<spi::ChangeStream> stream, std::size_t keep, const Clock& clock)
      : stream_{std::move(stream)}, keep_{keep}, clock_{clock}, backoff_{kFirstRetry, kLastRetry} {}

  /// What one call did.
  struct Outcome {
    std::size_t appended{0};
    std::string failure{};  ///< Not empty: an append failed, and why.
    bool recovered{false};  ///< The first one that worked after a failure.
  };
  /// Appends the batches, and what is owed from before. Also to be called with none, now and then.
  [[nodiscard]] Outcome publish(const std::vector<spi::AnnouncedBatch>& batches);

 private:
  void append(const spi::AnnouncedBatch& batch, Outcome& outcome);
  void owe(const spi::AnnouncedBatch& batch);

  const std::unique_ptr<spi::ChangeStream> stream_;
  const std::size_t keep_;
  const Clock& clock_;
  Backoff backoff_;
  std::optional<spi::AnnouncedBatch> owed_;
};

}  // namespace weir::app
