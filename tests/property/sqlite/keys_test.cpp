// Random queries, random writes: whenever a result changed, the changes told must say so.
//
// WEIR_TEST_SEED repeats a run, WEIR_TEST_ROUNDS (writes a world) makes it longer.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "tests/integration/sqlite/sqlite_harness.hpp"
#include "tests/property/sqlite/random_statements.hpp"
#include "weir/error.hpp"

namespace weir::test {
namespace {

using spi::ChangeKind;

std::uint64_t number_from(const char* name, std::uint64_t otherwise) {
  const char* const text = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
  return text == nullptr ? otherwise : std::stoull(text);
}

// The rows in any order.
std::vector<std::string> rows_of(const spi::ResultBuffer& result) {
  std::vector<std::string> rows;
  for (std::size_t row = 0; row < result.rows(); ++row) {
    std::string text;
    for (std::size_t column = 0; column < result.columns(); ++column) {
      const CellType type = result.type(row, column);
      const bool texts = type == CellType::kText || type == CellType::kBytes;
      text += fmt::format(
          "{}:{}|", static_cast<int>(type),
          texts ? std::string{result.text(row, column)} : std::to_string(result.slot(row, column)));
    }
    rows.push_back(std::move(text));
  }
  std::sort(rows.begin(), rows.end());
  return rows;
}

struct Tally {
  std::size_t pairs{0};
  std::size_t changed{0};
  std::size_t skipped{0};
  std::size_t keyed{0};
  std::size_t queries{0};
};

// A result that is kept, and what it depends on.
struct Kept {
  RandomQuery query;
  spi::Analysis analysis;
  std::vector<std::string> rows;
};

class KeysTest : public SqliteTest {
 protected:
  void start(std::uint64_t seed) {
    random_ = std::make_unique<RandomStatements>(seed);
    open(std::string{"PRAGMA synchronous = OFF; "} + kKeysSchema);
    auto admin = driver_->open_admin();
    admin->migrate_up(spi::DryRun::kNo, {});
    admin->track_keys("a", {"id", "k", "t", "n"}, spi::DryRun::kNo, {});
    admin->track_keys("b", {"id", "aid", "k", "t"}, spi::DryRun::kNo, {});
    admin->track_keys("c", {"p", "q", "k"}, spi::DryRun::kNo, {});
    (void)feed_->pull(soon());
    other_ = std::make_unique<PlainConnection>(file_.path());
    other_->exec("PRAGMA synchronous = OFF; PRAGMA foreign_keys = ON");
    for (int i = 0; i < 30; ++i) try_write(false);
    (void)feed_->pull(soon());
  }

  // By somebody else, or by this process; what violates a constraint does nothing.
  void try_write(bool own) {
    written_.clear();
    const bool several = random_->one_in(5);
    if (own) {
      if (several) {
        writer_->begin(spi::Isolation::kSerializable, spi::TransactionAccess::kReadWrite, soon());
      }
      for (int i = 0; i < (several ? 3 : 1); ++i) {
        const std::string sql = random_->write();
        written_ += "own: " + sql + "; ";
        try {
          (void)write(sql);
        } catch (const Error&) {
        }
      }
      if (several) writer_->commit(soon());
      return;
    }
    if (several) other_->exec("BEGIN");
    for (int i = 0; i < (several ? 3 : 1); ++i) {
      const bool back = several && random_->one_in(4);
      const std::string sql = random_->write();
      written_ += sql + (back ? " (taken back); " : "; ");
      if (back) other_->exec("SAVEPOINT s");
      try {
        other_->exec(sql);
      } catch (const std::runtime_error&) {
      }
      if (back) other_->exec("ROLLBACK TO s; RELEASE s");
    }
    if (several) other_->exec("COMMIT");
  }

  bool keep_another() {
    Kept kept{random_->query(), {}, {}};
    kept.analysis = reader_->analyze(kept.query.sql, soon());
    if (kept.analysis.cacheability != spi::Cacheability::kProvable) return false;
    if (kept.query.params.size() != kept.analysis.parameters) return false;
    try {
      kept.rows = rows_of(*answer(kept.query).rows);
    } catch (const Error&) {
      return false;
    }
    kept_.push_back(std::move(kept));
    return true;
  }
  spi::RunOutcome answer(const RandomQuery& query) {
    return reader_->run({.sql = query.sql, .params = &query.params, .deadline = soon()});
  }

