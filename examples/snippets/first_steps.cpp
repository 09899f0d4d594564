// Snippets of README.md and docs/guide/: opening, asking, reading, writing.
#include <filesystem>
#include <iostream>

#include "examples/snippets/snippets.hpp"

namespace snippets {
namespace {

void readme(const std::string& dsn) {
  // [readme]
  weir::Database db = weir::Database::open({.database = dsn});  // "sqlite:…", "postgresql://…"

  for (int i = 0; i < 2; ++i) {
    weir::Result orders =
        db.query("SELECT id, total FROM orders WHERE user_id = $1 ORDER BY id DESC", 42);
    for (auto [id, total] : orders.as<std::int64_t, double>())
      std::cout << id << ' ' << total << '\n';

    std::cout << weir::to_string(orders.source()) << '\n';  // "database", then "memory"
    std::cout << orders.reason() << '\n';                   // "not in the cache", then nothing
  }

  // The next query sees it, in this process at once, in others within their staleness bound.
  db.execute("UPDATE orders SET total = total + 1 WHERE user_id = $1", 42);
  // [readme]
}

// [struct]
struct User {
  std::int64_t id{};
  std::string name{};
  std::optional<std::string> email{};  // NULL
};
// [struct]

void reading(const weir::Database& db) {
  // [rows]
  const weir::Result users = db.query("SELECT id, name, email FROM users ORDER BY id");

  for (const weir::Row row : users) {  // by name or by index
    if (!row.is_null(2)) std::cout << row.get<std::string_view>("email") << '\n';
  }
  for (auto [id, name, email] :  // as tuples; string_views point into the result
       users.as<std::int64_t, std::string_view, std::optional<std::string_view>>()) {
    std::cout << id << ' ' << name << ' ' << email.value_or("-") << '\n';
  }
  const std::vector<User> all = users.to<User>();  // as structs
  std::cout << all.size() << ' ' << users.json() << '\n';
  // [rows]

  // [one]
  const auto count = db.query("SELECT count(*) FROM users").one<std::int64_t>();
  const std::optional<User> nobody =
      db.query("SELECT id, name, email FROM users WHERE id = $1", -1).one_or_none<User>();
  // [one]
  std::cout << count << nobody.has_value() << '\n';
}

void parameters(const weir::Database& db) {
  // [parameters]
  std::optional<std::string> no_email;  // NULL
  db.execute("INSERT INTO users (id, name, email) VALUES ($1, $2, $3)", 7, "Ada", no_email);

  weir::Params params;  // when their number is not known at compile time
  params.add(7).add("Ada");
  weir::Result found = db.query_params("SELECT id FROM users WHERE id = $1 AND name = $2", params);
  // [parameters]
  std::cout << found.rows() << '\n';
}

void transactions(const weir::Database& db) {
  // [transact]
  const auto total = db.transact([](weir::Transaction& tx) {
    tx.execute("UPDATE orders SET total = total - 5 WHERE id = $1", 1);
    tx.execute("UPDATE orders SET total = total + 5 WHERE id = $1", 2);
    return tx.query("SELECT sum(total) FROM orders").one<double>();
  });  // committed; again from the start after a deadlock or a serialization failure
  // [transact]

  // [transaction]
  weir::Transaction tx = db.begin({.isolation = weir::Isolation::kSerializable});
  tx.savepoint("before");
  tx.execute("DELETE FROM orders WHERE id = $1", 2);
  tx.rollback_to("before");
  tx.commit();  // without it the destructor rolls back
  // [transaction]
  std::cout << total << '\n';
}

void errors(const weir::Database& db) {
  // [errors]
  try {
    db.execute("INSERT INTO users (id, name) VALUES ($1, $2)", 7, "Grace");
  } catch (const weir::ConstraintError& error) {
    std::cout << "taken: " << error.what() << '\n';
  } catch (const weir::Error& error) {
    if (error.code() == weir::ErrorCode::kPoolExhausted) std::cout << "too busy\n";
    throw;
  }
  // [errors]
}

}  // namespace

void first_steps(const std::string& dsn) {
  const weir::Database db = weir::Database::open({.database = dsn});
  db.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, user_id INTEGER, total REAL)");
  db.execute("CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT)");
  db.execute("INSERT INTO orders VALUES (1, 42, 10.5), (2, 42, 20), (3, 7, 1)");
  db.execute("INSERT INTO users VALUES (1, 'Eve', 'eve@example.org'), (2, 'Bob', NULL)");
  readme(dsn);
  reading(db);
  parameters(db);
  transactions(db);
  errors(db);
}

}  // namespace snippets
