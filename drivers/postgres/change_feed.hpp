#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>

#include "drivers/postgres/pq.hpp"
#include "weir/error.hpp"
#include "weir/options.hpp"
#include "weir/spi/change_feed.hpp"

namespace weir::postgres {

/// PostgreSQL's journal, read through `weir.pull()` on a connection of its own.
///
/// A pull is one statement, so snapshot, incarnation, what was pruned and the journal rows are of
/// one moment; it uses nothing of a session, so it works through a pooler in any mode. Rows are
/// those with `xid >= xmax` of the last snapshot or among its in-progress ids, which is exact
/// (no row missed, none twice). On a standby, whose snapshots do not list what is in progress, they
/// are those from `xmin` on, and the feed leaves out what it has told already.
/// A pull whose deadline passes closes the connection: it may be half open.
/// History is one statement before the first pull, which goes on from its snapshot; it may take
/// half of the time there is, and when it takes longer there is none. When `ddl_state` changed, the
/// pull is asked for again on a fresh connection, where the time at which the settings were loaded
/// is the server's and not the session's: so it is equal in all processes, and can be the epoch.
/// Thread safety: one pull at a time.
class ChangeFeed final : public spi::ChangeFeed {
 public:
  /// Lifetime: the clock outlives it.
  ChangeFeed(Target target, const Clock& clock);

  void want_history() override { wants_history_ = true; }
  [[nodiscard]] spi::Pull pull(spi::Deadline deadline) override;

 private:
  using Told = std::tuple<spi::ChangeId, spi::ChangeKind, std::string>;

  [[nodiscard]] spi::Pull try_pull(spi::Deadline deadline);
  [[nodiscard]] spi::Pull read(spi::Deadline deadline);
  /// The rows of a pull, with an incarnation.
  [[nodiscard]] Rows ask_known(spi::Deadline deadline);
  [[nodiscard]] Rows ask(spi::Deadline deadline);
  /// What the journal retains; `last_` becomes its place. Empty when it took too long.
  [[nodiscard]] std::optional<spi::History> read_history(spi::Deadline deadline);
  void remember(const Rows& rows);
  [[noreturn]] void explain_missing(const Error& error, spi::Deadline deadline);
  [[nodiscard]] std::string why_reset(const Rows& rows) const;

  Target target_;
  const Clock* clock_;
  bool wants_history_{false};
  std::optional<Pq> connection_;
  struct Place {
    std::optional<spi::Snapshot> seen{};
    std::string incarnation{};
    std::string ddl_state{};
  };
  Place last_;           // of the last pull that returned, or the history of the one under way
  std::set<Told> told_;  // standby: delivered rows not below seen_->xmin
};

[[nodiscard]] std::unique_ptr<spi::ChangeFeed> make_change_feed(const Options& options,
                                                                const Clock& clock);

/// A journal row as a change; `kind` as the column `weir.journal.kind` has it.
[[nodiscard]] spi::Change make_change(std::string_view kind, spi::ChangeId id, std::string relation,
                                      std::string target);

/// Runs `weir.handshake()`: the server's incarnation, made anew after a crash, promotion or
/// restore; empty on a standby that has not got one. Works under a read-only default and through
/// poolers.
[[nodiscard]] std::string handshake(Pq& connection, spi::Deadline deadline);

}  // namespace weir::postgres
