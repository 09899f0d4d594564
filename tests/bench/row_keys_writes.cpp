#include <fmt/format.h>
#include <libpq-fe.h>
#include <sqlite3.h>

#include <cstdint>
#include <cstdio>
#include <exception>
#include <latch>
#include <map>
#include <memory>
#include <stdexcept>
#include <thread>

#include "tests/bench/row_keys.hpp"

namespace weir::bench {
namespace {

constexpr int kUsers = 20'000;
constexpr int kRows = 200'000;

/// A connection that knows nothing of weir, with the update of one order prepared.
class Writer {
 public:
  Writer() = default;
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  virtual ~Writer() = default;
  virtual void update(int id) = 0;
};

class PostgresWriter final : public Writer {
 public:
  explicit PostgresWriter(const std::string& dsn) : connection_{PQconnectdb(dsn.c_str())} {
    check(PQprepare(connection_.get(), "update",
                    "UPDATE orders SET total = total + 1 WHERE id = $1", 0, nullptr));
  }
  void update(int id) override {
    const std::string text = std::to_string(id);
    const char* const value = text.c_str();
    check(PQexecPrepared(connection_.get(), "update", 1, &value, nullptr, nullptr, 0));
  }

 private:
  struct Finish {
    void operator()(PGconn* connection) const { PQfinish(connection); }
  };
  void check(PGresult* result) {
    const bool worked = PQresultStatus(result) == PGRES_COMMAND_OK;
    PQclear(result);
    if (!worked) throw std::runtime_error{PQerrorMessage(connection_.get())};
  }
  std::unique_ptr<PGconn, Finish> connection_;
};

class SqliteWriter final : public Writer {
 public:
  explicit SqliteWriter(const std::string& path) {
    sqlite3* opened = nullptr;
    const int code = sqlite3_open(path.c_str(), &opened);
    connection_.reset(opened);
    check(code);
    check(sqlite3_busy_timeout(opened, 60'000));
    check(sqlite3_exec(opened, "PRAGMA synchronous = FULL", nullptr, nullptr, nullptr));
    sqlite3_stmt* prepared = nullptr;
    check(sqlite3_prepare_v2(opened, "UPDATE orders SET total = total + 1 WHERE id = ?", -1,
                             &prepared, nullptr));
    statement_.reset(prepared);
  }
  void update(int id) override {
    check(sqlite3_bind_int(statement_.get(), 1, id));
    if (sqlite3_step(statement_.get()) != SQLITE_DONE) check(SQLITE_ERROR);
    check(sqlite3_reset(statement_.get()));
  }

 private:
  struct Close {
    void operator()(sqlite3* connection) const { sqlite3_close(connection); }
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  void check(int code) {
    if (code != SQLITE_OK) throw std::runtime_error{sqlite3_errmsg(connection_.get())};
  }
  std::unique_ptr<sqlite3, Close> connection_;
  std::unique_ptr<sqlite3_stmt, Close> statement_;
};

std::unique_ptr<Writer> open_writer(const test::RealDatabase& database) {
  const std::string& dsn = database.options().database;
  if (database.postgres()) return std::make_unique<PostgresWriter>(dsn);
  return std::make_unique<SqliteWriter>(dsn.substr(dsn.find(':') + 1));
}

/// Transactions a second of `clients` that each update one order at a time.
double single_rows(const test::RealDatabase& database, int clients, double seconds,
                   std::uint64_t seed) {
  constexpr int kWarmUp = 20;  // a session's first writes plan the triggers' statements
  struct Client {
    std::unique_ptr<Writer> writer{};
    std::size_t written{0};
    TimePoint end{};
    std::exception_ptr failure{};
  };
  std::vector<Client> all(static_cast<std::size_t>(clients));
  for (Client& client : all) client.writer = open_writer(database);
  std::latch ready{clients + 1};
  TimePoint start;
  TimePoint until;
  std::latch started{1};
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < all.size(); ++i) {
      threads.emplace_back([&, i] {
        Client& client = all[i];
        std::mt19937_64 random{seed * 100 + i};
        std::uniform_int_distribution<int> row{1, kRows};
        const auto write = [&] {
          if (client.failure) return;
          try {
            client.writer->update(row(random));
          } catch (...) {
            client.failure = std::current_exception();
          }
        };
        for (int n = 0; n < kWarmUp; ++n) write();
        ready.count_down();
        started.wait();
        do {
          write();
          ++client.written;
          client.end = system_clock().now();
        } while (!client.failure && client.end < until);
      });
    }
    ready.arrive_and_wait();
    start = system_clock().now();
    until = start + std::chrono::duration_cast<Duration>(std::chrono::duration<double>{seconds});
    started.count_down();
  }
  std::size_t written = 0;
  TimePoint end = start;
  for (const Client& client : all) {
    if (client.failure) std::rethrow_exception(client.failure);
    written += client.written;
    end = std::max(end, client.end);
  }
  return static_cast<double>(written) / std::chrono::duration<double>{end - start}.count();
}

/// Seconds for one statement that updates every order.
double all_rows(const test::RealDatabase& database) {
  const auto connection = database.foreign();
  if (!database.postgres()) connection->run("PRAGMA synchronous = FULL");
  const TimePoint start = system_clock().now();
  connection->run("UPDATE orders SET total = total + 1");
  return std::chrono::duration<double>{system_clock().now() - start}.count();
}

}  // namespace

void writes(const test::RealDatabase& database, const Effort& effort) {
  fill(database, kRows, kUsers);
  const char* const engine = database.postgres() ? "PostgreSQL" : "SQLite";
  const std::vector<Tracking> trackings{{"no triggers", false, {}},
                                        {"table level", true, {}},
                                        {"row level, 1 column", true, {"id"}},
                                        {"row level, 2 columns", true, {"id", "user_id"}}};
  constexpr int kBulk = 0;  // instead of a number of clients
  const std::vector<int> clients =
      database.postgres() ? std::vector<int>{1, 4, 16, kBulk} : std::vector<int>{1, 4, kBulk};
  std::vector<std::map<int, Samples>> samples(trackings.size());
  for (std::size_t round = 0; round < effort.rounds; ++round) {
    for (const int number : clients) {
      for (std::size_t i = 0; i < trackings.size(); ++i) {
        const std::size_t which = (i + round) % trackings.size();
        fmt::print(stderr, "{}: writes, round {}, {} clients, {}\n", engine, round + 1, number,
                   trackings[which].name);
        apply(database, trackings[which]);
        tidy(database);
        samples[which][number].add(number == kBulk
                                       ? all_rows(database)
                                       : single_rows(database, number, effort.seconds, round + 1));
      }
    }
  }
  fmt::print("\n{}: updates of one row by primary key, {} s a cell, {} rounds\n\n", engine,
             effort.seconds, effort.rounds);
  fmt::print("| tracking | clients | transactions/s | to no triggers |\n|---|--:|--:|--:|\n");
  const auto rows = [&](int number, const auto& line) {
    for (std::size_t i = 0; i < trackings.size(); ++i) {
      const Samples& mine = samples[i][number];
      line(trackings[i].name, mine, mine.to(samples[0][number]));
    }
  };
  for (const int number : clients) {
    if (number == kBulk) continue;
    rows(number, [&](const std::string& name, const Samples& mine, const Samples& ratio) {
      fmt::print("| {} | {} | {} | {} |\n", name, number, mine.text(0), ratio.text(2));
    });
  }
  fmt::print("\n{}: one update of {} rows, {} rounds\n\n", engine, kRows, effort.rounds);
  fmt::print("| tracking | seconds | to no triggers |\n|---|--:|--:|\n");
  rows(kBulk, [](const std::string& name, const Samples& mine, const Samples& ratio) {
    fmt::print("| {} | {} | {} |\n", name, mine.text(2), ratio.text(2));
  });
  std::fflush(stdout);
}

}  // namespace weir::bench
