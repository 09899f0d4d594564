#include "src/engine/core.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "src/engine/transaction_impl.hpp"
#include "tests/support/fake_clock.hpp"
#include "tests/support/fake_driver.hpp"

namespace weir::detail {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::FakeCall;
using test::FakeDatabase;
using test::Hold;
using ::testing::HasSubstr;

/// An engine over a fake database, on a clock that stands still.
class CoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    fake_->write("orders", "1", "ten");
    fake_->write("users", "1", "ann");
  }

  Core& core() {
    if (!core_) {
      auto driver = std::make_unique<test::FakeDriver>(fake_, clock_);
      driver_ = driver.get();
      core_ = std::make_shared<Core>(options_, std::move(driver), clock_, Threads::kNone);
      asker_ = core_->asker({}, {});
    }
    return *core_;
  }
  Result ask(std::string_view sql, const Params& params = {}) {
    core();
    return core_->query(asker_, sql, nullptr, params);
  }
  Result ask_with(Policy policy, std::string_view sql) {
    const Asker asker = core().asker({}, std::move(policy));
    return core_->query(asker, sql, nullptr, {});
  }
  std::unique_ptr<Transaction::Impl> begin(Isolation isolation = Isolation::kReadCommitted) {
    core();
    return std::make_unique<Transaction::Impl>(core_, asker_,
                                               TransactionOptions{.isolation = isolation});
  }
  static std::string value_of(const Result& result) {
    return result.empty() ? "" : result[0].get<std::string>("value");
  }
  std::size_t runs() const { return fake_->calls(FakeCall::kRun); }

  std::shared_ptr<FakeDatabase> fake_ = std::make_shared<FakeDatabase>();
  test::FakeClock clock_;
  Options options_{.database = "fake:memory"};
  test::FakeDriver* driver_{nullptr};
  std::shared_ptr<Core> core_;
  Asker asker_;
};

TEST_F(CoreTest, TheSecondLookupIsAHitAndSaysSo) {
  const Result first = ask("get orders 1");
  EXPECT_EQ(first.source(), Source::kDatabase);
  EXPECT_EQ(first.reason_code(), ReasonCode::kAbsent);
  clock_.advance(milliseconds{300});
  const Result second = ask("get orders 1");
  EXPECT_EQ(second.source(), Source::kMemory);
  EXPECT_EQ(second.reason(), "");
  EXPECT_EQ(second.age(), milliseconds{300});
  EXPECT_EQ(value_of(second), "ten");
  EXPECT_EQ(runs(), 1U);
}

TEST_F(CoreTest, AnEmptyResultIsCachedToo) {
  (void)ask("get orders 99");
  EXPECT_EQ(ask("get orders 99").source(), Source::kMemory);
}

TEST_F(CoreTest, DifferentParametersAreDifferentEntries) {
  (void)ask("get orders $1", Params::of("1"));
  EXPECT_EQ(ask("get orders $1", Params::of("2")).source(), Source::kDatabase);
  EXPECT_EQ(ask("get orders $1", Params::of(1)).source(), Source::kDatabase);
  EXPECT_EQ(ask("get orders $1", Params::of("1")).source(), Source::kMemory);
}

TEST_F(CoreTest, AForeignWriteIsServedNoLongerThanTheBound) {
  (void)ask("get orders 1");
  fake_->write("orders", "1", "eleven");
  clock_.advance(seconds{1});
  EXPECT_EQ(value_of(ask("get orders 1")), "ten") << "inside the bound it may be";
  clock_.advance(milliseconds{1});
  const Result after = ask("get orders 1");
  EXPECT_EQ(value_of(after), "eleven");
  EXPECT_EQ(after.reason_code(), ReasonCode::kStale);
  EXPECT_EQ(after.reason(), "stale: main.orders changed");
}

TEST_F(CoreTest, AWriteToAnotherTableLeavesTheEntry) {
  (void)ask("get orders 1");
  fake_->write("users", "1", "bob");
  clock_.advance(seconds{5});
  EXPECT_EQ(ask("get orders 1").source(), Source::kMemory);
}

