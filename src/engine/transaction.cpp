#include "weir/transaction.hpp"

#include <fmt/format.h>

#include <utility>

#include "src/engine/transaction_impl.hpp"
#include "src/sql/bounds.hpp"
#include "weir/error.hpp"

namespace weir {

using detail::Call;
using detail::Core;

namespace {

void check_savepoint(std::string_view name) {
  // PostgreSQL cuts a longer name, so that two savepoints could be one.
  detail::require_argument("savepoint: the name", name, 63);
}

}  // namespace

Transaction::Impl::Impl(std::shared_ptr<Core> core, detail::Asker asker,
                        const TransactionOptions& options)
    : core_{std::move(core)}, asker_{std::move(asker)}, options_{options} {
  core_->check_usable();
  const spi::Access access =
      options_.access == TransactionAccess::kReadWrite ? spi::Access::kWrite : spi::Access::kRead;
  // Nothing has run yet: a connection that turns out to be lost is replaced, once.
  for (bool again = false;; again = true) {
    lease_ = core_->lease(asker_, access, deadline());
    try {
      lease_->begin(options_.isolation, options_.access, deadline());
      break;
    } catch (const Error& error) {
      if (again || error.connection_usable() || error.code() == ErrorCode::kTimeout) throw;
    }
    lease_.give_back();
  }
  open_ = true;
  core_->transaction_began();
}

Transaction::Impl::~Impl() {
  if (!open_) return;
  if (core_->forked()) {
    new detail::Lease{std::move(lease_)};  // the connection is the parent's: not even rolled back
    return;
  }
  try {
    rollback();
  } catch (const std::exception&) {  // the lease throws the connection away
  }
}

spi::Connection& Transaction::Impl::connection() {
  if (!open_) throw Error(ErrorCode::kUsage, "transaction: it has ended; begin another");
  core_->check_usable();
  return *lease_;
}

spi::Deadline Transaction::Impl::deadline() const {
  return core_->deadline_after(core_->clock().now(), options_.timeout);
}

bool Transaction::Impl::has_own_snapshot() const {
  return options_.isolation != Isolation::kReadCommitted || core_->driver().backend() == "sqlite";
}

void Transaction::Impl::prepare(Call& call) {
  if (wrote_ || has_own_snapshot()) {
    core_->ready_alone(call, connection());
  } else {
    core_->ready(call, &connection());
  }
  core_->refuse_session_changes(call);
  const spi::Analysis& analysis = call.facts().analysis;
  // What is not known to be a plain read may have written, in a function, a CTE or a trigger.
  if (analysis.kind != spi::StatementKind::kRead || analysis.may_change_session) wrote_ = true;
}

spi::Deadline Transaction::Impl::limit_of(const Call& call) const {
  return call.ruling.timeout ? deadline().earlier(call.deadline) : deadline();
}

spi::RunOutcome Transaction::Impl::run(std::string_view sql, const Params& params,
                                       spi::Deadline limit) {
  try {
    return connection().run({sql, &params, true, limit});
  } catch (const Error&) {
    core_->note_error();
    throw;
  }
}

Result Transaction::Impl::query(std::string_view sql, const Query* declared, const Params& params) {
  spi::Connection& on = connection();
  Call call = core_->call(asker_, sql, declared, params);
  Core::Miss miss{ReasonCode::kTransaction, "inside a transaction that has written"};
  if (on.state() == spi::TransactionState::kActive) {
    prepare(call);
    if (has_own_snapshot()) {
      miss.reason = "inside a transaction with a snapshot of its own";
    } else if (!wrote_) {
      if (!call.decision.keep) {
        miss = {call.decision.code, call.decision.reason};
      } else {
        detail::KeyBuilder builder;
        if (auto result = core_->from_memory(call, core_->key_of(call, builder), miss))
          return *std::move(result);
      }
    }
  }
  core_->note_miss(call, miss);
  const TimePoint started = core_->clock().now();
  spi::RunOutcome outcome = run(sql, params, limit_of(call));
  return Result{std::move(outcome.rows),
                {Source::kDatabase, miss.code, std::move(miss.reason), started, started}};
}

std::uint64_t Transaction::Impl::execute(std::string_view sql, const Params& params) {
  spi::Connection& on = connection();
  Call call = core_->call(asker_, sql, nullptr, params);
  if (on.state() == spi::TransactionState::kActive) prepare(call);
  wrote_ = true;
  core_->counters().writes.add();
  return run(sql, params, limit_of(call)).affected;
}

void Transaction::Impl::savepoint(std::string_view name) {
  check_savepoint(name);
  connection().savepoint(name, deadline());
}
void Transaction::Impl::rollback_to(std::string_view name) {
  check_savepoint(name);
  connection().rollback_to(name, deadline());
}
void Transaction::Impl::release(std::string_view name) {
  check_savepoint(name);
  connection().release(name, deadline());
}

void Transaction::Impl::invalidate(spi::InvalidationKind kind, std::string_view target) {
  detail::require_argument("invalidate: the target", target, Core::kLongestTarget);
  wrote_ = true;
  connection().invalidate(kind, target, deadline());
}

void Transaction::Impl::commit() {
  spi::Connection& on = connection();
  open_ = false;
  core_->transaction_ended();
  try {
    on.commit(deadline());
  } catch (const Error&) {
    // Whether it happened may be unknown: lookups pull before they answer, either way.
    if (wrote_) core_->wrote();
    core_->note_error();
    lease_.give_back();
    throw;
  }
  if (wrote_) core_->wrote();
  lease_.give_back();
}

void Transaction::Impl::rollback() {
  spi::Connection& on = connection();
  open_ = false;
  core_->transaction_ended();
  try {
    on.rollback(deadline());
  } catch (const Error&) {
    lease_.give_back();
    throw;
  }
  lease_.give_back();
}

Transaction::Transaction(std::unique_ptr<Impl> impl) noexcept : impl_{std::move(impl)} {}
Transaction::Transaction(Transaction&&) noexcept = default;
Transaction& Transaction::operator=(Transaction&&) noexcept = default;
Transaction::~Transaction() = default;

Transaction::Impl& Transaction::impl() const {
  if (!impl_) {
    throw Error(ErrorCode::kUsage, "this Transaction was moved from: use the one it was moved to");
  }
  return *impl_;
}

Result Transaction::query_params(std::string_view sql, const Params& params) {
  return impl().query(sql, nullptr, params);
}
Result Transaction::query_params(const Query& query, const Params& params) {
  return impl().query(query.sql(), &query, params);
}
std::uint64_t Transaction::execute_params(std::string_view sql, const Params& params) {
  return impl().execute(sql, params);
}
void Transaction::savepoint(std::string_view name) { impl().savepoint(name); }
void Transaction::rollback_to(std::string_view name) { impl().rollback_to(name); }
void Transaction::release(std::string_view name) { impl().release(name); }
void Transaction::invalidate_table(std::string_view table) {
  impl().invalidate(spi::InvalidationKind::kTable, table);
}
void Transaction::invalidate_tag(std::string_view tag) {
  impl().invalidate(spi::InvalidationKind::kTag, tag);
}
void Transaction::invalidate_tags_matching(std::string_view glob) {
  impl().invalidate(spi::InvalidationKind::kTagPattern, glob);
}
void Transaction::commit() { impl().commit(); }
void Transaction::rollback() { impl().rollback(); }

}  // namespace weir
