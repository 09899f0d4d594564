// A shop's page: its queries asked of SQLite directly and through weir, while another process
// writes.
//
//   shop_page FOLDER [CUSTOMERS [VIEWS]]   makes FOLDER/shop.db if need be, and measures
//   shop_page --write FILE                 what the other process is started as: one plain SQLite
//   write
#include <spawn.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>
#include <weir/open_driver.hpp>
#include <weir/weir.hpp>

#include "shop_data.hpp"
#include "shop_measure.hpp"

extern char** environ;

namespace {

using shop::kPage;
using shop::Seen;
using std::chrono::steady_clock;

// As `weir migrate up && weir track` does: then a write by another process voids only what it
// touched.
void install_journal(const weir::Options& options) {
  const auto driver = weir::open_driver(options);
  const auto admin = driver->open_admin();
  (void)admin->migrate_up(weir::spi::DryRun::kNo, {});
  (void)admin->track({}, weir::spi::DryRun::kNo, {});
}

weir::Result ask(const weir::Database& db, std::size_t query, int customer) {
  const shop::PageQuery& asked = kPage[query];
  return asked.asks == shop::Asks::kCustomer ? db.query(asked.sql, customer) : db.query(asked.sql);
}

void measure(const weir::Database& db, shop::Direct& direct, int customers, int views) {
  struct Column {
    shop::Latencies direct{}, weir{};
    std::size_t rows{}, hits{};
  };
  std::array<Column, kPage.size()> columns;
  // Visitors come back: a few customers make most of the views.
  std::mt19937 chance{42};
  std::exponential_distribution<double> popularity{1.0 / 20};
  for (int view = 0; view < views; ++view) {
    const int customer = 1 + static_cast<int>(popularity(chance)) % customers;
    for (std::size_t i = 0; i < kPage.size(); ++i) {
      const auto start = steady_clock::now();
      const Seen expected = direct.ask(i, customer);
      const auto between = steady_clock::now();
      const weir::Result result = ask(db, i, customer);
      const auto end = steady_clock::now();
      columns[i].direct.add(between - start);
      columns[i].weir.add(end - between);
      columns[i].rows += result.rows();
      columns[i].hits += result.source() == weir::Source::kMemory ? 1U : 0U;
      if (shop::seen(result) != expected) throw std::runtime_error("weir and SQLite disagree");
    }
  }
  std::printf("\n%d page views, %zu queries each; microseconds\n\n", views, kPage.size());
  std::printf("                     SQLite directly          weir\n");
  std::printf("query              p50       p99       p50       p99   hits     rows\n");
  std::printf("----------------------------------------------------------------------\n");
  for (std::size_t i = 0; i < kPage.size(); ++i) {
    Column& c = columns[i];
    std::printf("%-14s %9.1f %9.1f %9.1f %9.1f  %3zu %% %8zu\n", kPage[i].name,
                c.direct.percentile(0.5), c.direct.percentile(0.99), c.weir.percentile(0.5),
                c.weir.percentile(0.99), c.hits * 100 / static_cast<std::size_t>(views), c.rows);
  }
}

void write_from_another_process(const std::string& program, const std::string& file) {
  std::array<std::string, 3> words{program, "--write", file};
  std::array<char*, 4> argv{words[0].data(), words[1].data(), words[2].data(), nullptr};
  pid_t child = 0;
  int status = 0;
  if (posix_spawn(&child, "/proc/self/exe", nullptr, nullptr, argv.data(), environ) != 0 ||
      waitpid(child, &status, 0) != child || status != 0) {
    throw std::runtime_error("the second process failed");
  }
}

void show_write(const weir::Database& db, shop::Direct& direct, const std::string& program,
                const std::string& file) {
  // A bound of zero: every hit is checked against the journal, so nothing is ever a write behind.
  const weir::Database exact = db.with({.max_staleness = std::chrono::milliseconds{0}});
  std::vector<weir::Result> before;
  for (std::size_t i = 0; i < kPage.size(); ++i) before.push_back(ask(exact, i, 1));
  write_from_another_process(program, file);
  std::printf("\nA second process placed an order for customer 1. The same page again:\n\n");
  std::printf("query          before       after        from      why\n");
  std::printf("----------------------------------------------------------------------\n");
  for (std::size_t i = 0; i < kPage.size(); ++i) {
    const weir::Result result = ask(exact, i, 1);
    const Seen then = shop::seen(before[i]);
    const Seen now = shop::seen(result);
    const bool same = result.json() == before[i].json();
    std::printf("%-14s %-12s %-12s %-9s %s\n", kPage[i].name, then.first.c_str(),
                same          ? "the same"
                : now == then ? "other rows"
                              : now.first.c_str(),
                std::string{to_string(result.source())}.c_str(), result.reason().c_str());
    if (now != direct.ask(i, 1)) throw std::runtime_error("weir and SQLite disagree");
  }
  std::printf("\nEvery answer above was compared with SQLite's own.\n");
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const std::string first = argc > 1 ? argv[1] : ".";
    if (first == "--write") {
      shop::place_order(argv[2]);
      return 0;
    }
    const int customers = argc > 2 ? std::atoi(argv[2]) : 50'000;
    const int views = argc > 3 ? std::atoi(argv[3]) : 300;
    const std::string file = first + "/shop.db";
    shop::generate(file, customers);
    const weir::Options options{.database = "sqlite:" + file};
    install_journal(options);
    const weir::Database db = weir::Database::open(options);
    shop::Direct direct{file};
    measure(db, direct, customers, views);
    show_write(db, direct, argv[0], file);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "shop_page: %s\n", error.what());
    return 1;
  }
}
