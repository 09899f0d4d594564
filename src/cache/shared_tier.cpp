#include "src/cache/shared_tier.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <random>
#include <utility>

#include "src/base/hash.hpp"
#include "weir/error.hpp"

namespace weir::detail {
namespace {

std::uint64_t entropy() {
  std::random_device device;
  return static_cast<std::uint64_t>(device()) << 32U | device();
}

}  // namespace

SharedTier::SharedTier(RedisOptions options, std::unique_ptr<spi::RemoteStore> store,
                       const Clock& clock, SharedWatchers watchers)
    : options_{std::move(options)},
      store_{std::move(store)},
      clock_{clock},
      watchers_{std::move(watchers)},
      seed_{entropy()} {}

std::uint64_t SharedTier::random() noexcept {
  const std::uint64_t draw = draws_.fetch_add(1, std::memory_order_relaxed);
  return hash64({reinterpret_cast<const char*>(&draw), sizeof draw}, seed_);
}

std::string SharedTier::new_owner() { return fmt::format("{:016x}{:016x}", random(), seed_); }

spi::Deadline SharedTier::limit(TimePoint now, spi::Deadline deadline) const {
  const Duration left = deadline.at - now;
  return spi::Deadline{now + std::min<Duration>(options_.call_timeout, left / 2)};
}

void SharedTier::told(Breaker::Turn turn, std::string_view reason) {
  if (turn == Breaker::Turn::kNone || !watchers_.degraded) return;
  if (turn == Breaker::Turn::kOpened) {
    watchers_.degraded(reason);
  } else if (reads_.closed() && writes_.closed()) {
    watchers_.degraded({});
  }
}

template <typename F>
SharedOutcome SharedTier::guarded(Breaker& breaker, spi::Deadline deadline, F&& f) {
  constexpr Duration kLeast = std::chrono::milliseconds{1};
  const TimePoint begin = clock_.now();
  const spi::Deadline limit = this->limit(begin, deadline);
  if (limit.at < begin + std::min<Duration>(kLeast, options_.call_timeout))
    return SharedOutcome::kOff;
  const Breaker::Pass pass = breaker.pass(begin);
  if (pass == Breaker::Pass::kNo) return SharedOutcome::kOff;
  try {
    f(limit);
  } catch (const Error& error) {
    const TimePoint now = clock_.now();
    // One failure as any other when it was the caller who had little time.
    const bool too_long =
        error.code() == ErrorCode::kTimeout && limit.at >= begin + options_.call_timeout;
    const auto failure = too_long ? Breaker::Failure::kTooLong : Breaker::Failure::kError;
    told(breaker.failed(pass, failure, now, random()), error.what());
    // A store that hangs, or is gone, is so for reads and writes alike.
    Breaker& other = &breaker == &reads_ ? writes_ : reads_;
    if (too_long || !error.connection_usable())
      (void)other.failed(Breaker::Pass::kYes, failure, now, random());
    return SharedOutcome::kFailed;
  } catch (...) {
    breaker.learned_nothing(pass, clock_.now());
    throw;
  }
  told(breaker.succeeded(pass), {});
  return SharedOutcome::kDone;
}

SharedTier::Got SharedTier::get(const SharedKey& key, spi::Deadline deadline) {
  std::optional<spi::RemoteValue> value;
  const TimePoint asked = clock_.now();
  Got got;
  got.outcome =
      guarded(reads_, deadline, [&](spi::Deadline limit) { value = store_->get(key.name, limit); });
  if (got.outcome != SharedOutcome::kDone) return got;
  const Duration took = clock_.now() - asked;
  if (watchers_.got) watchers_.got(took);
  if (!value) {
    fetch_.record(took);
    got.outcome = SharedOutcome::kAbsent;
    return got;
  }
  DecodeLimits limits;
  limits.value = options_.max_value;
  DecodeResult decoded = decode(value->bytes, limits);
  fetch_.record(clock_.now() - asked);
  if (!decoded.entry || decoded.entry->key != key.bytes) {
    got.outcome = SharedOutcome::kCorrupt;
    return got;
  }
  got.found = SharedFind{*std::move(decoded.entry), asked, value->remaining};
  return got;
}

SharedOutcome SharedTier::put(const SharedKey& key, const StoredEntry& entry,
                              spi::Deadline deadline) {
  if (DecodeLimits{}.rows < Bytes{entry.rows->size()}) return SharedOutcome::kTooLarge;
  if (writes_.denies(clock_.now())) return SharedOutcome::kOff;
  const std::string bytes = encode(entry, {options_.compress_above});
  if (Bytes{bytes.size()} > options_.max_value) return SharedOutcome::kTooLarge;
  const TimePoint begin = clock_.now();
  const SharedOutcome outcome = guarded(writes_, deadline, [&](spi::Deadline limit) {
    store_->put(key.name, bytes, entry.lifetime, limit);
  });
  if (outcome == SharedOutcome::kDone && watchers_.put) watchers_.put(clock_.now() - begin);
  return outcome;
}

SharedOutcome SharedTier::take_lease(const SharedKey& key, std::string_view owner,
                                     spi::Deadline deadline) {
  bool added = false;
  const SharedOutcome outcome = guarded(writes_, deadline, [&](spi::Deadline limit) {
    added = store_->add(lease_name(key), owner, options_.lease, limit);
  });
  if (outcome != SharedOutcome::kDone) return outcome;
  return added ? SharedOutcome::kDone : SharedOutcome::kAbsent;
}

void SharedTier::give_lease_back(const SharedKey& key, std::string_view owner) {
  (void)guarded(writes_, spi::Deadline{},
                [&](spi::Deadline limit) { store_->remove_if(lease_name(key), owner, limit); });
}

bool SharedTier::wait_until(TimePoint until) {
  const MutexLock lock{mutex_};
  while (!stop_) {
    if (stopped_.wait_until(mutex_, until, clock_) == std::cv_status::timeout) return true;
  }
  return false;
}

void SharedTier::stop() {
  const MutexLock lock{mutex_};
  stop_ = true;
  stopped_.notify_all();
}

}  // namespace weir::detail
