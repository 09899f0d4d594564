#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "tests/integration/sqlite/sqlite_harness.hpp"
#include "weir/error.hpp"

namespace weir::test {
namespace {

enum class Mode { kWal, kRollbackJournal, kTracked };

struct StressParam {
  const char* name;
  Mode mode;
};

/// Counters that only grow, written by this driver, by other connections and by another process,
/// and read through the smallest cache that obeys the freshness rule. A hit must not be older than
/// what a plain connection read before the lookup began: whatever was committed then, the pull must
/// have told.
class StressTest : public ::testing::TestWithParam<StressParam> {
 protected:
  static constexpr int kTables = 4;

  void SetUp() override {
    std::string schema;
    for (int i = 0; i < kTables; ++i) {
      schema += "CREATE TABLE t" + std::to_string(i) +
                " (id INTEGER PRIMARY KEY, v); INSERT INTO t" + std::to_string(i) +
                " VALUES (1, 0);";
    }
    const bool wal = GetParam().mode != Mode::kRollbackJournal;
    PlainConnection{file_.path()}.exec(std::string{wal ? "PRAGMA journal_mode = WAL; " : ""} +
                                       schema);
    driver_ = make_sqlite_driver(file_.options());
    if (GetParam().mode == Mode::kTracked) {
      const auto admin = driver_->open_admin();
      admin->migrate_up(spi::DryRun::kNo, {});
      admin->track({"t0", "t1", "t2"}, spi::DryRun::kNo, {});
    }
  }

  // One reader: its own cache, its own feed.
  void read(unsigned seed) {
    struct Entry {
      std::int64_t value;
      spi::Snapshot label;
    };
    std::mt19937 random{seed};
    std::map<std::string, Entry> cache;
    std::map<std::string, spi::ChangeId> cells;
    spi::ChangeId everything = 0;
    const auto feed = driver_->open_feed();
    const auto connection = driver_->connect(spi::Access::kRead, soon());
    PlainConnection plain{file_.path()};
    while (!stop_.load()) {
      const std::string table = "t" + std::to_string(random() % kTables);
      const std::string sql = "SELECT v FROM " + table;
      const std::int64_t committed = plain.integer(sql);
      const spi::Pull pull = feed->pull(soon());
      for (const spi::Change& change : pull.changes) {
        spi::ChangeId& cell =
            change.kind == spi::ChangeKind::kEverything ? everything : cells[change.target];
        cell = std::max(cell, change.id);
      }
      const auto found = cache.find(table);
      const auto sees = [&](spi::ChangeId id) { return id == 0 || found->second.label.sees(id); };
      if (found != cache.end() && sees(everything) && sees(cells["main." + table])) {
        ++hits_;
        if (found->second.value < committed) ++stale_;
        continue;
      }
      ++misses_;
      const auto rows = connection->run({.sql = sql, .deadline = soon()}).rows;
      cache[table] = Entry{static_cast<std::int64_t>(rows->slot(0, 0)), pull.snapshot};
    }
  }

  // Writes with pauses, so that there is something to hit.
  template <typename Write>
  void write_until_stopped(unsigned seed, Write&& write) {
    std::mt19937 random{seed};
    std::mutex mutex;
    std::condition_variable never;
    while (!stop_.load()) {
      write("UPDATE t" + std::to_string(random() % kTables) + " SET v = v + 1", random);
      std::unique_lock lock{mutex};
      never.wait_for(lock, std::chrono::microseconds{random() % 4000});
    }
  }

