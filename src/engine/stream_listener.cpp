#include "src/engine/stream_listener.hpp"

#include "src/freshness/change_batch.hpp"

namespace weir::detail {

spi::ListenStep StreamListener::step(spi::Deadline deadline) {
  const spi::StreamRead read = stream_->read(deadline);
  spi::ListenStep step;
  step.wake_ups_arrive = true;
  step.answered = true;
  step.woken = read.gap;
  for (const spi::StreamEntry& entry : read.entries) {
    const ParsedChangeBatch parsed = parse_change_batch(entry.bytes);
    if (!parsed.batch || freshness_.learn(*parsed.batch) == Freshness::Learned::kMustPull)
      step.woken = true;
  }
  return step;
}

}  // namespace weir::detail
