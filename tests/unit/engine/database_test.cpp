#include "weir/database.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/fake_driver.hpp"
#include "tests/support/fake_remote_store.hpp"

namespace weir {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::FakeCall;
using test::FakeDatabase;
using ::testing::HasSubstr;

/// The public face over a fake database, with the real clock and the background threads.
class DatabaseTest : public ::testing::Test {
 protected:
  void SetUp() override { fake_->write("orders", "1", "ten"); }
  Database open() {
    return Database::open(options_, std::make_unique<test::FakeDriver>(fake_, system_clock()));
  }
  static std::string value_of(const Result& result) {
    return result.empty() ? "" : result[0].get<std::string>("value");
  }
  /// Waits until `holds()` does; false after 20 s.
  template <typename F>
  static bool await(F&& holds) {
    const TimePoint limit = system_clock().now() + seconds{20};
    while (!holds()) {
      if (system_clock().now() > limit) return false;
      std::this_thread::yield();
    }
    return true;
  }

  /// Lets a slot on a background thread outlive every other holder of the database, and waits until
  /// all of it is gone. `ask` is called until the slot runs.
  template <typename F>
  void drop_last_handle_in_slot(F&& ask) {
    auto db = std::make_shared<Database>(open());
    const std::weak_ptr<Database> weak = db;
    const std::thread::id main_thread = std::this_thread::get_id();
    std::atomic<bool> entered{false};
    std::atomic<bool> alone{false};
    db->events().invalidated.connect([&, weak](const InvalidationEvent&) {
      if (std::this_thread::get_id() == main_thread || entered) return;
      const std::shared_ptr<Database> held = weak.lock();
      entered = true;
      EXPECT_TRUE(await([&] { return alone.load(); }));
    });
    EXPECT_TRUE(await([&] {
      if (!entered) fake_->write("orders", "1", "eleven");
      if (!entered) ask(*db);
      return entered.load();
    }));
    db.reset();
    alone = true;
    EXPECT_TRUE(await([&] { return fake_.use_count() == 1; })) << "the database is not gone";
    EXPECT_EQ(fake_->calls(FakeCall::kDisconnect), fake_->calls(FakeCall::kConnect));
  }

  std::shared_ptr<FakeDatabase> fake_ = std::make_shared<FakeDatabase>();
  Options options_{.database = "fake:memory"};
};

TEST_F(DatabaseTest, AnswersFromTheCacheThroughEveryHandle) {
  const Database db = open();
  const Database copy = db;
  (void)db.query("get orders $1", "1");
  EXPECT_EQ(copy.query("get orders $1", "1").source(), Source::kMemory);
  EXPECT_EQ(db.with({.ttl = seconds{60}}).query("get orders $1", "1").source(), Source::kMemory);
}

TEST_F(DatabaseTest, ADeclaredQueryCarriesItsPolicy) {
  const Database db = open();
  const Query off{"get orders 1", {.mode = CacheMode::kOff}};
  (void)db.query(off);
  EXPECT_EQ(db.query(off).reason_code(), ReasonCode::kOff);
  (void)db.query("get orders 1");
  EXPECT_EQ(db.query("get orders 1").source(), Source::kMemory);
  EXPECT_EQ(db.with({.mode = CacheMode::kAuto}).query(off).source(), Source::kMemory)
      << "the call is stronger";
}

TEST_F(DatabaseTest, AStreamMakesAChangeSeenLongBeforeTheBoundInThePlaceOfTheDatabase) {
  fake_->with_listener = true;  // which is not asked for one
  options_.redis = RedisOptions{.url = "redis://fake"};
  options_.listen = {.via = WakeUps::kStream, .stream = "changes"};
  options_.policy.max_staleness = std::chrono::hours{1};
  const auto store = std::make_shared<test::FakeRemoteStore>(system_clock());
  const Database db =
      Database::open(options_, std::make_unique<test::FakeDriver>(fake_, system_clock()),
                     system_clock(), std::make_unique<test::SharedRemoteStore>(store));
  ASSERT_TRUE(await([&] { return db.metrics().listening != 0; }));
  EXPECT_EQ(db.metrics().leading, 0U);
  (void)db.query("get orders 1");
  fake_->write("orders", "1", "eleven");
  EXPECT_EQ(value_of(db.query("get orders 1")), "ten");
  store->open_stream("changes")->append("what cannot be read is a reason to pull", 10, {});
  EXPECT_TRUE(await([&] { return value_of(db.query("get orders 1")) == "eleven"; }));
}

TEST_F(DatabaseTest, AListenersWakeUpMakesAChangeSeenLongBeforeTheBound) {
  fake_->with_listener = true;
  options_.policy.max_staleness = std::chrono::hours{1};
  const Database db = open();
  (void)db.query("get orders 1");
  fake_->write("orders", "1", "eleven");
  EXPECT_TRUE(await([&] { return value_of(db.query("get orders 1")) == "eleven"; }));
  EXPECT_GE(db.metrics().wake_ups_total, 1U);
}

TEST_F(DatabaseTest, ASlotThatThrowsHarmsNobody) {
  const Database db = open();
  db.events().hit.connect([](const HitEvent&) { throw std::runtime_error("slot"); });
  (void)db.query("get orders 1");
  EXPECT_EQ(db.query("get orders 1").source(), Source::kMemory);
}

TEST_F(DatabaseTest, TransactTriesAgainAfterASerializationFailureAndNoMoreThanAllowed) {
  const Database db = open();
  const Error conflict{ErrorCode::kSerialization, "conflict", {.retryable = true}};
  fake_->fail(FakeCall::kCommit, conflict, 2);
  int runs = 0;
  const int answer = db.transact([&](Transaction& tx) {
    tx.execute("set orders 1 eleven");
    return ++runs;
  });
  EXPECT_EQ(answer, 3);
  EXPECT_EQ(value_of(db.query("get orders 1")), "eleven");
  EXPECT_EQ(db.metrics().transaction_retries_total, 2U);
  fake_->fail(FakeCall::kCommit, conflict, 10);
  runs = 0;
  EXPECT_THROW(db.transact([&](Transaction&) { ++runs; }, {.max_attempts = 3}), Error);
  EXPECT_EQ(runs, 3);
}

TEST_F(DatabaseTest, TransactRollsBackAndPassesOnWhatTheWorkThrows) {
  const Database db = open();
  EXPECT_THROW(db.transact([&](Transaction& tx) {
    tx.execute("set orders 1 eleven");
    throw std::runtime_error("mine");
  }),
               std::runtime_error);
  EXPECT_EQ(value_of(db.query("get orders 1")), "ten");
}

TEST_F(DatabaseTest, ATransactionOutOfScopeIsRolledBack) {
  const Database db = open();
  { db.begin().execute("set orders 1 eleven"); }
  EXPECT_EQ(value_of(db.query("get orders 1")), "ten");
}

TEST_F(DatabaseTest, ASettingThatHasAFieldOfItsOwnIsRefusedByName) {
  const Database db = open();
  try {
    (void)db.with_session({.settings = {{"Search_Path", "x"}}});
    FAIL() << "accepted";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kConfig);
    EXPECT_THAT(e.what(), HasSubstr("session.search_path"));
  }
}

