#include "drivers/postgres/connection.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "drivers/postgres/errors.hpp"
#include "drivers/postgres/params.hpp"
#include "drivers/postgres/results.hpp"
#include "weir/error.hpp"
#include "weir/spi/text.hpp"

namespace weir::postgres {
namespace {

constexpr std::string_view kOperation = "query";
constexpr std::chrono::milliseconds kCancelLimit{500};

/// Skips white space and comments at the start of `sql`.
std::string_view skip_blank(std::string_view sql) {
  for (;;) {
    while (!sql.empty() &&
           std::string_view{" \t\r\n\f\v"}.find(sql.front()) != std::string_view::npos) {
      sql.remove_prefix(1);
    }
    if (sql.starts_with("--")) {
      sql.remove_prefix(std::min(sql.find('\n'), sql.size()));
    } else if (sql.starts_with("/*")) {
      std::size_t depth = 0;
      std::size_t at = 0;
      do {
        if (sql.substr(at, 2) == "/*") {
          ++depth;
          at += 2;
        } else if (sql.substr(at, 2) == "*/") {
          --depth;
          at += 2;
        } else {
          ++at;
        }
      } while (depth > 0 && at < sql.size());
      sql.remove_prefix(std::min(at, sql.size()));
    } else {
      return sql;
    }
  }
}

/// COPY answers in a mode of its own, which a pipeline cannot be in.
bool is_copy(std::string_view sql) {
  const std::string_view word = skip_blank(sql).substr(0, 4);
  return word.size() == 4 && (word[0] | 0x20) == 'c' && (word[1] | 0x20) == 'o' &&
         (word[2] | 0x20) == 'p' && (word[3] | 0x20) == 'y';
}

[[noreturn]] void throw_parameter_count(std::size_t wanted, std::size_t given) {
  throw Error{
      ErrorCode::kUsage,
      fmt::format("postgresql: query failed: the statement takes {} parameter{}, {} {} given",
                  wanted, wanted == 1 ? "" : "s", given, given == 1 ? "was" : "were"),
      {.backend = "postgresql"}};
}

bool failed(const Rows& rows) { return rows.status() == PGRES_FATAL_ERROR; }

/// Whether a prepared statement failed before it did anything, and preparing it again would help.
bool wants_preparing(const Rows& rows) {
  if (!failed(rows)) return false;
  const ServerError error = server_error(rows.get());
  return error.sqlstate == "26000" ||
         (error.sqlstate == "0A000" && error.function == "RevalidateCachedQuery");
}

}  // namespace

Connection::Connection(SharedState& shared, spi::Deadline deadline)
    : shared_{shared},
      pq_{Pq::connect(shared.target(), shared.clock(), deadline)},
      statements_{shared.through_pooler() ? 0 : shared.options().pool.statement_cache} {
  open_session(deadline);
}

spi::TransactionState Connection::state() const noexcept {
  if (!pq_.usable()) return spi::TransactionState::kLost;
  switch (pq_.transaction_status()) {
    case PQTRANS_IDLE:
      return spi::TransactionState::kIdle;
    case PQTRANS_ACTIVE:
    case PQTRANS_INTRANS:
      return spi::TransactionState::kActive;
    case PQTRANS_INERROR:
      return spi::TransactionState::kFailed;
    case PQTRANS_UNKNOWN:
      break;
  }
  return spi::TransactionState::kLost;
}

bool Connection::ping(spi::Deadline deadline) noexcept {
  try {
    pq_.exec("SELECT 1", deadline, "ping");
    return true;
  } catch (...) {  // the answer is no
    return false;
  }
}

spi::Analysis Connection::analyze(std::string_view sql, spi::Deadline deadline) {
  if (idle()) {
    const std::uint64_t generation = shared_.generation();
    spi::Analysis analysis = shared_.analyzer().analyze(pq_, sql, deadline);
    if (expected_.value("standard_conforming_strings").value_or("on") != "on") {
      // The parser reads '\' as the new standard does, the server would not.
      analysis.cacheability = spi::Cacheability::kNever;
      analysis.reasons.emplace_back("standard_conforming_strings is off");
      analysis.may_change_session = true;
      return analysis;
    }
    if (analysis.kind == spi::StatementKind::kRead && !analysis.may_change_session) {
      shared_.add_known_read(scope_, sql, generation);
    }
    return analysis;
  }
  // What a transaction has done to the catalog nobody else can see, and it may be rolled back.
  spi::Analysis analysis;
  if (state() == spi::TransactionState::kActive) {
    Analyzer own;
    analysis = own.analyze(pq_, sql, deadline);
  }
  analysis.cacheability = spi::Cacheability::kNever;
  analysis.reasons.emplace_back("analysed inside a transaction");
  return analysis;
}

void Connection::check(std::string_view sql, spi::Deadline deadline) {
  spi::require_clean_text(sql, "statement");
  const std::string text{sql};
  const Step prepare{.kind = Step::Kind::kPrepare, .sql = text.c_str()};
  pq_.check(pq_.pipeline({&prepare, 1}, deadline, kOperation).front(), kOperation);
}

spi::RunOutcome Connection::run(const spi::RunRequest& request) {
  static const Params kNone{};
  const Params& given = request.params == nullptr ? kNone : *request.params;
  if (request.sql.find('\0') != std::string_view::npos)
    spi::require_clean_text(request.sql, "statement");
  const PqParams params = encode(given);
  Rows rows;
  if (is_copy(request.sql)) {
    note_run(request.sql, nullptr);
    rows = pq_.query(std::string{request.sql}, params, request.deadline, kOperation);
  } else if (request.prepare && statements_.capacity() > 0) {
    // NUL ends the text: no statement has one.
    std::string key{request.sql};
    if (params.typed()) key += '\0' + type_signature(given);
    if (!plan_scope_.empty()) key += '\0' + plan_scope_;
    rows = run_prepared(request.sql, key, given, params, request.deadline);
  } else {
    spi::require_clean_text(request.sql, "statement");
    note_run(request.sql, nullptr);
    const std::string sql{request.sql};
    const bool ask = shared_.through_pooler() && idle() && !suspect_;
    rows = ask ? run_behind_question(sql, given, params, request.deadline)
               : run_once(sql, given, params, request.deadline);
  }
  return outcome(rows, request.deadline);
}

void Connection::note_run(std::string_view sql, StatementCache::Entry* entry) {
  pooler_doubt_ = "the statement is not proven harmless";
  last_ = entry;
  const std::uint64_t generation = shared_.generation();
  bool known = entry != nullptr && entry->known_read && entry->generation == generation &&
               entry->session == session_number_;
  if (!known) known = shared_.known_read(scope_, sql);
  if (shared_.through_pooler()) {
    suspect_ = !known;
    return;
  }
  if (!known) {
    suspect_ = true;
    unproven_ = true;
    ++epoch_;
  }
  if (entry == nullptr) return;
  entry->known_read = known;
  entry->generation = generation;
  entry->session = session_number_;
  entry->tainted = entry->tainted || (entry->unverified && entry->epoch != epoch_);
  entry->unverified = suspect_;
  entry->epoch = epoch_;
}

Rows Connection::run_prepared(std::string_view sql, const std::string& key, const Params& given,
                              const PqParams& params, spi::Deadline deadline) {
  StatementCache::Entry* entry = statements_.find(key);
  if (entry != nullptr && entry->generation != shared_.generation()) {
    // The server replans after DDL, but not after ALTER ROLE: its plan may hold another role's row
    // security.
    statements_.retire(key);
    entry = last_ = nullptr;
  }
  if (entry == nullptr) {
    spi::require_clean_text(sql, "statement");
    return prepare_and_run(statements_.insert(key), std::string{sql}, given, params, deadline);
  }
  note_run(sql, entry);
  if (entry->parameters != given.size()) throw_parameter_count(entry->parameters, given.size());
  const bool outside = idle();
  Rows rows = pq_.exec_prepared(entry->name, params, deadline, kOperation);
  if (!wants_preparing(rows)) {
    pq_.check(rows, kOperation);
    return rows;
  }
  statements_.retire(key);
  last_ = nullptr;
  if (outside)
    return prepare_and_run(statements_.insert(key), std::string{sql}, given, params, deadline);
  try {
    pq_.check(rows, kOperation);
  } catch (const Error& error) {
    // The transaction is lost, but the same work will succeed from its start.
    ErrorDetails details = error.details();
    details.retryable = true;
    throw Error{error.code(), error.what(), std::move(details)};
  }
  return rows;
}

Rows Connection::prepare_and_run(StatementCache::Entry& entry, const std::string& sql,
                                 const Params& given, const PqParams& params,
                                 spi::Deadline deadline) {
  note_run(sql, &entry);
  const std::string key = entry.key;
  const std::string name = entry.name;
  std::vector<std::string> drops;
  std::vector<Step> steps;
  if (idle()) {  // inside a transaction a failing DEALLOCATE would fail the transaction
    drops = statements_.take_evicted();
    for (std::string& drop : drops) {
      drop.insert(0, "DEALLOCATE ");
      steps.push_back({.kind = Step::Kind::kQuery, .sql = drop.c_str()});
      steps.push_back({.kind = Step::Kind::kSync});
    }
  }
  steps.push_back(
      {.kind = Step::Kind::kPrepare, .name = name.c_str(), .sql = sql.c_str(), .params = &params});
  steps.push_back({.kind = Step::Kind::kDescribe, .name = name.c_str()});
  steps.push_back({.kind = Step::Kind::kPrepared, .name = name.c_str(), .params = &params});
  try {
    std::vector<Rows> answers = pq_.pipeline(steps, deadline, kOperation);
    const std::size_t first = drops.size();
    pq_.check(answers[first], kOperation);
    pq_.check(answers[first + 1], kOperation);
    entry.parameters = static_cast<std::size_t>(PQnparams(answers[first + 1].get()));
    return checked_run(std::move(answers[first + 1]), std::move(answers[first + 2]), given);
  } catch (...) {
    // Whether it is prepared now is not worth knowing: what just failed is not likely to be run
    // again soon.
    statements_.retire(key);
    last_ = nullptr;
    throw;
  }
}

Rows Connection::checked_run(Rows described, Rows answer, const Params& given) const {
  const auto wanted = static_cast<std::size_t>(PQnparams(described.get()));
  if (failed(answer) && wanted != given.size()) throw_parameter_count(wanted, given.size());
  pq_.check(answer, kOperation);
  return answer;
}

Rows Connection::run_once(const std::string& sql, const Params& given, const PqParams& params,
                          spi::Deadline deadline) {
  const std::vector<Step> steps{
      {.kind = Step::Kind::kPrepare, .sql = sql.c_str(), .params = &params},
      {.kind = Step::Kind::kDescribe},
      {.kind = Step::Kind::kPrepared, .params = &params}};
  std::vector<Rows> answers = pq_.pipeline(steps, deadline, kOperation);
  pq_.check(answers[0], kOperation);
  pq_.check(answers[1], kOperation);
  return checked_run(std::move(answers[1]), std::move(answers[2]), given);
}

Rows Connection::run_behind_question(const std::string& sql, const Params& given,
                                     const PqParams& params, spi::Deadline deadline) {
  const PqParams asked = SessionState::params();
  std::vector<Step> steps{
      {.kind = Step::Kind::kQuery, .sql = SessionState::query(), .params = &asked}};
  if (ask_incarnation_)
    steps.push_back({.kind = Step::Kind::kQuery, .sql = "SELECT weir.current_incarnation()"});
  const std::size_t first = steps.size();
  steps.push_back({.kind = Step::Kind::kPrepare, .sql = sql.c_str(), .params = &params});
  steps.push_back({.kind = Step::Kind::kDescribe});
  steps.push_back({.kind = Step::Kind::kPrepared, .params = &params});
  std::vector<Rows> answers = pq_.pipeline(steps, deadline, kOperation);
  if (failed(answers[0]) || (ask_incarnation_ && failed(answers[1]))) {
    // weir's schema was dropped, say: the caller's statement must not suffer. Nothing ran yet.
    pooler_doubt_ = "the server connection's state could not be asked for";
    ask_incarnation_ = false;
    return run_once(sql, given, params, deadline);
  }
  pq_.check(answers[first], kOperation);
  pq_.check(answers[first + 1], kOperation);
  Rows rows = checked_run(std::move(answers[first + 1]), std::move(answers[first + 2]), given);
  note_server_state(SessionState{answers[0]},
                    ask_incarnation_ ? answers[1].string(0, 0) : std::string{});
  return rows;
}

spi::RunOutcome Connection::outcome(const Rows& rows, spi::Deadline deadline) {
  std::vector<Oid> unknown = unknown_types(rows);
  std::erase_if(unknown, [&](Oid type) { return shared_.type_name(type).has_value(); });
  std::vector<SharedState::TypeName> learnt;
  if (!unknown.empty()) learnt = learn_types(unknown, deadline);
  const auto name_of = [&](Oid type) {
    const auto found = std::ranges::find(learnt, type, &SharedState::TypeName::oid);
    if (found != learnt.end()) return found->name;
    return shared_.type_name(type).value_or(fmt::format("oid {}", type));
  };
  return {.rows = to_result(rows, name_of), .affected = rows.affected()};
}

std::vector<SharedState::TypeName> Connection::learn_types(const std::vector<Oid>& types,
                                                           spi::Deadline deadline) {
  std::vector<std::string> texts;
  texts.reserve(types.size());
  for (const Oid type : types) texts.push_back(fmt::format("{}", type));
  const std::uint64_t generation = shared_.generation();
  const Rows rows = pq_.query(
      "SELECT t.oid, CASE WHEN e.oid IS NULL THEN t.typname::pg_catalog.text "
      "ELSE pg_catalog.concat(e.typname, '[]') END "
      "FROM pg_catalog.pg_type t LEFT JOIN pg_catalog.pg_type e "
      "ON e.oid OPERATOR(pg_catalog.=) t.typelem AND e.typarray OPERATOR(pg_catalog.=) t.oid "
      "WHERE t.oid OPERATOR(pg_catalog.=) ANY ($1::pg_catalog.oid[])",
      PqParams{array_literal(texts)}, deadline, "reading type names");
  std::vector<SharedState::TypeName> learnt;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    learnt.push_back(
        {.oid = static_cast<Oid>(rows.unsigned_integer(row, 0)), .name = rows.string(row, 1)});
    // A type made by the transaction under way may never be: only what others can see is kept.
    if (idle()) shared_.add_type_name(learnt.back(), generation);
  }
  return learnt;
}

void Connection::cancel() noexcept { pq_.canceller().send(kCancelLimit); }

}  // namespace weir::postgres
