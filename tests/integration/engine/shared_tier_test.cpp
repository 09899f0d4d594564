// Processes that share results through a real Redis: whatever happens to it, and whenever they
// start, the answer is the database's.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/support/real_database.hpp"
#include "tests/support/servers.hpp"
#include "weir/weir.hpp"

namespace weir::test {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

/// Runs a shell command; returns its output.
std::string shell(const std::string& command) {
  std::string output;
  FILE* const pipe = popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) throw std::runtime_error{"popen failed"};
  std::array<char, 4096> piece{};
  while (const std::size_t length = std::fread(piece.data(), 1, piece.size(), pipe))
    output.append(piece.data(), length);
  if (pclose(pipe) != 0) throw std::runtime_error{command + ": " + output};
  return output;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    if (end > at) lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

class SharedTierTest : public ::testing::Test {
 protected:
  static constexpr const char* kOrders = "SELECT sum(n) FROM orders";
  static constexpr const char* kUsers = "SELECT count(*) FROM users";

  void SetUp() override {
    WEIR_POSTGRES_DSN_OR_SKIP(dsn);
    WEIR_DSN_OR_SKIP(redis, "WEIR_TEST_REDIS_DSN");
    redis_ = redis;
    database_ = RealDatabase::make(Engine::kPostgres, dsn);
    foreign_ = database_->foreign();
    foreign_->run(
        "CREATE TABLE orders (id int PRIMARY KEY, n int); "
        "CREATE TABLE users (id int PRIMARY KEY); INSERT INTO orders VALUES (1, 10)");
    database_->install();
    name_space_ = fmt::format("t{}", foreign_->run("SELECT txid_current()")[0][0].value());
  }
  void TearDown() override {
    if (!name_space_.empty()) each_key("DEL");
  }

  /// A process, as far as cache and journal can tell. Every result is worth sharing to it.
  Database process(Bytes memory = Bytes::mebi(8)) const {
    Options options = database_->options();
    options.memory.capacity = memory;
    options.redis = RedisOptions{.url = redis_,
                                 .call_timeout = 5s,
                                 .name_space = name_space_,
                                 .min_cost = std::chrono::microseconds{0}};
    options.policy.max_staleness = 0ms;
    return Database::open(options);
  }
  /// What makes a statement worth a lookup whatever else the machine is doing.
  static std::string costly(const std::string& sql) {
    return sql + " WHERE (SELECT count(*) FROM generate_series(1, 200000)) > 0";
  }
  std::int64_t ask(const Database& process, const std::string& sql, Source source) {
    const Result result = process.query(costly(sql));
    EXPECT_EQ(result.source(), source) << sql << ": " << result.reason();
    return result.one<std::int64_t>();
  }
  std::string redis(const std::string& command) const {
    return shell("redis-cli --no-auth-warning -u '" + redis_ + "' " + command);
  }
  std::vector<std::string> keys() const {
    return lines_of(redis("--scan --pattern '" + name_space_ + ":*'"));
  }
  void each_key(const std::string& command, const std::string& more = "") const {
    for (const std::string& key : keys()) (void)redis(command + " '" + key + "' " + more);
  }
  /// Keeps a copy of every entry, as a dump does.
  void dump() const {
    for (const std::string& key : keys()) {
      if (!key.ends_with(":old")) (void)redis("COPY '" + key + "' '" + key + ":old' REPLACE");
    }
  }
  void restore_dump() const {
    for (const std::string& key : keys()) {
      if (key.ends_with(":old"))
        (void)redis("COPY '" + key + "' '" + key.substr(0, key.size() - 4) + "' REPLACE");
    }
  }
  /// What is in the journal now goes with the next `prune`, as if a retention had passed between.
  void will_prune() const {
    foreign_->run(
        "UPDATE weir.meta SET candidate = pg_current_snapshot(), "
        "candidate_at = clock_timestamp() - interval '1 hour'");
  }
  void prune() const { foreign_->run("SELECT weir.prune('1 second')"); }

