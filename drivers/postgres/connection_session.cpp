// How a connection's session is opened, declared, doubted and reset.

#include <fmt/core.h>

#include <initializer_list>
#include <utility>

#include "drivers/postgres/change_feed.hpp"
#include "drivers/postgres/connection.hpp"
#include "drivers/postgres/errors.hpp"
#include "weir/error.hpp"

namespace weir::postgres {
namespace {

constexpr std::string_view kOperation = "setting up the session";
constexpr const char* kQuestion = "weir_state";  // not as StatementCache names statements

/// Whether a plan may hold constants computed under the setting: the server folds what it calls
/// immutable, bytea's text among it, and replans only for another search_path or role.
bool folded_into_plans(std::string_view setting) {
  return is_result_setting(setting) && setting != "search_path" && setting != "role";
}

std::vector<std::string> names_of(const std::vector<SessionState::Fact>& settings) {
  std::vector<std::string> names;
  for (const SessionState::Fact& setting : settings) names.push_back(setting.name);
  return names;
}

void add_sets(std::vector<Step>& steps, std::initializer_list<const SetStatement*> sets) {
  for (const SetStatement* set : sets) {
    if (set->sql.empty()) continue;
    steps.push_back({.kind = Step::Kind::kQuery, .sql = set->sql.c_str(), .params = &set->params});
  }
}

bool is_missing_statement(const Rows& rows) {
  return rows.status() == PGRES_FATAL_ERROR && server_error(rows.get()).sqlstate == "26000";
}

}  // namespace

std::vector<Rows> Connection::pipeline_asking(const std::vector<Step>& before,
                                              const PqParams& asked, const std::vector<Step>& after,
                                              spi::Deadline deadline) {
  // Prepared, because planning it takes the server a hundred times what running it takes.
  const bool prepared = !shared_.through_pooler();
  for (;;) {
    std::vector<Step> steps = before;
    const bool prepare = prepared && !question_prepared_;
    if (prepare) {
      steps.push_back({.kind = Step::Kind::kPrepare,
                       .name = kQuestion,
                       .sql = SessionState::query(),
                       .params = &asked});
    }
    steps.push_back({.kind = prepared ? Step::Kind::kPrepared : Step::Kind::kQuery,
                     .name = kQuestion,
                     .sql = SessionState::query(),
                     .params = &asked});
    steps.insert(steps.end(), after.begin(), after.end());
    std::vector<Rows> answers = pq_.pipeline(steps, deadline, kOperation);
    if (prepared && !prepare && is_missing_statement(answers[before.size()])) {
      question_prepared_ = false;  // a function's DEALLOCATE ALL
      continue;
    }
    for (const Rows& rows : answers) pq_.check(rows, kOperation);
    if (prepare) {
      question_prepared_ = true;
      answers.erase(answers.begin() + static_cast<std::ptrdiff_t>(before.size()));
    }
    return answers;
  }
}

SessionState Connection::ask_state(spi::Deadline deadline) {
  return SessionState{pipeline_asking({}, SessionState::params(custom_), {}, deadline).front()};
}

SessionState Connection::reset_session(const std::vector<SessionState::Fact>& settings,
                                       spi::Deadline deadline) {
  const SetStatement fixes = set_statement(profile_fixes_);
  const SetStatement declared = set_statement(settings);
  std::vector<Step> steps;
  for (const char* reset :
       {"RESET SESSION AUTHORIZATION", "RESET ROLE", "RESET ALL", "DISCARD TEMP"}) {
    steps.push_back({.kind = Step::Kind::kQuery, .sql = reset});
  }
  add_sets(steps, {&fixes, &declared});
  return SessionState{
      pipeline_asking(steps, SessionState::params(names_of(settings)), {}, deadline).back()};
}

bool Connection::clear_session(spi::Deadline deadline) {
  const SetStatement fixes = set_statement(profile_fixes_);
  const SetStatement declared = set_statement(declared_settings(session_));
  std::vector<Step> steps{{.kind = Step::Kind::kQuery, .sql = "RESET ALL"}};
  add_sets(steps, {&fixes, &declared});
  const std::uint64_t generation = shared_.generation();
  try {
    const std::vector<Rows> answers =
        pipeline_asking({}, SessionState::params(custom_), steps, deadline);
    if (!SessionState{answers.front()}.difference(expected_).empty()) return false;
  } catch (const Error& error) {
    // The role a function left may not be allowed to set them: a full reset takes it back first.
    if (!error.connection_usable() || error.code() == ErrorCode::kTimeout) throw;
    return false;
  }
  note_verified(generation);
  unproven_ = false;
  return true;
}

void Connection::note_verified(std::uint64_t generation) {
  suspect_ = false;
  verified_generation_ = generation;
  statements_.for_each([&](StatementCache::Entry& entry) {
    if (entry.epoch == epoch_) entry.unverified = false;
  });
}

void Connection::open_session(spi::Deadline deadline) {
  verified_generation_ = shared_.generation();
  expected_ = ask_state(deadline);
  if (!shared_.through_pooler()) {
    // What fills the cache must be READ COMMITTED, whatever the role's or the database's default
    // is.
    SessionState wanted = expected_;
    wanted.set("default_transaction_isolation", "read committed");
    wanted = shared_.profile(wanted);
    profile_fixes_ = expected_.to_set(wanted);
    if (!profile_fixes_.empty()) {
      try {
        expected_ = reset_session({}, deadline);
      } catch (const Error& error) {
        // Not allowed to set it: then this connection's environment is another one, which is no
        // error.
        if (!error.connection_usable() || error.code() == ErrorCode::kTimeout) throw;
        profile_fixes_.clear();
      }
    }
  } else {
    (void)shared_.profile(expected_);
  }
  profile_ = expected_;
  info_.environment = expected_.canonical();
  info_.standby = expected_.standby();
  info_.server_version = expected_.value("server_version").value_or("");
  try {
    info_.incarnation = handshake(pq_, deadline);
  } catch (const Error& error) {
    // weir's schema is missing, foreign or out of reach: nothing read here is cached, which is no
    // error either.
    if (!error.connection_usable() || error.code() == ErrorCode::kTimeout) throw;
    if (!idle()) pq_.exec("ROLLBACK", deadline, kOperation);
  }
  ask_incarnation_ = !info_.incarnation.empty();
}

void Connection::use_session(const Session& session, spi::Deadline deadline) {
  if (shared_.through_pooler()) {
    if (!session.declared()) return;
    throw Error{ErrorCode::kConfig,
                "session: a role or settings need a server connection of their own, which "
                "postgres.pooling = "
                "kTransaction does not give",
                {.backend = "postgresql"}};
  }
  // After DDL an undeclared session is left be: it reads no custom settings, and `session_doubt`
  // asks for all others.
  const bool outdated = session.declared() && verified_generation_ != shared_.generation();
  const bool same = !wrong_ && !outdated && session == session_;
  if (same && !unproven_) return;
  require_idle("declaring a session");
  if (same && clear_session(deadline)) return;
  wrong_ = wrong_ || same;  // plans made in it remember its settings
  require_declarable(session);
  const std::vector<SessionState::Fact> settings = declared_settings(session);
  const std::uint64_t generation = shared_.generation();
  try {
    expected_ = reset_session(settings, deadline);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kPermission || !error.connection_usable() ||
        error.code() == ErrorCode::kTimeout) {
      throw;
    }
    const std::string role = session.role ? fmt::format(" with role \"{}\"", *session.role) : "";
    throw Error{ErrorCode::kConfig,
                fmt::format("session: cannot be declared{}: {}", role, error.what()),
                error.details()};
  }
  if (wrong_) retire_all();
  session_ = session;
  custom_ = names_of(settings);
  scope_.clear();
  plan_scope_.clear();
  for (const SessionState::Fact& setting : settings) {
    const std::string text = fmt::format("{}={};", setting.name, *setting.value);
    if (setting.name.find('.') == std::string::npos) scope_ += text;  // as the engine asks again
    if (folded_into_plans(setting.name)) plan_scope_ += text;
  }
  ++session_number_;
  ++epoch_;
  suspect_ = false;
  unproven_ = false;
  verified_generation_ = generation;
  // A reset session that is not the profile again (another's ALTER ROLE … SET does not reach this
  // connection; a dropped role would) is not to be trusted.
  wrong_ = !session.declared() && !expected_.difference(profile_).empty();
}

