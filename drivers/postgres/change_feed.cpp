#include "drivers/postgres/change_feed.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

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
  kVersion
};

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
  try {
    return read(deadline);
  } catch (...) {
    connection_.reset();
    throw;
  }
}

spi::Pull ChangeFeed::read(spi::Deadline deadline) {
  Rows rows = ask(deadline);
  if (rows.is_null(0, kIncarnation)) {
    if (handshake(*connection_, deadline).empty()) {
      throw Error{ErrorCode::kMigration,
                  "pull: the standby has no incarnation of its primary: run "
                  "\"SELECT weir.handshake()\" on the primary"};
    }
    rows = ask(deadline);
  }

  spi::Pull pull;
  pull.incarnation = rows.string(0, kIncarnation);
  pull.snapshot = spi::Snapshot::parse(rows.text(0, kSnapshot));
  if (rows.boolean(0, kStandby)) {
    pull.snapshot.standby = true;
    pull.snapshot.xmax = pull.snapshot.xmin;
    pull.snapshot.in_progress.clear();
  }
  pull.reset = why_reset(rows);
  std::set<Told> told;
  if (pull.reset.empty()) {
    pull.changes.reserve(rows.size() - 1);
    for (std::size_t row = 1; row < rows.size(); ++row) {
      spi::Change change = to_change(rows, row);
      Told key{change.id, change.kind, change.target};
      const bool known = told_.contains(key);
      if (pull.snapshot.standby && !pull.snapshot.sees(change.id)) told.insert(std::move(key));
      if (!known) pull.changes.push_back(std::move(change));
    }
  }

  seen_ = pull.snapshot;
  incarnation_ = pull.incarnation;
  ddl_state_ = rows.string(0, kDdlState);
  told_ = std::move(told);
  return pull;
}

Rows ChangeFeed::ask(spi::Deadline deadline) {
  PqParams params;
  if (seen_) {
    params.add_text(fmt::to_string(seen_->xmax));
    params.add_text(fmt::format("{{{}}}", fmt::join(seen_->in_progress, ",")));
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
  if (!seen_) return {};
  if (rows.text(0, kIncarnation) != incarnation_) return "the server's incarnation changed";
  if (!seen_->covers(spi::Snapshot::parse(rows.text(0, kPruned)))) {
    return "journal rows not yet read were pruned";
  }
  if (rows.text(0, kDdlState) != ddl_state_)
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
