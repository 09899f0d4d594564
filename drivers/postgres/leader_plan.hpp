#pragma once

#include <chrono>
#include <cstdint>

#include "weir/clock.hpp"
#include "weir/options.hpp"

namespace weir::postgres {

/// What a listener does next.
enum class Duty : std::uint8_t {
  kConnect,  ///< Open the connection and LISTEN.
  kProbe,    ///< Have another connection send a nonce: does LISTEN work on this path at all?
  kElect,    ///< Try for the leader's advisory lock.
  kWatch,    ///< Leader: look for new journal rows, announce them.
  kPrune,    ///< Offer to prune the journal; the server decides whether it is time.
  kWait,     ///< Nothing before `NextDuty::until`.
};

struct NextDuty {
  Duty duty{Duty::kWait};
  TimePoint until{};  ///< For kWait.
};

/// The decisions of a listener as a state machine without I/O.
///
/// States: disconnected → listening → probing → proven (→ leader), or deaf, where LISTEN was
/// accepted but nothing arrives (a pooler in transaction mode) or is refused (a standby). A deaf
/// listener never takes the session lock: behind a pooler nobody would own it. It still prunes, for
/// which no session is needed, and probes again now and then. A leader that finds nothing looks
/// less and less often, down to the idle interval. Reconnecting is tried at growing
/// intervals until something beyond connecting has worked.
/// Thread safety: distinct objects safe; shared object unsafe.
class LeaderPlan {
 public:
  static constexpr std::chrono::seconds kProbeTimeout{2};
  static constexpr std::chrono::seconds kProbeAgain{60};
  static constexpr std::chrono::seconds kElectAgain{2};
  static constexpr std::chrono::milliseconds kFirstRetry{100};
  static constexpr std::chrono::milliseconds kLastRetry{5000};
  static constexpr int kSlowestWatch = 4;  ///< Times `watch_interval`, when no other is configured.

  /// `may_listen` is false where it is known that LISTEN cannot work.
  enum class Listening : std::uint8_t { kNo, kYes };
  LeaderPlan(const ListenOptions& options, Listening listening);

  [[nodiscard]] NextDuty next(TimePoint now);

  void connected(TimePoint now);
  /// The connection is gone, or could not be opened.
  void lost(TimePoint now);
  /// LISTEN was refused, or the probe could not be sent.
  void went_deaf(TimePoint now);
  void probe_sent(TimePoint now);
  void probe_arrived(TimePoint now);
  enum class Election : std::uint8_t { kLost, kWon };
  void elected(Election election, TimePoint now);
  enum class Watched : std::uint8_t { kNothing, kChanges };
  void watched(Watched watched, TimePoint now);
  void pruned(TimePoint now);

  [[nodiscard]] bool leader() const noexcept { return leader_; }
  [[nodiscard]] bool proven() const noexcept { return state_ == State::kProven; }
  [[nodiscard]] bool deaf() const noexcept { return state_ == State::kDeaf; }

 private:
  enum class State : std::uint8_t { kDisconnected, kListening, kProbing, kProven, kDeaf };

  Duration watch_interval_;
  Duration idle_interval_;
  Duration prune_interval_;
  Listening listening_;
  State state_{State::kDisconnected};
  bool leader_{false};
  Duration retry_{kFirstRetry};
  Duration watch_pause_;
  TimePoint connect_at_{};
  TimePoint probe_at_{};  // kProbing: given up then; kDeaf: tried again then
  TimePoint elect_at_{};
  TimePoint watch_at_{};
  TimePoint prune_at_{};
};

}  // namespace weir::postgres
