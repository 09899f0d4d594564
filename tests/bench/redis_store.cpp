// What a lookup and a store in Redis cost, by size of the value.
//
//   eval "$(tests/support/servers.sh start)"
//   bench_redis_store "$WEIR_TEST_REDIS_DSN" [ROUNDS]
//
// Prints percentiles in microseconds over one connection that is open, from one thread.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <string>
#include <vector>

#include "weir/clock.hpp"
#include "weir/drivers/redis.hpp"
#include "weir/error.hpp"

namespace {

using weir::system_clock;

template <typename Call>
void measure(const std::string& what, int rounds, const Call& call) {
  std::vector<double> times;
  for (int round = 0; round < rounds; ++round) {
    const weir::TimePoint begin = system_clock().now();
    call();
    times.push_back(
        std::chrono::duration<double, std::micro>(system_clock().now() - begin).count());
  }
  std::sort(times.begin(), times.end());
  const auto at = [&](double share) {
    return times[static_cast<std::size_t>(share * static_cast<double>(times.size() - 1))];
  };
  fmt::print("{:<24} p50 {:>9.1f}  p90 {:>9.1f}  p99 {:>9.1f}  max {:>9.1f}\n", what, at(0.5),
             at(0.9), at(0.99), times.back());
}

void run(const std::string& url, int rounds) {
  using namespace std::chrono_literals;
  const auto store = weir::redis::open({.url = url, .connect_timeout = 5s, .call_timeout = 5s});
  const auto soon = [] { return weir::spi::Deadline::after(system_clock(), 10s); };
  store->ping(soon());
  measure("ping", rounds, [&] { store->ping(soon()); });
  measure("get, nothing there", rounds, [&] { (void)store->get("weir:bench:none", soon()); });
  for (const std::size_t size : {100UL, 1'000UL, 10'000UL, 100'000UL, 1'000'000UL}) {
    const std::string value(size, 'x');
    const int fewer = size > 50'000 ? rounds / 10 + 1 : rounds;
    measure(fmt::format("put {} bytes", size), fewer,
            [&] { store->put("weir:bench:k", value, 60s, soon()); });
    measure(fmt::format("get {} bytes", size), fewer,
            [&] { (void)store->get("weir:bench:k", soon()); });
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    fmt::print(stderr, "usage: bench_redis_store URL [ROUNDS]\n");
    return 2;
  }
  try {
    run(argv[1], argc > 2 ? std::atoi(argv[2]) : 2000);
  } catch (const weir::Error& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
  return 0;
}
