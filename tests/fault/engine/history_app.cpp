// One application process of processes_test: reads and writes until SIGTERM, then leaves what it
// did in a file. Arguments: DSN, Redis URL, stream (may be empty), process number, megabytes of
// memory, the file.
#include <fmt/format.h>

#include <array>
#include <atomic>
#include <csignal>
#include <exception>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/fault/engine/history_file.hpp"
#include "weir/weir.hpp"

namespace {

using namespace std::chrono_literals;
using weir::test::History;
using weir::test::ReadRecord;
using weir::test::WriteOutcome;
using weir::test::WriteRecord;

constexpr std::size_t kMostReads = 60'000;  // recorded, of each thread; then one of sixteen

std::atomic<bool> stopped{false};
static_assert(std::atomic<bool>::is_always_lock_free);

void stop(int /*signal*/) { stopped = true; }

class App {
 public:
  App(weir::Database database, int process) : database_{std::move(database)}, process_{process} {}

  void run(const std::string& file) {
    {
      std::vector<std::jthread> threads;
      threads.emplace_back([this] { read(0); });
      threads.emplace_back([this] { read(1); });
      threads.emplace_back([this] { write(); });
    }
    weir::test::save(history_, file);
  }

 private:
  void read(unsigned thread) {
    const std::array<std::chrono::milliseconds, 4> bounds{0ms, 20ms, 200ms, 1h};
    std::vector<ReadRecord> reads;
    for (std::uint64_t number = thread; !stopped; ++number) {
      ReadRecord record;
      const auto bound = bounds[number / 3 % bounds.size()];
      record.process = process_;
      record.bound = bound;
      const weir::Database asked = database_.with({.max_staleness = bound});
      const std::string both =
          "SELECT l.id, l.n, r.n FROM left_side l JOIN right_side r ON r.id = l.id";
      record.begin = weir::system_clock().now();
      try {
        const weir::Result result =
            number % 3 == 0 ? asked.query(both)
                            : asked.query(both + " WHERE l.id = $1", static_cast<int>(number % 3));
        record.end = weir::system_clock().now();
        for (const auto& [key, left, right] : result.as<int, std::int64_t, std::int64_t>())
          record.seen.push_back({key, left, right});
      } catch (const weir::Error&) {
        ++failed_reads_;  // a connection was cut: no answer is no wrong answer
        continue;
      }
      if (reads.size() < kMostReads || number % 16 == 0) reads.push_back(std::move(record));
      ++reads_done_;
    }
    const std::lock_guard lock{mutex_};
    history_.reads.insert(history_.reads.end(), reads.begin(), reads.end());
    history_.metrics = database_.metrics().to_prometheus();
    history_.failed_reads = failed_reads_;
  }

  /// The key is the process's number.
  void write() {
    std::vector<WriteRecord> writes;
    for (std::int64_t version = 1; !stopped; ++version) {
      WriteRecord record{process_, version, process_, weir::system_clock().now(), {}, {}};
      const bool commits = version % 5 != 0;
      record.outcome = WriteOutcome::kRolledBack;
      try {
        weir::Transaction transaction = database_.begin();
        for (const char* table : {"left_side", "right_side"}) {
          transaction.execute(fmt::format("UPDATE {} SET n = $1 WHERE id = $2", table), version,
                              process_);
        }
        if (commits) {
          record.outcome = WriteOutcome::kUnknown;
          transaction.commit();
          record.outcome = WriteOutcome::kCommitted;
        } else {
          transaction.rollback();
        }
      } catch (const weir::Error&) {  // as it stands in the record
      }
      record.end = weir::system_clock().now();
      writes.push_back(record);
      const std::uint64_t enough = reads_done_ + 20;  // something to hit between two writes
      while (reads_done_ < enough && !stopped) std::this_thread::yield();
    }
    const std::lock_guard lock{mutex_};
    history_.writes = std::move(writes);
  }

  const weir::Database database_;
  const int process_;
  std::atomic<std::uint64_t> reads_done_{0};
  std::atomic<std::uint64_t> failed_reads_{0};
  std::mutex mutex_;
  History history_;
};

}  // namespace

int main(int count, char** words) {
  const std::vector<std::string> arguments{words + 1, words + count};
  if (arguments.size() != 6) return 2;
  std::signal(SIGTERM, stop);
  try {
    weir::Options options{.database = arguments[0]};
    options.redis =
        weir::RedisOptions{.url = arguments[1], .min_cost = std::chrono::microseconds{0}};
    if (!arguments[2].empty())
      options.listen = {.via = weir::WakeUps::kStream, .stream = arguments[2]};
    options.memory.capacity = weir::Bytes::mebi(std::stoull(arguments[4]));
    options.memory.max_entry = std::min(options.memory.max_entry, options.memory.capacity);
    App{weir::Database::open(options), std::stoi(arguments[3])}.run(arguments[5]);
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
