#include "src/app/listen/publisher.hpp"

#include <exception>

#include "src/freshness/change_batch.hpp"

namespace weir::app {

Publisher::Outcome Publisher::publish(const std::vector<spi::AnnouncedBatch>& batches) {
  Outcome outcome;
  if (owed_ && backoff_.may_try(clock_.now())) append(*owed_, outcome);
  for (const spi::AnnouncedBatch& batch : batches) {
    if (batch.incarnation.empty()) continue;  // a server whose ids nobody can compare yet
    if (owed_) {
      owe(batch);
    } else {
      append(batch, outcome);
    }
  }
  return outcome;
}

void Publisher::append(const spi::AnnouncedBatch& batch, Outcome& outcome) {
  const bool failing = backoff_.failing();
  try {
    const detail::ChangeBatch told{batch.incarnation, batch.from, batch.to, batch.changes};
    stream_->append(detail::encode(told), keep_, spi::Deadline::after(clock_, kAppendLimit));
    ++outcome.appended;
    outcome.recovered = outcome.recovered || failing;
    backoff_.succeeded();
    owed_.reset();
  } catch (const std::exception& error) {  // the stream is a help, not a duty
    outcome.failure = error.what();
    backoff_.failed(clock_.now());
    owe(batch);
  }
}

void Publisher::owe(const spi::AnnouncedBatch& batch) {
  owed_ = spi::AnnouncedBatch{batch.incarnation, batch.to, batch.to, {}};
}

}  // namespace weir::app
