// Snippets of docs/guide/testing.md.
#include <cassert>
#include <chrono>
#include <iostream>

#include "examples/snippets/snippets.hpp"
#include "weir/drivers/sqlite.hpp"

namespace snippets {
namespace {

// [code]
class Orders {  // the code under test takes the handle, and does not open it
 public:
  explicit Orders(weir::Database db) : db_{std::move(db)} {}
  [[nodiscard]] weir::Result of_user(std::int64_t user) const {
    return db_.query("SELECT id, total FROM orders WHERE user_id = $1", user);
  }

 private:
  weir::Database db_;
};
// [code]

void require(bool holds, const char* what) {
  if (!holds) throw std::logic_error{what};
}

void in_memory() {
  // [in_memory]
  const weir::Database db = weir::Database::open({.database = "sqlite::memory:"});
  db.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, user_id INTEGER, total REAL)");
  db.execute("INSERT INTO orders VALUES (1, 42, 10)");
  const Orders orders{db};

  require(orders.of_user(42).source() == weir::Source::kDatabase, "the first is a miss");
  require(orders.of_user(42).source() == weir::Source::kMemory, "the second is a hit");
  db.execute("UPDATE orders SET total = 11 WHERE id = 1");
  require(orders.of_user(42).reason_code() == weir::ReasonCode::kStale, "a write is noticed");
  // [in_memory]
}

// [clock]
class TestClock final : public weir::Clock {
 public:
  [[nodiscard]] weir::TimePoint now() const noexcept override { return now_; }
  void advance(weir::Duration by) { now_ = now_.load() + by; }

 private:
  std::atomic<weir::TimePoint> now_{weir::TimePoint{} + std::chrono::hours{1}};
};
// [clock]

void time() {
  // [expiry]
  using namespace std::chrono_literals;
  const weir::Options options{.database = "sqlite::memory:", .memory = {.ttl_jitter = 0.0}};
  TestClock clock;
  const weir::Database db =
      weir::Database::open(options, weir::make_sqlite_driver(options, clock), clock);

  const weir::Query dice{"SELECT random()", {.ttl = 30s}};
  const auto first = db.query(dice).one<std::int64_t>();
  clock.advance(29s);
  require(db.query(dice).one<std::int64_t>() == first, "kept for its ttl");
  clock.advance(1s);
  require(db.query(dice).reason_code() == weir::ReasonCode::kExpired, "and not longer");
  // [expiry]
}

}  // namespace

void testing() {
  in_memory();
  time();
}

}  // namespace snippets
