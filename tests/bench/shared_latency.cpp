// What a query takes before, while and after Redis does not work: hung, slow, refusing, and gone.
// Starts a Redis of its own; PostgreSQL is the tests'.
//
//   eval "$(tests/support/servers.sh start)"; build/release/tests/bench/bench_shared_latency
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/real_database.hpp"
#include "tests/support/servers.hpp"
#include "weir/weir.hpp"

namespace {

using namespace std::chrono_literals;
using weir::test::environment;

std::string shell(const std::string& command) {
  std::string output;
  FILE* const pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) throw std::runtime_error{"popen failed"};
  std::array<char, 4096> piece{};
  while (const std::size_t length = std::fread(piece.data(), 1, piece.size(), pipe))
    output.append(piece.data(), length);
  if (pclose(pipe) != 0) throw std::runtime_error{command + " failed"};
  while (!output.empty() && output.back() == '\n') output.pop_back();
  return output;
}

/// One phase's times, as a line of a table.
void report(const std::string& phase, std::vector<double>& microseconds,
            const weir::Metrics& before, const weir::Metrics& after) {
  std::sort(microseconds.begin(), microseconds.end());
  const auto at = [&](double share) {
    return microseconds[static_cast<std::size_t>(share *
                                                 static_cast<double>(microseconds.size() - 1))];
  };
  fmt::print("| {:<28} | {:>6} | {:>8.0f} | {:>8.0f} | {:>8.0f} | {:>8.0f} | {:>6} | {:>6} |\n",
             phase, microseconds.size(), at(0.5), at(0.9), at(0.99), microseconds.back(),
             after.redis_hits_total - before.redis_hits_total,
             after.redis_errors_total - before.redis_errors_total);
}

}  // namespace

int main() {
  const std::string script = std::string{WEIR_SOURCE_DIR} + "/tests/support/servers.sh";
  const std::string url = shell(script + " redis plain latency");
  const std::string folder = environment("WEIR_TEST_SERVERS_DIR") + "/redis-plain-latency/1/";
  const auto pid = [&] {
    int number = 0;
    std::ifstream{folder + "redis.pid"} >> number;
    if (number == 0) throw std::runtime_error{"no redis.pid"};
    return number;
  };
  const auto database = weir::test::RealDatabase::make(weir::test::Engine::kPostgres,
                                                       environment("WEIR_TEST_POSTGRES_DSN"));
  database->foreign()->run(
      "CREATE TABLE items (id int PRIMARY KEY, n int); "
      "INSERT INTO items SELECT i, i FROM generate_series(1, 20000) i");
  database->install();
  // Without memory, so that every query goes to Redis. 2 ms of database each.
  const auto open = [&](bool with_redis) {
    weir::Options options = database->options();
    options.memory.capacity = weir::Bytes{0};
    options.policy.max_staleness = 1h;
    if (with_redis)
      options.redis = weir::RedisOptions{.url = url, .min_cost = std::chrono::microseconds{100}};
    return weir::Database::open(options);
  };
  const weir::Database bare = open(false);
  const weir::Database shared = open(true);
  fmt::print("| {:<28} | {:>6} | {:>8} | {:>8} | {:>8} | {:>8} | {:>6} | {:>6} |\n", "phase", "n",
             "p50 us", "p90 us", "p99 us", "max us", "hits", "errors");
  const auto phase = [&](const std::string& name, const weir::Database& asked) {
    constexpr int kQueries = 1000;
    constexpr int kStatements = 20;
    std::vector<double> microseconds;
    const weir::Metrics before = asked.metrics();
    for (int i = 0; i < kQueries; ++i) {
      const std::string sql =
          fmt::format("SELECT sum(n + {}), count(*) FROM items", i % kStatements);
      const weir::TimePoint start = weir::system_clock().now();
      (void)asked.query(sql);
      microseconds.push_back(
          std::chrono::duration<double, std::micro>(weir::system_clock().now() - start).count());
    }
    report(name, microseconds, before, asked.metrics());
  };
  // The breaker probes at most every ten seconds; this asks until it is closed again.
  const auto recover = [&] {
    while (shared.metrics().redis_open) (void)shared.query("SELECT sum(n) FROM items");
  };
  const auto signal = [&](int number) {
    if (kill(pid(), number) != 0) throw std::runtime_error{"kill failed"};
  };
  const std::string cli = "redis-cli --no-auth-warning -u '" + url + "' ";

  phase("without a shared tier", bare);
  phase("Redis works, cold", shared);
  phase("Redis works, warm", shared);
  signal(SIGSTOP);
  phase("hung (SIGSTOP), at first", shared);
  phase("hung, later", shared);
  signal(SIGCONT);
  recover();
  phase("after SIGCONT", shared);
  {
    // Slow: scripts of 50 ms, one after the other, keep it from everybody else.
    const std::string script_file = folder + "busy.lua";
    std::ofstream{script_file}
        << "local t = redis.call('TIME'); local e = t[1] * 1000000 + t[2] + "
           "50000; repeat t = redis.call('TIME') until t[1] * 1000000 + t[2] > e";
    const std::jthread busy{[&](const std::stop_token& stop) {
      while (!stop.stop_requested()) (void)shell(cli + "--eval " + script_file);
    }};
    phase("slow (50 ms), at first", shared);
    phase("slow, later", shared);
  }
  recover();
  phase("after slow", shared);
  (void)shell(cli + "ACL SETUSER tester -getrange");
  phase("refusing (no right to read)", shared);
  (void)shell(cli + "ACL SETUSER tester +@all");
  recover();
  phase("after refusing", shared);
  signal(SIGKILL);
  phase("killed, at first", shared);
  phase("killed, later", shared);
  (void)shell((getuid() == 0 ? "runuser -u postgres -- " : "") +
              ("redis-server " + folder + "redis.conf"));
  recover();
  phase("restarted, cold", shared);
  phase("restarted, warm", shared);
  (void)shell(script + " redis-stop plain latency");
  return 0;
}
