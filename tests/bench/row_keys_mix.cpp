#include <fmt/format.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <map>
#include <stdexcept>
#include <thread>

#include "tests/bench/row_keys.hpp"

namespace weir::bench {
namespace {

constexpr int kUsers = 10'000;
constexpr int kRows = 100'000;
constexpr int kThreads = 2;
constexpr const char* kRead = "SELECT id, total FROM orders WHERE user_id = $1 ORDER BY id";
constexpr const char* kWrite = "UPDATE orders SET total = total + 1 WHERE id = $1";

/// Users by how often they are asked for: the k-th with a share of 1 / k^0.99.
class Zipf {
 public:
  explicit Zipf(int users) {
    double sum = 0;
    for (int k = 1; k <= users; ++k) sums_.push_back(sum += std::pow(k, -0.99));
  }
  [[nodiscard]] int draw(std::mt19937_64& random) const {
    const double at = std::uniform_real_distribution<>{0, sums_.back()}(random);
    const auto found = std::upper_bound(sums_.begin(), sums_.end() - 1, at);
    return static_cast<int>(found - sums_.begin()) + 1;
  }
  [[nodiscard]] double share(int user) const { return std::pow(user, -0.99) / sums_.back(); }

 private:
  std::vector<double> sums_{};
};

/// One way to ask, and what came of it in every round.
struct Setup {
  Tracking tracking{};
  bool cached{true};
  Samples operations{};  ///< A second.
  Samples hits{};        ///< Per cent of the reads.
  Samples reads{};       ///< Median, in microseconds.
};

struct Tally {
  std::vector<double> reads{};  ///< Microseconds.
  std::size_t hits{0};
  std::exception_ptr failure{};
};

/// Runs `operations` of the mix.
void work(const Database& database, const Zipf& zipf, double write_share, std::size_t operations,
          std::uint64_t seed, Tally& tally) try {
  std::mt19937_64 random{seed};
  std::bernoulli_distribution writes{write_share};
  std::uniform_int_distribution<int> row{1, kRows};
  for (std::size_t i = 0; i < operations; ++i) {
    if (writes(random)) {
      if (database.execute(kWrite, row(random)) != 1) throw std::runtime_error{"no such row"};
      continue;
    }
    const int user = zipf.draw(random);
    const TimePoint start = system_clock().now();
    const Result result = database.query(kRead, user);
    tally.reads.push_back(
        std::chrono::duration<double, std::micro>(system_clock().now() - start).count());
    if (result.source() == Source::kMemory) ++tally.hits;
  }
} catch (...) {
  tally.failure = std::current_exception();
}

std::vector<Tally> run_threads(const Database& database, const Zipf& zipf, double write_share,
                               std::size_t operations, std::uint64_t seed) {
  std::vector<Tally> tallies(kThreads);
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < tallies.size(); ++i) {
      threads.emplace_back([&, i] {
        work(database, zipf, write_share, operations / kThreads, seed * kThreads + i, tallies[i]);
      });
    }
  }
  for (const Tally& tally : tallies)
    if (tally.failure) std::rethrow_exception(tally.failure);
  return tallies;
}

/// Asks for as many users as are cached after a long time of the mix: one's result is there if the
/// last that touched it was a read of it, not a write to one of its rows.
void warm_up(const Database& database, const Zipf& zipf, double write_share, std::uint64_t seed) {
  std::mt19937_64 random{seed};
  for (int user = 1; user <= kUsers; ++user) {
    const double reads = (1 - write_share) * zipf.share(user);
    if (std::bernoulli_distribution{reads / (reads + write_share / kUsers)}(random))
      (void)database.query(kRead, user);
  }
}

void measure(const test::RealDatabase& real, const Zipf& zipf, double write_share,
             std::size_t operations, std::uint64_t seed, Setup& setup) {
  apply(real, setup.tracking);
  tidy(real);
  Options options = real.options();
  if (!setup.cached) {
    options.policy.mode = CacheMode::kOff;
    options.listen.enabled = false;
  }
  const Database database = Database::open(options);
  if (!setup.tracking.keys.empty()) warm_up(database, zipf, write_share, seed);
  run_threads(database, zipf, write_share, operations / 4, seed + 1'000);
  const TimePoint start = system_clock().now();
  const auto tallies = run_threads(database, zipf, write_share, operations, seed);
  const std::chrono::duration<double> took = system_clock().now() - start;
  std::vector<double> reads;
  std::size_t hits = 0;
  for (const Tally& tally : tallies) {
    reads.insert(reads.end(), tally.reads.begin(), tally.reads.end());
    hits += tally.hits;
  }
  std::sort(reads.begin(), reads.end());
  setup.operations.add(static_cast<double>(operations / kThreads * kThreads) / took.count());
  setup.hits.add(100.0 * static_cast<double>(hits) / static_cast<double>(reads.size()));
  setup.reads.add(reads.at(reads.size() / 2));
  database.close();
}

}  // namespace

void mix(const test::RealDatabase& database, const Effort& effort) {
  fill(database, kRows, kUsers);
  const Zipf zipf{kUsers};
  const char* const engine = database.postgres() ? "PostgreSQL" : "SQLite";
  // "No cache" is without weir's triggers too.
  const std::vector<Setup> setups{{{"no cache", false, {}}, false},
                                  {{"table level", true, {}}},
                                  {{"row level", true, {"id", "user_id"}}}};
  std::map<int, std::vector<Setup>> per_share;  // by per cent of writes
  for (const int share : {10, 50}) per_share[share] = setups;
  for (std::size_t round = 0; round < effort.rounds; ++round) {
    for (auto& [share, measured] : per_share) {
      for (std::size_t i = 0; i < measured.size(); ++i) {
        Setup& setup = measured[(i + round) % measured.size()];
        fmt::print(stderr, "{}: mix, round {}, {} % writes, {}\n", engine, round + 1, share,
                   setup.tracking.name);
        measure(database, zipf, share / 100.0, effort.operations, round + 1, setup);
      }
    }
  }
  fmt::print("\n{}: reads and writes, {} threads, {} operations a cell, {} rounds\n\n", engine,
             kThreads, effort.operations, effort.rounds);
  fmt::print(
      "| reads/writes | invalidation | operations/s | to no cache | hits % | read p50 µs |\n");
  fmt::print("|---|---|--:|--:|--:|--:|\n");
  for (const auto& [share, measured] : per_share) {
    for (const Setup& setup : measured) {
      fmt::print("| {}/{} | {} | {} | {} | {} | {} |\n", 100 - share, share, setup.tracking.name,
                 setup.operations.text(0), setup.operations.to(measured.front().operations).text(2),
                 setup.hits.text(1), setup.reads.text(1));
    }
  }
  std::fflush(stdout);
}

}  // namespace weir::bench