std::string Connection::session_doubt(spi::Deadline deadline) {
  if (!usable()) return "the connection is broken";
  if (!idle()) return "inside a transaction";
  if (shared_.through_pooler()) return pooler_doubt_;
  if (wrong_) return "the session is not as declared";
  if (suspect_ || verified_generation_ != shared_.generation()) {
    if (session_.declared()) {
      // A custom setting nobody can list may have been set; the next use_session resets.
      return "a statement that may change settings ran in this declared session";
    }
    const std::uint64_t generation = shared_.generation();
    std::string difference = ask_state(deadline).difference(expected_);
    if (!difference.empty()) {
      wrong_ = true;
      return difference;
    }
    note_verified(generation);
  }
  if (last_ != nullptr && last_->tainted) {
    statements_.retire(last_->key);
    last_ = nullptr;
    return "the statement may have been planned under other settings";
  }
  return {};
}

void Connection::retire_all() {
  std::vector<std::string> keys;
  statements_.for_each([&](const StatementCache::Entry& entry) { keys.push_back(entry.key); });
  for (const std::string& key : keys) statements_.retire(key);
  last_ = nullptr;
}

void Connection::note_server_state(const SessionState& state, const std::string& incarnation) {
  pooler_doubt_ = state.difference(profile_);
  if (profile_.value("default_transaction_isolation") != "read committed") {
    pooler_doubt_ = "default_transaction_isolation is not \"read committed\"";
  }
  if (incarnation != info_.incarnation) {
    pooler_doubt_ = "the pooler leads to another incarnation of the server";
    pq_.mark_broken();  // a new connection tells the new incarnation
  }
}

}  // namespace weir::postgres
