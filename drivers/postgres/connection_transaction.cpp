// A connection's transactions, and what it does with weir's schema.

#include <fmt/core.h>

#include "drivers/postgres/connection.hpp"
#include "weir/error.hpp"
#include "weir/spi/text.hpp"

namespace weir::postgres {
namespace {

std::string quoted(std::string_view name) {
  if (name.empty())
    throw Error{ErrorCode::kUsage, "savepoint: the name is empty", {.backend = "postgresql"}};
  spi::require_clean_text(name, "savepoint name");
  std::string out = "\"";
  for (const char c : name) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + '"';
}

std::string_view isolation_sql(spi::Isolation isolation) {
  switch (isolation) {
    case spi::Isolation::kReadCommitted:
      return "READ COMMITTED";
    case spi::Isolation::kRepeatableRead:
      return "REPEATABLE READ";
    case spi::Isolation::kSerializable:
      break;
  }
  return "SERIALIZABLE";
}

const char* invalidate_sql(spi::InvalidationKind kind) {
  switch (kind) {
    case spi::InvalidationKind::kTable:
      return "SELECT weir.invalidate_table($1::regclass)";
    case spi::InvalidationKind::kTag:
      return "SELECT weir.invalidate_tag($1::text)";
    case spi::InvalidationKind::kTagPattern:
      return "SELECT weir.invalidate_tags_matching($1::text)";
    case spi::InvalidationKind::kEverything:
      break;
  }
  return "SELECT weir.invalidate_everything()";
}

}  // namespace

void Connection::require_idle(std::string_view operation) const {
  if (idle()) return;
  if (!usable()) {
    throw ConnectionError{fmt::format("postgresql: {} failed: the connection is broken", operation),
                          {.backend = "postgresql", .connection_usable = false}};
  }
  throw Error{ErrorCode::kUsage,
              fmt::format("postgresql: {} failed: a transaction is under way", operation),
              {.backend = "postgresql"}};
}

void Connection::begin(spi::Isolation isolation, spi::TransactionAccess access,
                       spi::Deadline deadline) {
  require_idle("begin");
  pq_.exec(fmt::format("BEGIN ISOLATION LEVEL {} {}", isolation_sql(isolation),
                       access == spi::TransactionAccess::kReadOnly ? "READ ONLY" : "READ WRITE"),
           deadline, "begin");
}

void Connection::commit(spi::Deadline deadline) {
  if (state() == spi::TransactionState::kIdle) {
    throw Error{ErrorCode::kUsage,
                "postgresql: commit failed: no transaction is under way",
                {.backend = "postgresql"}};
  }
  Rows rows;
  try {
    rows = pq_.exec("COMMIT", deadline, "commit");
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kTimeout && error.connection_usable()) throw;
    throw Error{error.code(),
                fmt::format("{}; whether the transaction was committed is not known", error.what()),
                error.details()};
  }
  if (rows.command() == "ROLLBACK") {
    throw Error{ErrorCode::kDatabase,
                "postgresql: commit failed: a statement of the transaction had failed, so it was "
                "rolled back",
                {.sqlstate = "25P02", .backend = "postgresql"}};
  }
}

void Connection::rollback(spi::Deadline deadline) {
  if (state() == spi::TransactionState::kIdle) return;
  pq_.exec("ROLLBACK", deadline, "rollback");
}

void Connection::savepoint(std::string_view name, spi::Deadline deadline) {
  pq_.exec("SAVEPOINT " + quoted(name), deadline, "savepoint");
}

void Connection::rollback_to(std::string_view name, spi::Deadline deadline) {
  pq_.exec("ROLLBACK TO SAVEPOINT " + quoted(name), deadline, "rollback to savepoint");
}

void Connection::release(std::string_view name, spi::Deadline deadline) {
  pq_.exec("RELEASE SAVEPOINT " + quoted(name), deadline, "release savepoint");
}

void Connection::invalidate(spi::InvalidationKind kind, std::string_view target,
                            spi::Deadline deadline) {
  spi::require_clean_text(target, "invalidation target");
  try {
    pq_.query(invalidate_sql(kind),
              kind == spi::InvalidationKind::kEverything ? PqParams{} : PqParams{target}, deadline,
              "invalidate");
  } catch (const Error& error) {
    // No schema, or no such function in it; a table that does not exist is the caller's.
    if (error.sqlstate() != "3F000" && error.sqlstate() != "42883") throw;
    throw Error{
        ErrorCode::kMigration,
        "invalidate: weir's schema is missing or older than this library: run \"weir migrate up\"",
        error.details()};
  }
}

spi::Snapshot Connection::current_snapshot(spi::Deadline deadline) {
  const Rows rows =
      pq_.query("SELECT pg_catalog.pg_current_snapshot(), pg_catalog.pg_is_in_recovery()", {},
                deadline, "current snapshot");
  spi::Snapshot snapshot = spi::Snapshot::parse(rows.text(0, 0));
  if (rows.boolean(0, 1)) {  // what is in progress is not listed there
    snapshot.standby = true;
    snapshot.xmax = snapshot.xmin;
    snapshot.in_progress.clear();
  }
  return snapshot;
}

}  // namespace weir::postgres
