#include "shop_data.hpp"

#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <stdexcept>

namespace shop {

const std::array<PageQuery, 8> kPage{{
    {"customer", "SELECT name, city, since FROM customers WHERE id = ?1", Asks::kCustomer},
    {"latest orders",
     "SELECT id, placed, state FROM orders WHERE customer = ?1 ORDER BY id DESC LIMIT 10",
     Asks::kCustomer},
    {"spent so far",
     "SELECT sum(l.count * l.cents), count(DISTINCT o.id) FROM orders o "
     "JOIN lines l ON l.order_id = o.id WHERE o.customer = ?1",
     Asks::kCustomer},
    {"bought before",
     "SELECT count(*) AS times, p.name FROM orders o JOIN lines l ON l.order_id = o.id "
     "JOIN products p ON p.id = l.product WHERE o.customer = ?1 GROUP BY p.id "
     "ORDER BY times DESC, p.name LIMIT 20",
     Asks::kCustomer},
    {"top sellers",
     "WITH recent AS (SELECT id FROM orders ORDER BY id DESC LIMIT 2000) "
     "SELECT sum(l.count) AS sold, p.name FROM recent r JOIN lines l ON l.order_id = r.id "
     "JOIN products p ON p.id = l.product GROUP BY p.id ORDER BY sold DESC, p.name LIMIT 10",
     Asks::kShop},
    {"categories",
     "SELECT category, count(*), min(cents), max(cents) FROM products GROUP BY category",
     Asks::kShop},
    {"open orders", "SELECT count(*) FROM orders WHERE state = 'open'", Asks::kShop},
    {"biggest cities",
     "SELECT count(*) AS people, city FROM customers GROUP BY city ORDER BY people DESC, city "
     "LIMIT 5",
     Asks::kShop},
}};

namespace {

constexpr int kProducts = 1000;
constexpr int kChunk = 2000;  // customers a transaction

void create_tables(const weir::Database& db) {
  for (const char* sql :
       {"CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT, city TEXT, since TEXT)",
        "CREATE TABLE products (id INTEGER PRIMARY KEY, name TEXT, category TEXT, cents INTEGER)",
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, customer INTEGER, placed TEXT, state TEXT)",
        "CREATE TABLE lines (order_id INTEGER, product INTEGER, count INTEGER, cents INTEGER)",
        "CREATE INDEX customers_city ON customers (city)",
        "CREATE INDEX orders_customer ON orders (customer)",
        "CREATE INDEX orders_state ON orders (state)",
        "CREATE INDEX lines_order ON lines (order_id)"}) {
    db.execute(sql);
  }
}

// A few steps of arithmetic in SQL stand in for chance, so that every run makes the same shop.
void add_customers(const weir::Database& db, int first, int last) {
  const std::string ids =
      "WITH RECURSIVE ids(i) AS (VALUES (?1) UNION ALL "
      "SELECT i + 1 FROM ids WHERE i < ?2) ";
  db.transact([&](weir::Transaction& tx) {
    tx.execute("INSERT INTO customers " + ids +
                   "SELECT i, 'Customer ' || i, 'City ' || (i * 7919 % 499 % 97), "
                   "date('2015-01-01', (i * 31 % 3650) || ' days') FROM ids",
               first, last);
    tx.execute("INSERT INTO orders " + ids +
                   "SELECT i, i * 7919 % (?3) + 1, date('2024-01-01', (i % 700) || ' days'), "
                   "iif(i % 23 = 0, 'open', 'paid') FROM ids",
               first * 4 - 3, last * 4, last);
    tx.execute("INSERT INTO lines " + ids +
                   "SELECT (i - 1) / 3 + 1, i * 7907 % 1009 % 1000 + 1, i % 4 + 1, "
                   "i * 131 % 9000 + 99 FROM ids",
               first * 12 - 11, last * 12);
  });
}

}  // namespace

void generate(const std::string& file, int customers) {
  if (std::filesystem::exists(file)) return;
  const bool live = ::isatty(STDOUT_FILENO) == 1;  // one line that counts up
  const std::string unfinished = file + ".unfinished";
  for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(unfinished + suffix);
  {
    const weir::Database db = weir::Database::open({.database = "sqlite:" + unfinished});
    create_tables(db);
    db.execute(
        "INSERT INTO products WITH RECURSIVE ids(i) AS (VALUES (1) UNION ALL "
        "SELECT i + 1 FROM ids WHERE i < ?1) SELECT i, 'Product ' || i, 'Category ' || (i % 12), "
        "i * 131 % 9000 + 99 FROM ids",
        kProducts);
    for (int first = 1; first <= customers; first += kChunk) {
      const int last = std::min(first + kChunk - 1, customers);
      add_customers(db, first, last);
      if (live || last == customers) {
        std::printf("%sMaking the shop: %d of %d customers, %d orders, %d order lines%s",
                    live ? "\r" : "", last, customers, last * 4, last * 12,
                    last == customers ? "\n" : "");
        std::fflush(stdout);
      }
    }
    db.close();
  }
  std::filesystem::rename(unfinished, file);
}

void place_order(const std::string& file) {
  sqlite3* db = nullptr;
  int code = sqlite3_open(file.c_str(), &db);
  if (code == SQLITE_OK) {
    sqlite3_busy_timeout(db, 5000);
    code = sqlite3_exec(db,
                        "BEGIN IMMEDIATE;"
                        "INSERT INTO orders VALUES (NULL, 1, date('now'), 'open');"
                        "INSERT INTO lines SELECT max(id), 1, 2000, 4999 FROM orders;"
                        "INSERT INTO lines SELECT max(id), 2, 1, 1999 FROM orders;"
                        "COMMIT",
                        nullptr, nullptr, nullptr);
  }
  const std::string problem = code == SQLITE_OK ? "" : sqlite3_errmsg(db);
  sqlite3_close(db);
  if (!problem.empty()) throw std::runtime_error("place_order: " + problem);
}

}  // namespace shop
