// Random queries and writes: every cached answer is the database's. Shared: with a store between
// the processes that brings old values back at random, and processes that start anew.
//
// WEIR_TEST_SEED repeats a run, WEIR_TEST_ROUNDS (writes) makes it longer.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/random_sql.hpp"
#include "tests/support/resurrecting_store.hpp"
#include "tests/support/servers.hpp"
#include "weir/open_driver.hpp"
#include "weir/weir.hpp"

namespace weir::test {
namespace {

using namespace std::chrono_literals;

/// What stands between the service and its database.
enum class Tiers { kMemory, kShared };

constexpr int kRoundsPerSchema = 150;
constexpr auto kDefaultTime = 10s;

/// What a run did, over all its schemas.
struct Tally {
  std::size_t rounds{0};
  std::size_t writes{0};
  std::size_t refused_writes{0};
  std::size_t reads{0};
  std::size_t hits{0};
  std::size_t shared_hits{0};
  std::size_t errors{0};  // reads that fail, as they do without weir
};

/// One random schema with everybody who reads and writes it.
class World {
 public:
  World(Engine engine, Tiers tiers, const std::string& server, std::uint64_t seed, Tally& tally)
      : tiers_{tiers},
        seed_{seed},
        sql_{engine, seed},
        tally_{tally},
        database_{RealDatabase::make(engine, server)} {
    foreign_ = database_->foreign();
    for (const std::string& statement : sql_.schema()) foreign_->run(statement);
    database_->install();
    store_->keep_past();
    weir_.emplace(open(Bytes::mebi(64)));
    other_.emplace(open(Bytes::mebi(64)));
    direct_ = std::make_unique<Direct>(database_->options());
    if (database_->postgres()) late_ = database_->foreign();
    for (int i = 0; i < 40; ++i) queries_.push_back(sql_.query());
  }

  /// One write and the reads after it.
  void round() {
    if (sql_.chance(20)) queries_[any()] = sql_.query();
    // A process that starts anew judges what those before it stored; one without memory, always.
    if (tiers_ == Tiers::kShared && sql_.chance(20))
      other_.emplace(open(sql_.chance(50) ? Bytes::mebi(64) : Bytes{0}));
    keep_one_transaction_open();
    const bool own = write();
    ++tally_.writes;
    const Database validated = weir_->with({.max_staleness = 0ms});
    const Database elsewhere = other_->with({.max_staleness = 0ms});
    for (int i = 0; i < 8; ++i) {
      const std::string& query = queries_[any()];
      if (own) {
        // Own writes are seen whatever the bound, and with them all that came before.
        const Database relaxed = weir_->with({.max_staleness = 1h});
        ASSERT_NO_FATAL_FAILURE(check(relaxed, query, "own write"));
      }
      ASSERT_NO_FATAL_FAILURE(check(validated, query, "validated"));
      ASSERT_NO_FATAL_FAILURE(check(elsewhere, query, "another process"));
    }
  }

 private:
  Database open(Bytes memory) {
    Options options = database_->options();
    if (tiers_ == Tiers::kMemory) return Database::open(options);
    options.memory.capacity = memory;
    options.redis = RedisOptions{.url = "redis://fake", .min_cost = std::chrono::microseconds{0}};
    std::unique_ptr<spi::Driver> driver = open_driver(options);
    return Database::open(std::move(options), std::move(driver), system_clock(),
                          std::make_unique<ResurrectingStore>(store_, seed_++));
  }

  std::size_t any() {
    return static_cast<std::size_t>(sql_.number(static_cast<int>(queries_.size())));
  }

