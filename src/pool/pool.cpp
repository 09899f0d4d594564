#include "src/pool/pool.hpp"

#include <algorithm>

namespace weir::detail {
namespace {

Lane::Limits limits_for(const spi::Driver& driver, spi::Access access, std::size_t allowed,
                        const PoolOptions& options) {
  Lane::Limits limits;
  limits.max_places = std::max<std::size_t>(1, std::min(options.max_size, allowed));
  limits.min_open = std::min(options.min_size, limits.max_places);
  limits.max_name = "pool.max_size";
  if (driver.separate_writer()) limits.kind = access == spi::Access::kWrite ? "write " : "read ";
  if (allowed < options.max_size) {
    limits.max_name = driver.backend();
    limits.max_name +=
        access == spi::Access::kWrite ? "'s limit for writers" : "'s limit for readers";
  }
  return limits;
}

}  // namespace

Pool::Pool(spi::Driver& driver, const PoolOptions& options, const Clock& clock) {
  const std::size_t readers = driver.max_connections(spi::Access::kRead);
  const std::size_t writers = driver.max_connections(spi::Access::kWrite);
  if (driver.separate_writer()) {
    main_ = std::make_shared<Lane>(driver, spi::Access::kRead,
                                   limits_for(driver, spi::Access::kRead, readers, options),
                                   options, clock);
    Lane::Limits limits = limits_for(driver, spi::Access::kWrite, writers, options);
    limits.min_open = 0;  // many programs only read
    writer_ =
        std::make_shared<Lane>(driver, spi::Access::kWrite, std::move(limits), options, clock);
  } else {
    main_ = std::make_shared<Lane>(
        driver, spi::Access::kWrite,
        limits_for(driver, spi::Access::kWrite, std::min(readers, writers), options), options,
        clock);
  }
}

Pool::~Pool() {
  main_->close();
  if (writer_) writer_->close();
}

Lease Pool::lease(spi::Access access, std::uint64_t session, spi::Deadline deadline) {
  Lane& lane = access == spi::Access::kWrite && writer_ ? *writer_ : *main_;
  return lane.lease(session, deadline);
}

std::optional<std::string> Pool::tick(TimePoint now) {
  std::optional<std::string> news = main_->tick(now);
  if (writer_) static_cast<void>(writer_->tick(now));  // opens nothing, so cannot fail
  return news;
}

std::size_t Pool::close(spi::Deadline deadline) {
  main_->close();
  if (writer_) writer_->close();
  return main_->drain(deadline) + (writer_ ? writer_->drain(deadline) : 0);
}

PoolStats Pool::stats() const {
  PoolStats stats;
  main_->add_to(stats);
  if (writer_) writer_->add_to(stats);
  return stats;
}

}  // namespace weir::detail
