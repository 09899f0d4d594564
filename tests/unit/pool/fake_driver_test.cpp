#include "tests/support/fake_driver.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>

#include "tests/support/fake_clock.hpp"

namespace weir::test {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class FakeDriverTest : public ::testing::Test {
 protected:
  std::unique_ptr<spi::Connection> connect() { return driver.connect(spi::Access::kWrite, {}); }
  static spi::RunOutcome run(spi::Connection& connection, std::string_view sql,
                             const Params& params = {}) {
    return connection.run({.sql = sql, .params = &params});
  }
  static std::string value(spi::Connection& connection, std::string_view sql) {
    const spi::RunOutcome outcome = run(connection, sql);
    return outcome.rows->rows() == 0 ? "none" : std::string{outcome.rows->text(0, 1)};
  }

  FakeClock clock;
  std::shared_ptr<FakeDatabase> database = std::make_shared<FakeDatabase>();
  FakeDriver driver{database, clock};
};

TEST_F(FakeDriverTest, WritesAreReadAndReachTheJournalOnce) {
  const auto connection = connect();
  const auto feed = driver.open_feed();
  EXPECT_THAT(feed->pull({}).changes, IsEmpty());
  EXPECT_EQ(run(*connection, "set users $1 $2", Params::of("ann", 7)).affected, 1U);
  EXPECT_EQ(value(*connection, "get users ann"), "7");
  const spi::Pull pull = feed->pull({});
  ASSERT_EQ(pull.changes.size(), 1U);
  EXPECT_EQ(pull.changes[0].target, "users");
  EXPECT_TRUE(pull.snapshot.sees(pull.changes[0].id));
  EXPECT_THAT(feed->pull({}).changes, IsEmpty());
}

TEST_F(FakeDriverTest, ATransactionIsSeenByOthersWhenItCommitsHoweverEarlyItsIdIs) {
  const auto feed = driver.open_feed();
  static_cast<void>(feed->pull({}));
  const auto writer = connect();
  const auto reader = connect();
  writer->begin(spi::Isolation::kReadCommitted, spi::TransactionAccess::kReadWrite, {});
  run(*writer, "set t a 1");
  database->write("t", "b", "2");  // a later id, committed first
  EXPECT_EQ(value(*writer, "get t a"), "1");
  EXPECT_EQ(value(*reader, "get t a"), "none");
  EXPECT_EQ(feed->pull({}).changes.size(), 1U);
  writer->commit({});
  EXPECT_EQ(value(*reader, "get t a"), "1");
  EXPECT_EQ(feed->pull({}).changes.size(), 1U);
}

TEST_F(FakeDriverTest, RollbackAndSavepointsUndo) {
  const auto feed = driver.open_feed();
  static_cast<void>(feed->pull({}));
  const auto connection = connect();
  connection->begin(spi::Isolation::kReadCommitted, spi::TransactionAccess::kReadWrite, {});
  run(*connection, "set t a 1");
  connection->savepoint("s", {});
  run(*connection, "set t a 2");
  connection->rollback_to("s", {});
  EXPECT_EQ(value(*connection, "get t a"), "1");
  connection->rollback({});
  EXPECT_EQ(value(*connection, "get t a"), "none");
  EXPECT_EQ(connection->state(), spi::TransactionState::kIdle);
  EXPECT_THAT(feed->pull({}).changes, IsEmpty());
}

TEST_F(FakeDriverTest, AnalysisTellsKindsAndDependencies) {
  database->untracked = {"logs"};
  const auto connection = connect();
  EXPECT_EQ(connection->analyze("get t $1", {}).cacheability, spi::Cacheability::kProvable);
  EXPECT_EQ(connection->analyze("get t $1", {}).parameters, 1U);
  EXPECT_THAT(connection->analyze("scan t", {}).dependencies, ElementsAre("t"));
  EXPECT_EQ(connection->analyze("scan logs", {}).cacheability, spi::Cacheability::kTtlOnly);
  EXPECT_EQ(connection->analyze("now t", {}).cacheability, spi::Cacheability::kTtlOnly);
  EXPECT_TRUE(connection->analyze("secret t", {}).needs_declared_session);
  EXPECT_EQ(connection->analyze("set t a 1", {}).kind, spi::StatementKind::kWrite);
  EXPECT_EQ(connection->analyze("ddl", {}).kind, spi::StatementKind::kSchemaChange);
  EXPECT_EQ(connection->analyze("nonsense", {}).kind, spi::StatementKind::kOther);
  database->analyses["scan t"].refusal = "no";
  EXPECT_EQ(connection->analyze(" scan   t ", {}).refusal, "no");
}

TEST_F(FakeDriverTest, ScanTakesHintsOut) {
  const spi::Scan scan = driver.scan("/* weir: ttl=1s */ get  t k /* weir:off */");
  EXPECT_EQ(scan.normalized, "get t k");
  EXPECT_THAT(scan.hints, ElementsAre(" ttl=1s ", "off "));
  EXPECT_EQ(driver.scan("get t /* weir:").normalized, "get t");
}

TEST_F(FakeDriverTest, ScriptedFailuresHappenOnceEach) {
  const auto connection = connect();
  database->fail(FakeCall::kRun, Error{ErrorCode::kDeadlock, "scripted"});
  EXPECT_THROW(run(*connection, "scan t"), Error);
  EXPECT_TRUE(connection->usable());
  EXPECT_NO_THROW(run(*connection, "scan t"));
  database->fail(FakeCall::kConnect, ConnectionError{"scripted"});
  EXPECT_THROW(connect(), Error);
  EXPECT_EQ(database->calls(FakeCall::kConnect), 2U);
}

TEST_F(FakeDriverTest, LostConnectionsFailAndACrashChangesTheIncarnation) {
  const auto connection = connect();
  const auto feed = driver.open_feed();
  static_cast<void>(feed->pull({}));
  database->crash();
  EXPECT_FALSE(connection->ping({}));
  EXPECT_FALSE(connection->usable());
  EXPECT_THROW(run(*connection, "scan t"), ConnectionError);
  EXPECT_NE(connect()->info().incarnation, connection->info().incarnation);
  EXPECT_NE(feed->pull({}).reset, "");
  EXPECT_EQ(feed->pull({}).reset, "");
}

TEST_F(FakeDriverTest, AHeldCallWaitsAtTheGateAndAtMostToItsDeadline) {
  const auto connection = connect();
  const auto gate = database->hold(FakeCall::kRun, Hold::kAfter);
  std::string seen;
  std::thread reader{[&] { seen = value(*connection, "get t a"); }};
  gate->await_arrival();
  database->write("t", "a", "1");  // too late for the read, which has happened
  gate->open();
  reader.join();
  EXPECT_EQ(seen, "none");

  static_cast<void>(database->hold(FakeCall::kRun));
  const Params none{};
  const spi::Deadline deadline = spi::Deadline::after(clock, 5s);
  std::thread waker{[&] { clock.advance(6s); }};
  EXPECT_THROW(
      static_cast<void>(connection->run({.sql = "scan t", .params = &none, .deadline = deadline})),
      Error);
  waker.join();
  EXPECT_FALSE(connection->usable());
}

TEST_F(FakeDriverTest, AFailedPullLearnsNothing) {
  const auto feed = driver.open_feed();
  static_cast<void>(feed->pull({}));
  database->write("t", "a", "1");
  database->fail(FakeCall::kPull, ConnectionError{"scripted"});
  EXPECT_THROW(static_cast<void>(feed->pull({})), Error);
  EXPECT_EQ(feed->pull({}).changes.size(), 1U);
}

}  // namespace
}  // namespace weir::test
