#include "src/freshness/puller.hpp"

#include <algorithm>
#include <exception>
#include <utility>

namespace weir::detail {

Duration pull_backoff(std::uint64_t failures_in_a_row) noexcept {
  constexpr Duration kFirst = std::chrono::milliseconds{50};
  constexpr Duration kLongest = std::chrono::seconds{1};
  if (failures_in_a_row == 0) return Duration{0};
  return std::min(kLongest,
                  kFirst * (std::int64_t{1} << std::min<std::uint64_t>(failures_in_a_row - 1, 8)));
}

Puller::Puller(std::unique_ptr<spi::ChangeFeed> feed, Freshness& freshness, const Clock& clock,
               Duration pull_timeout, std::function<void()> forget_catalog, Observer observer)
    : feed_{std::move(feed)},
      freshness_{freshness},
      clock_{clock},
      pull_timeout_{pull_timeout},
      forget_catalog_{std::move(forget_catalog)},
      observer_{std::move(observer)} {}

void Puller::require_after_now() noexcept {
  const std::uint64_t next = started_.load() + 1;
  std::uint64_t held = required_.load();
  while (held < next && !required_.compare_exchange_weak(held, next)) {
  }
  writes_.fetch_add(1, std::memory_order_release);  // after required_: whoever sees it sees both
}

void Puller::require(const Token& token) {
  const MutexLock lock{mutex_};
  tokens_.push_back(token);
  drop_covered_tokens();
}

void Puller::drop_covered_tokens() {
  const LabelRef label = freshness_.label();
  if (label) {
    std::erase_if(tokens_, [&](const Token& token) {
      // Ids of another incarnation cannot be compared: what the token proved is either in the new
      // one or lost.
      return label->incarnation != token.incarnation() || label->snapshot.covers(token.snapshot());
    });
  }
  tokens_pending_.store(!tokens_.empty(), std::memory_order_release);
}

std::string Puller::last_failure() const {
  const MutexLock lock{mutex_};
  return failure_;
}

PullOutcome Puller::ensure(const PullNeed& need, spi::Deadline deadline) {
  if (satisfied(need)) return PullOutcome::kDone;
  MutexLock lock{mutex_};
  const std::uint64_t first_useful =
      started_.load() + 1;  // a pull that starts from here on brings what is needed
  while (!satisfied(need)) {
    if (running_) {
      if (done_.wait_until(mutex_, deadline.at, clock_) == std::cv_status::timeout)
        return PullOutcome::kTimeout;
      continue;
    }
    if (freshness_.pulled().number >= first_useful)
      return PullOutcome::kFailed;  // a token it does not cover
    const TimePoint now = clock_.now();
    if (now >= deadline.at) return PullOutcome::kTimeout;
    if (now < retry_at_) return PullOutcome::kFailed;

    running_ = true;
    const std::uint64_t number = started_.fetch_add(1) + 1;
    lock.unlock();
    const spi::Deadline limit{now + pull_timeout_};
    const Attempt attempt = pull_once(number, now, limit.earlier(deadline));
    lock.lock();
    running_ = false;
    failure_ = attempt.failure;
    if (failure_.empty()) {
      failures_ = 0;
      retry_at_ = TimePoint{};
      drop_covered_tokens();
    } else if (limit.at <= deadline.at || clock_.now() < deadline.at) {
      ++failures_;
      retry_at_ = clock_.now() + pull_backoff(failures_);
    }  // else it was the caller who had no time; that says nothing of the journal
    done_.notify_all();
    if (observer_) {
      lock.unlock();
      observer_(attempt);
      lock.lock();
    }
  }
  return PullOutcome::kDone;
}

Puller::Attempt Puller::pull_once(std::uint64_t number, TimePoint now, spi::Deadline deadline) {
  Attempt attempt;
  try {
    attempt.pull = feed_->pull(deadline);
    // Before the label is published: an analysis made under the new label must not use the old
    // catalog. And one made before the first pull may have found no journal.
    const bool voided = freshness_.label() == nullptr || freshness_.voids_catalog(attempt.pull);
    if (voided && forget_catalog_) forget_catalog_();
    attempt.applied = freshness_.apply(attempt.pull, number, now);
  } catch (const std::exception& e) {
    attempt.failure = e.what();
    if (attempt.failure.empty()) attempt.failure = "unknown error";
  }
  attempt.took = clock_.now() - now;
  return attempt;
}

}  // namespace weir::detail
