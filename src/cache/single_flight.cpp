#include "src/cache/single_flight.hpp"

#include <cassert>

#include "weir/error.hpp"

namespace weir::detail {
namespace {

/// Throws a copy of the error that shares nothing with it, since each caller may change, keep and
/// drop what it catches while others look at theirs.
[[noreturn]] void throw_copy(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const ConnectionError& e) {
    throw ConnectionError{e.what(), e.details()};
  } catch (const ConstraintError& e) {
    throw ConstraintError{e.what(), e.details()};
  } catch (const Error& e) {
    throw Error{e.code(), e.what(), e.details()};
  }
}

std::exception_ptr copy_of(const std::exception_ptr& error) {
  try {
    throw_copy(error);
  } catch (...) {  // only to catch hold of it
    return std::current_exception();
  }
}

}  // namespace

/// One read under way and those who wait for it.
struct flight::Flight {
  enum class State : std::uint8_t { kFlying, kLanded, kFailed, kAbandoned };

  Flight(Key key, FlightStart started) : hash{key.hash}, bytes{key.bytes}, start{started} {}

  [[nodiscard]] Key key() const noexcept { return {hash, bytes}; }

  void end(State end_state, std::shared_ptr<const FlightResult> end_result,
           std::exception_ptr end_error) noexcept WEIR_EXCLUDES(mutex) {
    const MutexLock lock{mutex};
    state = end_state;
    result = std::move(end_result);
    error = std::move(end_error);
    ended.notify_all();
  }

  const std::uint64_t hash;
  const std::string bytes;
  const FlightStart start;

  Mutex mutex;
  CondVar ended;
  State state WEIR_GUARDED_BY(mutex){State::kFlying};
  std::shared_ptr<const FlightResult> result WEIR_GUARDED_BY(mutex);
  std::exception_ptr error WEIR_GUARDED_BY(mutex);
};

FlightLead& FlightLead::operator=(FlightLead&& other) noexcept {
  if (this == &other) return *this;
  abandon();
  owner_ = other.owner_;
  flight_ = std::move(other.flight_);
  return *this;
}

void FlightLead::finish(std::shared_ptr<const FlightResult> result) {
  assert(flight_ != nullptr && result != nullptr);
  const auto flight = std::exchange(flight_, nullptr);
  owner_->land(*flight);
  flight->end(flight::Flight::State::kLanded, std::move(result), nullptr);
}

void FlightLead::fail(const std::exception_ptr& error) {
  assert(flight_ != nullptr && error != nullptr);
  std::exception_ptr copy = copy_of(error);
  const auto flight = std::exchange(flight_, nullptr);
  owner_->land(*flight);
  flight->end(flight::Flight::State::kFailed, nullptr, std::move(copy));
}

void FlightLead::abandon() noexcept {
  if (flight_ == nullptr) return;
  const auto flight = std::exchange(flight_, nullptr);
  owner_->land(*flight);
  flight->end(flight::Flight::State::kAbandoned, nullptr, nullptr);
}

FlightStart FlightLead::start() const noexcept {
  assert(flight_ != nullptr);
  return flight_->start;
}

SingleFlight::SingleFlight(std::size_t max_flights, const Clock& clock)
    : max_flights_{max_flights}, clock_{clock} {
  assert(max_flights >= 1);
}

SingleFlight::~SingleFlight() = default;

FlightTicket SingleFlight::join_or_lead(Key key, const FlightNeeds& needs, spi::Deadline deadline) {
  using State = flight::Flight::State;
  for (;;) {
    FlightLead lead;
    const std::shared_ptr<flight::Flight> joined = find_or_begin(key, needs, lead);
    if (joined == nullptr) {
      const FlightOutcome outcome = lead ? FlightOutcome::kLead : FlightOutcome::kFull;
      return {outcome, std::move(lead), nullptr};
    }
    if (!wait(*joined, deadline)) return {FlightOutcome::kTimedOut, {}, nullptr};
    std::exception_ptr error;
    {
      const MutexLock lock{joined->mutex};
      if (joined->state == State::kLanded) return {FlightOutcome::kShared, {}, joined->result};
      error = joined->error;
    }
    if (error != nullptr) throw_copy(error);
    // Abandoned: somebody has to lead in its place, perhaps this caller, if it still has time.
    if (deadline.passed(clock_)) return {FlightOutcome::kTimedOut, {}, nullptr};
  }
}

bool SingleFlight::wait(flight::Flight& joined, spi::Deadline deadline) {
  using State = flight::Flight::State;
  waiting_.fetch_add(1, std::memory_order_relaxed);
  bool ended = false;
  {
    const MutexLock lock{joined.mutex};
    while (joined.state == State::kFlying &&
           joined.ended.wait_until(joined.mutex, deadline.at, clock_) ==
               std::cv_status::no_timeout) {
    }
    ended = joined.state != State::kFlying;
  }
  waiting_.fetch_sub(1, std::memory_order_relaxed);
  return ended;
}

std::shared_ptr<flight::Flight> SingleFlight::find_or_begin(Key key, const FlightNeeds& needs,
                                                            FlightLead& lead) {
  Shard& shard = shard_of(key.hash);
  const MutexLock lock{shard.mutex};
  const auto found = shard.flights.find(key);
  if (found != shard.flights.end()) {
    const FlightStart& start = found->second->start;
    if (start.at >= needs.not_before && start.epoch >= needs.epoch) return found->second;
  }
  // Relaxed: the number alone is the bound.
  if (flying_.fetch_add(1, std::memory_order_relaxed) >= max_flights_) {
    flying_.fetch_sub(1, std::memory_order_relaxed);
    return nullptr;
  }
  // The epoch was read by the caller before this moment, and the read comes after it.
  try {
    auto begun = std::make_shared<flight::Flight>(key, FlightStart{clock_.now(), needs.epoch});
    if (found != shard.flights.end()) {
      found->second = begun;
    } else {
      shard.flights.emplace(StoredKey{key.hash, std::string{key.bytes}}, begun);
    }
    lead = FlightLead{this, std::move(begun)};
  } catch (...) {  // out of memory: no flight began
    flying_.fetch_sub(1, std::memory_order_relaxed);
    throw;
  }
  return nullptr;
}

void SingleFlight::land(const flight::Flight& flight) noexcept {
  flying_.fetch_sub(1, std::memory_order_relaxed);
  Shard& shard = shard_of(flight.hash);
  const MutexLock lock{shard.mutex};
  const auto found = shard.flights.find(flight.key());
  if (found != shard.flights.end() && found->second.get() == &flight) shard.flights.erase(found);
}

}  // namespace weir::detail
