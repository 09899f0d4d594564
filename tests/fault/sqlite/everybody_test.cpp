// Everybody at once on one database of two files: two weir "processes", a connection that knows
// nothing of weir, and other programs; they write, roll back, vacuum, change the schema, kill
// themselves and restore backups. Counters only grow, so an answer older than what was committed
// before it was asked for shows.
//
// WEIR_TEST_SEED repeats a run's choices, though not its timing.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "tests/integration/sqlite/sqlite_harness.hpp"
#include "weir/weir.hpp"

namespace weir::test {
namespace {

using namespace std::chrono_literals;

enum class Tracking { kOff, kOn };

struct EverybodyParam {
  const char* name;
  const char* journal_mode;
  Tracking tracking;
};

constexpr std::array<const char*, 4> kTables{"t0", "t1", "t2", "t3"};  // two in each file
constexpr auto kTime = 3s;
constexpr std::uint64_t kEnough = 30;  // hits, own writes
/// A restored backup begins above anything its file ever held.
constexpr std::int64_t kEpoch = 1'000'000'000;

std::uint64_t seed() {
  const char* const given = std::getenv("WEIR_TEST_SEED");
  return given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
}

/// A connection to each file that knows nothing of weir.
struct Plain {
  explicit Plain(const std::array<std::string, 2>& paths) : main{paths[0]}, far{paths[1]} {}
  PlainConnection main;
  PlainConnection far;
  [[nodiscard]] PlainConnection& of(std::size_t table) { return table < 2 ? main : far; }
};

class EverybodyTest : public ::testing::TestWithParam<EverybodyParam> {
 protected:
  using Random = std::mt19937_64;

  void SetUp() override {
    for (int file = 0; file < 2; ++file) {
      std::string schema = fmt::format("PRAGMA journal_mode = {};", GetParam().journal_mode);
      for (int i = 0; i < 2; ++i) {
        schema += fmt::format(
            "CREATE TABLE t{0} (id INTEGER PRIMARY KEY, v); INSERT INTO t{0} VALUES (1, 0);",
            2 * file + i);
      }
      schema += fmt::format(
          "CREATE TABLE filler{} (v); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM "
          "n "
          "WHERE i < 50) INSERT INTO filler{} SELECT randomblob(4000) FROM n",
          file, file);
      PlainConnection{path(file)}.exec(schema);
    }
    options_ = file_.options();
    options_.sqlite.attach = {{"y", path(1)}};
    options_.sqlite.busy_timeout = 20s;
    if (GetParam().tracking == Tracking::kOn) {
      const auto admin = make_sqlite_driver(options_)->open_admin();
      admin->migrate_up(spi::DryRun::kNo, {});
      admin->track({"t0"}, spi::DryRun::kNo, {});
    }
    for (auto& process : processes_)
      process.emplace(Database::open(options_, make_sqlite_driver(options_)));
  }

  [[nodiscard]] std::string path(int file) const { return file_.path(file == 0 ? "a.db" : "y.db"); }
  [[nodiscard]] std::array<std::string, 2> paths() const { return {path(0), path(1)}; }
  static std::string any_update(Random& random) {
    return fmt::format("UPDATE {} SET v = v + 1 WHERE id = 1", kTables[random() % kTables.size()]);
  }

  void fail(std::string what) {
    const std::lock_guard lock{mutex_};
    failures_.push_back(std::move(what));
    stop_ = true;
  }

  /// Runs `step` until the end, with a pause between, so that there is something to hit.
  void start(std::function<void(Random&)> step, std::chrono::microseconds longest_pause) {
    threads_.emplace_back([this, step = std::move(step), longest_pause, number = ++started_] {
      Random random{seed_ + number};
      std::mutex mutex;
      std::condition_variable never;
      while (!stop_) {
        try {
          step(random);
        } catch (const Error& e) {
          if (!e.retryable()) fail(fmt::format("{}: {}", to_string(e.code()), e.what()));
        } catch (const std::exception& e) {
          fail(e.what());
        }
        std::unique_lock lock{mutex};
        never.wait_for(lock, longest_pause * static_cast<int>(random() % 100) / 100);
      }
    });
  }

  // What a plain connection sees; empty while something keeps it out.
  static std::optional<std::int64_t> truth(PlainConnection& plain, std::size_t table) {
    try {
      return plain.integer(fmt::format("SELECT v FROM {} WHERE id = 1", kTables[table]));
    } catch (const std::runtime_error&) {
      return std::nullopt;
    }
  }

