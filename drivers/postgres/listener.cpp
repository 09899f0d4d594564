#include "drivers/postgres/listener.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "drivers/postgres/listener_probe.hpp"
#include "weir/error.hpp"

namespace weir::postgres {

namespace {

/// Counts what snapshot $1 did not see (at most as many as are worth counting), announces it, and
/// tells the snapshot up to which that holds. Without $1 it only takes the snapshot.
const std::string kWatch =
    "WITH new AS MATERIALIZED (SELECT count(*) AS n FROM (SELECT FROM weir.changes("
    "pg_snapshot_xmax($1::pg_snapshot), ARRAY(SELECT pg_snapshot_xip($1::pg_snapshot)), 1000)) c) "
    "SELECT pg_current_snapshot(), n, CASE WHEN n > 0 THEN pg_notify('weir_changes', '') END FROM "
    "new";
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
      if (take_interruption() || deadline.passed(*clock_)) again = false;
      if (connection_ && take_notifications()) {
        step.woken = true;
        again = false;
      }
    }
  } catch (...) {
    connection_.reset();
    watched_.clear();
    plan_.lost(clock_->now());
    throw;
  }
  step.leader = plan_.leader();
  step.wake_ups_arrive = plan_.proven();
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
    plan_.probe_sent(clock_->now());
  } catch (const Error&) {
    // A standby refuses LISTEN; a second connection may be one too many. Both may pass.
    if (!connection_->usable()) throw;
    plan_.deaf(clock_->now());
  }
}

void Listener::elect() {
  const bool won = connection_->query(kElect, {}, limit(), "elect").boolean(0, 0);
  watched_.clear();
  plan_.elected(won ? LeaderPlan::Election::kWon : LeaderPlan::Election::kLost, clock_->now());
}

void Listener::watch(spi::ListenStep& step) {
  PqParams params;
  if (watched_.empty()) {
    params.add_null();
  } else {
    params.add_text(watched_);
  }
  const Rows rows = connection_->query(kWatch, params, limit(), "watch");
  watched_ = rows.string(0, 0);
  const std::size_t found = rows.unsigned_integer(0, 1);
  step.announced += found;
  plan_.watched(found > 0 ? LeaderPlan::Watched::kChanges : LeaderPlan::Watched::kNothing,
                clock_->now());
}

void Listener::prune(spi::ListenStep& step) {
  try {
    connection_->exec("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE", limit(), "prune");
    const auto retention = fmt::format("{} milliseconds", options_.prune_retention.count());
    step.pruned +=
        connection_->query("SELECT weir.prune($1::interval)", {retention}, limit(), "prune")
            .unsigned_integer(0, 0);
    connection_->exec("COMMIT", limit(), "prune");
  } catch (const Error&) {
    // A standby, or no schema, or no right: `weir doctor` tells. Wake-ups do not depend on it.
    if (!connection_->usable()) throw;
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
