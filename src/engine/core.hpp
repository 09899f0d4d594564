#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/mutex.hpp"
#include "src/cache/memory_tier.hpp"
#include "src/cache/shared_tier.hpp"
#include "src/cache/single_flight.hpp"
#include "src/engine/background.hpp"
#include "src/engine/contexts.hpp"
#include "src/engine/counters.hpp"
#include "src/engine/decision.hpp"
#include "src/engine/keyed.hpp"
#include "src/engine/policy.hpp"
#include "src/engine/rules.hpp"
#include "src/freshness/freshness.hpp"
#include "src/freshness/puller.hpp"
#include "src/pool/pool.hpp"
#include "src/sql/key_builder.hpp"
#include "src/sql/statement_memo.hpp"
#include "weir/error.hpp"
#include "weir/events.hpp"
#include "weir/explanation.hpp"
#include "weir/metrics.hpp"
#include "weir/options.hpp"
#include "weir/result.hpp"
#include "weir/session.hpp"
#include "weir/spi/driver.hpp"
#include "weir/spi/remote_store.hpp"
#include "weir/token.hpp"

namespace weir::detail {

/// In what way a handle asks.
struct Asker {
  Session session{};
  Policy policy{};          ///< Of the call: above everything else.
  std::uint64_t context{};  ///< Of the session without `depends_on`.
  std::shared_ptr<StatementMemo> memo{};
};

/// What the engine knows of a statement beside its text.
struct Facts final : StatementFacts {
  spi::Analysis analysis{};
  LabelRef label{};  ///< The analysis was made under it; null when there was no journal to ask.
  TimePoint made{};
  std::vector<FactsDependency> dependencies{};  ///< One for each of the analysis'.
  Policy unresolved{};  ///< Hint, rules and defaults; neither the call's nor a declared query's.
  Ruling ruling{};      ///< What those say, built-in defaults filled in.
  std::uint64_t rules_version{};
};

/// One statement about to be answered.
struct Call {
  const Asker& asker;
  const Query* declared{nullptr};
  const Params& params;
  std::string_view sql{};
  StatementRef statement{};
  TimePoint now{};
  spi::Deadline deadline{};
  Ruling ruling{};
  Decision decision{};
  /// Hint, rules and defaults as they are for this call; empty when they are the statement's own.
  std::optional<Policy> own_rules{};

  /// Whether any source gives it tags. REQUIRES: the facts are known.
  [[nodiscard]] bool tagged() const {
    return !asker.policy.tags.empty() || !below().tags.empty() ||
           (declared != nullptr && !declared->policy().tags.empty());
  }
  /// Whether any source declares what it reads. REQUIRES: the facts are known.
  [[nodiscard]] bool declares_reads() const {
    return !asker.policy.depends_on.empty() || !below().depends_on.empty() ||
           (declared != nullptr && !declared->policy().depends_on.empty());
  }
  /// What hint, rules and defaults say. REQUIRES: the facts are known.
  [[nodiscard]] const Policy& below() const { return own_rules ? *own_rules : facts().unresolved; }
  /// REQUIRES: the facts are known.
  [[nodiscard]] const Facts& facts() const {
    return static_cast<const Facts&>(*statement->facts());
  }
  [[nodiscard]] bool has_facts() const { return statement->facts() != nullptr; }
};

enum class Threads : std::uint8_t { kNone, kBackground };

/// The engine behind a `Database`: everything its handles share.
///
/// A query goes: statement memo → decision → memory tier under the freshness rule → single flight →
/// shared tier under the same rule → pooled connection → store under the label taken before the
/// read. See docs/architecture.md for
/// the lock order. Thread safety: shared object safe.
class Core {
 public:
  /// Connects once and pulls once. Without a store there is no shared tier. Errors: see
  /// `Database::open`.
  Core(Options options, std::unique_ptr<spi::Driver> driver, const Clock& clock, Threads threads,
       std::unique_ptr<spi::RemoteStore> store = nullptr);
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;
  ~Core();

