#pragma once

#include <memory>
#include <optional>
#include <string>

#include "drivers/postgres/leader_plan.hpp"
#include "drivers/postgres/pq.hpp"
#include "weir/options.hpp"
#include "weir/spi/change_feed.hpp"

namespace weir::postgres {

/// PostgreSQL's wake-ups: LISTEN on a connection of its own and, when this process holds the
/// leader's advisory lock, one NOTIFY for each batch of new journal rows.
///
/// What is done when is `LeaderPlan`'s; here are only its hands. A single duty may pass a step's
/// deadline by the pull timeout, when a server stops answering.
/// Thread safety: one `step` at a time; `interrupt` from anywhere.
class Listener final : public spi::Listener {
 public:
  /// Lifetime: the clock outlives it.
  Listener(const Options& options, const Clock& clock);
  ~Listener() override;

  [[nodiscard]] spi::ListenStep step(spi::Deadline deadline) override;
  void interrupt() noexcept override;

 private:
  void connect();
  void probe();
  void elect();
  void watch(spi::ListenStep& step);
  /// One look's answer as a batch; moves `watched_` on.
  [[nodiscard]] spi::AnnouncedBatch batch_of(const Rows& rows, std::size_t found);
  void prune(spi::ListenStep& step);
  /// Waits for a notification, an interruption or the moment.
  void wait(spi::Deadline until);
  /// Takes in what has arrived; whether a wake-up was among it.
  [[nodiscard]] bool take_notifications();
  [[nodiscard]] bool take_interruption() noexcept;
  [[nodiscard]] spi::Deadline limit() const;

  Target target_;
  ListenOptions options_;
  std::chrono::milliseconds io_timeout_;
  const Clock* clock_;
  LeaderPlan plan_;
  int interrupt_fd_;
  std::optional<Pq> connection_;
  std::string nonce_;                     // of the probe under way
  std::string deaf_because_;              // the last refusal of LISTEN or the probe
  std::optional<spi::Snapshot> watched_;  // leader: up to which changes were announced
  std::string incarnation_;               // leader: of the last look
};

/// In transaction pooling the listener does not LISTEN; it only prunes.
[[nodiscard]] std::unique_ptr<spi::Listener> make_listener(const Options& options,
                                                           const Clock& clock);

}  // namespace weir::postgres