  // Whether a change says that this reference's rows were touched.
  bool touches(const spi::KeyedReference& reference, const RandomQuery& query,
               const std::set<std::string>& items) {
    for (const spi::KeyValue& value : reference.values) {
      std::string text = value.literal;
      if (value.parameter != 0) {
        spi::KeyText key;
        std::size_t position = 0;
        query.params.for_each([&](const ParamView& parameter) {
          if (++position == value.parameter) key = driver_->key_value(reference.type, parameter);
        });
        if (key.form == spi::KeyText::Form::kUnknown) return true;
        if (key.form == spi::KeyText::Form::kNothing) continue;
        text = key.text;
      }
      if (items.contains(reference.column + ":" + text)) return true;
    }
    return false;
  }

  bool is_told(const Kept& kept, const std::vector<spi::Change>& changes) {
    const auto& reads = kept.analysis.dependencies;
    return std::any_of(changes.begin(), changes.end(), [&](const spi::Change& change) {
      if (change.kind == ChangeKind::kEverything) return true;
      if (std::find(reads.begin(), reads.end(), change.target) == reads.end()) return false;
      if (change.kind != ChangeKind::kRows) return true;
      std::set<std::string> items;
      std::string rest = change.rows;
      while (!rest.empty()) {
        const std::size_t end = std::min(rest.find(spi::Change::kRowSeparator), rest.size());
        items.insert(rest.substr(0, end));
        rest.erase(0, end + 1);
      }
      bool keyed = false;
      for (const spi::KeyedReference& reference : kept.analysis.keys) {
        if (reference.relation != change.target) continue;
        keyed = true;
        if (touches(reference, kept.query, items)) return true;
      }
      return !keyed;
    });
  }

  void judge(Tally& tally) {
    const std::vector<spi::Change> changes = feed_->pull(soon()).changes;
    for (Kept& kept : kept_) {
      std::vector<std::string> now = rows_of(*answer(kept.query).rows);
      const bool told = is_told(kept, changes);
      const bool changed = now != kept.rows;
      ++tally.pairs;
      tally.changed += changed ? 1U : 0U;
      tally.skipped += told ? 0U : 1U;
      if (changed && !told) {
        std::string parameters;
        kept.query.params.for_each([&](const ParamView& parameter) {
          parameters += driver_->key_value("text", parameter).text + ", ";
        });
        std::string text;
        for (const spi::Change& change : changes)
          text +=
              fmt::format("{} {} {}; ", static_cast<int>(change.kind), change.target, change.rows);
        std::string keys;
        for (const auto& key : kept.analysis.keys) keys += key.relation + "." + key.column + " ";
        keys += "of";
        for (const std::string& read : kept.analysis.dependencies) keys += " " + read;
        ADD_FAILURE() << "not told: " << kept.query.sql << "\n  parameters: " << parameters
                      << "\n  keys: " << keys << "\n  written: " << written_
                      << "\n  told: " << text;
      }
      kept.rows = std::move(now);
    }
  }

  std::unique_ptr<RandomStatements> random_;
  std::unique_ptr<PlainConnection> other_;
  std::vector<Kept> kept_;
  std::string written_;
};

TEST_F(KeysTest, NoResultChangesWithoutBeingTold) {
  const std::uint64_t seed = number_from("WEIR_TEST_SEED", std::random_device{}());
  const std::uint64_t rounds = number_from("WEIR_TEST_ROUNDS", 600);
  fmt::print("WEIR_TEST_SEED={} WEIR_TEST_ROUNDS={}\n", seed, rounds);
  constexpr std::size_t kQueries = 60;
  Tally tally;
  start(seed);
  for (std::uint64_t round = 0; round < rounds && !HasFailure(); ++round) {
    if (round % 10 == 0) kept_.clear();
    while (kept_.size() < kQueries) {
      if (!keep_another()) continue;
      ++tally.queries;
      tally.keyed += kept_.back().analysis.keys.empty() ? 0U : 1U;
    }
    try_write(random_->one_in(3));
    judge(tally);
  }
  fmt::print("{} queries, {} with keys; {} pairs, {} changed, {} skipped\n", tally.queries,
             tally.keyed, tally.pairs, tally.changed, tally.skipped);
  if (HasFailure() || rounds < 600) return;
  EXPECT_GE(tally.pairs, 20000U);
  EXPECT_GE(tally.keyed * 3, tally.queries);
  EXPECT_GE(tally.changed * 50, tally.pairs);
  EXPECT_GE(tally.skipped * 4, tally.pairs);
}

}  // namespace
}  // namespace weir::test
