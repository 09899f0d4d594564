// The shared tier in the life of a query: Core's half between the memory tier and the database.
#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <utility>

#include "src/cache/share_rules.hpp"
#include "src/engine/core.hpp"

namespace weir::detail {
namespace {

std::int64_t microseconds(std::chrono::nanoseconds time) {
  return std::chrono::round<std::chrono::microseconds>(time).count();
}

std::string too_cheap(const ShareCost& cost) {
  return fmt::format("not in redis: cheaper to recompute ({} µs) than to fetch ({} µs)",
                     microseconds(*cost.database), microseconds(cost.fetch));
}

bool same_life(const LabelRef& label, const Label& of_key) {
  return label != nullptr && label->floor != nullptr && label->incarnation == of_key.incarnation &&
         label->epoch == of_key.epoch;
}

}  // namespace

Core::SharedRead::~SharedRead() {
  if (owner.empty()) return;
  try {
    tier->give_lease_back(*key, owner);
  } catch (const std::exception&) {  // a destructor: the lease runs out by itself
  }
}

std::shared_ptr<const FlightResult> Core::from_shared(const Call& call, const Key& key,
                                                      SharedRead& read, Miss& miss) {
  read.label = freshness_.label();
  if (read.label == nullptr || read.label->floor == nullptr) return nullptr;  // nothing to judge by
  const ShareCost cost{call.statement->cost().value(), shared_->fetch_cost()};
  if (cheaper_to_recompute(cost) && !shared_->wants_measurement()) {
    counters_.redis_skipped_cost.add();
    read.skipped = too_cheap(cost);
    return nullptr;
  }
  read.environment = environment();
  const std::vector<std::string> depends_on =
      call.declares_reads() ? full_policy(call).depends_on : std::vector<std::string>{};
  SharedKeyParts parts;
  parts.backend = driver_->backend();
  parts.incarnation = read.label->incarnation;
  parts.epoch = read.label->epoch;
  parts.environment = read.environment;
  parts.session = &call.asker.session;
  parts.depends_on = depends_on;
  parts.normalized = call.statement->normalized();
  parts.params = &call.params;
  read.key = shared_key(shared_->options().name_space, parts);

  SharedLook look = look_shared(call, key, read);
  if (miss.code == ReasonCode::kAbsent && !look.miss.reason.empty()) miss = look.miss;
  if (look.landed || !look.answered) return look.landed;
  const auto known = cost.database ? cost.database : look.cost;
  if (!wants_lease(known, shared_->options().lease_above)) return nullptr;

  const TimePoint begin = clock_.now();
  LeaseWait wait{begin +
                 std::min<Duration>(shared_->options().lease_wait, (call.deadline.at - begin) / 2)};
  const std::string owner = shared_->new_owner();
  for (bool waited = false;; waited = true) {
    const SharedOutcome taken = shared_->take_lease(*read.key, owner, call.deadline);
    if (taken == SharedOutcome::kDone) {
      read.owner = owner;
      counters_.redis_lease_won.add();
      // Between the last look and this, its holder may have put what it read.
      return waited ? look_shared(call, key, read).landed : nullptr;
    }
    if (taken != SharedOutcome::kAbsent) return nullptr;
    if (!waited) counters_.redis_lease_waited.add();
    const std::optional<TimePoint> until = wait.next(clock_.now());
    if (!until || !shared_->wait_until(*until)) return nullptr;
    look = look_shared(call, key, read);
    if (look.landed || !look.answered) return look.landed;
  }
}

Core::SharedLook Core::look_shared(const Call& call, const Key& key, const SharedRead& read) {
  SharedLook look;
  SharedTier::Got got = shared_->get(*read.key, call.deadline);
  switch (got.outcome) {
    case SharedOutcome::kDone:
      look.answered = true;
      look.cost = got.found->entry.cost;
      judge_shared(call, key, read, *std::move(got.found), look);
      break;
    case SharedOutcome::kCorrupt:
      counters_.redis_corrupt.add();
      look.answered = true;
      break;
    case SharedOutcome::kFailed:
      counters_.redis_errors.add();
      break;
    default:
      look.answered = got.outcome == SharedOutcome::kAbsent;
  }
  if (look.landed) {
    counters_.redis_hits.add();
  } else if (look.answered) {
    counters_.redis_misses.add();
  }
  return look;
}

void Core::judge_shared(const Call& call, const Key& key, const SharedRead& read, SharedFind found,
                        SharedLook& look) {
  StoredEntry& entry = found.entry;
  const TimePoint read_started = found.asked - age_now(entry.age, entry.lifetime, found.remaining);
  const TimePoint expires = found.asked + found.remaining;
  if (expired({clock_.now(), read_started, expires, call.ruling.ttl})) {
    look.miss = {ReasonCode::kExpired, "expired: its ttl has passed"};
    return;
  }
  if (!carries_tags(call, entry.tags)) {
    look.miss = {ReasonCode::kAbsent, "not in the cache under these tags"};
    return;
  }
  if (const PullNeed need = need_of(call);
      (call.decision.proven || entry.journaled) && !puller_.satisfied(need) &&
      puller_.ensure(need, call.deadline) != PullOutcome::kDone) {
    look.miss = {ReasonCode::kNotValidated,
                 fmt::format("not validated: {}", puller_.last_failure())};
    return;
  }
  // What the reader found it depends on, and what is found here. Cells first, then the label: what
  // made no cell for want of room raised the floor of a label that is out by then.
  const Facts& facts = call.facts();
  std::vector<const Cell*> cells = cells_of(call);
  for (const std::string& id : entry.relations) {
    const std::vector<std::string>& own = facts.analysis.dependencies;
    if (std::find(own.begin(), own.end(), id) != own.end()) continue;
    cells.push_back(freshness_.cells().relation_if_room(id));
    if (cells.back() == nullptr) return;
  }
  for (const std::string& tag : entry.tags) cells.push_back(freshness_.cells().tag(tag));
  const Freshness::Pulled pulled = freshness_.pulled();
  const LabelRef newest = freshness_.label();
  if (entry.incarnation != read.label->incarnation || !same_life(newest, *read.label) ||
      facts.label == nullptr || freshness_.judge_analysis(*facts.label) != Verdict::kFresh) {
    counters_.redis_stale.add();
    look.miss = {ReasonCode::kStale, "stale: the schema or the server changed"};
    return;
  }
  const LabelRef label = freshness_.adopt(*newest, entry.snapshot);
  if (label == nullptr) {
    counters_.redis_too_old.add();
    look.miss = {ReasonCode::kAbsent,
                 "not in the cache (redis has it, but too old to be judged by this process)"};
    return;
  }
  const Dependencies dependencies{cells, entry.tags};
  if (freshness_.judge(*label, dependencies) != Verdict::kFresh) {
    counters_.redis_stale.add();
    call.statement->normal().touched.fetch_add(1, std::memory_order_relaxed);
    look.miss = {ReasonCode::kStale, what_changed(call, *label)};
    return;
  }
  auto landed = std::make_shared<FlightResult>();
  landed->rows = entry.rows;
  landed->label = label;
  landed->read_started = read_started;
  landed->cost = entry.cost;
  landed->judged = pulled;
  if (!call.statement->cost().value()) call.statement->cost().record(entry.cost);
  EntryDraft draft;
  draft.rows = std::move(entry.rows);
  draft.label = label;
  draft.dependencies = dependencies;
  draft.read_started = read_started;
  draft.expires = expires;
  draft.cost = entry.cost;
  (void)put_in_memory(call, key, std::move(draft));
  look.landed = std::move(landed);
}

std::string Core::share(const Call& call, const SharedRead& read, const ReadOutcome& outcome) {
  if (!read.key) return read.skipped;
  // Only what was read by a connection, and under a label, of which the key speaks.
  if (!same_life(outcome.label, *read.label) || outcome.environment != read.environment) return {};
  const ShareCost cost{call.statement->cost().value(), shared_->fetch_cost()};
  if (cheaper_to_recompute(cost)) {
    counters_.redis_skipped_cost.add();
    return too_cheap(cost);
  }
  const TimePoint now = clock_.now();
  std::chrono::milliseconds lifetime = shared_->options().lifetime;
  if (outcome.expires != TimePoint::max()) {
    lifetime =
        std::min(lifetime, std::chrono::floor<std::chrono::milliseconds>(outcome.expires - now));
  }
  if (lifetime < std::chrono::milliseconds{1}) return {};
  StoredEntry entry;
  entry.incarnation = outcome.label->incarnation;
  entry.snapshot = outcome.label->snapshot;
  entry.key = read.key->bytes;
  entry.relations = outcome.relations;
  entry.tags = outcome.tags;
  entry.age = std::chrono::ceil<std::chrono::milliseconds>(now - outcome.started);
  entry.lifetime = lifetime;
  entry.cost = outcome.took;
  entry.journaled = call.decision.proven || !outcome.cells.empty();
  entry.rows = outcome.rows;
  switch (shared_->put(*read.key, entry, call.deadline)) {
    case SharedOutcome::kDone:
      counters_.redis_puts.add();
      break;
    case SharedOutcome::kFailed:
      counters_.redis_put_errors.add();
      break;
    case SharedOutcome::kTooLarge: {
      const std::string why =
          fmt::format("not in redis: {} bytes do not fit into redis.max_value, {}",
                      outcome.rows->size(), shared_->options().max_value.value);
      counters_.store_refused.add();
      events_.refused.emit({call.statement->normalized(), why});
      return why;
    }
    default:
      break;
  }
  return {};
}

}  // namespace weir::detail