  [[nodiscard]] Result query(const Asker& asker, std::string_view sql, const Query* declared,
                             const Params& params);
  std::uint64_t execute(const Asker& asker, std::string_view sql, const Params& params);
  [[nodiscard]] Explanation explain(const Asker& asker, std::string_view sql);

  static constexpr std::size_t kLongestTarget = 200;  ///< Of an invalidation, in bytes.
  void invalidate(const Asker& asker, spi::InvalidationKind kind, std::string_view target);
  void clear();
  [[nodiscard]] Token token(const Asker& asker);
  void observe(const Token& token);

  [[nodiscard]] Asker asker(Session session, Policy policy);
  [[nodiscard]] Events& events() noexcept { return events_; }
  [[nodiscard]] Counters& counters() noexcept { return counters_; }
  [[nodiscard]] Metrics metrics() const;
  void close();
  /// Deletes a core nobody holds any more: at once, or, on a background thread of its own, when
  /// that is through.
  static void end(std::unique_ptr<Core> core);

  // For Transaction.
  void transaction_began() noexcept;
  void transaction_ended() noexcept;
  /// Why a call was not answered from the cache.
  struct Miss {
    ReasonCode code{ReasonCode::kAbsent};
    std::string reason{};
    EntryRef changed{};  ///< What was found, and is stale only because what it depends on changed.
  };
  /// Whether this is a child of the process that opened it. Then nothing of it may be touched, not
  /// even to end it: the threads are not here, and the sockets are the parent's.
  [[nodiscard]] bool forked() const noexcept;
  /// Throws unless open and in the process that opened it.
  void check_usable() const;
  /// A connection with the asker's session.
  [[nodiscard]] Lease lease(const Asker& asker, spi::Access access, spi::Deadline deadline);
  [[nodiscard]] spi::Deadline deadline_after(TimePoint now,
                                             std::optional<std::chrono::milliseconds> limit) const;
  [[nodiscard]] Call call(const Asker& asker, std::string_view sql, const Query* declared,
                          const Params& params) const;
  /// Sees to it that the statement's facts hold, analysing it on `connection`, or on a leased one
  /// when that is null, and decides. REQUIRES: `connection` sees the catalog as any other does now.
  void ready(Call& call, spi::Connection* connection);
  /// As `ready`, in a transaction that may see another catalog than everybody else: what is known
  /// already will do, and what is found out is not shared.
  void ready_alone(Call& call, spi::Connection& connection);
  /// The call's key in the memory tier. Lifetime: `builder`'s.
  [[nodiscard]] Key key_of(const Call& call, KeyBuilder& builder);
  /// The answer from memory if it may be served; otherwise `miss` says why not. Pulls if the bound
  /// asks for it.
  [[nodiscard]] std::optional<Result> from_memory(const Call& call, const Key& key, Miss& miss);
  /// Throws for what cannot be run as a plain statement: SET, BEGIN, several at once.
  void refuse_session_changes(const Call& call) const;
  /// This process wrote: lookups from now on pull first.
  void wrote() noexcept { puller_.require_after_now(); }
  void note_miss(const Call& call, const Miss& miss);
  void note_error() noexcept { counters_.errors.add(); }
  [[nodiscard]] const Clock& clock() const noexcept { return clock_; }
  [[nodiscard]] spi::Driver& driver() noexcept { return *driver_; }

  /// What the background thread does every now and then.
  void tick();

 private:
  friend class Background;

