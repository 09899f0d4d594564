// What telling rows apart gains and costs: see docs/benchmarks/row-keys.md, which has how to run
// it.
#include "tests/bench/row_keys.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/support/servers.hpp"

namespace {

using weir::test::Engine;
using weir::test::environment;
using weir::test::RealDatabase;

/// The server's settings while something is measured: nothing starts by itself, and whether commits
/// reach the disk. As they were after this object.
class ServerSettings {
 public:
  ServerSettings(const RealDatabase& database, bool durable) : connection_{database.foreign()} {
    settings_ = {{"autovacuum", "off"},
                 {"checkpoint_timeout", "1h"},
                 {"max_wal_size", "4GB"},
                 {"fsync", durable ? "on" : "off"},
                 {"full_page_writes", durable ? "on" : "off"}};
    for (const auto& [name, value] : settings_)
      connection_->run(fmt::format("ALTER SYSTEM SET {} = '{}'", name, value));
    connection_->run("SELECT pg_reload_conf()");
    // The postmaster reads its file before it tells the sessions to, so new ones have it too.
    for (int left = 10'000; connection_->run("SHOW fsync").at(0).at(0) != (durable ? "on" : "off");)
      if (--left == 0) throw std::runtime_error{"the server does not read its settings"};
    connection_->run("CHECKPOINT");
    if (durable) ::sync();  // what was written before is nobody's to wait for
  }
  ServerSettings(const ServerSettings&) = delete;
  ServerSettings& operator=(const ServerSettings&) = delete;
  ~ServerSettings() {
    try {
      for (const auto& [name, value] : settings_)
        connection_->run(fmt::format("ALTER SYSTEM RESET {}", name));
      connection_->run("SELECT pg_reload_conf()");
    } catch (const std::exception& error) {
      std::fputs(error.what(), stderr);
    }
  }

 private:
  std::unique_ptr<weir::test::ForeignConnection> connection_;
  std::vector<std::pair<std::string, std::string>> settings_{};
};

/// The machine's load and what its disk takes to make 8 KiB durable: without them no figure means
/// anything.
void print_machine() {
  std::array<double, 1> load{};
  if (::getloadavg(load.data(), 1) != 1) load[0] = -1;
  std::string path = (std::filesystem::temp_directory_path() / "weir-bench-XXXXXX").string();
  const int file = ::mkstemp(path.data());
  if (file < 0) throw std::runtime_error{"mkstemp failed"};
  ::unlink(path.c_str());
  const std::string page(8192, 'x');
  weir::bench::Samples milliseconds;
  for (int i = 0; i < 50; ++i) {
    const weir::TimePoint start = weir::system_clock().now();
    if (::write(file, page.data(), page.size()) < 0 || ::fdatasync(file) != 0)
      throw std::runtime_error{"fdatasync failed"};
    milliseconds.add(
        std::chrono::duration<double, std::milli>(weir::system_clock().now() - start).count());
  }
  ::close(file);
  fmt::print("\nload {:.1f}, {} processors, fdatasync {} ms\n", load[0],
             std::thread::hardware_concurrency(), milliseconds.text(2));
  std::fflush(stdout);
}

int run(const std::vector<std::string>& arguments) {
  const std::string part = arguments.empty() ? "" : arguments[0];
  const std::string server = environment("WEIR_TEST_POSTGRES_DSN");
  // The variable is servers.sh's: settings of a server that is not its own are not to be touched.
  const bool own = !environment("WEIR_TEST_SERVERS_DIR").empty() && !server.empty();
  if ((part != "mix" && part != "writes") || arguments.size() > 3 || !own) {
    fmt::print(stderr,
               "usage: tests/support/servers.sh run bench_row_keys mix [ROUNDS [OPERATIONS]]\n"
               "       tests/support/servers.sh run bench_row_keys writes [ROUNDS [SECONDS]]\n");
    return 2;
  }
  weir::bench::Effort effort;
  if (arguments.size() > 1) effort.rounds = std::stoul(arguments[1]);
  if (arguments.size() > 2 && part == "mix") effort.operations = std::stoul(arguments[2]);
  if (arguments.size() > 2 && part == "writes") effort.seconds = std::stod(arguments[2]);
  if (effort.rounds == 0 || effort.operations < 100 || effort.seconds <= 0)
    throw std::runtime_error{"at least one round, 100 operations and some seconds"};
  const auto measure = part == "mix" ? &weir::bench::mix : &weir::bench::writes;
  print_machine();
  {
    const auto database = RealDatabase::make(Engine::kPostgres, server);
    const ServerSettings settings{*database, part == "writes"};
    measure(*database, effort);
  }
  measure(*RealDatabase::make(Engine::kSqlite, {}), effort);
  print_machine();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