TEST_F(CoreTest, ABoundOfZeroValidatesEveryHit) {
  const Policy strict{.max_staleness = milliseconds{0}};
  (void)ask_with(strict, "get orders 1");
  EXPECT_EQ(ask_with(strict, "get orders 1").source(), Source::kMemory);
  fake_->write("orders", "1", "eleven");
  clock_.advance(std::chrono::nanoseconds{1});
  EXPECT_EQ(value_of(ask_with(strict, "get orders 1")), "eleven");
}

TEST_F(CoreTest, OwnWritesAreSeenByTheNextLookupWhateverTheBound) {
  options_.policy.max_staleness = std::chrono::hours{1};
  (void)ask("get orders 1");
  EXPECT_EQ(core().execute(asker_, "set orders 1 eleven", {}), 1U);
  EXPECT_EQ(value_of(ask("get orders 1")), "eleven");
}

TEST_F(CoreTest, AWriteThroughQueryIsAnOwnWriteToo) {
  options_.policy.max_staleness = std::chrono::hours{1};
  (void)ask("get orders 1");
  EXPECT_EQ(ask("set orders 1 eleven").reason_code(), ReasonCode::kWrite);
  EXPECT_EQ(value_of(ask("get orders 1")), "eleven");
}

TEST_F(CoreTest, AWriteWhoseAnswerWasLostIsLookedFor) {
  options_.policy.max_staleness = std::chrono::hours{1};
  (void)ask("get orders 1");
  auto gate = fake_->hold(FakeCall::kRun, Hold::kAfter);  // committed, but the answer never comes
  auto write =
      std::async(std::launch::async, [&] { core().execute(asker_, "set orders 1 eleven", {}); });
  gate->await_arrival();
  clock_.advance(options_.statement_timeout);
  EXPECT_THROW(write.get(), Error);
  EXPECT_EQ(value_of(ask("get orders 1")), "eleven");
}

// The fill race: the read happens before the write, the fill after the write was learned.
TEST_F(CoreTest, ASlowReadNeverLeavesAStaleEntryBehind) {
  (void)ask("scan users");  // everything is analysed and pulled
  auto gate = fake_->hold(FakeCall::kRun, Hold::kAfter);
  auto slow = std::async(std::launch::async, [&] { return ask("get orders 1"); });
  gate->await_arrival();  // it has read "ten" and is on its way back
  fake_->write("orders", "1", "eleven");
  clock_.advance(seconds{2});
  EXPECT_EQ(value_of(ask("scan users")), "ann");  // pulls: the write is learned now
  gate->open();
  EXPECT_EQ(value_of(slow.get()), "ten");
  const Result next = ask("get orders 1");
  EXPECT_EQ(value_of(next), "eleven");
  EXPECT_EQ(next.reason_code(), ReasonCode::kStale);
}

TEST_F(CoreTest, AFailedPullIsAMissAndNotAHit) {
  (void)ask("get orders 1");
  fake_->write("orders", "1", "eleven");
  clock_.advance(seconds{2});
  fake_->fail(FakeCall::kPull, ConnectionError{"journal gone"});
  const Result result = ask("get orders 1");
  EXPECT_EQ(value_of(result), "eleven");
  EXPECT_EQ(result.reason_code(), ReasonCode::kNotValidated);
  EXPECT_THAT(result.reason(), HasSubstr("journal gone"));
}

TEST_F(CoreTest, StaleIfErrorServesWhatWasFreshAndNoLongerThanAllowed) {
  const Policy lenient{.stale_if_error = seconds{10}};
  (void)ask_with(lenient, "get orders 1");
  fake_->fail(FakeCall::kPull, ConnectionError{"journal gone"}, 100);
  clock_.advance(seconds{5});
  EXPECT_EQ(ask_with(lenient, "get orders 1").source(), Source::kMemory);
  EXPECT_EQ(ask("get orders 1").reason_code(), ReasonCode::kNotValidated)
      << "who did not ask for it";
  clock_.advance(seconds{6});
  EXPECT_EQ(ask_with(lenient, "get orders 1").source(), Source::kDatabase);
}

