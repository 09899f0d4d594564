// Concurrent readers and writers of two "processes" and of one that knows nothing of weir: every
// read must have been possible (tests/support/history.hpp).
#include "tests/support/history.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/support/real_database.hpp"
#include "tests/support/resurrecting_store.hpp"
#include "tests/support/servers.hpp"
#include "weir/open_driver.hpp"
#include "weir/weir.hpp"

namespace weir::test {
namespace {

using namespace std::chrono_literals;

constexpr auto kDefaultTime = 4s;
constexpr int kForeign = 2;  // the process without weir
constexpr int kKeys = 4;     // one for each writer
/// Reads between two writes of a writer, so that there is something to hit.
constexpr std::uint64_t kReadsBetween = 12;
constexpr std::size_t kRecordAll = 100'000;  // of each reader; then one of sixteen

/// What stands between the processes and their database.
enum class Tiers { kMemory, kShared };

class HistoryTest : public ::testing::TestWithParam<std::pair<Engine, Tiers>> {
 protected:
  void SetUp() override {
    std::string server;
    const auto [engine, tiers] = GetParam();
    if (engine == Engine::kPostgres) {
      WEIR_POSTGRES_DSN_OR_SKIP(dsn);
      server = dsn;
    }
    database_ = RealDatabase::make(engine, server);
    const auto foreign = database_->foreign();
    for (const char* table : {"left_side", "right_side"}) {
      foreign->run(fmt::format("CREATE TABLE {} (id INT PRIMARY KEY, n BIGINT)", table));
      for (int key = 0; key < kKeys; ++key)
        foreign->run(fmt::format("INSERT INTO {} VALUES ({}, 0)", table, key));
    }
    database_->install();
    store_->keep_past();
    for (auto& process : processes_) {
      Options options = database_->options();
      if (tiers == Tiers::kMemory) {
        process.emplace(Database::open(options));
        continue;
      }
      // The second process has no memory of its own: every one of its hits is a shared one.
      if (processes_[0]) options.memory.capacity = Bytes{0};
      options.redis = RedisOptions{.url = "redis://fake", .min_cost = std::chrono::microseconds{0}};
      std::unique_ptr<spi::Driver> driver = open_driver(options);
      process.emplace(Database::open(std::move(options), std::move(driver), system_clock(),
                                     std::make_unique<ResurrectingStore>(store_, 20'261'122)));
    }
  }

  /// Runs `step` until the time is over; an exception ends the test.
  void loop(const std::function<void()>& step) {
    try {
      while (system_clock().now() < end_ && !failed_) step();
    } catch (const std::exception& error) {
      failed_ = true;
      const std::lock_guard lock{mutex_};
      errors_.emplace_back(error.what());
    }
  }

  void read(int process, int thread, std::vector<ReadRecord>& reads) {
    const Database& database = *processes_[static_cast<std::size_t>(process)];
    const std::array<std::chrono::milliseconds, 4> bounds{0ms, 5ms, 50ms, 1h};
    std::uint64_t number = static_cast<std::uint64_t>(thread);
    loop([&] {
      ++number;
      ReadRecord record;
      const auto bound = bounds[number / 3 % bounds.size()];
      record.process = process;
      record.bound = bound;
      const Database asked = database.with({.max_staleness = bound});
      record.begin = system_clock().now();
      const std::string both =
          "SELECT l.id, l.n, r.n FROM left_side l JOIN right_side r ON r.id = l.id";
      const Result result = number % 3 == 0 ? asked.query(both)
                                            : asked.query(both + " WHERE l.id = $1",
                                                          static_cast<int>(number % kKeys));
      record.end = system_clock().now();
      for (const auto& [key, left, right] : result.as<int, std::int64_t, std::int64_t>())
        record.seen.push_back({key, left, right});
      if (result.source() == Source::kMemory || result.source() == Source::kRedis) ++hits_;
      if (result.source() == Source::kRedis) ++shared_hits_;
      // Memory is finite where hits take a microsecond.
      if (reads.size() < kRecordAll || number % 16 == 0) reads.push_back(std::move(record));
      ++reads_done_;
    });
  }

