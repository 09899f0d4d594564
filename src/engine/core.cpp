#include "src/engine/core.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "src/engine/fork_guard.hpp"
#include "src/engine/stream_listener.hpp"
#include "src/sql/bounds.hpp"
#include "weir/error.hpp"

namespace weir::detail {
namespace {

Options checked(Options options) {
  options.validate();
  return options;
}

constexpr std::size_t kMaxFlights = 4096;

std::unique_ptr<spi::ChangeFeed> open_feed(spi::Driver& driver, bool with_history) {
  std::unique_ptr<spi::ChangeFeed> feed = driver.open_feed();
  if (with_history) feed->want_history();
  return feed;
}

std::unique_ptr<SharedTier> open_shared(const Options& options,
                                        std::unique_ptr<spi::RemoteStore> store,
                                        const spi::Driver& driver, const Clock& clock,
                                        SharedWatchers watchers) {
  if (!store) return nullptr;
  if (!driver.shares_change_ids()) {
    throw Error(
        ErrorCode::kConfig,
        fmt::format("options.redis: is set for a database of kind {}; must be empty: there, "
                    "every process counts changes for itself, so none can judge what "
                    "another one stored",
                    driver.backend()));
  }
  return std::make_unique<SharedTier>(options.redis.value_or(RedisOptions{}), std::move(store),
                                      clock, std::move(watchers));
}

}  // namespace

Core::Core(Options options, std::unique_ptr<spi::Driver> driver, const Clock& clock,
           Threads threads, std::unique_ptr<spi::RemoteStore> store)
    : options_{checked(std::move(options))},
      clock_{clock},
      driver_{std::move(driver)},
      defaults_{Ruling::of(resolve(options_.policy))},
      fork_generation_{fork_generation()},
      freshness_{store ? Coverage::kChanged : Coverage::kAsked, options_.memory.key_stripes},
      shared_{open_shared(options_, std::move(store), *driver_, clock_,
                          {[this](std::string_view reason) {
                             events_.degraded.emit({"redis", reason});
                           },
                           [this](Duration took) { counters_.redis_get.record(took); },
                           [this](Duration took) { counters_.redis_put.record(took); }})},
      puller_{open_feed(*driver_, shared_ != nullptr),
              freshness_,
              clock_,
              options_.pull_timeout,
              [this] { driver_->forget_catalog(); },
              [this](const Puller::Attempt& attempt) { pulled(attempt); }},
      contexts_{options_.statement_memo},
      memory_{options_.memory,
              [this](const Entry& entry) {
                return clock_.now() >= entry.expires() ||
                       (entry.label() &&
                        freshness_.judge(*entry.label(), entry.dependencies()) != Verdict::kFresh);
              }},
      flights_{kMaxFlights, clock_},
      pool_{*driver_, options_.pool, clock_},
      rules_{options_.rules_file} {
  {
    const Lease first = pool_.lease(spi::Access::kRead, 0, deadline_after(clock_.now(), {}));
    adopt_environment(first->info());
  }
  (void)puller_.ensure({clock_.now(), 0}, deadline_after(clock_.now(), {}));
  if (threads == Threads::kBackground) {
    const auto bound = options_.policy.max_staleness.value_or(EffectivePolicy::kDefaultStaleness);
    background_.emplace(*this, open_listener(), bound, clock_);
  }
}

std::unique_ptr<spi::Listener> Core::open_listener() {
  if (!options_.listen.enabled) return nullptr;
  if (options_.listen.via == WakeUps::kDatabase || !shared_) return driver_->open_listener();
  return std::make_unique<StreamListener>(shared_->store().open_stream(options_.listen.stream),
                                          freshness_);
}

bool Core::forked() const noexcept { return fork_generation_ != fork_generation(); }

Core::~Core() {
  background_.reset();
  pool_.close(spi::Deadline{clock_.now()});
}

void Core::close() {
  if (closed_.exchange(true)) return;
  if (shared_) shared_->stop();
  const std::size_t in_use = pool_.close(spi::Deadline::after(clock_, options_.statement_timeout));
  if (background_) background_->stop();
  if (in_use == 0) return;
  const std::size_t transactions =
      std::min(in_use, open_transactions_.load(std::memory_order_relaxed));
  throw Error(ErrorCode::kTimeout,
              fmt::format("close: after statement_timeout = {} ms still in use: {} open "
                          "transaction(s), {} other call(s); the database is closed all the same, "
                          "and their connections when they end; end transactions before close()",
                          options_.statement_timeout.count(), transactions, in_use - transactions),
              {.backend = std::string{driver_->backend()}});
}

void Core::end(std::unique_ptr<Core> core) {
  if (!core->background_ || !core->background_->on_own_thread()) return;  // deleted here
  Background& background = *core->background_;
  background.hand_over(std::move(core));
}

void Core::transaction_began() noexcept {
  counters_.transactions.add();
  open_transactions_.fetch_add(1, std::memory_order_relaxed);
}

void Core::transaction_ended() noexcept {
  open_transactions_.fetch_sub(1, std::memory_order_relaxed);
}

void Core::check_usable() const {
  if (forked()) {
    throw Error(ErrorCode::kRefused,
                "this database was opened before fork(): open databases after it, or start a "
                "program anew in the child");
  }
  if (closed_.load(std::memory_order_acquire))
    throw Error(ErrorCode::kClosed, "this database was closed");
}

Asker Core::asker(Session session, Policy policy) {
  Asker asker;
  asker.context = contexts_.number(session, {});
  asker.memo = contexts_.memo(session);
  asker.session = std::move(session);
  asker.policy = std::move(policy);
  return asker;
}

spi::Deadline Core::deadline_after(TimePoint now,
                                   std::optional<std::chrono::milliseconds> limit) const {
  return spi::Deadline{
      now + (limit ? std::min(*limit, options_.statement_timeout) : options_.statement_timeout)};
}

Lease Core::lease(const Asker& asker, spi::Access access, spi::Deadline deadline) {
  Lease lease = pool_.lease(access, asker.context, deadline);
  lease->use_session(asker.session, deadline);
  adopt_environment(lease->info());
  return lease;
}

void Core::adopt_environment(const spi::ConnectionInfo& info) {
  bool changed = false;
  {
    const MutexLock lock{mutex_};
    changed = !environment_.empty() && environment_ != info.environment;
    environment_ = info.environment;
  }
  // Answers depend on it and the key does not hold it: what was read under another one is void.
  if (changed) freshness_.void_all();
}

std::string Core::environment() const {
  const MutexLock lock{mutex_};
  return environment_;
}

// --- What a statement is
// ------------------------------------------------------------------------------------------

Call Core::call(const Asker& asker, std::string_view sql, const Query* declared,
                const Params& params) const {
  Call call{asker, declared, params, sql, asker.memo->find(sql), clock_.now(), {}, {}, {}};
  // Until hint and rules are known, the strongest sources bound the call; `decide` looks again.
  call.ruling = defaults_;
  if (declared != nullptr) call.ruling.override_with(declared->policy());
  call.ruling.override_with(asker.policy);
  call.deadline = deadline_after(call.now, call.ruling.timeout);
  return call;
}

StatementRef Core::remember(const Asker& asker, std::string_view sql) {
  check_statement_text(sql, options_.max_statement);
  StatementRef statement = asker.memo->add(sql, driver_->scan(sql));
  for (const std::string& problem : statement->hint().problems) {
    counters_.hint_errors.add();
    events_.refused.emit({statement->normalized(), fmt::format("hint ignored: {}", problem)});
  }
  return statement;
}

bool Core::facts_hold(const Facts& facts, TimePoint now) const {
  if (facts.rules_version != rules_.version()) return false;
  if (facts.label) return freshness_.judge_analysis(*facts.label) == Verdict::kFresh;
  // Made without a journal: once there is one, or after a while, look again.
  return freshness_.label() == nullptr && now - facts.made < kUnjournaledAnalysisAge;
}

void Core::ready(Call& call, spi::Connection* connection) {
  if (!call.statement) call.statement = remember(call.asker, call.sql);
  if (!call.has_facts() || !facts_hold(call.facts(), call.now)) {
    if (connection != nullptr) {
      call.statement = call.asker.memo->attach(*call.statement, analyze(call, *connection));
    } else {
      // An analysis only reads the catalog, so any connection will do.
      call.statement = call.asker.memo->attach(
          *call.statement,
          on_lease(call, spi::Access::kRead, Retry::kOnce,
                   [&](spi::Connection& leased) { return analyze(call, leased); }));
    }
  }
  decide(call);
}

void Core::ready_alone(Call& call, spi::Connection& connection) {
  if (!call.statement) call.statement = remember(call.asker, call.sql);
  if (!call.has_facts()) {
    call.statement =
        std::make_shared<const Statement>(call.statement->texts(), analyze(call, connection));
  }
  decide(call);
}

std::shared_ptr<const Facts> Core::analyze(const Call& call, spi::Connection& connection) {
  auto facts = std::make_shared<Facts>();
  facts->made = call.now;
  facts->rules_version = rules_.version();
  facts->label = freshness_.label();  // before the catalog is read, as for any read
  facts->analysis = connection.analyze(call.sql, call.deadline);
  for (const std::string& id : facts->analysis.dependencies) {
    const bool keyed =
        std::any_of(facts->analysis.keys.begin(), facts->analysis.keys.end(),
                    [&](const spi::KeyedReference& key) { return key.relation == id; });
    facts->dependencies.push_back({freshness_.cells().relation_cells(id), keyed});
  }
  std::uint64_t unset = NormalForm::kNotAnalysed;
  call.statement->normal().changes_before.compare_exchange_strong(
      unset, sum_of_changes(facts->dependencies), std::memory_order_relaxed);
  const Asker nobody{};
  facts->unresolved =
      policy_below({nobody, nullptr, call.params, call.sql, call.statement}, facts->analysis);
  facts->ruling = Ruling::of(resolve(facts->unresolved));
  return facts;
}

Policy Core::policy_below(const Call& call, const spi::Analysis& analysis) const {
  const Hint& hint = call.statement->hint();
  RuleSubject subject;
  subject.sql = call.statement->normalized();
  subject.name = call.declared != nullptr && !call.declared->name().empty() ? call.declared->name()
                                                                            : hint.name;
  subject.tags = hint.policy.tags;
  const auto add = [&](const std::vector<std::string>& tags) {
    subject.tags.insert(subject.tags.end(), tags.begin(), tags.end());
  };
  add(call.asker.policy.tags);
  if (call.declared != nullptr) add(call.declared->policy().tags);
  for (const spi::RelationUse& relation : analysis.relations)
    subject.tables.push_back(relation.name);
  return overlay(overlay(hint.policy, rules_.policy_for(subject)), options_.policy);
}

void Core::decide(Call& call) const {
  const Facts& facts = call.facts();
  const bool named = !call.asker.policy.tags.empty() ||
                     (call.declared != nullptr &&
                      (!call.declared->name().empty() || !call.declared->policy().tags.empty()));
  if (named && rules_.size() != 0) {
    call.own_rules = policy_below(call, facts.analysis);
    call.ruling = Ruling::of(resolve(*call.own_rules));
  } else {
    call.own_rules.reset();
    call.ruling = facts.ruling;
  }
  if (call.declared != nullptr) call.ruling.override_with(call.declared->policy());
  call.ruling.override_with(call.asker.policy);
  call.deadline = deadline_after(call.now, call.ruling.timeout);
  call.decision = detail::decide(
      facts.analysis, {call.ruling, call.asker.session.declared(), call.declares_reads()});
}

EffectivePolicy Core::full_policy(const Call& call) const {
  Policy policy = call.asker.policy;
  if (call.declared != nullptr) policy = overlay(std::move(policy), call.declared->policy());
  return resolve(overlay(std::move(policy), call.below()));
}

void Core::refuse_session_changes(const Call& call) const {
  const spi::Analysis& analysis = call.facts().analysis;
  if (analysis.kind == spi::StatementKind::kSessionChange ||
      analysis.kind == spi::StatementKind::kTransactionControl ||
      analysis.kind == spi::StatementKind::kMultiple) {
    throw Error(ErrorCode::kRefused, analysis.refusal.empty()
                                         ? std::string{"this statement would change the session "
                                                       "of a pooled connection: declare it with "
                                                       "with_session, or use Database::begin"}
                                         : analysis.refusal);
  }
}

// --- Writes, invalidations, tokens
// --------------------------------------------------------------------------------

std::uint64_t Core::execute(const Asker& asker, std::string_view sql, const Params& params) {
  check_usable();
  Call call = this->call(asker, sql, nullptr, params);
  try {
    ready(call, nullptr);
    refuse_session_changes(call);
    Lease lease = this->lease(asker, spi::Access::kWrite, call.deadline);
    counters_.writes.add();
    // Also when it fails: the connection may be lost after the server committed.
    const Wrote wrote{puller_};
    return lease->run({sql, &params, true, call.deadline}).affected;
  } catch (const Error&) {
    note_error();
    throw;
  }
}

void Core::invalidate(const Asker& asker, spi::InvalidationKind kind, std::string_view target) {
  check_usable();
  require_argument("invalidate: the target", target, kLongestTarget);
  const spi::Deadline deadline = deadline_after(clock_.now(), asker.policy.timeout);
  Lease lease = this->lease(asker, spi::Access::kWrite, deadline);
  const Wrote wrote{puller_};
  lease->invalidate(kind, target, deadline);
}

void Core::clear() {
  check_usable();
  freshness_.void_all();
  memory_.clear();
  if (shared_) void_everywhere();
}

void Core::void_everywhere() {
  const spi::Deadline deadline = deadline_after(clock_.now(), {});
  const Asker nobody{};
  Lease lease = this->lease(nobody, spi::Access::kWrite, deadline);
  const Wrote wrote{puller_};
  lease->invalidate(spi::InvalidationKind::kEverything, "", deadline);
}

Token Core::token(const Asker& asker) {
  check_usable();
  const spi::Deadline deadline = deadline_after(clock_.now(), asker.policy.timeout);
  Lease lease = this->lease(asker, spi::Access::kRead, deadline);
  return Token{lease->current_snapshot(deadline), lease->info().incarnation};
}

void Core::observe(const Token& token) {
  check_usable();
  puller_.require(token);
  puller_.require_after_now();  // flights under way may not have seen it
}

// --- Seeing
// -------------------------------------------------------------------------------------------------------

Explanation Core::explain(const Asker& asker, std::string_view sql) {
  check_usable();
  const Params none{};
  Call call = this->call(asker, sql, nullptr, none);
  ready(call, nullptr);
  const spi::Analysis& analysis = call.facts().analysis;
  // The analysis passes over what is wrong with a statement; the database does not.
  if (analysis.refusal.empty() && analysis.kind != spi::StatementKind::kMultiple) {
    on_lease(call, spi::Access::kRead, Retry::kOnce,
             [&](spi::Connection& connection) { connection.check(sql, call.deadline); });
  }
  Explanation explanation;
  explanation.normalized = call.statement->normalized();
  explanation.cacheable = call.decision.keep;
  explanation.reasons = analysis.reasons;
  if (!call.decision.keep && call.decision.code != ReasonCode::kNotCacheable &&
      call.decision.code != ReasonCode::kWrite) {
    explanation.reasons.push_back(call.decision.reason);
  }
  if (!analysis.refusal.empty() && std::find(explanation.reasons.begin(), explanation.reasons.end(),
                                             analysis.refusal) == explanation.reasons.end()) {
    explanation.reasons.push_back(analysis.refusal);
  }
  if (const std::string failure = puller_.last_failure(); !failure.empty()) {
    explanation.reasons.push_back(fmt::format("the journal cannot be read: {}", failure));
  }
  for (const spi::RelationUse& relation : analysis.relations) {
    explanation.relations.push_back(
        {relation.name, relation.tracked, relation.note, relation.whole});
  }
  for (const spi::KeyedReference& key : analysis.keys) {
    for (const spi::KeyValue& value : key.values) {
      explanation.keys.push_back({key.relation_name, key.column_name, value.parameter,
                                  value.each_element,
                                  value.shown.empty() ? value.literal : value.shown});
    }
    if (key.values.empty())
      explanation.keys.push_back({key.relation_name, key.column_name, 0, false, std::nullopt});
  }
  const EffectivePolicy policy = full_policy(call);
  explanation.policy = {policy.mode,
                        policy.ttl,
                        policy.max_staleness,
                        policy.stale_if_error,
                        policy.stale_while_revalidate,
                        policy.timeout,
                        policy.tags,
                        policy.depends_on};
  explanation.hint_problems = call.statement->hint().problems;
  return explanation;
}

std::vector<StatementChanges> Core::statement_changes() const {
  std::vector<StatementChanges> all;
  std::unordered_set<std::uint64_t> told;
  for (const auto& memo : contexts_.memos()) {
    for (const StatementRef& statement : memo->statements()) {
      const auto* const facts = static_cast<const Facts*>(statement->facts());
      if (facts == nullptr || facts->dependencies.empty()) continue;
      if (!told.insert(statement->id()).second) continue;
      const NormalForm& normal = statement->normal();
      const std::uint64_t now = sum_of_changes(facts->dependencies);
      const std::uint64_t before = normal.changes_before.load(std::memory_order_relaxed);
      all.push_back({normal.text, now - std::min(now, before),
                     normal.touched.load(std::memory_order_relaxed)});
    }
  }
  const auto more = [](const StatementChanges& a, const StatementChanges& b) {
    return a.table_changes > b.table_changes;
  };
  const std::size_t most = std::min(all.size(), Metrics::kMostStatements);
  std::partial_sort(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(most), all.end(), more);
  all.resize(most);
  return all;
}

Metrics Core::metrics() const {
  Metrics metrics;
  counters_.read_into(metrics);
  const MemoryStats memory = memory_.stats();
  metrics.entries = memory.entries;
  metrics.memory_bytes = memory.bytes.value;
  metrics.memory_capacity_bytes = memory_.capacity().value;
  metrics.evicted_total = memory.evicted_for_room + memory.evicted_dead;
  metrics.statements = contexts_.statements();
  metrics.statement_changes = statement_changes();
  const PoolStats pool = pool_.stats();
  metrics.connections_open = pool.open;
  metrics.connections_leased = pool.leased;
  metrics.connections_waiting = pool.waiting;
  metrics.redis_open = shared_ && !shared_->open_for_reads();
  metrics.listening = background_ && background_->listening();
  metrics.leading = background_ && background_->leading();
  return metrics;
}

void Core::note_miss(const Call& call, const Miss& miss) {
  counters_.misses[static_cast<std::size_t>(miss.code)].add();
  if (events_.miss.listened()) {
    events_.miss.emit({call.statement ? std::string_view{call.statement->normalized()} : call.sql,
                       miss.code, miss.reason});
  }
}

bool Core::of_another_incarnation(const Lease& lease) const {
  if (lease.opened() >= incarnation_since_.load(std::memory_order_relaxed)) return false;
  const LabelRef label = freshness_.label();
  return label != nullptr && label->incarnation != lease->info().incarnation;
}

void Core::pulled(const Puller::Attempt& attempt) {
  if (!attempt.failure.empty()) {
    counters_.pull_failures.add();
    if (!journal_failing_.exchange(true)) events_.degraded.emit({"journal", attempt.failure});
    return;
  }
  counters_.pulls.add();
  counters_.pull.record(attempt.took);
  counters_.changes.add(attempt.pull.changes.size());
  if (journal_failing_.exchange(false)) events_.degraded.emit({"journal", ""});
  if (attempt.applied.first || !attempt.applied.reset.empty())
    incarnation_since_.store(clock_.now(),
                             std::memory_order_relaxed);  // read late, it costs a miss
  // Later than now, from the background thread: this one may hold a connection.
  if (attempt.applied.epoch && shared_ && !attempt.pull.snapshot.standby)
    epoch_untold_.store(true, std::memory_order_relaxed);
  if (!attempt.applied.reset.empty()) {
    counters_.resets.add();
    events_.invalidated.emit({InvalidationEvent::Kind::kReset, attempt.applied.reset});
  }
  if (!events_.invalidated.listened()) return;
  for (const spi::Change& change : attempt.pull.changes) {
    events_.invalidated.emit(
        {static_cast<InvalidationEvent::Kind>(change.kind), change.target, change.rows});
  }
}

static_assert(static_cast<int>(InvalidationEvent::Kind::kRelation) ==
                  static_cast<int>(spi::ChangeKind::kRelation) &&
              static_cast<int>(InvalidationEvent::Kind::kTag) ==
                  static_cast<int>(spi::ChangeKind::kTag) &&
              static_cast<int>(InvalidationEvent::Kind::kTagPattern) ==
                  static_cast<int>(spi::ChangeKind::kTagPattern) &&
              static_cast<int>(InvalidationEvent::Kind::kEverything) ==
                  static_cast<int>(spi::ChangeKind::kEverything) &&
              static_cast<int>(InvalidationEvent::Kind::kRows) ==
                  static_cast<int>(spi::ChangeKind::kRows));

void Core::tick() {
  const TimePoint now = clock_.now();
  const auto bound = options_.policy.max_staleness.value_or(EffectivePolicy::kDefaultStaleness);
  const Freshness::Pulled pulled = freshness_.pulled();
  const Duration since = pulled.number == 0 ? Duration::max() / 2 : now - pulled.started;
  if (pull_is_due({bound, since, asked_.load(std::memory_order_relaxed)})) {
    asked_.store(false, std::memory_order_relaxed);
    (void)puller_.ensure({now, 0}, spi::Deadline{now + options_.pull_timeout});
  }
  if (epoch_untold_.exchange(false, std::memory_order_relaxed)) {
    // Shared entries of the old epoch are not found any more. Should that epoch ever come back (a
    // role's rights were taken and given again), what was read meanwhile must not come with it.
    try {
      void_everywhere();
    } catch (const Error&) {  // of no account to anybody; tried again next time
      epoch_untold_.store(true, std::memory_order_relaxed);
    }
  }
  if (const auto news = pool_.tick(now)) events_.degraded.emit({"pool", *news});
  if (const std::string problem = rules_.tick(now); !problem.empty())
    events_.refused.emit({"", problem});
}

}  // namespace weir::detail