TEST_F(CoreTest, StaleIfErrorNeverHidesAnOwnWrite) {
  const Policy lenient{.stale_if_error = seconds{10}};
  (void)ask_with(lenient, "get orders 1");
  fake_->fail(FakeCall::kPull, ConnectionError{"journal gone"}, 100);
  core().execute(asker_, "set orders 1 eleven", {});
  EXPECT_EQ(value_of(ask_with(lenient, "get orders 1")), "eleven");
}

TEST_F(CoreTest, DdlMakesTheAnalysisBeDoneAgain) {
  (void)ask("get orders 1");
  const std::size_t analysed = fake_->calls(FakeCall::kAnalyze);
  fake_->ddl();
  clock_.advance(seconds{2});
  EXPECT_EQ(ask("get orders 1").source(), Source::kDatabase);
  EXPECT_EQ(ask("get orders 1").source(), Source::kMemory);
  EXPECT_EQ(fake_->calls(FakeCall::kAnalyze), analysed + 1);
  EXPECT_GE(driver_->catalogs_forgotten, 1U);
}

// Torn DDL: the statement is analysed, the schema changes, and only then it is read.
TEST_F(CoreTest, AResultReadAfterDdlIsNotKeptUnderTheOldAnalysis) {
  (void)ask("scan users");
  auto gate = fake_->hold(FakeCall::kRun, Hold::kBefore);
  auto slow = std::async(std::launch::async, [&] { return ask("get orders 1"); });
  gate->await_arrival();
  fake_->ddl();
  gate->open();
  (void)slow.get();
  clock_.advance(seconds{2});
  EXPECT_EQ(ask("get orders 1").source(), Source::kDatabase);
}

TEST_F(CoreTest, AnotherIncarnationVoidsEverything) {
  (void)ask("get orders 1");
  fake_->crash();
  clock_.advance(seconds{2});
  const Result result = ask("get orders 1");
  EXPECT_EQ(result.source(), Source::kDatabase);
  EXPECT_EQ(ask("get orders 1").source(), Source::kMemory);
}

TEST_F(CoreTest, AReadOnAnotherIncarnationThanTheJournalsIsNotKept) {
  (void)ask("scan users");
  fake_->crash();  // the pool reconnects to the new incarnation before any pull tells of it
  (void)ask("get orders 1");
  EXPECT_EQ(ask("get orders 1").source(), Source::kDatabase);
}

TEST_F(CoreTest, AReadOnAStandbyIsNotKept) {
  fake_->standby = true;
  (void)ask("get orders 1");
  const Result again = ask("get orders 1");
  EXPECT_EQ(again.source(), Source::kDatabase);
  EXPECT_EQ(again.reason_code(), ReasonCode::kStandby);
}

TEST_F(CoreTest, ADoubtfulSessionFillsNothing) {
  fake_->doubt = "a temporary table exists";
  (void)ask("get orders 1");
  const Result again = ask("get orders 1");
  EXPECT_EQ(again.reason_code(), ReasonCode::kSession);
  EXPECT_THAT(again.reason(), HasSubstr("temporary table"));
}

TEST_F(CoreTest, AnotherEnvironmentVoidsWhatWasReadUnderTheFirst) {
  (void)ask("get orders 1");
  fake_->environment = "server 2";
  fake_->lose_connections();
  (void)ask("scan users");
  EXPECT_EQ(ask("get orders 1").source(), Source::kDatabase);
}

TEST_F(CoreTest, AnUntrackedTableIsCachedOnlyUnderATtl) {
  fake_->untracked.insert("logs");
  fake_->write("logs", "1", "x");
  (void)ask("scan logs");
  const Result plain = ask("scan logs");
  EXPECT_EQ(plain.reason_code(), ReasonCode::kNotCacheable);
  EXPECT_THAT(plain.reason(), HasSubstr("main.logs is not tracked"));
  const Policy ttl{.ttl = seconds{10}};
  (void)ask_with(ttl, "scan logs");
  EXPECT_EQ(ask_with(ttl, "scan logs").source(), Source::kMemory);
  clock_.advance(seconds{10});
  EXPECT_EQ(ask_with(ttl, "scan logs").reason_code(), ReasonCode::kExpired);
}

