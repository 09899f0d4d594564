#include "drivers/postgres/listener.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "drivers/postgres/change_feed.hpp"
#include "drivers/postgres/listener_probe.hpp"
#include "weir/error.hpp"

namespace weir::postgres {

namespace {

/// More changes than this in one look are not told one by one: whoever hears of them pulls.
constexpr std::size_t kMostTold = 1000;

/// What snapshot $1 did not see, announced; a row for each change (at most $2), one when there is
/// none. Every row begins with the snapshot up to which that holds. Without $1 there is no change.
const std::string kWatch =
    "WITH new AS MATERIALIZED (SELECT * FROM weir.changes(pg_snapshot_xmax($1::pg_snapshot), "
    "ARRAY(SELECT pg_snapshot_xip($1::pg_snapshot)), $2)), "
    "told AS MATERIALIZED (SELECT n, CASE WHEN n > 0 THEN pg_notify('weir_changes', '') END AS "
    "done "
    "FROM (SELECT count(*) AS n FROM new) c) "
    "SELECT pg_current_snapshot(), weir.current_incarnation(), told.n, told.done, new.kind, "
    "new.xid, "
    "new.relation, new.target FROM told LEFT JOIN new ON true";
enum Column : std::size_t {
  kSnapshot,
  kIncarnation,
  kFound,
  kDone,
  kKind,
  kXid,
  kRelation,
  kTarget
};
const std::string kElect = "SELECT pg_try_advisory_lock(2003134834, 2)";

constexpr std::chrono::milliseconds kLongestPoll{60'000};

}  // namespace

Listener::Listener(const Options& options, const Clock& clock)
    : target_{options.database, options.postgres.application_name},
      options_{options.listen},
      io_timeout_{options.pull_timeout},
      clock_{&clock},
      plan_{options.listen, options.postgres.pooling == Pooling::kTransaction
                                ? LeaderPlan::Listening::kNo
                                : LeaderPlan::Listening::kYes},
      interrupt_fd_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)} {
  if (interrupt_fd_ < 0) throw Error{ErrorCode::kInternal, "listen: eventfd failed"};
}

Listener::~Listener() { ::close(interrupt_fd_); }

void Listener::interrupt() noexcept {
  const std::uint64_t one = 1;
  // Only a full counter could refuse it, and a full counter is an interruption already.
  [[maybe_unused]] const auto written = ::write(interrupt_fd_, &one, sizeof one);
}

bool Listener::take_interruption() noexcept {
  std::uint64_t count = 0;
  return ::read(interrupt_fd_, &count, sizeof count) == static_cast<ssize_t>(sizeof count);
}

spi::Deadline Listener::limit() const { return spi::Deadline::after(*clock_, io_timeout_); }

spi::ListenStep Listener::step(spi::Deadline deadline) {
  spi::ListenStep step;
  bool again = true;
  try {
    while (again) {
      const NextDuty next = plan_.next(clock_->now());
      switch (next.duty) {
        case Duty::kConnect:
          connect();
          break;
        case Duty::kProbe:
          probe();
          break;
        case Duty::kElect:
          elect();
          break;
        case Duty::kWatch:
          watch(step);
          break;
        case Duty::kPrune:
          prune(step);
          break;
        case Duty::kWait:
          wait(deadline.earlier(spi::Deadline{next.until}));
          break;
      }
      if (next.duty != Duty::kWait) step.answered = true;
      if (take_interruption() || deadline.passed(*clock_)) again = false;
      if (connection_ && take_notifications()) {
        step.woken = true;
        again = false;
      }
    }
  } catch (...) {
    connection_.reset();
    watched_.reset();
    plan_.lost(clock_->now());
    throw;
  }
  step.leader = plan_.leader();
  step.wake_ups_arrive = plan_.proven();
  if (plan_.deaf()) step.deaf_because = deaf_because_;
  return step;
}

void Listener::connect() {
  connection_.reset();
  connection_ = Pq::connect(target_, *clock_, limit());
  plan_.connected(clock_->now());
}

