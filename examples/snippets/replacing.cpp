// Snippets of docs/guide/replacing.md: the same work by libpqxx, libpq, SQLite and weir.
#include <libpq-fe.h>
#include <sqlite3.h>

#include <iostream>
#include <memory>
#include <pqxx/pqxx>
#include <stdexcept>

#include "examples/snippets/snippets.hpp"

namespace snippets {
namespace {

void libpqxx_before(const std::string& dsn) {
  // [libpqxx_before]
  pqxx::connection connection{dsn};
  pqxx::work work{connection};
  const pqxx::result rows = work.exec_params("SELECT id, name, email FROM users WHERE org = $1", 7);
  for (const auto& row : rows) {
    std::cout << row["id"].as<long>() << ' ' << row["name"].c_str();
    if (!row["email"].is_null()) std::cout << ' ' << row["email"].c_str();
  }
  work.exec_params("UPDATE users SET name = $1 WHERE id = $2", "Ada", 1);
  work.commit();
  // [libpqxx_before]
}

void libpqxx_after(const std::string& dsn) {
  // [libpqxx_after]
  const weir::Database db = weir::Database::open({.database = dsn});  // once per process
  const weir::Result rows = db.query("SELECT id, name, email FROM users WHERE org = $1", 7);
  for (const weir::Row row : rows) {
    std::cout << row.get<long>("id") << ' ' << row.get<std::string_view>("name");
    if (const auto email = row.get<std::optional<std::string_view>>("email")) {
      std::cout << ' ' << *email;
    }
  }
  db.execute("UPDATE users SET name = $1 WHERE id = $2", "Ada", 1);
  // [libpqxx_after]
}

void libpq_before(PGconn* connection) {
  // [libpq_before]
  const char* const values[] = {"7"};
  PGresult* result = PQexecParams(connection, "SELECT id, name FROM users WHERE org = $1", 1,
                                  nullptr, values, nullptr, nullptr, 0);
  if (PQresultStatus(result) != PGRES_TUPLES_OK) {
    const std::string message = PQresultErrorMessage(result);
    PQclear(result);
    throw std::runtime_error{message};
  }
  for (int row = 0; row < PQntuples(result); ++row) {
    std::cout << std::stoll(PQgetvalue(result, row, 0)) << ' ' << PQgetvalue(result, row, 1);
  }
  PQclear(result);
  // [libpq_before]
}

void libpq_after(const weir::Database& db) {
  // [libpq_after]
  const weir::Result rows = db.query("SELECT id, name FROM users WHERE org = $1", 7);
  for (auto [id, name] : rows.as<std::int64_t, std::string_view>()) std::cout << id << ' ' << name;
  // [libpq_after]
}

void sqlite_before(sqlite3* connection) {
  // [sqlite_before]
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(connection, "SELECT id, name FROM users WHERE org = ?", -1, &statement,
                         nullptr) != SQLITE_OK) {
    throw std::runtime_error{sqlite3_errmsg(connection)};
  }
  sqlite3_bind_int64(statement, 1, 7);
  while (sqlite3_step(statement) == SQLITE_ROW) {
    std::cout << sqlite3_column_int64(statement, 0) << ' '
              << reinterpret_cast<const char*>(sqlite3_column_text(statement, 1));
  }
  sqlite3_finalize(statement);
  // [sqlite_before]
}

void sqlite_after(const weir::Database& db) {
  // [sqlite_after]
  const weir::Result rows = db.query("SELECT id, name FROM users WHERE org = ?", 7);
  for (auto [id, name] : rows.as<std::int64_t, std::string_view>()) std::cout << id << ' ' << name;
  // [sqlite_after]
}

}  // namespace

void replacing_sqlite(const std::string& path) {
  sqlite3* raw = nullptr;
  if (sqlite3_open(path.c_str(), &raw) != SQLITE_OK) throw std::runtime_error{"cannot open"};
  const std::unique_ptr<sqlite3, int (*)(sqlite3*)> connection{raw, sqlite3_close};
  sqlite3_exec(raw, "CREATE TABLE users (id INTEGER, name TEXT, org INTEGER)", nullptr, nullptr,
               nullptr);
  sqlite3_exec(raw, "INSERT INTO users VALUES (1, 'Ada', 7)", nullptr, nullptr, nullptr);
  sqlite_before(raw);
  sqlite_after(weir::Database::open({.database = "sqlite:" + path}));
}

void replacing_postgres(const std::string& dsn) {
  libpqxx_before(dsn);
  libpqxx_after(dsn);
  const std::unique_ptr<PGconn, void (*)(PGconn*)> connection{PQconnectdb(dsn.c_str()), PQfinish};
  libpq_before(connection.get());
  libpq_after(weir::Database::open({.database = dsn}));
}

}  // namespace snippets