TEST_F(DatabaseTest, CloseRefusesWhatComesAfterAndCanBeCalledTwice) {
  const Database db = open();
  (void)db.query("get orders 1");
  db.close();
  db.close();
  EXPECT_THROW((void)db.query("get orders 1"), Error);
  EXPECT_EQ(db.metrics().connections_open, 0U);
}

TEST_F(DatabaseTest, TheChildOfAForkIsRefusedAndEndsWithoutTouchingTheParents) {
  std::optional<Database> db = open();
  std::optional<Transaction> transaction = db->begin();
  (void)db->query("get orders 1");
  const std::size_t disconnects = fake_->calls(FakeCall::kDisconnect);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    int code = 1;
    try {
      (void)db->query("get orders 1");
    } catch (const Error& e) {
      code = e.code() == ErrorCode::kRefused ? 0 : 2;
    }
    transaction.reset();
    db.reset();
    if (fake_->calls(FakeCall::kDisconnect) != disconnects) code = 3;
    ::_exit(code);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_EQ(db->query("get orders 1").source(), Source::kMemory) << "the parent goes on";
}

TEST_F(DatabaseTest, AHandleThatWasMovedFromSaysSo) {
  Database db = open();
  const Database moved = std::move(db);
  const auto refused = [](const auto& call) {
    try {
      call();
      ADD_FAILURE() << "went on";
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::kUsage);
      EXPECT_THAT(e.what(), HasSubstr("moved from"));
    }
  };
  // NOLINTBEGIN(bugprone-use-after-move)
  refused([&] { (void)db.query("get orders 1"); });
  refused([&] { db.execute("set orders 1 x"); });
  refused([&] { (void)db.begin(); });
  refused([&] { (void)db.with({}); });
  refused([&] { (void)db.events(); });
  refused([&] { (void)db.metrics(); });
  refused([&] { db.close(); });
  Result rows = moved.query("get orders 1");
  const Result kept = std::move(rows);
  refused([&] { (void)rows.size(); });
  refused([&] { (void)rows[0]; });
  refused([&] {
    for (const Row row : rows) (void)row;
  });
  refused([&] { (void)rows.json(); });
  refused([&] { (void)rows.column_index("value"); });
  EXPECT_EQ(value_of(kept), "ten");
  Transaction first = moved.begin();
  Transaction second = std::move(first);
  refused([&] { (void)first.query("get orders 1"); });
  refused([&] { first.commit(); });
  // NOLINTEND(bugprone-use-after-move)
  second.commit();
}

// Whoever holds the last handle in a slot drops it on a thread of the database itself.
TEST_F(DatabaseTest, TheLastHandleMayGoInASlotOnTheListenersThread) {
  fake_->with_listener = true;
  options_.policy.max_staleness = std::chrono::hours{1};
  drop_last_handle_in_slot([](const Database&) {});
}

TEST_F(DatabaseTest, TheLastHandleMayGoInASlotOnTheUpkeepsThread) {
  options_.policy.max_staleness = milliseconds{20};
  drop_last_handle_in_slot([](const Database& db) { (void)db.query("get orders 1"); });
}

// Readers beside writers in the same process: own writes are always seen, whoever reads.
TEST_F(DatabaseTest, NoReaderEverSeesLessThanThisProcessHasWritten) {
  options_.policy.max_staleness = std::chrono::hours{1};
  const Database db = open();
  db.execute("set numbers n 0");
  std::atomic<int> written{0};
  std::atomic<bool> stop{false};
  std::atomic<int> wrong{0};
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      while (!stop) {
        const int at_least = written.load();
        if (std::stoi(value_of(db.query("get numbers n"))) < at_least) ++wrong;
      }
    });
  }
  for (int n = 1; n <= 300; ++n) {
    db.execute("set numbers n $1", std::to_string(n));
    written.store(n);
  }
  stop = true;
  for (auto& reader : readers) reader.join();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace weir