TEST_F(CoreTest, ATtlIsASecondLimitForWhatIsProven) {
  const Policy ttl{.ttl = seconds{3}};
  (void)ask_with(ttl, "get orders 1");
  clock_.advance(seconds{2});
  EXPECT_EQ(ask_with(ttl, "get orders 1").source(), Source::kMemory);
  clock_.advance(seconds{1});
  EXPECT_EQ(ask_with(ttl, "get orders 1").source(), Source::kDatabase);
}

TEST_F(CoreTest, ACallersShorterTtlHoldsForAnEntryStoredUnderALongerOne) {
  (void)ask_with({.ttl = seconds{100}}, "get orders 1");
  clock_.advance(seconds{5});
  EXPECT_EQ(ask_with({.ttl = seconds{5}}, "get orders 1").reason_code(), ReasonCode::kExpired);
}

TEST_F(CoreTest, AHintInTheStatementCounts) {
  (void)ask("/* weir: off */ get orders 1");
  const Result off = ask("/* weir: off */ get orders 1");
  EXPECT_EQ(off.reason_code(), ReasonCode::kOff);
}

TEST_F(CoreTest, AMalformedHintIsIgnoredReportedOnceAndCounted) {
  std::vector<std::string> refused;
  core().events().refused.connect([&](const RefusedEvent& e) { refused.emplace_back(e.reason); });
  (void)ask("/* weir: tll=3s */ get orders 1");
  EXPECT_EQ(ask("/* weir: tll=3s */ get orders 1").source(), Source::kMemory);
  ASSERT_EQ(refused.size(), 1U);
  EXPECT_THAT(refused[0], HasSubstr("tll"));
  EXPECT_EQ(core().metrics().hint_errors_total, 1U);
}

TEST_F(CoreTest, CoalesceOnlyKeepsNothing) {
  const Policy policy{.mode = CacheMode::kCoalesceOnly};
  (void)ask_with(policy, "get orders 1");
  EXPECT_EQ(ask_with(policy, "get orders 1").source(), Source::kDatabase);
  EXPECT_EQ(core().metrics().entries, 0U);
}

TEST_F(CoreTest, ConcurrentIdenticalMissesRunOneQuery) {
  (void)ask("scan users");
  const std::size_t before = runs();
  auto gate = fake_->hold(FakeCall::kRun);
  std::vector<std::future<Result>> asks;
  asks.push_back(std::async(std::launch::async, [&] { return ask("get orders 1"); }));
  gate->await_arrival();
  for (int i = 0; i < 8; ++i)
    asks.push_back(std::async(std::launch::async, [&] { return ask("get orders 1"); }));
  while (core().metrics().hits_total + runs() - before < 1) std::this_thread::yield();
  gate->open();
  for (auto& each : asks) EXPECT_EQ(value_of(each.get()), "ten");
  EXPECT_EQ(runs() - before, 1U);
}

// A flight that began before this process's write must not answer a lookup that came after it.
TEST_F(CoreTest, ALookupAfterAnOwnWriteJoinsNoFlightFromBeforeIt) {
  (void)ask("scan users");
  auto gate = fake_->hold(FakeCall::kRun, Hold::kAfter);
  auto slow = std::async(std::launch::async, [&] { return ask("get orders 1"); });
  gate->await_arrival();  // has read "ten"
  core().execute(asker_, "set orders 1 eleven", {});
  EXPECT_EQ(value_of(ask("get orders 1")), "eleven");
  gate->open();
  EXPECT_EQ(value_of(slow.get()), "ten");
  EXPECT_EQ(value_of(ask("get orders 1")), "eleven");
}

TEST_F(CoreTest, AnErrorGoesToTheCallerAndIsNotKept) {
  (void)ask("scan users");
  fake_->fail(FakeCall::kRun, Error{ErrorCode::kDatabase, "boom"});
  EXPECT_THROW((void)ask("get orders 1"), Error);
  EXPECT_EQ(value_of(ask("get orders 1")), "ten");
}

TEST_F(CoreTest, AReadOnALostConnectionIsTriedOnceMore) {
  (void)ask("scan users");
  fake_->lose_connections();
  EXPECT_EQ(value_of(ask("get orders 1")), "ten");
}