  void check(const Database& cached, const std::string& query, const char* who) {
    ++tally_.reads;
    std::string cached_error;
    std::string direct_error;
    std::optional<Result> result;
    spi::ResultRef truth;
    try {
      result = cached.query(query);
    } catch (const Error& error) {
      cached_error = error.sqlstate();
    }
    try {
      truth = direct_->run(query);
    } catch (const Error& error) {
      direct_error = error.sqlstate();
    }
    ASSERT_EQ(cached_error, direct_error) << who << ": " << query << "\nafter: " << last_;
    if (!result) {
      ++tally_.errors;
      return;
    }
    if (result->source() == Source::kMemory || result->source() == Source::kRedis) ++tally_.hits;
    if (result->source() == Source::kRedis) ++tally_.shared_hits;
    ASSERT_EQ(difference(*result->buffer(), *truth, RowOrder::kAny), "")
        << who << ", from " << to_string(result->source()) << ": " << query << "\nafter: " << last_;
  }

  /// Runs `work`; a statement the database refuses is no failure.
  template <typename F>
  void attempt(F&& work) {
    try {
      work();
    } catch (const Error&) {
      ++tally_.refused_writes;
    } catch (const std::runtime_error&) {
      ++tally_.refused_writes;
    }
  }

  /// PostgreSQL: a transaction that commits long after others that began later.
  void keep_one_transaction_open() {
    if (!late_) return;
    if (late_open_ && sql_.chance(20)) {
      late_->run(sql_.chance(70) ? "COMMIT" : "ROLLBACK");
      late_open_ = false;
    } else if (!late_open_ && sql_.chance(30)) {
      late_->run("BEGIN");
      late_->run(fmt::format("INSERT INTO late VALUES ({0}, {0}, NULL, 'x')", sql_.number(5)));
      late_open_ = true;
    }
  }

  /// Returns: whether weir_ wrote it and committed.
  bool write() {
    bool own = false;
    const int way = sql_.number(12);
    const std::string statement = sql_.write();
    last_ = fmt::format("way {}: {}", way, statement);
    switch (way) {
      case 0:
      case 1:
        attempt([&] { foreign_->run(statement); });
        break;
      case 2:
      case 3:
        attempt([&] {
          weir_->execute(statement);
          own = true;
        });
        break;
      case 4:
        attempt([&] { other_->execute(statement); });
        break;
      case 5:
      case 6:
        write_in_a_transaction(statement, way == 5, own);
        break;
      case 7:
      case 8:
        write_elsewhere_in_a_transaction(statement, way == 7);
        break;
      case 9:
      case 10: {
        if (late_open_) return false;  // it would wait for the open transaction
        last_ = sql_.ddl();
        if (way == 9 || last_.find(';') != std::string::npos)
          attempt([&] { foreign_->run(fmt::format("BEGIN; {}; COMMIT", last_)); });
        else
          attempt([&] {
            weir_->execute(last_);
            own = true;
          });
        attempt_rollback();
        break;
      }
      default:
        if (database_->postgres())
          attempt([&] { foreign_->copy("COPY bulk FROM STDIN", sql_.copy_lines()); });
        else
          attempt([&] { database_->command_line(statement + ";"); });
    }
    return own;
  }

  void write_in_a_transaction(const std::string& statement, bool commits, bool& own) {
    const std::string second = sql_.write();
    const std::string undone = sql_.write();
    last_ += fmt::format("; {}; undone: {}; {}", second, undone, commits ? "commit" : "rollback");
    attempt([&] {
      Transaction transaction = weir_->begin();
      transaction.execute(statement);
      // What is read here may be rolled back: nobody else may ever be served it.
      (void)transaction.query(queries_[any()]);
      transaction.savepoint("s");
      try {
        transaction.execute(undone);
      } catch (const Error&) {
        ++tally_.refused_writes;
      }
      transaction.rollback_to("s");
      transaction.execute(second);
      if (commits) {
        transaction.commit();
        own = true;
      } else {
        transaction.rollback();
      }
    });
  }