  TemporaryFile file_;
  std::unique_ptr<spi::Driver> driver_;
  std::atomic<bool> stop_{false};
  std::atomic<std::uint64_t> hits_{0};
  std::atomic<std::uint64_t> misses_{0};
  std::atomic<std::uint64_t> stale_{0};
  std::atomic<std::uint64_t> own_{0};
};

TEST_P(StressTest, NoHitIsOlderThanACommitThatReturnedBeforeTheLookup) {
  std::vector<std::thread> threads;
  threads.emplace_back([&] { read(1); });
  threads.emplace_back([&] { read(2); });
  threads.emplace_back([&] {
    const auto connection = driver_->connect(spi::Access::kWrite, soon());
    write_until_stopped(3, [&](const std::string& sql, std::mt19937& random) {
      try {
        if (random() % 3 != 0) {
          (void)connection->run({.sql = sql, .deadline = soon()});
        } else {
          connection->begin(spi::Isolation::kSerializable, spi::TransactionAccess::kReadWrite,
                            soon());
          (void)connection->run({.sql = sql, .deadline = soon()});
          random() % 4 == 0 ? connection->rollback(soon()) : connection->commit(soon());
        }
        ++own_;
      } catch (const Error& e) {  // in rollback-journal mode a reader may keep a commit from ending
        EXPECT_TRUE(e.retryable()) << e.what();
        if (connection->state() != spi::TransactionState::kIdle) connection->rollback(soon());
      }
    });
  });
  threads.emplace_back([&] {
    PlainConnection plain{file_.path()};
    plain.exec("PRAGMA synchronous = OFF");
    write_until_stopped(4, [&](const std::string& sql, std::mt19937&) {
      try {
        plain.exec(sql);
      } catch (const std::runtime_error&) {  // locked
      }
    });
  });
  std::string script = "PRAGMA synchronous = OFF; ";
  for (int i = 0; i < 20; ++i) {
    script += "UPDATE t" + std::to_string(i % kTables) + " SET v = v + 1; ";
  }
  // Two seconds at least, and as long as a busy machine needs for something to have happened.
  const TimePoint start = system_clock().now();
  const auto enough = [&] {
    const auto passed = system_clock().now() - start;
    return passed > std::chrono::seconds{60} ||
           (passed > std::chrono::seconds{2} && hits_ > 20 && misses_ > 20 && own_ > 5);
  };
  while (!enough()) sqlite3_command(file_.path(), script);
  stop_.store(true);
  for (std::thread& thread : threads) thread.join();

  RecordProperty("hits", static_cast<int>(hits_.load()));
  RecordProperty("misses", static_cast<int>(misses_.load()));
  EXPECT_EQ(stale_.load(), 0U) << "of " << hits_.load() << " hits";
  EXPECT_GT(hits_.load(), 20U);
  EXPECT_GT(misses_.load(), 20U);
  EXPECT_GT(own_.load(), 5U);
}

// While only this driver writes, entries of other tables stay, whatever the timing of pulls.
TEST_P(StressTest, OwnWritesVoidTheirOwnTableOnlyWhilePullsGoOn) {
  std::atomic<std::uint64_t> others{0};
  std::atomic<std::uint64_t> seen{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&] {
      const auto feed = driver_->open_feed();
      (void)feed->pull(soon());
      while (!stop_.load()) {
        for (const spi::Change& change : feed->pull(soon()).changes) {
          const bool everything = change.kind == spi::ChangeKind::kEverything;
          (!everything && change.target == "main.t0" ? seen : others)++;
        }
      }
    });
  }
  const auto connection = driver_->connect(spi::Access::kWrite, soon());
  const TimePoint end = system_clock().now() + std::chrono::seconds{1};
  std::uint64_t writes = 0;
  while (writes < 20 || system_clock().now() < end) {
    try {
      (void)connection->run({.sql = "UPDATE t0 SET v = v + 1", .deadline = soon()});
      ++writes;
    } catch (const Error& e) {
      EXPECT_TRUE(e.retryable()) << e.what();
    }
  }
  stop_.store(true);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(others.load(), 0U) << "after " << writes << " writes";
  EXPECT_GT(seen.load(), 0U);
}

INSTANTIATE_TEST_SUITE_P(Sqlite, StressTest,
                         ::testing::Values(StressParam{"Wal", Mode::kWal},
                                           StressParam{"RollbackJournal", Mode::kRollbackJournal},
                                           StressParam{"Tracked", Mode::kTracked}),
                         [](const auto& param) { return std::string{param.param.name}; });

}  // namespace
}  // namespace weir::test