TEST_F(CoreTest, AWriteOnALostConnectionIsNotTriedAgain) {
  (void)core().execute(asker_, "set orders 1 eleven", {});
  fake_->fail(FakeCall::kRun, ConnectionError{"lost", {.connection_usable = false}});
  const std::size_t before = runs();
  EXPECT_THROW(core().execute(asker_, "set orders 1 twelve", {}), Error);
  EXPECT_EQ(runs() - before, 1U);
}

TEST_F(CoreTest, AResultOverTheCapIsDeliveredNotKeptAndSaysSo) {
  options_.memory.max_entry = Bytes{100};
  fake_->write("orders", "1", std::string(1000, 'x'));
  EXPECT_EQ(value_of(ask("get orders 1")).size(), 1000U);
  const Result again = ask("get orders 1");
  EXPECT_EQ(again.reason_code(), ReasonCode::kTooLarge);
  EXPECT_THAT(again.reason(), HasSubstr("memory.max_entry"));
}

TEST_F(CoreTest, RowSecurityIsCachedOnlyUnderADeclaredSession) {
  fake_->write("vault", "1", "secret");
  (void)ask("secret vault");
  EXPECT_EQ(ask("secret vault").reason_code(), ReasonCode::kSession);
  const Asker alice = core().asker({.role = "alice"}, {});
  const Asker bob = core().asker({.role = "bob"}, {});
  (void)core().query(alice, "secret vault", nullptr, {});
  EXPECT_EQ(core().query(alice, "secret vault", nullptr, {}).source(), Source::kMemory);
  EXPECT_EQ(core().query(bob, "secret vault", nullptr, {}).source(), Source::kDatabase);
}

// PostgreSQL reads the text 'now' as the current time once it becomes a date, and the analysis sees
// no values.
TEST_F(CoreTest, AParameterThatMayNameTheCurrentTimeIsKeptOnlyUnderATtl) {
  const Params now = Params::of("Now");
  (void)ask("get orders $1", now);
  EXPECT_EQ(ask("get orders $1", now).reason_code(), ReasonCode::kNotCacheable);
  const Asker lenient = core().asker({}, {.ttl = seconds{1}});
  (void)core().query(lenient, "get orders $1", nullptr, now);
  EXPECT_EQ(core().query(lenient, "get orders $1", nullptr, now).source(), Source::kMemory);
}

TEST_F(CoreTest, ATagInvalidatesWhatCarriesIt) {
  const Policy tagged{.tags = {"front-page"}};
  (void)ask_with(tagged, "get orders 1");
  (void)ask_with({.tags = {"user:42"}}, "get users 1");
  core().invalidate(asker_, spi::InvalidationKind::kTag, "front-page");
  EXPECT_EQ(ask_with(tagged, "get orders 1").reason_code(), ReasonCode::kStale);
  EXPECT_EQ(ask_with({.tags = {"user:42"}}, "get users 1").source(), Source::kMemory);
  core().invalidate(asker_, spi::InvalidationKind::kTagPattern, "user:*");
  EXPECT_EQ(ask_with({.tags = {"user:42"}}, "get users 1").source(), Source::kDatabase);
  EXPECT_EQ(ask_with(tagged, "get orders 1").source(), Source::kMemory);
}

TEST_F(CoreTest, AnEntryFilledWithoutTheCallersTagIsNotAHitForIt) {
  (void)ask("get orders 1");
  EXPECT_EQ(ask_with({.tags = {"a"}}, "get orders 1").source(), Source::kDatabase);
  core().invalidate(asker_, spi::InvalidationKind::kTag, "a");
  EXPECT_EQ(ask("get orders 1").reason_code(), ReasonCode::kStale);
}

TEST_F(CoreTest, ClearEmptiesTheCacheAndReadsUnderWayFillNothing) {
  (void)ask("get orders 1");
  core().clear();
  EXPECT_EQ(ask("get orders 1").source(), Source::kDatabase);
}

