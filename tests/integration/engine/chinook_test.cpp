// A music shop on both engines: whoever writes, however, the cached answer is the database's.
#include "tests/support/chinook.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/servers.hpp"
#include "weir/weir.hpp"

namespace weir::test {
namespace {

using namespace std::chrono_literals;

class ChinookTest : public ::testing::TestWithParam<Engine> {
 protected:
  void SetUp() override {
    std::string server;
    if (GetParam() == Engine::kPostgres) {
      WEIR_POSTGRES_DSN_OR_SKIP(dsn);
      server = dsn;
    }
    database_ = RealDatabase::make(GetParam(), server);
    database_->command_line(chinook_script(GetParam()));
    database_->command_line(chinook_views(GetParam()));
    database_->install();
    weir_ = std::make_unique<Database>(Database::open(database_->options()));
    other_ = std::make_unique<Database>(Database::open(database_->options()));
    validated_ = std::make_unique<Database>(weir_->with({.max_staleness = 0ms}));
    foreign_ = database_->foreign();
    direct_ = std::make_unique<Direct>(database_->options());
    queries_ = chinook_queries(GetParam());
  }

  [[nodiscard]] std::string sql(const std::string& text) const {
    return chinook_sql(GetParam(), text);
  }
  [[nodiscard]] bool postgres() const { return GetParam() == Engine::kPostgres; }

  static Params params(const ChinookQuery& query) {
    return query.parameters.empty() ? Params{} : Params::of(query.parameters.front());
  }
  std::string compare(const Database& cached, const ChinookQuery& query) {
    const Result result = cached.query_params(query.sql, params(query));
    return difference(*result.buffer(), *direct_->run(query.sql, params(query)),
                      RowOrder::kMatters);
  }

  /// Asks everything twice, at once after `what`: first each answer is right, then each is a hit
  /// and right still.
  void expect_all_right_and_then_hits(const std::string& what) {
    std::vector<spi::ResultRef> truths;
    for (const ChinookQuery& query : queries_) {
      const Result first = validated_->query_params(query.sql, params(query));
      if (first.source() == Source::kMemory) ++kept_;
      truths.push_back(direct_->run(query.sql, params(query)));
      ASSERT_EQ(difference(*first.buffer(), *truths.back(), RowOrder::kMatters), "")
          << query.name << " after: " << what;
    }
    for (std::size_t i = 0; i < queries_.size(); ++i) {
      const ChinookQuery& query = queries_[i];
      const Result again = validated_->query_params(query.sql, params(query));
      ASSERT_EQ(again.source(), Source::kMemory)
          << query.name << " after: " << what << ": " << again.reason();
      ASSERT_EQ(difference(*again.buffer(), *truths[i], RowOrder::kMatters), "")
          << query.name << " served from memory after: " << what;
    }
  }

