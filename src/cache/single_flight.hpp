#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "src/base/mutex.hpp"
#include "src/cache/key.hpp"
#include "src/freshness/freshness.hpp"
#include "src/freshness/label.hpp"
#include "weir/clock.hpp"
#include "weir/spi/deadline.hpp"
#include "weir/spi/result_buffer.hpp"

namespace weir::detail {

/// What a flight brings home, for everybody who waited.
struct FlightResult {
  spi::ResultRef rows{};
  LabelRef label{};  ///< What the read had seen; null when nothing is known of that.
  TimePoint read_started{};
  std::chrono::nanoseconds cost{};  ///< What the database took.
  /// Set when the rows were not read but found in the shared tier: true as of this pull, and
  /// perhaps not under every caller's tags and TTL.
  std::optional<Freshness::Pulled> judged{};
};

/// What a caller can say of the moment a read begins: when, and after how many of this process's
/// writes.
struct FlightStart {
  TimePoint at{};
  std::uint64_t epoch{0};
};

/// What a flight must satisfy for a caller to take its result.
struct FlightNeeds {
  TimePoint not_before{TimePoint::min()};  ///< The earliest start that is new enough.
  std::uint64_t epoch{0};  ///< The writes the caller must see: this process's write epoch now.
};

class SingleFlight;

namespace flight {
struct Flight;
}

/// The duty to bring one flight to an end. One that is let go of unfinished wakes those who wait,
/// and one of them leads in its place.
///
/// Lifetime: before its `SingleFlight`. Thread safety: shared object unsafe.
class [[nodiscard]] FlightLead {
 public:
  FlightLead() noexcept = default;
  FlightLead(FlightLead&& other) noexcept = default;
  FlightLead& operator=(FlightLead&& other) noexcept;
  ~FlightLead() { abandon(); }

  /// Gives the result to all who wait. REQUIRES: this leads.
  void finish(std::shared_ptr<const FlightResult> result);
  /// Gives the error to all who wait; it is not kept. REQUIRES: this leads, `error` is not null.
  void fail(const std::exception_ptr& error);

  /// Whether there is a flight to finish.
  explicit operator bool() const noexcept { return flight_ != nullptr; }
  /// When the flight began: before anything its leader reads. REQUIRES: this leads.
  [[nodiscard]] FlightStart start() const noexcept;

 private:
  friend class SingleFlight;
  FlightLead(SingleFlight* owner, std::shared_ptr<flight::Flight> flight) noexcept
      : owner_{owner}, flight_{std::move(flight)} {}
  void abandon() noexcept;

  SingleFlight* owner_{nullptr};
  std::shared_ptr<flight::Flight> flight_{};
};

/// How `SingleFlight::join_or_lead` came out.
enum class FlightOutcome : std::uint8_t {
  kLead,      ///< The caller reads, and finishes the lead.
  kShared,    ///< Another caller's result.
  kTimedOut,  ///< The caller's deadline passed; the flight goes on.
  kFull,      ///< Too many flights: the caller reads for itself.
};

struct [[nodiscard]] FlightTicket {
  FlightOutcome outcome{FlightOutcome::kFull};
  FlightLead lead{};                             ///< With `kLead`.
  std::shared_ptr<const FlightResult> result{};  ///< With `kShared`.
};

/// Lets concurrent callers with the same key share one read.
///
/// A caller joins only a flight that began late enough for it; otherwise it leads a newer one,
/// which later callers join, while the older one goes on for those who wait for it. States of a
/// flight: flying → landed | failed | abandoned, once, by its lead. A flight is taken from the
/// table before it ends, so no end is ever kept: whoever comes later leads anew. A thread that
/// leads must not wait for the same key: it would wait for itself, until its deadline. Thread
/// safety: shared object safe. Its locks (a shard's, a flight's) are never held together.
class SingleFlight {
 public:
  /// REQUIRES: `max_flights` at least 1. `clock` lives longer.
  SingleFlight(std::size_t max_flights, const Clock& clock);
  SingleFlight(const SingleFlight&) = delete;
  SingleFlight& operator=(const SingleFlight&) = delete;
  ~SingleFlight();

  /// Joins a flight under the key that satisfies `needs` and waits for its end, or leads one.
  /// Errors: what the joined flight's leader gave to `fail`, as this caller's own copy if it is a
  /// `weir::Error`.
  FlightTicket join_or_lead(Key key, const FlightNeeds& needs, spi::Deadline deadline);

  /// Flights begun and not ended.
  [[nodiscard]] std::size_t flying() const noexcept {
    return flying_.load(std::memory_order_relaxed);  // a number to look at, nothing is read by it
  }
  /// Callers that wait for another's flight.
  [[nodiscard]] std::size_t waiting() const noexcept {
    return waiting_.load(std::memory_order_relaxed);  // as above
  }

 private:
  friend class FlightLead;
  static constexpr std::size_t kShards = 16;

  struct StoredKey {
    std::uint64_t hash{};
    std::string bytes{};
  };
  struct KeyHash {
    using is_transparent = void;
    std::size_t operator()(const StoredKey& key) const noexcept { return key.hash; }
    std::size_t operator()(const Key& key) const noexcept { return key.hash; }
  };
  struct KeyEqual {
    using is_transparent = void;
    static Key view(const StoredKey& key) noexcept { return {key.hash, key.bytes}; }
    static Key view(const Key& key) noexcept { return key; }
    template <typename A, typename B>
    bool operator()(const A& a, const B& b) const noexcept {
      return view(a) == view(b);
    }
  };
  struct Shard {
    Mutex mutex;
    std::unordered_map<StoredKey, std::shared_ptr<flight::Flight>, KeyHash, KeyEqual> flights
        WEIR_GUARDED_BY(mutex);
  };

  [[nodiscard]] Shard& shard_of(std::uint64_t hash) noexcept {
    return shards_[(hash >> 32U) % kShards];
  }
  /// The flight to join, or none and a lead (which is empty when there are too many).
  [[nodiscard]] std::shared_ptr<flight::Flight> find_or_begin(Key key, const FlightNeeds& needs,
                                                              FlightLead& lead);
  /// Waits for the flight's end. Returns false when the deadline passed before.
  [[nodiscard]] bool wait(flight::Flight& joined, spi::Deadline deadline);
  /// Takes the flight from the table, if it is still the one to join, and counts it out.
  void land(const flight::Flight& flight) noexcept;

  const std::size_t max_flights_;
  const Clock& clock_;
  std::atomic<std::size_t> flying_{0};
  std::atomic<std::size_t> waiting_{0};
  std::array<Shard, kShards> shards_;
};

}  // namespace weir::detail
