#pragma once

#include <atomic>
#include <boost/signals2/signal.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "weir/result.hpp"

namespace weir {

/// A query was answered from the cache.
struct HitEvent {
  std::string_view statement{};  ///< Normalised text. All views here live as long as the slot runs.
  Source source{Source::kMemory};
  std::chrono::nanoseconds age{};
};
/// A query was not answered from the cache, and why.
struct MissEvent {
  std::string_view statement{};
  ReasonCode code{ReasonCode::kAbsent};
  std::string_view reason{};
};
/// A result was put into the cache.
struct StoredEvent {
  std::string_view statement{};
  std::size_t bytes{};
  std::chrono::nanoseconds cost{};  ///< What the database took.
};
/// Entries left the memory tier to make room.
struct EvictedEvent {
  std::size_t entries{};
  std::size_t bytes{};
};
/// A change was learned, here or elsewhere made.
struct InvalidationEvent {
  enum class Kind : std::uint8_t { kRelation, kTag, kTagPattern, kEverything, kRows, kReset };
  Kind kind{Kind::kRelation};
  std::string_view target{};  ///< Relation id, tag, pattern, or why everything was reset.
  std::string_view rows{};    ///< kRows: the key values touched, as `spi::Change::rows` has them.
};
/// A result was not stored, a hint was malformed, or a rules file was not taken.
struct RefusedEvent {
  std::string_view statement{};  ///< Empty when it is not about one.
  std::string_view reason{};
};
/// Something the cache needs does not work; queries go to the database meanwhile.
struct DegradedEvent {
  std::string_view what{};    ///< "journal", "listener", "redis", "pool", "upkeep".
  std::string_view reason{};  ///< Empty: it works again. Told once each way, not at every failure.
};

/// A Boost.Signals2 signal that costs one load while nobody has ever connected.
///
/// Slots run on the thread the event happened on, without a lock held; what they throw is
/// swallowed. That may be a background thread of the database. A slot that captures a `Database` by
/// value keeps it alive for ever, as the database holds its slots: capture a reference, or a
/// `std::weak_ptr` to a shared one. The last handle may go in a slot on a background thread, not in
/// one that a call on that same handle runs. Thread safety: shared object safe.
template <typename E>
class Event {
 public:
  using Signal = boost::signals2::signal<void(const E&)>;

  boost::signals2::connection connect(std::function<void(const E&)> slot) {
    listened_.store(
        true,
        std::memory_order_release);  // pairs with listened(): the slot hears what happens from now
    return signal_.connect(std::move(slot));
  }
  [[nodiscard]] bool listened() const noexcept { return listened_.load(std::memory_order_acquire); }
  void emit(const E& event) const noexcept {
    if (!listened()) return;
    try {
      signal_(event);
    } catch (...) {  // a slot's failure is not the query's
    }
  }

 private:
  std::atomic<bool> listened_{false};
  Signal signal_;
};

/// What happens inside, as it happens.
struct Events {
  Event<HitEvent> hit;
  Event<MissEvent> miss;
  Event<StoredEvent> stored;
  Event<EvictedEvent> evicted;
  Event<InvalidationEvent> invalidated;
  Event<RefusedEvent> refused;
  Event<DegradedEvent> degraded;
};

}  // namespace weir