  void write(int process, int key, std::vector<WriteRecord>& writes) {
    std::unique_ptr<ForeignConnection> foreign;
    if (process == kForeign) foreign = database_->foreign();
    std::int64_t version = 0;
    loop([&] {
      WriteRecord record{key, ++version, process, system_clock().now(), {}, {}};
      const bool commits = version % 5 != 0;
      const std::array<const char*, 2> tables{version % 2 == 0 ? "left_side" : "right_side",
                                              version % 2 == 0 ? "right_side" : "left_side"};
      record.outcome = commits ? WriteOutcome::kCommitted : WriteOutcome::kRolledBack;
      if (foreign) {
        foreign->run(database_->postgres() ? "BEGIN" : "BEGIN IMMEDIATE");
        for (const char* table : tables)
          foreign->run(fmt::format("UPDATE {} SET n = {} WHERE id = {}", table, version, key));
        foreign->run(commits ? "COMMIT" : "ROLLBACK");
      } else {
        Transaction transaction = processes_[static_cast<std::size_t>(process)]->begin();
        for (const char* table : tables) {
          transaction.execute(fmt::format("UPDATE {} SET n = $1 WHERE id = $2", table), version,
                              key);
        }
        if (commits)
          transaction.commit();
        else
          transaction.rollback();
      }
      record.end = system_clock().now();
      writes.push_back(record);
      const std::uint64_t enough = reads_done_ + (foreign ? 2 : kReadsBetween);
      while (reads_done_ < enough && system_clock().now() < end_ && !failed_)
        std::this_thread::yield();
    });
  }

  std::unique_ptr<RealDatabase> database_;
  const std::shared_ptr<FakeRemoteStore> store_ = std::make_shared<FakeRemoteStore>(system_clock());
  std::array<std::optional<Database>, 2> processes_;
  TimePoint end_{};
  std::atomic<bool> failed_{false};
  std::atomic<std::uint64_t> reads_done_{0};
  std::atomic<std::uint64_t> hits_{0};
  std::atomic<std::uint64_t> shared_hits_{0};
  std::mutex mutex_;
  std::vector<std::string> errors_;
};

TEST_P(HistoryTest, EveryReadWasPossible) {
  end_ = system_clock().now() + kDefaultTime;
  std::array<std::vector<ReadRecord>, 4> reads;
  std::array<std::vector<WriteRecord>, kKeys> writes;
  {
    const std::array<int, kKeys> writers{0, 1, kForeign, 0};
    std::vector<std::jthread> threads;  // after all they use
    for (int i = 0; i < 4; ++i)
      threads.emplace_back([&, i] { read(i % 2, i, reads[static_cast<std::size_t>(i)]); });
    for (int key = 0; key < kKeys; ++key) {
      const auto index = static_cast<std::size_t>(key);
      threads.emplace_back([&, key, index] { write(writers[index], key, writes[index]); });
    }
  }
  ASSERT_TRUE(errors_.empty()) << errors_.front();
  std::vector<ReadRecord> all_reads;
  std::vector<WriteRecord> all_writes;
  for (const auto& some : reads) all_reads.insert(all_reads.end(), some.begin(), some.end());
  for (const auto& some : writes) all_writes.insert(all_writes.end(), some.begin(), some.end());
  const std::vector<std::string> impossible = impossible_reads(all_writes, all_reads);
  EXPECT_EQ(impossible.size(), 0U)
      << "of " << all_reads.size()
      << " reads; the first: " << (impossible.empty() ? "" : impossible.front());
  fmt::print("{} writes, {} reads, {} hits ({} shared), {} impossible\n", all_writes.size(),
             reads_done_.load(), hits_.load(), shared_hits_.load(), impossible.size());
  if (GetParam().second == Tiers::kShared) {
    EXPECT_GT(shared_hits_, 20U);
  }
  EXPECT_GT(all_writes.size(), 20U);  // otherwise it showed nothing
  EXPECT_GT(hits_, reads_done_ / 20);
}

INSTANTIATE_TEST_SUITE_P(Engines, HistoryTest,
                         ::testing::Values(std::pair{Engine::kSqlite, Tiers::kMemory},
                                           std::pair{Engine::kPostgres, Tiers::kMemory},
                                           std::pair{Engine::kPostgres, Tiers::kShared}),
                         [](const auto& made) {
                           return ::testing::PrintToString(made.param.first) +
                                  (made.param.second == Tiers::kShared ? "Shared" : "");
                         });

}  // namespace
}  // namespace weir::test