TEST_F(CoreTest, ATokenFromAnotherProcessIsWaitedFor) {
  (void)ask("get orders 1");
  fake_->write("orders", "1", "eleven");
  const Token token{fake_->snapshot(), fake_->incarnation()};
  core().observe(token);
  EXPECT_EQ(value_of(ask("get orders 1")), "eleven");
}

// --- Transactions
// -------------------------------------------------------------------------------------------------

TEST_F(CoreTest, AReadCommittedTransactionReadsFromTheCacheUntilItWrites) {
  (void)ask("get orders 1");
  auto transaction = begin();
  EXPECT_EQ(transaction->query("get orders 1", nullptr, {}).source(), Source::kMemory);
  (void)transaction->execute("set users 1 bob", {});
  EXPECT_EQ(transaction->query("get orders 1", nullptr, {}).reason_code(),
            ReasonCode::kTransaction);
  transaction->rollback();
}

TEST_F(CoreTest, ATransactionWithASnapshotOfItsOwnBypassesTheCache) {
  (void)ask("get orders 1");
  auto transaction = begin(Isolation::kRepeatableRead);
  EXPECT_EQ(transaction->query("get orders 1", nullptr, {}).reason_code(),
            ReasonCode::kTransaction);
}

TEST_F(CoreTest, ADeclaredQuerysPolicyHoldsInATransactionToo) {
  (void)ask("get orders 1");
  auto transaction = begin();
  const Query off{"get orders 1", {.mode = CacheMode::kOff}};
  EXPECT_EQ(transaction->query(off.sql(), &off, {}).reason_code(), ReasonCode::kOff);
}

TEST_F(CoreTest, NothingReadInATransactionIsKept) {
  auto transaction = begin();
  (void)transaction->query("get orders 1", nullptr, {});
  (void)transaction->execute("set orders 1 eleven", {});
  EXPECT_EQ(value_of(transaction->query("get orders 1", nullptr, {})), "eleven");
  transaction->rollback();
  EXPECT_EQ(core().metrics().entries, 0U);
  EXPECT_EQ(value_of(ask("get orders 1")), "ten");
}

TEST_F(CoreTest, ARolledBackWriteChangesNothing) {
  (void)ask("get orders 1");
  auto transaction = begin();
  (void)transaction->execute("set orders 1 eleven", {});
  transaction->rollback();
  clock_.advance(seconds{5});
  EXPECT_EQ(ask("get orders 1").source(), Source::kMemory);
}

TEST_F(CoreTest, ACommittedTransactionIsSeenByTheNextLookup) {
  options_.policy.max_staleness = std::chrono::hours{1};
  (void)ask("get orders 1");
  auto transaction = begin();
  (void)transaction->execute("set orders 1 eleven", {});
  EXPECT_EQ(value_of(ask("get orders 1")), "ten") << "not committed yet";
  transaction->commit();
  EXPECT_EQ(value_of(ask("get orders 1")), "eleven");
}

TEST_F(CoreTest, ACommitWhoseAnswerWasLostIsLookedFor) {
  options_.policy.max_staleness = std::chrono::hours{1};
  (void)ask("get orders 1");
  auto transaction = begin();
  (void)transaction->execute("set orders 1 eleven", {});
  auto gate = fake_->hold(FakeCall::kCommit, Hold::kAfter);
  auto commit = std::async(std::launch::async, [&] { transaction->commit(); });
  gate->await_arrival();
  clock_.advance(options_.statement_timeout);
  EXPECT_THROW(commit.get(), Error);
  EXPECT_EQ(value_of(ask("get orders 1")), "eleven");
}

TEST_F(CoreTest, AnEndedTransactionRefusesFurtherCalls) {
  auto transaction = begin();
  transaction->commit();
  EXPECT_THROW((void)transaction->query("get orders 1", nullptr, {}), Error);
  EXPECT_THROW(transaction->commit(), Error);
}

// --- Life and death
// -----------------------------------------------------------------------------------------------

TEST_F(CoreTest, AClosedDatabaseSaysSo) {
  (void)ask("get orders 1");
  core().close();
  try {
    (void)ask("get orders 1");
    FAIL() << "answered after close";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kClosed);
  }
}