  std::unique_ptr<RealDatabase> database_;
  std::unique_ptr<Database> weir_;
  std::unique_ptr<Database> other_;      // another process, as far as weir can tell
  std::unique_ptr<Database> validated_;  // weir_, at max_staleness 0
  std::unique_ptr<ForeignConnection> foreign_;
  std::unique_ptr<Direct> direct_;
  std::vector<ChinookQuery> queries_;
  std::size_t kept_{0};  // answers a write did not touch, which were served from memory
};

TEST_P(ChinookTest, EveryAnswerIsTheDatabasesAfterEveryWriteByAnybody) {
  ASSERT_GE(queries_.size(), 40U);
  struct Write {
    const char* what;
    std::function<void()> run;
  };
  const auto cli = [&](const std::string& text) { database_->command_line(sql(text)); };
  const auto raw = [&](const std::string& text) { foreign_->run(sql(text)); };
  const std::vector<Write> writes{
      {"another process changes prices",
       [&] { cli("UPDATE track SET unit_price = unit_price + 0.10 WHERE genre_id = 1;"); }},
      {"another connection adds an artist with an album and tracks",
       [&] {
         raw("BEGIN; INSERT INTO artist (artist_id, name) VALUES (999999, 'Weir'), (999998, NULL);"
             "INSERT INTO album (album_id, title, artist_id) VALUES (99999, 'Low Dam', 999999);"
             "INSERT INTO track (track_id, name, album_id, media_type_id, genre_id, milliseconds, "
             "unit_price) VALUES (99998, 'Love of Rivers', 99999, 1, 1, 900000, 0.99), "
             "(99999, 'Spate', 99999, 2, NULL, 100, 1.99); COMMIT;");
       }},
      {"weir adds an invoice",
       [&] {
         weir_->execute(sql("INSERT INTO invoice (invoice_id, customer_id, invoice_date, "
                            "billing_city, billing_country, total) VALUES ($1, 23, "
                            "'2026-01-01 00:00:00', 'Prague', 'Czech Republic', 77.50)"),
                        99'999);
       }},
      {"weir adds invoice lines in a transaction with a savepoint",
       [&] {
         weir_->transact([&](Transaction& tx) {
           const std::string insert =
               sql("INSERT INTO invoice_line (invoice_line_id, invoice_id, track_id, unit_price, "
                   "quantity) VALUES ($1, 100, 99998, 0.99, 3)");
           tx.execute(insert, 99'999);
           tx.savepoint("s");
           tx.execute(insert, 99'998);
           tx.rollback_to("s");
           tx.execute(sql("UPDATE invoice SET total = total + 2.97 WHERE invoice_id = 100"));
         });
       }},
      {"weir rolls back a deletion",
       [&] {
         Transaction tx = weir_->begin();
         tx.execute(sql("DELETE FROM invoice_line WHERE invoice_id = 100"));
         EXPECT_EQ(tx.query(sql("SELECT 1 FROM invoice_line WHERE invoice_id = 100")).rows(), 0U);
         tx.rollback();
       }},
      {"another connection rolls back",
       [&] { raw("BEGIN; DELETE FROM playlist_track; ROLLBACK;"); }},
      {"another weir process moves customers",
       [&] {
         other_->execute(
             sql("UPDATE customer SET support_rep_id = 4, country = 'Norway' "
                 "WHERE customer_id < 20"));
       }},
      {"another process empties a playlist",
       [&] { cli("DELETE FROM playlist_track WHERE playlist_id = 1;"); }},
      {"another connection upserts genres",
       [&] {
         raw("INSERT INTO genre (genre_id, name) VALUES (1, 'Rock & Rapids'), (26, 'Water Music') "
             "ON CONFLICT (genre_id) DO UPDATE SET name = excluded.name");
       }},
      {"another connection adds a column",
       [&] { raw("ALTER TABLE genre ADD COLUMN rating INT DEFAULT 3"); }},
      {"another process replaces a view and adds an index",
       [&] {
         cli("DROP VIEW long_track; CREATE VIEW long_track AS SELECT t.track_id, t.name AS track, "
             "a.title, t.milliseconds FROM track t JOIN album a ON a.album_id = t.album_id "
             "WHERE t.milliseconds > 300000; CREATE INDEX by_length ON track (milliseconds);");
       }},
      {"another connection reorganises",
       [&] { raw("UPDATE employee SET reports_to = 6 WHERE employee_id IN (3, 4)"); }},
      {"another connection keeps half of a transaction",
       [&] {
         raw("BEGIN; UPDATE media_type SET name = 'Vinyl' WHERE media_type_id = 5; SAVEPOINT a; "
             "UPDATE media_type SET name = 'Shellac'; ROLLBACK TO a; COMMIT;");
       }},
      {"another process changes three tables at once",
       [&] {
         cli("BEGIN; UPDATE invoice SET total = total * 2 WHERE customer_id = 5; UPDATE customer "
             "SET company = 'Weirs Ltd' WHERE customer_id = 5; DELETE FROM invoice_line "
             "WHERE invoice_id IN (1, 2, 3); COMMIT;");
       }},
      {"another connection empties a table",
       [&] {
         if (postgres()) return raw("TRUNCATE playlist_track");
         raw("DELETE FROM playlist_track");
       }},
      {"another connection loads rows in bulk",
       [&] {
         if (postgres()) return foreign_->copy("COPY playlist_track FROM STDIN", "17\t1\n17\t2\n");
         raw("INSERT INTO playlist_track SELECT 17, track_id FROM track WHERE track_id < 3");
       }},
      {"weir writes through a query",
       [&] {
         const Result renamed = weir_->query(
             sql("UPDATE artist SET name = 'Weir & Co' WHERE artist_id = $1 RETURNING name"), 7);
         EXPECT_EQ(renamed.rows(), 1U);
       }},
      {"another connection renames a column and back",
       [&] {
         raw("ALTER TABLE artist RENAME COLUMN name TO title");
         EXPECT_EQ(compare(*validated_, {"", "SELECT * FROM artist ORDER BY 1"}), "");
         raw("ALTER TABLE artist RENAME COLUMN title TO name");
       }},
  };
  expect_all_right_and_then_hits("the start");
  ASSERT_FALSE(HasFatalFailure());
  for (const Write& write : writes) {
    write.run();
    expect_all_right_and_then_hits(write.what);
    ASSERT_FALSE(HasFatalFailure());
  }
  // A cache that forgets everything at each write would pass the above.
  EXPECT_GT(kept_, queries_.size() * 4) << "hits right after a write";
  EXPECT_GE(weir_->metrics().hits_total, queries_.size() * (writes.size() + 1));
}

TEST_P(ChinookTest, AnswersOlderThanTheBoundAreNeverServed) {
  constexpr auto kBound = 50ms;
  const Database bounded = weir_->with({.max_staleness = kBound});
  const ChinookQuery query{
      "", sql("SELECT sum(total), count(*) FROM invoice JOIN customer USING (customer_id)")};
  ASSERT_EQ(compare(bounded, query), "");
  std::size_t hits = 0;
  for (int round = 0; round < 10; ++round) {
    database_->command_line(sql("UPDATE invoice SET total = total + 1 WHERE invoice_id = 7;"));
    const TimePoint committed = system_clock().now();
    for (bool judged = false; !judged; std::this_thread::yield()) {
      judged = system_clock().now() - committed >= kBound;
      const Result result = bounded.query(query.sql);
      if (result.source() == Source::kMemory) ++hits;
      if (judged) {
        ASSERT_EQ(difference(*result.buffer(), *direct_->run(query.sql), RowOrder::kMatters), "")
            << "round " << round << " " << to_string(result.source());
      }
    }
  }
  EXPECT_GT(hits, 10U);
}

TEST_P(ChinookTest, ATokenMakesAnotherProcessSeeTheWrite) {
  const ChinookQuery query{"", sql("SELECT name FROM genre ORDER BY genre_id")};
  const Database relaxed = other_->with({.max_staleness = std::chrono::hours{1}});
  for (int round = 0; round < 5; ++round) {
    ASSERT_EQ(relaxed.query(query.sql).rows(), relaxed.query(query.sql).rows());
    weir_->execute(
        sql(fmt::format("UPDATE genre SET name = 'Round {}' WHERE genre_id = 2", round)));
    relaxed.observe(weir_->token());
    ASSERT_EQ(compare(relaxed, query), "");
  }
}

INSTANTIATE_TEST_SUITE_P(Engines, ChinookTest,
                         ::testing::Values(Engine::kSqlite, Engine::kPostgres),
                         ::testing::PrintToStringParamName());

}  // namespace
}  // namespace weir::test