void Listener::probe() {
  try {
    connection_->exec(fmt::format("LISTEN {}", kWakeUpChannel), limit(), "listen");
    nonce_ = probe_nonce(*connection_);
    send_probe(target_, *clock_, nonce_, limit());
    deaf_because_ =
        "LISTEN was accepted, but no notification arrives: a pooler in transaction mode is in "
        "between; connect the listener to the server itself, or to a pooler in session mode";
    plan_.probe_sent(clock_->now());
  } catch (const Error& error) {
    // A standby refuses LISTEN; a second connection may be one too many. Both may pass.
    if (!connection_->usable()) throw;
    deaf_because_ = error.what();
    plan_.went_deaf(clock_->now());
  }
}

void Listener::elect() {
  const bool won = connection_->query(kElect, {}, limit(), "elect").boolean(0, 0);
  watched_.reset();
  plan_.elected(won ? LeaderPlan::Election::kWon : LeaderPlan::Election::kLost, clock_->now());
}

void Listener::watch(spi::ListenStep& step) {
  PqParams params;
  if (watched_) {
    params.add_text(watched_->to_string());
  } else {
    params.add_null();
  }
  params.add_text(fmt::to_string(kMostTold + 1));
  const Rows rows = connection_->query(kWatch, params, limit(), "watch");
  const std::size_t found = rows.unsigned_integer(0, kFound);
  const bool first = !watched_;
  spi::AnnouncedBatch batch = batch_of(rows, found);
  if (first || !batch.changes.empty() || found > 0) step.batches.push_back(std::move(batch));
  step.announced += found;
  ++step.looks;
  plan_.watched(found > 0 ? LeaderPlan::Watched::kChanges : LeaderPlan::Watched::kNothing,
                clock_->now());
}

spi::AnnouncedBatch Listener::batch_of(const Rows& rows, std::size_t found) {
  spi::AnnouncedBatch batch;
  batch.incarnation = rows.string(0, kIncarnation);
  batch.to = spi::Snapshot::parse(rows.text(0, kSnapshot));
  const bool told = watched_ && batch.incarnation == incarnation_ && found <= kMostTold;
  batch.from = told ? *watched_ : batch.to;
  for (std::size_t row = 0; told && found > 0 && row < rows.size(); ++row) {
    batch.changes.push_back(make_change(rows.text(row, kKind), rows.unsigned_integer(row, kXid),
                                        rows.string(row, kRelation), rows.string(row, kTarget)));
  }
  watched_ = batch.to;
  incarnation_ = batch.incarnation;
  return batch;
}

void Listener::prune(spi::ListenStep& step) {
  try {
    connection_->exec("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE", limit(), "prune");
    const auto retention = fmt::format("{} milliseconds", options_.prune_retention.count());
    step.pruned +=
        connection_->query("SELECT weir.prune($1::interval)", {retention}, limit(), "prune")
            .unsigned_integer(0, 0);
    connection_->exec("COMMIT", limit(), "prune");
  } catch (const Error& error) {
    // A standby, or no schema, or no right. Wake-ups do not depend on it.
    if (!connection_->usable()) throw;
    step.prune_failure = error.what();
    connection_->exec("ROLLBACK", limit(), "prune");
  }
  plan_.pruned(clock_->now());
}

void Listener::wait(spi::Deadline until) {
  if (connection_) {
    [[maybe_unused]] const bool readable = connection_->wait_readable(until, interrupt_fd_);
    return;
  }
  pollfd interruption{interrupt_fd_, POLLIN, 0};
  const auto limit = std::min(until.left(*clock_), kLongestPoll);
  if (::poll(&interruption, 1, static_cast<int>(limit.count())) < 0 && errno != EINTR) {
    throw Error{ErrorCode::kInternal, "listen: poll failed"};
  }
}

bool Listener::take_notifications() {
  bool woken = false;
  for (const Notification& notification : connection_->notifications()) {
    if (notification.channel != kWakeUpChannel) continue;
    if (notification.payload.empty()) {
      woken = true;
    } else if (notification.payload == nonce_) {
      plan_.probe_arrived(clock_->now());
    }
  }
  return woken;
}

std::unique_ptr<spi::Listener> make_listener(const Options& options, const Clock& clock) {
  return std::make_unique<Listener>(options, clock);
}

}  // namespace weir::postgres