TEST_F(CoreTest, OpeningTellsOfAServerThatIsDown) {
  fake_->fail(FakeCall::kConnect, ConnectionError{"server down"}, 10);
  EXPECT_THROW(core(), Error);
}

TEST_F(CoreTest, WithoutAJournalQueriesRunAndOnlyTtlsCache) {
  fake_->untracked.insert("orders");
  fake_->fail(FakeCall::kPull,
              Error{ErrorCode::kMigration, "weir's schema is missing: run weir migrate up"}, 100);
  EXPECT_EQ(ask("get orders 1").source(), Source::kDatabase);
  EXPECT_EQ(ask("get orders 1").source(), Source::kDatabase);
  const Policy ttl{.ttl = seconds{10}};
  (void)ask_with(ttl, "get orders 1");
  EXPECT_EQ(ask_with(ttl, "get orders 1").source(), Source::kMemory);
  EXPECT_THAT(core().explain(asker_, "get orders 1").to_string(), HasSubstr("run weir migrate up"));
}

TEST_F(CoreTest, AJournalThatAppearsIsNoticedByTheBackgroundLook) {
  fake_->fail(FakeCall::kPull, Error{ErrorCode::kMigration, "missing"});
  EXPECT_EQ(ask("get orders 1").reason_code(), ReasonCode::kNotValidated);
  clock_.advance(seconds{1});
  core().tick();
  (void)ask("get orders 1");
  EXPECT_EQ(ask("get orders 1").source(), Source::kMemory);
}

TEST_F(CoreTest, TheBackgroundLookKeepsHitsFromWaiting) {
  (void)ask("get orders 1");
  for (int i = 0; i < 10; ++i) {
    clock_.advance(milliseconds{500});
    core().tick();
    const std::size_t pulls = fake_->calls(FakeCall::kPull);
    EXPECT_EQ(ask("get orders 1").source(), Source::kMemory);
    EXPECT_EQ(fake_->calls(FakeCall::kPull), pulls);
  }
}

TEST_F(CoreTest, TheBackgroundLookRestsWhenNobodyAsks) {
  (void)ask("get orders 1");
  clock_.advance(seconds{1});
  core().tick();
  const std::size_t pulls = fake_->calls(FakeCall::kPull);
  clock_.advance(seconds{60});
  core().tick();
  EXPECT_EQ(fake_->calls(FakeCall::kPull), pulls);
}

TEST_F(CoreTest, EventsTellWhatHappens) {
  std::vector<std::string> log;
  core().events().hit.connect(
      [&](const HitEvent& e) { log.push_back("hit " + std::string{e.statement}); });
  core().events().miss.connect(
      [&](const MissEvent& e) { log.push_back("miss " + std::string{e.statement}); });
  core().events().stored.connect(
      [&](const StoredEvent& e) { log.push_back("stored " + std::string{e.statement}); });
  core().events().invalidated.connect(
      [&](const InvalidationEvent& e) { log.push_back("changed " + std::string{e.target}); });
  (void)ask("get orders 1");
  (void)ask("get  orders 1");
  fake_->write("orders", "1", "eleven");
  clock_.advance(seconds{2});
  (void)ask("get orders 1");
  EXPECT_THAT(log,
              ::testing::ElementsAre("stored get orders 1", "miss get orders 1", "hit get orders 1",
                                     "changed orders", "stored get orders 1", "miss get orders 1"));
}

TEST_F(CoreTest, MetricsCountWhatHappened) {
  (void)ask("get orders 1");
  (void)ask("get orders 1");
  core().execute(asker_, "set orders 1 x", {});
  const Metrics metrics = core().metrics();
  EXPECT_EQ(metrics.hits_total, 1U);
  EXPECT_EQ(metrics.misses_total.at(std::string{to_string(ReasonCode::kAbsent)}), 1U);
  EXPECT_EQ(metrics.stored_total, 1U);
  EXPECT_EQ(metrics.writes_total, 1U);
  EXPECT_EQ(metrics.entries, 1U);
  EXPECT_GT(metrics.memory_bytes, 0U);
  EXPECT_THAT(metrics.to_prometheus(), HasSubstr("weir_hits_total 1\n"));
}

}  // namespace
}  // namespace weir::detail
