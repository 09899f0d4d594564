// How long after its commit a change by another process is seen, by what wakes the application.
//
//   bench_listen_latency WEIR POSTGRES REDIS [ROUNDS]
//
// WEIR is the command, POSTGRES a superuser's DSN (a database is made and dropped there), REDIS a
// URL. In each round a row is committed through a connection of its own, then the application asks
// until it sees it. Rounds begin at random moments.
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "weir/open_driver.hpp"
#include "weir/weir.hpp"

namespace {

using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;

/// `weir listen` with one database, until the object goes.
class ListenProcess {
 public:
  ListenProcess(const std::string& weir, const std::string& dsn, const std::string& redis)
      : config_{fmt::format("/tmp/weir-latency-{}.toml", ::getpid())} {
    std::ofstream{config_} << "[[database]]\nname = \"bench\"\ndsn = \"" << dsn
                           << "\"\ntrack = \"off\"\n[redis]\nurl = \"" << redis
                           << "\"\n[http]\nlisten = \"off\"\n[log]\nlevel = \"error\"\n";
    std::vector<std::string> words{weir, "listen", "--config", config_};
    std::vector<char*> pointers;
    for (std::string& word : words) pointers.push_back(word.data());
    pointers.push_back(nullptr);
    if (posix_spawn(&child_, weir.c_str(), nullptr, nullptr, pointers.data(), ::environ) != 0)
      throw std::runtime_error{"cannot start " + weir};
  }
  ListenProcess(const ListenProcess&) = delete;
  ListenProcess& operator=(const ListenProcess&) = delete;
  ~ListenProcess() {
    ::kill(child_, SIGTERM);
    ::waitpid(child_, nullptr, 0);
    ::unlink(config_.c_str());
  }

 private:
  std::string config_;
  pid_t child_{-1};
};

struct Bench {
  std::string dsn;
  std::size_t rounds;

  void measure(const std::string& name, const weir::Options& options,
               const std::function<bool(const weir::Metrics&)>& ready) const {
    const weir::Database app = weir::Database::open(options);
    const weir::Database writer =
        weir::Database::open({.database = dsn, .listen = {.enabled = false}});
    const auto limit = Steady::now() + 20s;
    while (!ready(app.metrics())) {
      if (Steady::now() > limit) throw std::runtime_error{name + ": not ready after 20 s"};
      ::poll(nullptr, 0, 10);
    }
    ::poll(nullptr, 0, 3000);  // an election takes two seconds
    std::mt19937 random{4711};
    std::vector<double> milliseconds;
    auto expected = app.query("SELECT value FROM ping").one<std::int64_t>();
    for (std::size_t round = 0; round < rounds; ++round) {
      const auto begin = Steady::now() + std::chrono::milliseconds{random() % 200};
      while (Steady::now() < begin) (void)app.query("SELECT value FROM ping");
      writer.execute("UPDATE ping SET value = value + 1");
      const auto committed = Steady::now();
      ++expected;
      while (app.query("SELECT value FROM ping").one<std::int64_t>() != expected) {
        ::poll(nullptr, 0, 0);
      }
      milliseconds.push_back(
          std::chrono::duration<double, std::milli>(Steady::now() - committed).count());
    }
    std::sort(milliseconds.begin(), milliseconds.end());
    const auto at = [&](double share) {
      return milliseconds[static_cast<std::size_t>(share *
                                                   static_cast<double>(milliseconds.size() - 1))];
    };
    fmt::print("{:<42} {:>9.1f} {:>9.1f} {:>9.1f}\n", name, at(0.5), at(0.99), milliseconds.back());
  }
};

int run(const std::vector<std::string>& words) {
  const std::string& weir = words[0];
  const std::string& server = words[1];
  const std::string& redis = words[2];
  const std::size_t rounds = words.size() > 3 ? std::stoul(words[3]) : 200;
  const std::string name = fmt::format("weir_latency_{}", ::getpid());
  const weir::Database root =
      weir::Database::open({.database = server, .listen = {.enabled = false}});
  root.execute("CREATE DATABASE " + name);
  const Bench bench{server.substr(0, server.rfind('/') + 1) + name, rounds};
  {
    const weir::Options options{.database = bench.dsn, .listen = {.enabled = false}};
    const auto driver = weir::open_driver(options);
    const auto admin = driver->open_admin();
    (void)admin->migrate_up(weir::spi::DryRun::kNo, {});
    const weir::Database db = weir::Database::open(options);
    db.execute("CREATE TABLE ping (value bigint NOT NULL)");
    db.execute("INSERT INTO ping VALUES (0)");
    (void)admin->track({"ping"}, weir::spi::DryRun::kNo, {});
  }
  fmt::print("commit to seen, ms, {} rounds\n{:<42} {:>9} {:>9} {:>9}\n", rounds, "", "p50", "p99",
             "longest");
  const auto always = [](const weir::Metrics&) { return true; };
  const auto listening = [](const weir::Metrics& metrics) { return metrics.listening != 0; };
  const auto leading = [](const weir::Metrics& metrics) { return metrics.leading != 0; };
  bench.measure("no listener, bound 1 s", {.database = bench.dsn, .listen = {.enabled = false}},
                always);
  bench.measure("in-process listener, 20 ms", {.database = bench.dsn}, leading);
  {
    const ListenProcess service{weir, bench.dsn, redis};
    ::poll(nullptr, 0, 3000);
    bench.measure("weir listen beside, 20 to 80 ms", {.database = bench.dsn}, listening);
    bench.measure("the same through the Redis stream",
                  {.database = bench.dsn,
                   .listen = {.via = weir::WakeUps::kStream, .stream = "weir:changes:bench"},
                   .redis = weir::RedisOptions{.url = redis}},
                  listening);
  }
  root.execute("DROP DATABASE " + name + " WITH (FORCE)");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words{argv + 1, argv + argc};
  if (words.size() < 3) {
    fmt::print(stderr, "usage: bench_listen_latency WEIR POSTGRES REDIS [ROUNDS]\n");
    return 2;
  }
  try {
    return run(words);
  } catch (const std::exception& error) {
    fmt::print(stderr, "bench_listen_latency: {}\n", error.what());
    return 1;
  }
}
