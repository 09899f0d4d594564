// One process of examples/beside_apps.sh: an application that reads through weir, or the writer.
//
//   beside_app read DSN [REDIS STREAM]   prints each second: lookups, hit ratio, and how long after
//                                        their commit changes were seen (median, longest)
//   beside_app write DSN MILLISECONDS    changes a row every so often
#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <mutex>
#include <random>
#include <string>
#include <vector>
#include <weir/weir.hpp>

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

volatile std::sig_atomic_t stopped = 0;

std::int64_t wall_milliseconds() {
  return std::chrono::duration_cast<milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

/// Lets other processes run; a real application would be waiting for its next request.
void rest(milliseconds time) {
  static std::mutex mutex;
  static std::condition_variable never;
  std::unique_lock lock{mutex};
  never.wait_for(lock, time, [] { return stopped != 0; });
}

class Reader {
 public:
  explicit Reader(weir::Options options) : db_{weir::Database::open(std::move(options))} {}

  void run() {
    Clock::time_point next = Clock::now() + std::chrono::seconds{1};
    while (stopped == 0) {
      for (int i = 0; i < 20; ++i) look_up();
      look_for_change();
      rest(milliseconds{5});
      if (Clock::now() < next) continue;
      report();
      next += std::chrono::seconds{1};
    }
  }

 private:
  void look_up() {
    const std::int64_t product = 1 + static_cast<std::int64_t>(random_() % 50);
    (void)db_.query("SELECT name, price FROM products WHERE id = $1", product);
    ++lookups_;
  }

  /// When a new price is seen, how long ago it was committed.
  void look_for_change() {
    const auto changed =
        db_.query("SELECT max(changed_ms) FROM products").one<std::optional<std::int64_t>>();
    if (!changed || *changed == last_change_) return;
    if (last_change_ != 0) seen_after_.push_back(wall_milliseconds() - *changed);
    last_change_ = *changed;
  }

  void report() {
    const weir::Metrics metrics = db_.metrics();
    const auto hits = metrics.hits_total - hits_;
    hits_ = metrics.hits_total;
    std::sort(seen_after_.begin(), seen_after_.end());
    const auto at = [this](std::size_t index) {
      return seen_after_.empty() ? std::string{"-"} : std::to_string(seen_after_[index]);
    };
    // Every look for a change is a lookup, too.
    std::printf("%llu %.1f %s %s\n", static_cast<unsigned long long>(lookups_),
                100.0 * static_cast<double>(hits) /
                    static_cast<double>(std::max<std::uint64_t>(lookups_ + lookups_ / 20, 1)),
                at(seen_after_.size() / 2).c_str(),
                at(seen_after_.empty() ? 0 : seen_after_.size() - 1).c_str());
    std::fflush(stdout);
    lookups_ = 0;
    seen_after_.clear();
  }

  weir::Database db_;
  std::mt19937 random_{std::random_device{}()};
  std::uint64_t lookups_{0};
  std::uint64_t hits_{0};
  std::int64_t last_change_{0};
  std::vector<std::int64_t> seen_after_;
};

void write(const std::string& dsn, milliseconds pause) {
  const weir::Database db = weir::Database::open({.database = dsn, .listen = {.enabled = false}});
  std::mt19937 random{std::random_device{}()};
  while (stopped == 0) {
    const std::int64_t product = 1 + static_cast<std::int64_t>(random() % 50);
    db.execute("UPDATE products SET price = price + 1, changed_ms = $1 WHERE id = $2",
               wall_milliseconds(), product);
    rest(pause);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words{argv + 1, argv + argc};
  for (const int signal : {SIGTERM, SIGINT}) std::signal(signal, [](int) { stopped = 1; });
  try {
    if (words.size() >= 2 && words[0] == "read") {
      weir::Options options{.database = words[1]};
      if (words.size() == 4) {
        options.redis = weir::RedisOptions{.url = words[2]};
        options.listen.via = weir::WakeUps::kStream;
        options.listen.stream = words[3];
      }
      Reader{std::move(options)}.run();
    } else if (words.size() == 3 && words[0] == "write") {
      write(words[1], milliseconds{std::stol(words[2])});
    } else {
      std::cerr << "usage: beside_app read DSN [REDIS STREAM] | write DSN MILLISECONDS\n";
      return 2;
    }
  } catch (const std::exception& error) {
    std::cerr << "beside_app: " << error.what() << '\n';
    return 1;
  }
  return 0;
}
