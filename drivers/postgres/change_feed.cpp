#include "drivers/postgres/change_feed.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "drivers/postgres/migrations.hpp"
#include "weir/error.hpp"

namespace weir::postgres {

namespace {

/// More changes than this since the last pull are cheaper forgotten than told one by one.
constexpr std::size_t kMaxChanges = 100'000;

const std::string kPull =
    "SELECT kind, xid, relation, target, snapshot, pruned, incarnation, ddl_state, standby, version"
    " FROM weir.pull($1, $2, $3)";
enum Column : std::size_t {
  kKind,
  kXid,
  kRelation,
  kTarget,
  kSnapshot,
  kPruned,
  kIncarnation,
  kDdlState,
  kStandby,
  kVersion,
  kCut
};

/// The first row's snapshot; a standby's do not list what is in progress.
spi::Snapshot snapshot_of(const Rows& rows) {
  spi::Snapshot snapshot = spi::Snapshot::parse(rows.text(0, kSnapshot));
  if (rows.boolean(0, kStandby)) {
    snapshot.standby = true;
    snapshot.xmax = snapshot.xmin;
    snapshot.in_progress.clear();
  }
  return snapshot;
}

/// The snapshot that has seen what `snapshot` has, and every id up to `last`.
spi::Snapshot seen_up_to(spi::Snapshot snapshot, spi::ChangeId last) {
  snapshot.xmin = std::max(snapshot.xmin, last + 1);
  snapshot.xmax = std::max(snapshot.xmax, last + 1);
  std::erase_if(snapshot.in_progress, [&](spi::ChangeId id) { return id <= last; });
  return snapshot;
}

/// Rows of the journal looked at for its history, and told of it.
constexpr std::size_t kHistoryRows = 250'000;
constexpr std::size_t kHistoryTold = 100'000;
const std::string kHistory =
    "SELECT kind, xid, relation, target, snapshot, pruned, incarnation, ddl_state, standby, "
    "version, cut FROM weir.history($1, $2, $3)";

int known_version() { return migrations().empty() ? 0 : migrations().back().number; }

spi::Change to_change(const Rows& rows, std::size_t row) {
  return make_change(rows.text(row, kKind), rows.unsigned_integer(row, kXid),
                     rows.string(row, kRelation), rows.string(row, kTarget));
}

[[noreturn]] void refuse_version(std::int64_t version) {
  throw Error{
      ErrorCode::kMigration,
      fmt::format(
          "pull: weir's schema in the database has version {}, this library knows {}: "
          "{}",
          version, known_version(),
          version < known_version() ? "run \"weir migrate up\"" : "use a newer weir library")};
}

}  // namespace

spi::Change make_change(std::string_view kind, spi::ChangeId id, std::string relation,
                        std::string target) {
  if (kind == "k") return {id, spi::ChangeKind::kRows, std::move(relation), std::move(target)};
  if (kind == "r") return {id, spi::ChangeKind::kRelation, std::move(relation)};
  if (kind == "t") return {id, spi::ChangeKind::kTag, std::move(target)};
  if (kind == "p") return {id, spi::ChangeKind::kTagPattern, std::move(target)};
  return {id, spi::ChangeKind::kEverything, {}};
}

ChangeFeed::ChangeFeed(Target target, const Clock& clock)
    : target_{std::move(target)}, clock_{&clock} {}

spi::Pull ChangeFeed::pull(spi::Deadline deadline) {
  if (connection_) {
    try {
      return try_pull(deadline);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kConnection) throw;  // else: it died idle, which costs one try
    }
  }
  return try_pull(deadline);
}

spi::Pull ChangeFeed::try_pull(spi::Deadline deadline) {
  if (!connection_) connection_ = Pq::connect(target_, *clock_, deadline);
  const Place before = last_;
  try {
    return read(deadline);
  } catch (...) {
    connection_.reset();
    last_ = before;
    throw;
  }
}

spi::Pull ChangeFeed::read(spi::Deadline deadline) {
  spi::Pull pull;
  const bool first = !last_.seen;
  if (first && wants_history_) pull.history = read_history(deadline);
  Rows rows = ask_known(deadline);
  pull.reset = why_reset(rows);
  if (!pull.reset.empty()) {
    if (rows.text(0, kDdlState) != last_.ddl_state) {
      connection_ = Pq::connect(target_, *clock_, deadline);
      rows = ask_known(deadline);
    }
    pull.history.reset();
    if (wants_history_) {
      pull.history = read_history(deadline);
      rows = ask_known(deadline);
      if (pull.history && !why_reset(rows).empty()) pull.history.reset();
    }
    if (first) pull.reset.clear();  // nothing was told yet
  }

  pull.incarnation = rows.string(0, kIncarnation);
  pull.epoch = rows.string(0, kDdlState);
  pull.snapshot = snapshot_of(rows);
  std::set<Told> told;
  if (pull.reset.empty() || pull.history) {
    pull.changes.reserve(rows.size() - 1);
    for (std::size_t row = 1; row < rows.size(); ++row) {
      spi::Change change = to_change(rows, row);
      Told key{change.id, change.kind, change.target};  // all of an id come together
      const bool known = told_.contains(key);
      if (pull.snapshot.standby && !pull.snapshot.sees(change.id)) told.insert(std::move(key));
      if (!known) pull.changes.push_back(std::move(change));
    }
  }

  remember(rows);
  told_ = std::move(told);
  return pull;
}