  /// `wrote` at the end of a scope, however it is left.
  struct Wrote {
    explicit Wrote(Puller& which) noexcept : puller{which} {}
    Wrote(const Wrote&) = delete;
    Wrote& operator=(const Wrote&) = delete;
    ~Wrote() { puller.require_after_now(); }
    Puller& puller;
  };
  /// What one read brought.
  struct ReadOutcome {
    spi::ResultRef rows{};
    LabelRef label{};  ///< Taken before the read; null when nothing may be stored, and then
                       ///< `refused` says why.
    std::vector<const Cell*> cells{};
    std::vector<std::string> tags{};
    TimePoint started{};
    Duration took{};
    TimePoint expires{TimePoint::max()};
    Miss refused{};
    // For the shared tier:
    std::vector<std::string> relations{};  // the ids of the cells that are relations'
    std::string environment{};             // of the connection
  };
  /// One caller's business with the shared tier, from the lookup to the put.
  struct SharedRead {
    explicit SharedRead(SharedTier* which) noexcept : tier{which} {}
    SharedRead(const SharedRead&) = delete;
    SharedRead& operator=(const SharedRead&) = delete;
    ~SharedRead();  // gives the lease back

    SharedTier* tier;
    LabelRef label{};                // the key holds its incarnation and epoch
    std::string environment{};       // the key holds it
    std::optional<SharedKey> key{};  // empty: nothing is looked up, and nothing put
    std::string owner{};             // of the lease, if this caller has it
    std::string skipped{};           // why not
  };

  enum class Retry : std::uint8_t { kNever, kOnce };
  /// `f(connection)` on a leased connection; with `kOnce` on another one when the first turns out
  /// to be lost.
  template <typename F>
  auto on_lease(const Call& call, spi::Access access, Retry retry, F&& f) {
    for (bool again = false;; again = true) {
      Lease lease = pool_.lease(access, call.asker.context, call.deadline);
      try {
        lease->use_session(call.asker.session, call.deadline);
        adopt_environment(lease->info());
        if (of_another_incarnation(lease)) lease.discard();
        return f(*lease);
      } catch (const Error& error) {
        if (again || retry == Retry::kNever || error.connection_usable() ||
            error.code() == ErrorCode::kTimeout)
          throw;
      }
      // One that is lost goes back as such, so that the pool asks the others before it hands them
      // out.
      if (lease->usable()) lease.discard();
    }
  }

  /// Whether the connection was opened before the journal's incarnation came to be: nothing read on
  /// it can be stored, and a fresh one may do.
  [[nodiscard]] bool of_another_incarnation(const Lease& lease) const;
  [[nodiscard]] StatementRef remember(const Asker& asker, std::string_view sql);
  [[nodiscard]] bool facts_hold(const Facts& facts, TimePoint now) const;
  [[nodiscard]] std::shared_ptr<const Facts> analyze(const Call& call, spi::Connection& connection);
  /// Hint, rules and defaults; the rules see the declared query's and the call's names and tags
  /// too.
  [[nodiscard]] Policy policy_below(const Call& call, const spi::Analysis& analysis) const;
  void decide(Call& call) const;
  [[nodiscard]] EffectivePolicy full_policy(const Call& call) const;
  [[nodiscard]] PullNeed need_of(const Call& call) const noexcept;

