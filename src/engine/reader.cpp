// How a query is answered: Core's reading half.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "src/base/hash.hpp"
#include "src/cache/ttl.hpp"
#include "src/engine/core.hpp"
#include "weir/error.hpp"

namespace weir::detail {
namespace {

/// The rows are there already: an error now only keeps them out of the cache.
std::string doubt_after(spi::Connection& connection, spi::Deadline deadline) {
  try {
    return connection.session_doubt(deadline);
  } catch (const Error& error) {
    return error.what();
  }
}

}  // namespace

Result Core::query(const Asker& asker, std::string_view sql, const Query* declared,
                   const Params& params) {
  check_usable();
  if (!asked_.load(std::memory_order_relaxed)) asked_.store(true, std::memory_order_relaxed);
  Call call = this->call(asker, sql, declared, params);
  try {
    return answer(call);
  } catch (const Error&) {
    note_error();
    throw;
  }
}

Result Core::answer(Call& call) {
  ready(call, nullptr);
  refuse_session_changes(call);
  Miss miss{call.decision.code, call.decision.reason};
  KeyBuilder builder;
  Key key;
  if (call.decision.keep) {
    key = key_of(call, builder);
    if (auto result = from_memory(call, key, miss)) return *std::move(result);
    if (const EntryRef changed = std::exchange(miss.changed, {});
        changed && served_while_refreshed(call, *changed)) {
      counters_.stale_while_revalidate.add();
      refresh_later(call, key);
      miss.reason += "; served while it is asked again";
      return from_entry(call, *changed, std::move(miss));
    }
    // What is read now should be labelled as having seen this process's writes, or the next lookup
    // finds it stale; and what that pull brings may be DDL.
    if (const PullNeed need = need_of(call); !puller_.satisfied(need))
      (void)puller_.ensure(need, call.deadline);
    ready(call, nullptr);
    if (!call.decision.keep) miss = {call.decision.code, call.decision.reason};
  }
  if (!call.decision.share) return from_database(call, std::move(miss));
  key = key_of(call, builder);
  return from_flight(call, key, std::move(miss));
}

Key Core::key_of(const Call& call, KeyBuilder& builder) {
  std::uint64_t context = call.asker.context;
  if (call.declares_reads())
    context = contexts_.number(call.asker.session, full_policy(call).depends_on);
  const KeyBuilder::BuiltKey built = builder.build(call.statement->id(), context, call.params);
  return {built.hash, built.bytes};
}

PullNeed Core::need_of(const Call& call) const noexcept {
  return {call.now - call.ruling.max_staleness, puller_.required()};
}

// --- From memory
// --------------------------------------------------------------------------------------------------

std::optional<Result> Core::from_memory(const Call& call, const Key& key, Miss& miss) {
  const EntryRef entry = memory_.find(key);
  if (!entry) {
    miss = {ReasonCode::kAbsent, "not in the cache"};
    return std::nullopt;
  }
  if (expired({call.now, entry->read_started(), entry->expires(), call.ruling.ttl})) {
    miss = {ReasonCode::kExpired, "expired: its ttl has passed"};
    return std::nullopt;
  }
  const Dependencies dependencies = entry->dependencies();
  if (!carries_tags(call, dependencies.tags)) {
    miss = {ReasonCode::kAbsent, "not in the cache under these tags"};
    return std::nullopt;
  }
  // What only its TTL bounds needs no journal.
  const bool by_ttl_alone =
      !call.decision.proven && dependencies.cells.empty() && dependencies.tags.empty();
  if (!by_ttl_alone) {
    const PullNeed need = need_of(call);
    if (!puller_.satisfied(need) && puller_.ensure(need, call.deadline) != PullOutcome::kDone) {
      if (served_on_error(call, *entry)) {
        counters_.stale_on_error.add();
        return from_entry(call, *entry);
      }
      miss = {ReasonCode::kNotValidated, fmt::format("not validated: {}", puller_.last_failure())};
      return std::nullopt;
    }
  }
  const bool note = call.ruling.stale_while_revalidate.has_value();
  // Taken before the verdict, which is then true after this pull at least.
  const Freshness::Pulled pulled = note ? freshness_.pulled() : Freshness::Pulled{};
  switch (freshness_.judge(*entry->label(), dependencies)) {
    case Verdict::kFresh:
      if (note) entry->note_fresh(pulled);
      return from_entry(call, *entry);
    case Verdict::kChanged:
      call.statement->normal().touched.fetch_add(1, std::memory_order_relaxed);
      miss = {ReasonCode::kStale, what_changed(call, *entry->label())};
      if (note) miss.changed = entry;
      return std::nullopt;
    case Verdict::kVoid:
      miss = {ReasonCode::kReset, "everything cached before was voided"};
      return std::nullopt;
  }
  return std::nullopt;
}

bool Core::carries_tags(const Call& call, std::span<const std::string> tags) const {
  if (!call.tagged()) return true;
  // An entry without this caller's tags would not hear of their invalidation.
  const std::vector<std::string> wanted = full_policy(call).tags;
  return std::all_of(wanted.begin(), wanted.end(), [&](const std::string& tag) {
    return std::find(tags.begin(), tags.end(), tag) != tags.end();
  });
}

bool Core::will_do(const Call& call, const FlightResult& landed) const {
  if (!landed.judged) return true;  // it was read since the flight began
  const PullNeed need = need_of(call);
  return landed.judged->number >= need.at_least && landed.judged->started >= need.not_before &&
         !call.tagged() &&
         !expired({clock_.now(), landed.read_started, TimePoint::max(), call.ruling.ttl});
}

Result Core::from_entry(const Call& call, const Entry& entry, Miss stale) {
  counters_.hits.add();
  if (events_.hit.listened()) {
    events_.hit.emit(
        {call.statement->normalized(), Source::kMemory, call.now - entry.read_started()});
  }
  return Result{
      entry.rows(),
      {Source::kMemory, stale.code, std::move(stale.reason), entry.read_started(), call.now}};
}

bool Core::served_on_error(const Call& call, const Entry& entry) const {
  const Freshness::Pulled pulled = freshness_.pulled();
  return call.ruling.stale_if_error && pulled.number >= puller_.required() && pulled.number != 0 &&
         call.now - pulled.started <= *call.ruling.stale_if_error &&
         freshness_.judge(*entry.label(), entry.dependencies()) == Verdict::kFresh;
}

bool Core::served_while_refreshed(const Call& call, const Entry& entry) const {
  const Freshness::Pulled fresh = entry.fresh();
  return background_ && call.decision.proven && fresh.number >= puller_.required() &&
         fresh.number != 0 && call.now - fresh.started <= *call.ruling.stale_while_revalidate &&
         freshness_.judge_analysis(*entry.label()) == Verdict::kFresh;
}

void Core::refresh_later(const Call& call, const Key& key) {
  struct Owned {
    Asker asker;
    std::optional<Query> declared;
    std::string sql;
    Params params;
  };
  auto owned = std::make_shared<const Owned>(
      Owned{call.asker, call.declared ? std::optional{*call.declared} : std::nullopt,
            std::string{call.sql}, call.params});
  background_->refresh_later(std::string{key.bytes}, [this, owned] {
    Call again = this->call(owned->asker, owned->sql, owned->declared ? &*owned->declared : nullptr,
                            owned->params);
    ready(again, nullptr);
    if (!again.decision.keep) return;
    KeyBuilder builder;
    const Key same = key_of(again, builder);
    (void)from_flight(again, same, {ReasonCode::kStale, "stale: asked again in the background"});
  });
}

std::vector<const Cell*> Core::cells_of(const Call& call) {
  const Facts& facts = call.facts();
  const KeyStripes* const keys = facts.analysis.keys.empty() ? nullptr : &freshness_.cells().keys();
  return dependency_cells(facts.analysis, facts.dependencies, call.params, *driver_, keys);
}

std::string Core::what_changed(const Call& call, const Label& label) {
  const Facts& facts = call.facts();
  for (std::size_t i = 0; i < facts.dependencies.size(); ++i) {
    const FactsDependency& dependency = facts.dependencies[i];
    if (dependency.cells->any.seen_by(label)) continue;
    const std::string& id = facts.analysis.dependencies[i];
    std::string_view rows;
    if (dependency.keyed && dependency.cells->whole.seen_by(label)) {
      const auto hashes = key_hashes(facts.analysis, id, call.params, *driver_);
      const KeyStripes& keys = freshness_.cells().keys();
      const auto unseen = [&](std::uint64_t key) { return !keys.at(key)->seen_by(label); };
      if (hashes && std::none_of(hashes->begin(), hashes->end(), unseen)) continue;
      rows = hashes ? "rows of " : "";
      if (hashes && std::all_of(hashes->begin(), hashes->end(), [&](std::uint64_t key) {
            return !unseen(key) || keys.taken_by_another(key);
          })) {
        counters_.key_collisions.add();
      }
    }
    for (const spi::RelationUse& relation : facts.analysis.relations) {
      if (relation.id == id) return fmt::format("stale: {}{} changed", rows, relation.name);
    }
    return "stale: a partition or a child of a table it reads changed";
  }
  return "stale: the schema, a tag or a declared table changed";
}

// --- From the database
// --------------------------------------------------------------------------------------------

Result Core::from_flight(Call& call, const Key& key, Miss miss) {
  for (;;) {
    FlightTicket ticket =
        flights_.join_or_lead(key, {need_of(call).not_before, puller_.writes()}, call.deadline);
    switch (ticket.outcome) {
      case FlightOutcome::kLead:
        // The flight of another may have landed between this caller's look and its lead.
        if (Miss again; call.decision.keep && miss.code == ReasonCode::kAbsent) {
          if (auto result = from_memory(call, key, again)) return *std::move(result);
        }
        return lead(call, key, std::move(miss), std::move(ticket.lead));
      case FlightOutcome::kFull:
        return from_database(call, std::move(miss));
      case FlightOutcome::kTimedOut:
        throw Error(ErrorCode::kTimeout,
                    "query: the limit passed while another caller was asking the database the same",
                    {.backend = std::string{driver_->backend()}, .retryable = true});
      case FlightOutcome::kShared:
        if (!will_do(call, *ticket.result)) {
          // Found, not read: judged by its leader's bound, not by this caller's.
          Miss again;
          if (call.decision.keep) {
            if (auto result = from_memory(call, key, again)) return *std::move(result);
          }
          continue;
        }
        counters_.coalesced.add();
        if (events_.hit.listened()) {
          events_.hit.emit({call.statement->normalized(), Source::kCoalesced,
                            clock_.now() - ticket.result->read_started});
        }
        return Result{ticket.result->rows,
                      {Source::kCoalesced, miss.code, std::move(miss.reason),
                       ticket.result->read_started, clock_.now()}};
    }
  }
}

Result Core::lead(Call& call, const Key& key, Miss miss, FlightLead lead) {
  SharedRead shared{shared_.get()};
  if (shared_ && call.decision.keep) {
    if (auto landed = from_shared(call, key, shared, miss)) {
      Result result{landed->rows,
                    {Source::kRedis, ReasonCode::kHit, {}, landed->read_started, clock_.now()}};
      lead.finish(std::move(landed));
      counters_.hits.add();
      if (events_.hit.listened())
        events_.hit.emit({call.statement->normalized(), Source::kRedis, result.age()});
      return result;
    }
  }
  ReadOutcome outcome;
  try {
    outcome = read(call);
  } catch (const Error& error) {
    // This caller's own limit says nothing to those who have more time: one of them leads on.
    const bool own_limit = error.code() == ErrorCode::kTimeout && call.ruling.timeout;
    if (!own_limit) lead.fail(std::current_exception());
    throw;
  }
  auto landed = std::make_shared<FlightResult>();
  landed->rows = outcome.rows;
  landed->label = outcome.label;
  landed->read_started = outcome.started;
  landed->cost = outcome.took;
  if (call.decision.keep) {
    if (outcome.label) store(call, key, outcome);
    if (!outcome.refused.reason.empty()) {
      counters_.store_refused.add();
      events_.refused.emit({call.statement->normalized(), outcome.refused.reason});
      miss = std::move(outcome.refused);
    }
  }
  lead.finish(std::move(landed));  // after the store: whoever comes next finds the entry
  if (shared_ && call.decision.keep) {
    if (const std::string why = share(call, shared, outcome); !why.empty())
      miss.reason += fmt::format("; {}", why);
  }
  note_miss(call, miss);
  return Result{
      std::move(outcome.rows),
      {Source::kDatabase, miss.code, std::move(miss.reason), outcome.started, outcome.started}};
}

Result Core::from_database(Call& call, Miss miss) {
  note_miss(call, miss);
  ReadOutcome outcome = read(call);
  return Result{
      std::move(outcome.rows),
      {Source::kDatabase, miss.code, std::move(miss.reason), outcome.started, outcome.started}};
}

Core::ReadOutcome Core::read(Call& call) {
  const bool writes = call.facts().analysis.kind != spi::StatementKind::kRead;
  const spi::Access access = writes ? spi::Access::kWrite : spi::Access::kRead;
  std::optional<Wrote> wrote;
  if (writes || call.facts().analysis.may_change_session) {
    counters_.writes.add();
    wrote.emplace(puller_);
  }
  return on_lease(call, access, writes ? Retry::kNever : Retry::kOnce,
                  [&](spi::Connection& connection) { return read_on(call, connection); });
}

Core::ReadOutcome Core::read_on(const Call& call, spi::Connection& connection) {
  ReadOutcome outcome;
  if (call.decision.keep) label_read(call, connection, outcome);
  outcome.started = clock_.now();
  outcome.rows = connection.run({call.sql, &call.params, true, call.deadline}).rows;
  outcome.took = clock_.now() - outcome.started;
  counters_.database.record(outcome.took);
  if (shared_) call.statement->cost().record(outcome.took);
  if (outcome.label) {
    if (const std::string doubt = doubt_after(connection, call.deadline); !doubt.empty()) {
      outcome.label.reset();
      outcome.refused = {ReasonCode::kSession, fmt::format("not stored: {}", doubt)};
    }
  }
  return outcome;
}

void Core::label_read(const Call& call, spi::Connection& connection, ReadOutcome& outcome) {
  const auto refuse = [&](ReasonCode code, std::string reason) {
    outcome.refused = {code, std::move(reason)};
  };
  const Facts& facts = call.facts();
  const EffectivePolicy policy = full_policy(call);
  const LabelRef before =
      freshness_.label();  // what is found out below is true as of this one at least
  // Cells first, then the label: a cell asked for before a label is taken misses nothing.
  outcome.cells = cells_of(call);
  if (shared_) {
    outcome.relations = facts.analysis.dependencies;
    outcome.environment = connection.info().environment;
  }
  for (const std::string& table : policy.depends_on) {
    const spi::Analysis reads =
        connection.analyze(fmt::format("SELECT 1 FROM {}", table), call.deadline);
    if (reads.kind != spi::StatementKind::kRead || reads.relations.size() != 1 ||
        !reads.relations.front().tracked) {
      return refuse(
          ReasonCode::kNotCacheable,
          fmt::format("not cacheable: depends_on names {}, which is no tracked table", table));
    }
    for (const std::string& id : reads.dependencies)
      outcome.cells.push_back(freshness_.cells().relation(id));
    if (shared_) {
      outcome.relations.insert(outcome.relations.end(), reads.dependencies.begin(),
                               reads.dependencies.end());
    }
  }
  outcome.tags = policy.tags;
  for (const std::string& tag : outcome.tags) outcome.cells.push_back(freshness_.cells().tag(tag));

  if (!call.ruling.ttl && may_name_current_time(call.params)) {
    return refuse(ReasonCode::kNotCacheable,
                  "not cacheable: a text parameter may name the current time (annotate a ttl, or "
                  "pass a time point)");
  }
  if (connection.info().standby)
    return refuse(ReasonCode::kStandby, "not stored: the connection leads to a standby");
  LabelRef label = freshness_.label();
  if (label == nullptr) {
    if (call.decision.proven || !outcome.cells.empty()) {
      return refuse(ReasonCode::kNotValidated,
                    fmt::format("not validated: {}", puller_.last_failure()));
    }
    // No journal: bounded by its TTL alone, and void when a journal appears.
    auto unjournaled = std::make_shared<Label>();
    unjournaled->generation = freshness_.generation();
    outcome.label = std::move(unjournaled);
    return;
  }
  if (label->incarnation != connection.info().incarnation) {
    return refuse(ReasonCode::kReset,
                  "not stored: the connection leads to another incarnation of the server");
  }
  const auto holds = [&](const LabelRef& known) {
    return known != nullptr && freshness_.judge_analysis(*known) == Verdict::kFresh;
  };
  if (!holds(facts.label) || !holds(before)) {
    return refuse(ReasonCode::kStale, "not stored: the schema changed meanwhile");
  }
  outcome.label = std::move(label);
}

void Core::store(const Call& call, const Key& key, ReadOutcome& outcome) {
  EntryDraft draft;
  draft.rows = outcome.rows;
  draft.label = outcome.label;
  draft.dependencies = {outcome.cells, outcome.tags};
  draft.read_started = outcome.started;
  draft.cost = outcome.took;
  draft.fresh = {outcome.label->pull, outcome.label->started};
  if (call.ruling.ttl) {
    // Any number that differs from entry to entry spreads them.
    const auto seed = static_cast<std::uint64_t>(outcome.started.time_since_epoch().count());
    outcome.expires = outcome.started + jittered(*call.ruling.ttl, options_.memory.ttl_jitter,
                                                 hash64(key.bytes, seed));
    draft.expires = outcome.expires;
  }
  const PutReport report = put_in_memory(call, key, std::move(draft));
  if (report.outcome == PutOutcome::kStored) return;
  outcome.refused =
      report.outcome == PutOutcome::kTooLarge
          ? Miss{ReasonCode::kTooLarge,
                 fmt::format("not stored: {} bytes, more than memory.max_entry, {}",
                             outcome.rows->size(), options_.memory.max_entry.value)}
          : Miss{ReasonCode::kAbsent,
                 "not stored: what it would displace is worth more, or the tier is off"};
}

PutReport Core::put_in_memory(const Call& call, const Key& key, EntryDraft draft) {
  const std::size_t size = draft.rows->size();
  const std::chrono::nanoseconds cost = draft.cost;
  const PutReport report = memory_.put(key, std::move(draft));
  if (report.evicted_entries != 0)
    events_.evicted.emit({report.evicted_entries, report.evicted_bytes.value});
  if (report.outcome == PutOutcome::kStored) {
    counters_.stored.add();
    events_.stored.emit({call.statement->normalized(), size, cost});
  }
  return report;
}

}  // namespace weir::detail
