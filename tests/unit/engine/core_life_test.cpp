// Flights, failures, upkeep, and what is told of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <string>
#include <thread>
#include <vector>

#include "tests/unit/engine/core_fixture.hpp"

namespace weir::detail {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::FakeCall;
using ::testing::HasSubstr;

TEST_F(CoreTest, AMalformedHintIsIgnoredReportedOnceAndCounted) {
  std::vector<std::string> refused;
  core().events().refused.connect([&](const RefusedEvent& e) { refused.emplace_back(e.reason); });
  (void)ask("/* weir: tll=3s */ get orders 1");
  EXPECT_EQ(ask("/* weir: tll=3s */ get orders 1").source(), Source::kMemory);
  ASSERT_EQ(refused.size(), 1U);
  EXPECT_THAT(refused[0], HasSubstr("tll"));
  EXPECT_EQ(core().metrics().hint_errors_total, 1U);
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

// As after a restart of the server: one retry must do, however many dead connections there are.
TEST_F(CoreTest, OneRetryIsEnoughWhenEveryPooledConnectionIsLost) {
  (void)ask("scan users");
  auto gate = fake_->hold(FakeCall::kRun);
  auto second = fake_->hold(FakeCall::kRun);
  auto third = fake_->hold(FakeCall::kRun);
  std::vector<std::future<Result>> asks;
  for (const char* sql : {"get orders 1", "get orders 2", "get orders 3"})
    asks.push_back(std::async(std::launch::async, [this, sql] { return ask(sql); }));
  for (auto& each : {gate, second, third}) each->await_arrival();
  for (auto& each : {gate, second, third}) each->open();
  for (auto& each : asks) (void)each.get();
  ASSERT_EQ(core().metrics().connections_open, 3U);
  fake_->lose_connections();
  EXPECT_EQ(value_of(ask("get users 1")), "ann");
}

TEST_F(CoreTest, OneRetryIsEnoughToBeginWhenEveryPooledConnectionIsLost) {
  {
    auto one = begin();
    auto two = begin();
    auto three = begin();
    for (auto* each : {&one, &two, &three}) (*each)->rollback();
  }
  ASSERT_EQ(core().metrics().connections_open, 3U);
  fake_->lose_connections();
  auto transaction = begin();
  EXPECT_EQ(value_of(transaction->query("get users 1", nullptr, {})), "ann");
}

TEST_F(CoreTest, AWriteOnALostConnectionIsNotTriedAgain) {
  (void)core().execute(asker_, "set orders 1 eleven", {});
  fake_->fail(FakeCall::kRun, ConnectionError{"lost", {.connection_usable = false}});
  const std::size_t before = runs();
  EXPECT_THROW(core().execute(asker_, "set orders 1 twelve", {}), Error);
  EXPECT_EQ(runs() - before, 1U);
}

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

TEST_F(CoreTest, CloseNamesWhatIsStillOpenAndClosesAllTheSame) {
  auto transaction = begin();
  auto ended = begin();
  ended->rollback();
  auto close = std::async(std::launch::async, [&] { core().close(); });
  while (close.wait_for(seconds{0}) != std::future_status::ready) {
    clock_.advance(seconds{1});
    std::this_thread::yield();
  }
  try {
    close.get();
    FAIL() << "closed over an open transaction without a word";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kTimeout);
    EXPECT_THAT(e.what(), HasSubstr("statement_timeout = 30000 ms"));
    EXPECT_THAT(e.what(), HasSubstr("1 open transaction(s), 0 other call(s)"));
  }
  EXPECT_THROW((void)ask("get orders 1"), Error);
  transaction.reset();
  EXPECT_EQ(core().metrics().connections_open, 0U);
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

TEST_F(CoreTest, EventsTellWhenThePoolAndTheJournalFailAndWorkAgainOnceEachWay) {
  std::vector<std::string> log;
  options_.pool.min_size = 2;
  core().events().degraded.connect([&](const DegradedEvent& e) {
    log.push_back(std::string{e.what} + ": " + std::string{e.reason});
  });
  fake_->fail(FakeCall::kConnect, ConnectionError{"refused"}, 2);
  for (int i = 0; i < 4; ++i) {
    core().tick();
    clock_.advance(seconds{5});
  }
  EXPECT_THAT(log, ::testing::ElementsAre("pool: refused", "pool: "));
  log.clear();
  fake_->fail(FakeCall::kPull, ConnectionError{"gone"}, 2);
  for (int i = 0; i < 4; ++i) {
    clock_.advance(seconds{5});
    (void)ask("get orders 1");
  }
  EXPECT_THAT(log, ::testing::ElementsAre("journal: gone", "journal: "));
}

TEST_F(CoreTest, ExplainOfAWrongStatementIsTheDatabasesErrorAndRunsNothing) {
  core();
  const std::size_t before = runs();
  try {
    (void)core().explain(asker_, "nonsense");
    FAIL() << "explained";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kSyntax);
    EXPECT_EQ(e.position(), 1U);
  }
  EXPECT_EQ(runs(), before);
}

TEST_F(CoreTest, ExplainTellsARefusalOnceAndAsksTheDatabaseNothing) {
  fake_->analyses["begin"] = {.kind = spi::StatementKind::kTransactionControl,
                              .reasons = {"BEGIN is refused"},
                              .refusal = "BEGIN is refused"};
  EXPECT_THAT(core().explain(asker_, "begin").reasons, ::testing::ElementsAre("BEGIN is refused"));
  EXPECT_EQ(fake_->calls(FakeCall::kCheck), 0U);
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