  std::string redis_;
  std::string name_space_;
  std::unique_ptr<RealDatabase> database_;
  std::unique_ptr<ForeignConnection> foreign_;
};

TEST_F(SharedTierTest, OneProcessReadsAndTheOthersAreAnsweredFromRedis) {
  const Database one = process();
  const Database two = process();
  EXPECT_EQ(ask(one, kOrders, Source::kDatabase), 10);
  EXPECT_EQ(ask(two, kOrders, Source::kRedis), 10);
  EXPECT_EQ(ask(two, kOrders, Source::kMemory), 10);
  foreign_->run("UPDATE orders SET n = 11");
  EXPECT_EQ(ask(two, kOrders, Source::kDatabase), 11);
  EXPECT_EQ(ask(one, kOrders, Source::kRedis), 11);
  EXPECT_EQ(two.metrics().redis_stale_total, 1U);
}

// Facts.md C7: late store.
TEST_F(SharedTierTest, ALateStoreOfAnOldResultIsRecognised) {
  const Database one = process();
  (void)ask(one, kOrders, Source::kDatabase);
  dump();
  foreign_->run("UPDATE orders SET n = 11");
  EXPECT_EQ(ask(one, kOrders, Source::kDatabase), 11);
  restore_dump();  // as if the old one had been stored only now
  EXPECT_EQ(ask(process(), kOrders, Source::kDatabase), 11);
}

// C5, C7: a store that comes back from an old dump, with processes that run and ones that start.
TEST_F(SharedTierTest, AnOldDumpBroughtBackServesNothingStaleAndEverythingThatHolds) {
  const Database running = process();
  (void)ask(running, kOrders, Source::kDatabase);
  (void)ask(running, kUsers, Source::kDatabase);
  dump();
  const Database other = process();
  foreign_->run("UPDATE orders SET n = 11");
  EXPECT_EQ(ask(running, kOrders, Source::kDatabase), 11);
  restore_dump();
  EXPECT_EQ(ask(other, kOrders, Source::kDatabase), 11);
  EXPECT_EQ(ask(other, kUsers, Source::kRedis), 0);
  restore_dump();
  const Database next = process();
  EXPECT_EQ(ask(next, kOrders, Source::kDatabase), 11);
  EXPECT_EQ(ask(next, kUsers, Source::kRedis), 0);
}

// C4: eviction and FLUSHALL.
TEST_F(SharedTierTest, WhatIsEvictedOrFlushedCostsAMiss) {
  const Database one = process();
  (void)ask(one, kOrders, Source::kDatabase);
  each_key("DEL");
  EXPECT_EQ(ask(process(), kOrders, Source::kDatabase), 10);
  EXPECT_EQ(ask(process(), kOrders, Source::kRedis), 10);
}

TEST_F(SharedTierTest, CorruptBytesAreAMissAndAreOverwritten) {
  const Database one = process();
  (void)ask(one, kOrders, Source::kDatabase);
  each_key("SETRANGE", "40 garbage");
  const Database two = process();
  EXPECT_EQ(ask(two, kOrders, Source::kDatabase), 10);
  EXPECT_EQ(two.metrics().redis_corrupt_total, 1U);
  EXPECT_EQ(ask(process(), kOrders, Source::kRedis), 10);
}

// C7: a new process with history, and one without.
TEST_F(SharedTierTest, AProcessThatStartsJudgesByTheJournal) {
  const Database one = process();
  (void)ask(one, kOrders, Source::kDatabase);
  (void)ask(one, kUsers, Source::kDatabase);
  foreign_->run("UPDATE orders SET n = 11");
  const Database next = process();
  EXPECT_EQ(ask(next, kUsers, Source::kRedis), 0);
  EXPECT_EQ(ask(next, kOrders, Source::kDatabase), 11);
}

TEST_F(SharedTierTest, WhatIsOlderThanTheJournalsStartIsNotServed) {
  const Database one = process();
  (void)ask(one, kOrders, Source::kDatabase);
  foreign_->run("UPDATE orders SET n = 11");
  will_prune();
  prune();
  const Database next = process();
  EXPECT_EQ(ask(next, kOrders, Source::kDatabase), 11);
  EXPECT_EQ(next.metrics().redis_too_old_total, 1U);
}

TEST_F(SharedTierTest, PruningUnderARunningProcessCostsItNothing) {
  const Database one = process();
  const Database two = process();
  (void)ask(one, kOrders, Source::kDatabase);
  will_prune();
  foreign_->run("INSERT INTO users VALUES (1)");
  (void)ask(two, kUsers, Source::kDatabase);
  prune();
  EXPECT_EQ(ask(two, kOrders, Source::kRedis), 10);
}

// Only what two had learned before it asked for the table tells it that the entry is stale.
TEST_F(SharedTierTest, AChangeToATableNobodyHadAskedForIsKnown) {
  const Database one = process();
  const Database two = process();
  (void)ask(one, kOrders, Source::kDatabase);
  foreign_->run("UPDATE orders SET n = 11");
  will_prune();
  (void)ask(two, kUsers, Source::kDatabase);
  prune();
  EXPECT_EQ(ask(two, kOrders, Source::kDatabase), 11);
}

TEST_F(SharedTierTest, ALongTransactionHidesNothing) {
  const Database one = process();
  const std::unique_ptr<ForeignConnection> slow = database_->foreign();
  slow->run("BEGIN; UPDATE orders SET n = 11");
  (void)ask(one, kOrders, Source::kDatabase);
  EXPECT_EQ(ask(process(), kOrders, Source::kRedis), 10);
  const Database two = process();
  slow->run("COMMIT");
  EXPECT_EQ(ask(two, kOrders, Source::kDatabase), 11);
  EXPECT_EQ(ask(process(), kOrders, Source::kRedis), 11);
}

TEST_F(SharedTierTest, AnotherIncarnationStartsAnew) {
  const Database one = process();
  (void)ask(one, kOrders, Source::kDatabase);
  foreign_->run("DELETE FROM weir.incarnation; SELECT weir.handshake()");  // as after a crash
  EXPECT_EQ(ask(process(), kOrders, Source::kDatabase), 10);
}

TEST_F(SharedTierTest, DdlAndClearReachEveryProcess) {
  const Database one = process();
  (void)ask(one, kOrders, Source::kDatabase);
  foreign_->run("ALTER TABLE orders ADD COLUMN more int");
  EXPECT_EQ(ask(process(), kOrders, Source::kDatabase), 10);
  const Database two = process();
  EXPECT_EQ(ask(two, kOrders, Source::kRedis), 10);
  one.clear();
  EXPECT_EQ(ask(two, kOrders, Source::kDatabase), 10);
}

TEST_F(SharedTierTest, EntriesLiveAsLongAsTheirTtl) {
  const Database one = process().with({.ttl = 100s});
  (void)ask(one, kOrders, Source::kDatabase);
  for (const std::string& key : keys()) {
    const std::int64_t left = std::stoll(redis("PTTL '" + key + "'"));
    EXPECT_GT(left, 80'000);
    EXPECT_LE(left, 100'000);
  }
}

// The figures of a deploy: every process is replaced by one that has never asked anything.
TEST_F(SharedTierTest, AfterARollingRestartTheSecondTierHitsAsBefore) {
  constexpr int kStatements = 30;
  foreign_->run("INSERT INTO users SELECT generate_series(100, 200)");
  const auto round = [&](const Database& process) {
    int hits = 0;
    for (int i = 0; i < kStatements; ++i) {
      const Result result = process.query(
          costly(fmt::format("SELECT count(*) + {} FROM {}", i, i % 10 == 0 ? "orders" : "users")));
      if (result.source() == Source::kRedis) ++hits;
    }
    return hits;
  };
  const auto another = [&] { return process(Bytes{0}); };  // so that every lookup goes to Redis
  std::vector<Database> running;
  for (int i = 0; i < 2; ++i) running.push_back(another());
  (void)round(running[0]);
  const int before = round(running[1]);
  for (int i = 0; i < 500; ++i) foreign_->run("UPDATE orders SET n = n + 1");
  // A transaction of a neighbour in the cluster that began before these makes new processes doubt.
  const std::string last = foreign_->run("SELECT txid_current()")[0][0].value();
  const TimePoint limit = system_clock().now() + 60s;
  while (foreign_->run("SELECT txid_snapshot_xmin(txid_current_snapshot()) > " + last)[0][0] != "t")
    ASSERT_LT(system_clock().now(), limit);
  (void)round(running[0]);
  int after = 0;
  for (Database& process : running) {
    process = another();
    after += round(process);
  }
  fmt::print(
      "hits in the second tier, of {} lookups by each process: before {}, after a rolling "
      "restart {} and {} on average\n",
      kStatements, before, after, after / 2);
  EXPECT_EQ(before, kStatements);
  EXPECT_EQ(after, 2 * kStatements);
}

}  // namespace
}  // namespace weir::test