  void write_elsewhere_in_a_transaction(const std::string& statement, bool commits) {
    const std::string second = sql_.write();
    last_ += fmt::format("; {}; {}", second, commits ? "commit" : "rollback");
    attempt([&] {
      foreign_->run("BEGIN");
      foreign_->run(statement);
      // Uncommitted: nobody sees it, and entries stored meanwhile have not seen it.
      if (statement.find("TRUNCATE") == std::string::npos) {
        for (int i = 0; i < 2; ++i)
          check(weir_->with({.max_staleness = 0ms}), queries_[any()], "beside a transaction");
      }
      foreign_->run(second);
      foreign_->run(commits ? "COMMIT" : "ROLLBACK");
    });
    attempt_rollback();
  }

  /// Leaves a transaction that failed half way.
  void attempt_rollback() {
    try {
      foreign_->run("ROLLBACK");
    } catch (const std::runtime_error&) {  // SQLite: there was none
    }
  }

  const Tiers tiers_;
  std::uint64_t seed_;
  RandomSql sql_;
  Tally& tally_;
  const std::shared_ptr<FakeRemoteStore> store_ = std::make_shared<FakeRemoteStore>(system_clock());
  std::unique_ptr<RealDatabase> database_;
  std::unique_ptr<ForeignConnection> foreign_;
  std::unique_ptr<ForeignConnection> late_;
  bool late_open_{false};
  std::optional<Database> weir_;
  std::optional<Database> other_;
  std::unique_ptr<Direct> direct_;
  std::vector<std::string> queries_;
  std::string last_;
};

class AnswersTest : public ::testing::TestWithParam<std::pair<Engine, Tiers>> {};

TEST_P(AnswersTest, EveryCachedAnswerIsTheDatabases) {
  std::string server;
  const auto [engine, tiers] = GetParam();
  if (engine == Engine::kPostgres) {
    WEIR_POSTGRES_DSN_OR_SKIP(dsn);
    server = dsn;
  }
  const std::string given = environment("WEIR_TEST_SEED");
  const std::string rounds = environment("WEIR_TEST_ROUNDS");
  std::uint64_t seed = given.empty() ? std::random_device{}() : std::stoull(given);
  const std::size_t limit = rounds.empty() ? 400 : std::stoull(rounds);
  const TimePoint end = system_clock().now() + (rounds.empty() ? kDefaultTime : 24h);
  Tally tally;
  // A slow machine does the rounds that show something, however long they take.
  constexpr std::size_t kFewest = 8;
  const auto goes_on = [&] {
    return tally.rounds < limit && (system_clock().now() < end || tally.rounds < kFewest);
  };
  while (goes_on()) {
    fmt::print("WEIR_TEST_SEED={} round {}\n", seed, tally.rounds);
    SCOPED_TRACE(fmt::format("WEIR_TEST_SEED={}", seed));
    World world{engine, tiers, server, seed, tally};
    seed += 1000;
    for (int i = 0; i < kRoundsPerSchema && goes_on(); ++i, ++tally.rounds) {
      ASSERT_NO_FATAL_FAILURE(world.round()) << "round " << i;
    }
  }
  fmt::print(
      "{} writes ({} refused), {} reads, {} hits ({} shared), {} errors as without weir, 0 wrong\n",
      tally.writes, tally.refused_writes, tally.reads, tally.hits, tally.shared_hits, tally.errors);
  // Otherwise it showed nothing.
  EXPECT_GT(tally.rounds, 5U);
  EXPECT_GT(tally.hits, tally.reads / 5);
  if (tiers == Tiers::kShared) {
    EXPECT_GT(tally.shared_hits, tally.reads / 50);
  }
  EXPECT_LT(tally.refused_writes, tally.writes / 2 + 20);
  EXPECT_LT(tally.errors, tally.reads / 3);
}

INSTANTIATE_TEST_SUITE_P(Engines, AnswersTest,
                         ::testing::Values(std::pair{Engine::kSqlite, Tiers::kMemory},
                                           std::pair{Engine::kPostgres, Tiers::kMemory},
                                           std::pair{Engine::kPostgres, Tiers::kShared}),
                         [](const auto& made) {
                           return ::testing::PrintToString(made.param.first) +
                                  (made.param.second == Tiers::kShared ? "Shared" : "");
                         });

}  // namespace
}  // namespace weir::test
