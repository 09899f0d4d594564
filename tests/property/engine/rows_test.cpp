// Random queries over key columns and random writes: after each write every cached answer is the
// database's, and the share of answers that a write did not change and left cached is counted.
//
// WEIR_TEST_SEED repeats a run, WEIR_TEST_PAIRS (query and write) makes it longer.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/signals2/connection.hpp>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/random_rows.hpp"
#include "tests/support/servers.hpp"
#include "weir/open_driver.hpp"
#include "weir/weir.hpp"

namespace weir::test {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kPostgresPairs = 30'000;
constexpr std::size_t kSqlitePairs = 175'000;
constexpr std::size_t kQueries = 70;
constexpr std::size_t kWritesPerSchema = 250;

struct Tally {
  std::size_t pairs{0};
  std::size_t changed{0};     // pairs whose write changed the result
  std::size_t kept{0};        // unchanged, and answered from the cache
  std::size_t table_kept{0};  // unchanged, and no table it reads was written
  std::size_t refused{0};     // writes that violate a constraint
  std::size_t keyed{0};       // queries with at least one keyed table
  std::size_t queries{0};
};

/// One schema, its queries and their answers.
class RowsWorld {
 public:
  RowsWorld(Engine engine, const std::string& server, std::uint64_t seed, Tally& tally)
      : rows_{engine, seed}, tally_{tally}, database_{RealDatabase::make(engine, server)} {
    foreign_ = database_->foreign();
    if (engine == Engine::kSqlite) foreign_->run("PRAGMA foreign_keys = ON");
    for (const std::string& statement : rows_.schema()) foreign_->run(statement);
    database_->install();
    const auto driver = open_driver(database_->options());
    for (const std::string& table : RandomRows::tables())
      driver->open_admin()->track_keys(table, RandomRows::key_columns(), spi::DryRun::kNo, {});
    Options options = database_->options();
    options.sqlite.foreign_keys = true;
    options.listen.enabled = false;  // pulls only where this test asks for them
    options.policy.max_staleness = 1h;
    weir_.emplace(Database::open(options));
    direct_ = std::make_unique<Direct>(options);
    connection_ = weir_->events().invalidated.connect(
        [this](const InvalidationEvent& event) { changed_.insert(std::string{event.target}); });
    while (questions_.size() < kQueries) ask_another();
  }

  /// One write and every query after it.
  void round() {
    const std::string statement = rows_.write();
    changed_.clear();
    try {
      if (rows_.chance(25)) {
        weir_->execute(statement);
      } else {
        foreign_->run(statement);
      }
    } catch (const Error&) {
      ++tally_.refused;
    } catch (const std::runtime_error&) {
      ++tally_.refused;
    }
    (void)weir_->with({.max_staleness = 0ms})
        .query_params(questions_.front().query.sql, questions_.front().query.params);
    if (changed_.empty()) return;  // it wrote nothing
    for (Question& question : questions_) {
      ASSERT_NO_FATAL_FAILURE(check(*weir_, question, statement));
    }
    Question& any = questions_[static_cast<std::size_t>(rows_.number(kQueries))];
    if (rows_.chance(20)) any = another();
  }

 private:
  struct Question {
    BoundQuery query{};
    std::set<std::string> relations{};  // ids of the tables it reads
    spi::ResultRef truth{};
  };

  void ask_another() { questions_.push_back(another()); }
  Question another() {
    for (;;) {
      Question question{rows_.query(), {}, {}};
      try {
        question.truth = direct_->run(question.query.sql, question.query.params);
        (void)weir_->query_params(question.query.sql, question.query.params);
        const spi::Analysis analysis = direct_->analyze(question.query.sql);
        question.relations = {analysis.dependencies.begin(), analysis.dependencies.end()};
        ++tally_.queries;
        if (!analysis.keys.empty()) ++tally_.keyed;
      } catch (const Error&) {
        continue;  // wrong SQL
      }
      if (weir_->query_params(question.query.sql, question.query.params).source() !=
          Source::kMemory)
        continue;  // it shows nothing
      return question;
    }
  }

