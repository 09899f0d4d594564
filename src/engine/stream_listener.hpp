#pragma once

#include <memory>

#include "src/freshness/freshness.hpp"
#include "weir/spi/change_feed.hpp"
#include "weir/spi/remote_store.hpp"

namespace weir::detail {

/// A listener that hears of changes from a stream, where `weir listen` republishes them, instead of
/// from the database.
///
/// What a batch tells is learned without asking the database, when it joins what is known already;
/// a gap, DDL, or anything that cannot be read is a wake-up: then the caller pulls. The stream
/// proves nothing about what is not in it, so the staleness bound takes no notice of it.
/// Thread safety: one `step` at a time; `interrupt` from anywhere. Lifetime: the freshness rule and
/// the stream's store outlive it.
class StreamListener final : public spi::Listener {
 public:
  StreamListener(std::unique_ptr<spi::ChangeStream> stream, Freshness& freshness)
      : stream_{std::move(stream)}, freshness_{freshness} {}

  [[nodiscard]] spi::ListenStep step(spi::Deadline deadline) override;
  void interrupt() noexcept override { stream_->interrupt(); }

 private:
  const std::unique_ptr<spi::ChangeStream> stream_;
  Freshness& freshness_;
};

}  // namespace weir::detail
