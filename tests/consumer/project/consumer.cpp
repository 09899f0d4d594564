#include <cstdint>
#include <cstdio>
#include <weir/weir.hpp>

int main() {
  const weir::Database db = weir::Database::open({.database = "sqlite::memory:"});
  db.execute("CREATE TABLE stock (id INTEGER PRIMARY KEY, n INTEGER)");
  db.execute("INSERT INTO stock VALUES (?, ?)", 1, 42);
  const auto n = db.query("SELECT n FROM stock WHERE id = ?", 1).one<std::int64_t>();
  std::printf("consumer: %lld in stock\n", static_cast<long long>(n));
  return n == 42 ? 0 : 1;
}