  void read(const Database& database, Plain& plain, Random& random) {
    const std::size_t left = random() % 4;
    const std::size_t right = random() % 4;
    const auto truths = [&] {
      return std::array{truth(plain.of(left), left), truth(plain.of(right), right)};
    };
    const auto before = truths();
    const Result result =
        database.with({.max_staleness = 0ms})
            .query(fmt::format("SELECT l.v, r.v FROM {} l JOIN {} r ON l.id = r.id", kTables[left],
                               kTables[right]));
    const auto after = truths();
    const std::array seen{result[0].get<std::int64_t>(0), result[0].get<std::int64_t>(1)};
    for (std::size_t i = 0; i < 2; ++i) {
      if ((before[i] && seen[i] < *before[i]) || (after[i] && seen[i] > *after[i])) {
        fail(fmt::format("{} of {}, {}: {}, committed were {} to {} ({}; {})",
                         i == 0 ? "left" : "right", kTables[left], kTables[right], seen[i],
                         before[i].value_or(-1), after[i].value_or(-1), to_string(result.source()),
                         result.reason()));
      }
    }
    ++reads_;
    if (result.source() == Source::kMemory) ++hits_;
  }

  void own_write(const Database& database, Random& random) {
    switch (random() % 10) {
      case 0: {
        Transaction transaction = database.begin();
        transaction.execute(any_update(random));
        transaction.execute(any_update(random));
        transaction.rollback();
        break;
      }
      case 1: {
        Transaction transaction = database.begin();
        transaction.execute(any_update(random));
        try {
          transaction.execute("INSERT OR ROLLBACK INTO t0 VALUES (1, 0)");
        } catch (const ConstraintError&) {
        }
        transaction.rollback();
        break;
      }
      case 2:
        try {
          database.execute("INSERT INTO t2 VALUES (1, 0)");
        } catch (const ConstraintError&) {
        }
        break;
      case 3:
        database.invalidate_table("T1");
        break;
      case 4:
        if (random() % 8 == 0) database.execute("VACUUM");
        break;
      case 5:
      case 6:
        database.transact([&](Transaction& transaction) {
          transaction.execute(any_update(random));
          transaction.execute(any_update(random));
        });
        break;
      default:
        database.execute(any_update(random));
    }
    ++own_;
  }

  // A connection that knows nothing of weir.
  void foreign_write(PlainConnection& plain, Random& random) {
    const auto attempt = [&](const std::string& sql) {
      try {
        plain.exec(sql);
      } catch (const std::runtime_error&) {  // locked
        if (sqlite3_get_autocommit(plain.get()) == 0) plain.exec("ROLLBACK");
      }
    };
    switch (random() % 12) {
      case 0:
        attempt("VACUUM");
        break;
      case 1:
        attempt("PRAGMA wal_checkpoint(TRUNCATE)");
        break;
      case 2:
        attempt(random() % 2 == 0 ? "CREATE INDEX IF NOT EXISTS i ON t0 (v)"
                                  : "DROP INDEX IF EXISTS i");
        break;
      case 3:
        restore(static_cast<int>(random() % 2));
        break;
      case 4:
        attempt("BEGIN IMMEDIATE; " + any_update(random) + "; ROLLBACK");
        break;
      case 5:
        attempt("BEGIN IMMEDIATE; UPDATE t1 SET v = v + 1; UPDATE t3 SET v = v + 1; COMMIT");
        break;
      default:
        attempt(any_update(random));
    }
  }

  // A backup, changed, over the file that everybody has open.
  void restore(int file) {
    const std::string copy = file_.path(fmt::format("copy{}.db", ++copies_));
    try {
      PlainConnection target{path(file)};
      target.exec("VACUUM INTO '" + copy + "'");
      PlainConnection source{copy};
      for (int i = 0; i < 2; ++i) {
        source.exec(fmt::format("UPDATE t{} SET v = {}", 2 * file + i, kEpoch * copies_.load()));
      }
      sqlite3_backup* const backup =
          sqlite3_backup_init(target.get(), "main", source.get(), "main");
      if (backup == nullptr) return;
      for (int tries = 0; tries < 200; ++tries) {
        const int code = sqlite3_backup_step(backup, -1);
        if (code != SQLITE_BUSY && code != SQLITE_LOCKED) break;
      }
      if (sqlite3_backup_finish(backup) == SQLITE_OK) ++restores_;
    } catch (const std::runtime_error&) {  // locked
    }
  }

