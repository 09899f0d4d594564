// Snippets of docs/guide/postgresql.md. They need a server, so they are compiled and not run.
#include <iostream>

#include "examples/snippets/snippets.hpp"

namespace snippets {

void sessions(const weir::Database& db) {
  // [session]
  const weir::Database tenant =
      db.with_session({.role = "tenant", .settings = {{"app.tenant_id", "17"}}});
  weir::Result mine = tenant.query("SELECT id, total FROM orders");  // its policies apply
  // [session]
  std::cout << mine.rows() << '\n';
}

void replicas() {
  const auto send = [](const std::string& text) { return text; };
  const weir::Database writer = weir::Database::open({.database = "postgresql://app@db/shop"});
  const weir::Database reader = weir::Database::open({.database = "postgresql://app@db/shop"});
  // [token]
  // One service writes, and sends the token along with whatever tells the other of it …
  writer.execute("UPDATE orders SET total = 0 WHERE id = $1", 9);
  const std::string header = send(writer.token().to_string());

  // … which from then on answers only from what has seen at least as much.
  reader.observe(weir::Token::parse(header));
  weir::Result order = reader.query("SELECT total FROM orders WHERE id = $1", 9);
  // [token]
  std::cout << order.rows() << '\n';
}

void functions(const weir::Database& db) {
  // [depends_on]
  // What the function's body reads is not guessed; this says it, and that it reads nothing else.
  const weir::Query report{"SELECT * FROM monthly_report($1)", {.depends_on = {"shop.orders"}}};
  weir::Result january = db.query(report, std::chrono::sys_days{std::chrono::January / 1 / 2026});
  // [depends_on]
  std::cout << january.rows() << '\n';
}

void pooling() {
  // [pgbouncer]
  const weir::Database db = weir::Database::open({
      .database = "postgresql://app@pgbouncer:6432/shop",
      .postgres = {.pooling = weir::Pooling::kTransaction},
  });
  // [pgbouncer]
}

void stream() {
  // [stream]
  const weir::Database db = weir::Database::open({
      .database = "postgresql://app@db/shop",
      .listen = {.via = weir::WakeUps::kStream, .stream = "weir:changes:shop"},
      .redis = weir::RedisOptions{.url = "redis://cache"},
  });
  // [stream]
}

}  // namespace snippets