  void check(const Database& cached, Question& question, const std::string& statement) {
    const BoundQuery& query = question.query;
    const Result result = cached.query_params(query.sql, query.params);
    const spi::ResultRef truth = direct_->run_prepared(query.sql, query.params);
    const bool hit = result.source() == Source::kMemory;
    ASSERT_EQ(difference(*result.buffer(), *truth, RowOrder::kAny), "")
        << (hit ? "cached: " : "read: ") << query.sql << "\nwith" << query.shown
        << "\nafter: " << statement << "\n"
        << weir_->explain(query.sql).to_string();
    ++tally_.pairs;
    if (!difference(*question.truth, *truth, RowOrder::kAny).empty()) {
      ++tally_.changed;
    } else {
      if (hit) ++tally_.kept;
      if (std::none_of(changed_.begin(), changed_.end(),
                       [&](const std::string& id) { return question.relations.contains(id); })) {
        ++tally_.table_kept;
      }
    }
    question.truth = truth;
  }

  RandomRows rows_;
  Tally& tally_;
  std::unique_ptr<RealDatabase> database_;
  std::unique_ptr<ForeignConnection> foreign_;
  std::optional<Database> weir_;
  std::unique_ptr<Direct> direct_;
  boost::signals2::scoped_connection connection_;
  std::set<std::string> changed_;  // ids of the tables the last write changed
  std::vector<Question> questions_;
};

class RowsTest : public ::testing::TestWithParam<Engine> {};

TEST_P(RowsTest, NoWriteLeavesAnAnswerThatItChanged) {
  std::string server;
  if (GetParam() == Engine::kPostgres) {
    WEIR_POSTGRES_DSN_OR_SKIP(dsn);
    server = dsn;
  }
  const std::string given = environment("WEIR_TEST_SEED");
  const std::string pairs = environment("WEIR_TEST_PAIRS");
  std::uint64_t seed = given.empty() ? std::random_device{}() : std::stoull(given);
  const std::size_t wanted = !pairs.empty()                    ? std::stoull(pairs)
                             : GetParam() == Engine::kPostgres ? kPostgresPairs
                                                               : kSqlitePairs;
  Tally tally;
  while (tally.pairs < wanted) {
    fmt::print("WEIR_TEST_SEED={} after {} pairs\n", seed, tally.pairs);
    SCOPED_TRACE(fmt::format("WEIR_TEST_SEED={}", seed));
    RowsWorld world{GetParam(), server, seed, tally};
    seed += 1000;
    for (std::size_t i = 0; i < kWritesPerSchema && tally.pairs < wanted; ++i)
      ASSERT_NO_FATAL_FAILURE(world.round()) << "write " << i;
  }
  const std::size_t unchanged = tally.pairs - tally.changed;
  const auto share = [&](std::size_t of) {
    return 100.0 * static_cast<double>(of) /
           static_cast<double>(std::max<std::size_t>(unchanged, 1));
  };
  fmt::print(
      "{} pairs of query and write, {} changed the result, 0 wrong answers\n"
      "left cached of those unchanged: {:.1f} % by rows, {:.1f} % by tables, 100 % ideally\n"
      "{} queries, {} of them with a keyed table; {} writes refused\n",
      tally.pairs, tally.changed, share(tally.kept), share(tally.table_kept), tally.queries,
      tally.keyed, tally.refused);
  // Otherwise it showed nothing.
  EXPECT_GT(tally.changed, tally.pairs / 100);
  EXPECT_GT(tally.keyed, tally.queries / 6);
  // SQLite has no parser to ask, and takes more tables for whole.
  EXPECT_GT(share(tally.kept), share(tally.table_kept) + (GetParam() == Engine::kSqlite ? 3 : 10));
}

INSTANTIATE_TEST_SUITE_P(Engines, RowsTest, ::testing::Values(Engine::kSqlite, Engine::kPostgres),
                         [](const auto& made) { return ::testing::PrintToString(made.param); });

}  // namespace
}  // namespace weir::test