  // Another program; now and then it dies with its transaction open.
  void run_program(Random& random) {
    const int file = static_cast<int>(random() % 2);
    std::string script = "PRAGMA synchronous = OFF; ";
    for (int i = 0; i < 10; ++i) {
      script +=
          fmt::format("UPDATE t{} SET v = v + 1; ", 2 * file + static_cast<int>(random() % 2));
    }
    std::string last = "SELECT 1";
    if (random() % 3 == 0) {  // with pages in the file that its journal or WAL must undo
      script += fmt::format(
          "PRAGMA cache_size = 1; BEGIN; UPDATE t{} SET v = v - 5; UPDATE filler{} SET v = "
          "randomblob(4000);",
          2 * file, file);
      last = ".shell kill -9 $PPID";
    }
    try {
      sqlite3_command(path(file), script, last);
    } catch (const std::runtime_error&) {  // locked, or dead
    }
    ++programs_;
  }

  TemporaryFile file_;
  Options options_;
  std::array<std::optional<Database>, 2> processes_;
  const std::uint64_t seed_{seed()};
  std::uint64_t started_{0};
  std::vector<std::thread> threads_;
  std::atomic<bool> stop_{false};
  std::atomic<std::uint64_t> reads_{0};
  std::atomic<std::uint64_t> hits_{0};
  std::atomic<std::uint64_t> own_{0};
  std::atomic<std::uint64_t> programs_{0};
  std::atomic<std::uint64_t> restores_{0};
  std::atomic<std::int64_t> copies_{0};
  std::mutex mutex_;
  std::vector<std::string> failures_;
};

TEST_P(EverybodyTest, NoAnswerIsOlderThanWhatWasCommittedBeforeItWasAskedFor) {
  for (std::size_t i = 0; i < 3; ++i) {
    const auto plain = std::make_shared<Plain>(paths());
    start([this, i, plain](Random& random) { read(*processes_[i % 2], *plain, random); }, 0us);
  }
  for (std::size_t i = 0; i < 2; ++i) {
    start([this, i](Random& random) { own_write(*processes_[i], random); }, 20ms);
  }
  const auto plain = std::make_shared<PlainConnection>(path(0));
  plain->exec("PRAGMA synchronous = OFF; ATTACH '" + path(1) + "' AS y");
  start([this, plain](Random& random) { foreign_write(*plain, random); }, 20ms);
  start([this](Random& random) { run_program(random); }, 100ms);

  const TimePoint begin = system_clock().now();
  while (!stop_) {
    const auto passed = system_clock().now() - begin;
    const bool enough = hits_ > kEnough && own_ > kEnough && programs_ > 3 && restores_ > 0;
    if (passed > 60s || (passed > kTime && enough)) stop_ = true;
    std::this_thread::yield();
  }
  for (std::thread& thread : threads_) thread.join();
  EXPECT_TRUE(failures_.empty()) << "seed " << seed_ << ":\n"
                                 << fmt::format("{}", fmt::join(failures_, "\n"));
  EXPECT_GT(hits_, kEnough);
  EXPECT_GT(own_, kEnough);
  fmt::print("seed {}: {} reads, {} hits, {} own writes, {} programs, {} restores\n", seed_,
             reads_.load(), hits_.load(), own_.load(), programs_.load(), restores_.load());

  // When all is quiet, everybody agrees.
  Random random{seed_};
  Plain files{paths()};
  for (int i = 0; i < 40; ++i) read(*processes_[static_cast<std::size_t>(i) % 2], files, random);
  EXPECT_TRUE(failures_.empty()) << "seed " << seed_ << ": " << failures_.front();
}

INSTANTIATE_TEST_SUITE_P(
    Sqlite, EverybodyTest,
    ::testing::Values(EverybodyParam{"Wal", "WAL", Tracking::kOff},
                      EverybodyParam{"WalTracked", "WAL", Tracking::kOn},
                      EverybodyParam{"RollbackJournal", "DELETE", Tracking::kOff},
                      EverybodyParam{"RollbackJournalTracked", "DELETE", Tracking::kOn}),
    [](const auto& param) { return std::string{param.param.name}; });

}  // namespace
}  // namespace weir::test
