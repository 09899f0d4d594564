// Snippets of docs/guide/: policies, invalidation by hand, seeing.
#include <iostream>

#include "examples/snippets/snippets.hpp"

namespace snippets {
namespace {

void declared(const weir::Database& db) {
  // [declared]
  using namespace std::chrono_literals;

  static const weir::Query top_sellers{"SELECT id, total FROM orders ORDER BY total DESC LIMIT 10",
                                       {.ttl = 5min, .max_staleness = 10s, .tags = {"front-page"}},
                                       "orders:top"};
  weir::Result top = db.query(top_sellers);
  // [declared]

  // [call]
  weir::Database exact = db.with({.max_staleness = 0ms});  // each hit is validated first
  weir::Result now = exact.query("SELECT count(*) FROM orders");

  weir::Database uncached = db.with({.mode = weir::CacheMode::kOff});
  // [call]

  // [hint]
  weir::Result hot = db.query(
      "/* weir: max_staleness=5s tag=user:42 */ SELECT id FROM orders WHERE user_id = $1", 42);
  // [hint]
  std::cout << top.rows() << now.rows() << hot.rows() << uncached.query("SELECT 1").rows() << '\n';
}

void revalidate(const weir::Database& db) {
  // [revalidate]
  using namespace std::chrono_literals;

  const weir::Database pages = db.with({.stale_while_revalidate = 30s});
  weir::Result list = pages.query("SELECT id, total FROM orders ORDER BY total DESC LIMIT 10");
  // [revalidate]
  std::cout << list.rows() << '\n';
}

void by_hand(const weir::Database& db) {
  // [invalidate]
  db.invalidate_table("orders");
  db.invalidate_tag("front-page");
  db.invalidate_tags_matching("user:*");
  db.clear();  // this process only

  db.transact([](weir::Transaction& tx) { tx.invalidate_tag("front-page"); });  // with the commit
  // [invalidate]
}

void seeing(const weir::Database& db) {
  // [provenance]
  const weir::Result result = db.query("SELECT count(*) FROM orders");
  if (result.source() == weir::Source::kMemory) {
    std::cout << "from the cache, read " << result.age().count() << " ns ago\n";
  } else if (result.reason_code() == weir::ReasonCode::kNotCacheable) {
    std::cout << result.reason() << '\n';
  }
  std::cout << db.explain("SELECT count(*) FROM orders").to_string();
  // [provenance]

  // [events]
  weir::Events& events = db.events();
  events.miss.connect([](const weir::MissEvent& miss) { std::cout << miss.reason << '\n'; });
  events.degraded.connect([](const weir::DegradedEvent& degraded) {
    std::cerr << degraded.what << ": " << degraded.reason << '\n';  // empty: it works again
  });
  // [events]

  // [metrics]
  const weir::Metrics metrics = db.metrics();
  std::cout << metrics.hits_total << " hits, " << metrics.memory_bytes << " bytes\n";
  std::cout << metrics.to_prometheus();  // for GET /metrics
  // [metrics]
}

}  // namespace

void policies(const std::string& dsn, const std::string& rules_file) {
  // [options]
  using namespace std::chrono_literals;

  const weir::Database db = weir::Database::open({
      .database = dsn,
      .pool = {.max_size = 8, .acquire_timeout = 500ms},
      .memory = {.capacity = weir::Bytes::mebi(256)},
      .policy = {.max_staleness = 250ms},  // the default of every query
      .rules_file = rules_file,
  });
  // [options]
  declared(db);
  revalidate(db);
  by_hand(db);
  seeing(db);
}

}  // namespace snippets