void ChangeFeed::remember(const Rows& rows) {
  last_.seen = snapshot_of(rows);
  last_.incarnation = rows.string(0, kIncarnation);
  last_.ddl_state = rows.string(0, kDdlState);
}

Rows ChangeFeed::ask_known(spi::Deadline deadline) {
  Rows rows = ask(deadline);
  if (!rows.is_null(0, kIncarnation)) return rows;
  if (handshake(*connection_, deadline).empty()) {
    throw Error{ErrorCode::kMigration,
                "pull: the standby has no incarnation of its primary: run "
                "\"SELECT weir.handshake()\" on the primary"};
  }
  return ask(deadline);
}

std::optional<spi::History> ChangeFeed::read_history(spi::Deadline deadline) {
  PqParams params;
  params.add_text(fmt::to_string(kHistoryRows));
  params.add_text(fmt::to_string(spi::History::kNewest));
  params.add_text(fmt::to_string(kHistoryTold + 1));
  Rows rows;
  try {
    const spi::Deadline half{clock_->now() + deadline.left(*clock_) / 2};
    rows = connection_->query(kHistory, params, half, "history");
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kTimeout) explain_missing(error, deadline);
    connection_ = Pq::connect(target_, *clock_, deadline);
    return std::nullopt;
  }
  // Without an incarnation the journal is about to be started afresh.
  if (rows.empty() || rows.is_null(0, kSnapshot) || rows.is_null(0, kIncarnation))
    return std::nullopt;
  spi::History history;
  history.complete_from = spi::Snapshot::parse(rows.text(0, kPruned));
  if (!rows.is_null(0, kCut))
    history.complete_from =
        seen_up_to(std::move(history.complete_from), rows.unsigned_integer(0, kCut));
  history.changes.reserve(rows.size() - 1);
  for (std::size_t row = 1; row < rows.size(); ++row)
    history.changes.push_back(to_change(rows, row));
  if (history.changes.size() > kHistoryTold) {
    history.complete_from = seen_up_to(std::move(history.complete_from), history.changes.back().id);
  }
  remember(rows);
  return history;
}

Rows ChangeFeed::ask(spi::Deadline deadline) {
  PqParams params;
  if (last_.seen) {
    params.add_text(fmt::to_string(last_.seen->xmax));
    params.add_text(fmt::format("{{{}}}", fmt::join(last_.seen->in_progress, ",")));
  } else {
    params.add_null();
    params.add_null();
  }
  params.add_text(fmt::to_string(kMaxChanges + 1));
  Rows rows;
  try {
    rows = connection_->query(kPull, params, deadline, "pull");
  } catch (const Error& error) {
    explain_missing(error, deadline);
  }
  if (rows.empty() || rows.is_null(0, kSnapshot)) {
    throw Error{ErrorCode::kMigration, "pull: table weir.meta is empty: run \"weir doctor\""};
  }
  if (rows.integer(0, kVersion) != known_version()) refuse_version(rows.integer(0, kVersion));
  return rows;
}

void ChangeFeed::explain_missing(const Error& error, spi::Deadline deadline) {
  const std::string& state = error.sqlstate();
  if (state == "42501") {
    throw Error{
        ErrorCode::kPermission,
        fmt::format("{}; pulling needs USAGE on schema weir: run \"GRANT USAGE ON SCHEMA weir "
                    "TO\" this role",
                    error.what()),
        error.details()};
  }
  if (state != "3F000" && state != "42883" && state != "42P01" && state != "42703") throw;
  std::int64_t version = 0;
  try {
    version =
        connection_->query("SELECT version FROM weir.meta", {}, deadline, "pull").integer(0, 0);
  } catch (const Error& missing) {
    if (missing.sqlstate() != "3F000" && missing.sqlstate() != "42P01") throw;
    throw Error{ErrorCode::kMigration,
                "pull: weir's schema is not in this database: run \"weir migrate up\""};
  }
  if (version != known_version()) refuse_version(version);
  throw Error{
      ErrorCode::kMigration,
      fmt::format("pull: weir's schema is damaged ({}): run \"weir migrate down\" and \"weir "
                  "migrate up\"",
                  error.what())};
}

std::string ChangeFeed::why_reset(const Rows& rows) const {
  if (!last_.seen) return {};
  if (rows.text(0, kIncarnation) != last_.incarnation) return "the server's incarnation changed";
  if (!last_.seen->covers(spi::Snapshot::parse(rows.text(0, kPruned)))) {
    return "journal rows not yet read were pruned";
  }
  if (rows.text(0, kDdlState) != last_.ddl_state)
    return "the catalog or the settings changed without a journal row";
  if (rows.size() - 1 > kMaxChanges) {
    return fmt::format("more than {} changes since the last pull", kMaxChanges);
  }
  return {};
}

std::unique_ptr<spi::ChangeFeed> make_change_feed(const Options& options, const Clock& clock) {
  return std::make_unique<ChangeFeed>(Target{options.database, options.postgres.application_name},
                                      clock);
}

std::string handshake(Pq& connection, spi::Deadline deadline) {
  const Rows known = connection.query("SELECT weir.current_incarnation(), pg_is_in_recovery()", {},
                                      deadline, "handshake");
  if (!known.is_null(0, 0) || known.boolean(0, 1)) return known.string(0, 0);
  connection.exec(
      "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SELECT weir.handshake(); COMMIT", deadline,
      "handshake");
  return connection.query("SELECT weir.current_incarnation()", {}, deadline, "handshake")
      .string(0, 0);
}

}  // namespace weir::postgres