  [[nodiscard]] Result answer(Call& call);
  [[nodiscard]] Result from_entry(const Call& call, const Entry& entry,
                                  Miss stale = {ReasonCode::kHit, {}, {}});
  [[nodiscard]] bool served_on_error(const Call& call, const Entry& entry) const;
  /// Whether a changed entry may be served while it is refreshed: its staleness is bounded, by when
  /// it was proven fresh, and it has seen this process's writes.
  [[nodiscard]] bool served_while_refreshed(const Call& call, const Entry& entry) const;
  /// Asks the database for the call's answer in the background, once per key.
  void refresh_later(const Call& call, const Key& key);
  /// The cells the answer depends on, those of rows where it can be told which rows count.
  [[nodiscard]] std::vector<const Cell*> cells_of(const Call& call);
  /// In words, for an entry of the call that was found stale.
  [[nodiscard]] std::string what_changed(const Call& call, const Label& label);
  [[nodiscard]] Result from_flight(Call& call, const Key& key, Miss miss);
  [[nodiscard]] Result lead(Call& call, const Key& key, Miss miss, FlightLead lead);
  [[nodiscard]] Result from_database(Call& call, Miss miss);
  /// Reads, on another connection once more when the first one turns out to be lost.
  [[nodiscard]] ReadOutcome read(Call& call);
  [[nodiscard]] ReadOutcome read_on(const Call& call, spi::Connection& connection);
  /// Everything that must be known before the read for its result to be stored.
  void label_read(const Call& call, spi::Connection& connection, ReadOutcome& outcome);
  /// Notes in `outcome.refused` why it was not stored.
  void store(const Call& call, const Key& key, ReadOutcome& outcome);
  PutReport put_in_memory(const Call& call, const Key& key, EntryDraft draft);
  /// Whether an entry with these tags hears of the invalidations the caller wants heard.
  [[nodiscard]] bool carries_tags(const Call& call, std::span<const std::string> tags) const;
  /// Whether what another caller's flight brought will do for this one.
  [[nodiscard]] bool will_do(const Call& call, const FlightResult& landed) const;

  // The shared tier (shared.cpp).
  /// The answer, now in memory too; or null, and then `read` says what to put afterwards. May wait
  /// for another process that computes the same.
  [[nodiscard]] std::shared_ptr<const FlightResult> from_shared(const Call& call, const Key& key,
                                                                SharedRead& read, Miss& miss);
  /// One look. `found` says whether the store answered.
  struct SharedLook {
    std::shared_ptr<const FlightResult> landed{};
    bool answered{false};
    std::optional<std::chrono::nanoseconds> cost{};  // of what was found, of use or not
    Miss miss{};
  };
  [[nodiscard]] SharedLook look_shared(const Call& call, const Key& key, const SharedRead& read);
  void judge_shared(const Call& call, const Key& key, const SharedRead& read, SharedFind found,
                    SharedLook& look);
  /// Puts what was read. Returns why not, in words for people; empty when it was, or when that is
  /// nobody's business.
  [[nodiscard]] std::string share(const Call& call, const SharedRead& read,
                                  const ReadOutcome& outcome);
  /// What wakes this process; null for nothing.
  [[nodiscard]] std::unique_ptr<spi::Listener> open_listener();
  void pulled(const Puller::Attempt& attempt);
  /// Leaves a journal row that voids what every process and the shared tier hold.
  void void_everywhere();
  void adopt_environment(const spi::ConnectionInfo& info);
  [[nodiscard]] std::string environment() const WEIR_EXCLUDES(mutex_);
  [[nodiscard]] std::vector<StatementChanges> statement_changes() const;

  const Options options_;
  const Clock& clock_;
  const std::unique_ptr<spi::Driver> driver_;
  const Ruling defaults_;  // before statement, rules and call are known
  const std::uint64_t fork_generation_;
  std::atomic<bool> closed_{false};

  Events events_;
  Counters counters_;
  Freshness freshness_;
  const std::unique_ptr<SharedTier> shared_;  // null without a store
  Puller puller_;
  Contexts contexts_;
  MemoryTier memory_;
  SingleFlight flights_;
  Pool pool_;
  RulesFile rules_;
  std::atomic<std::size_t> open_transactions_{0};  // told in close's error only
  std::atomic<bool> asked_{false};                 // since the background thread last looked
  std::atomic<bool> journal_failing_{false};
  std::atomic<bool> epoch_untold_{false};  // it changed, and no journal row says so yet
  std::atomic<TimePoint> incarnation_since_{TimePoint{}};  // when a pull first told of it

  mutable Mutex mutex_;
  std::string environment_ WEIR_GUARDED_BY(mutex_);

  std::optional<Background> background_;  // last: its threads use everything above
};

}  // namespace weir::detail
