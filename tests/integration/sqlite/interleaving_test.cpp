// What this process does, with somebody else's commit, and a lookup after it, at every single step
// of it: whatever the interleaving, no answer is older than what was committed before it was asked
// for.
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/integration/sqlite/sqlite_harness.hpp"
#include "tests/integration/sqlite/statement_trap.hpp"
#include "weir/weir.hpp"

namespace weir::test {
namespace {

using namespace std::chrono_literals;

enum class Mode { kWal, kRollbackJournal, kTracked };

struct InterleavingParam {
  const char* name;
  Mode mode;
};

class InterleavingTest : public ::testing::TestWithParam<InterleavingParam> {
 protected:
  void SetUp() override {
    const std::string mode =
        GetParam().mode == Mode::kRollbackJournal ? "" : "PRAGMA journal_mode = WAL; ";
    PlainConnection{file_.path()}.exec(
        mode +
        "CREATE TABLE own (id INTEGER PRIMARY KEY, v UNIQUE); INSERT INTO own VALUES (1, 0);"
        "CREATE TABLE other (id INTEGER PRIMARY KEY, v); INSERT INTO other VALUES (1, 0);"
        "CREATE TRIGGER ender AFTER INSERT ON own WHEN new.v = -1 BEGIN SELECT RAISE(ROLLBACK, "
        "'ended'); END;"
        "CREATE TABLE p (id INTEGER PRIMARY KEY);"
        "CREATE TABLE c (p REFERENCES p (id) DEFERRABLE INITIALLY DEFERRED);"
        "CREATE VIEW seen AS SELECT v FROM own");
    PlainConnection{file_.path("y.db")}.exec(
        mode + "CREATE TABLE far (id INTEGER PRIMARY KEY, v); INSERT INTO far VALUES (1, 0)");
    Options options = file_.options();
    options.sqlite.attach = {{"y", file_.path("y.db")}};
    options.sqlite.foreign_keys = true;
    options.policy.max_staleness = 1h;  // nothing happens in the background
    if (GetParam().mode == Mode::kTracked) {
      const auto admin = make_sqlite_driver(options)->open_admin();
      admin->migrate_up(spi::DryRun::kNo, {});
      admin->track({}, spi::DryRun::kNo, {});
    }
    database_.emplace(Database::open(options, make_sqlite_driver(options)));
    main_.emplace(file_.path());
    far_.emplace(file_.path("y.db"));
    for (auto* plain : {&*main_, &*far_}) {
      sqlite3_trace_v2(plain->get(), 0, nullptr, nullptr);  // others' statements are no steps
      plain->exec("PRAGMA synchronous = OFF");
      sqlite3_busy_timeout(plain->get(), 0);  // who holds the lock waits for us
    }
    look_everywhere(1s);
  }

  // Empty where a lock keeps a plain reader out.
  static std::optional<std::int64_t> truth(PlainConnection& plain, const std::string& table) {
    try {
      return plain.integer("SELECT max(v) FROM " + table);
    } catch (const std::runtime_error&) {
      return std::nullopt;
    }
  }

  void look(PlainConnection& plain, const std::string& table, std::chrono::milliseconds limit) {
    const auto before = truth(plain, table);
    std::int64_t seen = 0;
    std::string source;
    try {
      const Result result = database_->with({.max_staleness = 0ms, .timeout = limit})
                                .query("SELECT max(v) FROM " + table);
      seen = result.one<std::int64_t>();
      source = to_string(result.source());
    } catch (const Error&) {
      return;  // no answer is no wrong answer
    }
    if (source == "memory") ++hits_;
    const auto after = truth(plain, table);
    if (before && seen < *before)
      wrong_.push_back(table + " is stale, from " + source + ": " + where_);
    if (after && seen > *after) wrong_.push_back(table + " is not committed: " + where_);
  }
  void look_everywhere(std::chrono::milliseconds limit) {
    look(*main_, "own", limit);
    look(*main_, "other", limit);
    look(*main_, "seen", limit);
    look(*far_, "far", limit);
  }
  /// Looks until pulls, which pause after one that failed, go on and there is something to hit.
  void settle() {
    const TimePoint limit = system_clock().now() + 2s;
    const std::uint64_t hits = hits_;
    while (hits_ == hits && system_clock().now() < limit) look_everywhere(1s);
  }
  static bool commit(PlainConnection& plain, const std::string& table) {
    try {
      plain.exec("UPDATE " + table + " SET v = v + 1 WHERE id = 1");
      return true;
    } catch (const std::runtime_error&) {  // locked: others cannot commit here
      return false;
    }
  }

  void try_every_step(const std::string& name, const std::function<void()>& work) {
    SCOPED_TRACE(name);
    struct Others {
      const char* what;
      bool main;
      bool far;
      bool look;
    };
    for (const Others others :
         {Others{"commit", true, false, false}, Others{"far commit", false, true, false},
          Others{"commits, lookup", true, true, true}}) {
      std::size_t committed = 0;
      for (std::size_t at = 0;; ++at) {
        const auto action = [&] {
          where_ = name + ", " + others.what + " " + trap_.place();
          if (others.main && commit(*main_, "other")) ++committed;
          if (others.far && commit(*far_, "far")) ++committed;
          if (others.look) look_everywhere(5ms);
        };
        const std::size_t steps = trap_.run(at, action, work);
        where_ += "; looked for afterwards";
        look_everywhere(1s);
        look_everywhere(1s);
        ASSERT_TRUE(wrong_.empty()) << wrong_.front();
        if (at >= steps) break;
      }
      EXPECT_GT(committed, 0U);  // otherwise it showed nothing
    }
  }

  // Every statement in turn fails, as it does at a deadline.
  void try_every_failure(const std::string& name, const std::function<void()>& work) {
    SCOPED_TRACE(name);
    for (std::size_t at = 0;; ++at) {
      const std::size_t steps = trap_.run(
          at, [&] { trap_.fail_statement(); }, work);
      where_ = name + ", failing " + trap_.place();
      settle();
      for (const char* table : {"own", "other"}) {
        commit(*main_, table);
        look_everywhere(1s);
      }
      commit(*far_, "far");
      look_everywhere(1s);
      ASSERT_TRUE(wrong_.empty()) << wrong_.front();
      if (at >= steps) break;
    }
  }

  template <typename Work>
  static void ignoring_errors(Work&& work) {
    try {
      work();
    } catch (const Error&) {
    }
  }

  StatementTrap trap_;  // before the connections it is to see
  TemporaryFile file_;
  std::optional<Database> database_;
  std::optional<PlainConnection> main_;
  std::optional<PlainConnection> far_;
  std::string where_{"at the start"};
  std::vector<std::string> wrong_;
  std::size_t hits_{0};
};

TEST_P(InterleavingTest, Lookups) {
  try_every_step("lookup", [&] {
    commit(*main_, "other");
    look_everywhere(1s);
    commit(*far_, "far");
    look_everywhere(1s);
  });
}

TEST_P(InterleavingTest, OwnWrites) {
  try_every_step("update", [&] { database_->execute("UPDATE own SET v = v + 1 WHERE id = 1"); });
  try_every_step("far update", [&] { database_->execute("UPDATE far SET v = v + 1"); });
  try_every_step("refused", [&] {
    ignoring_errors([&] { database_->execute("INSERT INTO own VALUES (1, 0)"); });
  });
  try_every_step("invalidation", [&] { database_->invalidate_tag("x"); });
  try_every_step("vacuum", [&] { database_->execute("VACUUM"); });
}

TEST_P(InterleavingTest, OwnTransactions) {
  const auto update = [](Transaction& transaction) {
    transaction.execute("UPDATE own SET v = v + 1 WHERE id = 1");
    transaction.execute("UPDATE far SET v = v + 1 WHERE id = 1");
  };
  try_every_step("commit", [&] {
    Transaction transaction = database_->begin();
    update(transaction);
    transaction.commit();
  });
  try_every_step("rollback", [&] {
    Transaction transaction = database_->begin();
    update(transaction);
    transaction.rollback();
  });
  try_every_step("refused commit", [&] {
    ignoring_errors([&] {
      Transaction transaction = database_->begin();
      transaction.execute("INSERT INTO c VALUES (99)");
      transaction.commit();
    });
  });
}

// SQLite ends the transaction inside the statement; only then does the driver learn of it.
TEST_P(InterleavingTest, TransactionsThatSqliteEndsByItself) {
  try_every_step("raise", [&] {
    ignoring_errors([&] {
      Transaction transaction = database_->begin();
      transaction.execute("UPDATE own SET v = v + 1 WHERE id = 1");
      ignoring_errors([&] { transaction.execute("INSERT INTO own VALUES (2, -1)"); });
      transaction.rollback();
    });
  });
  try_every_step("or rollback", [&] {
    ignoring_errors([&] { database_->execute("INSERT OR ROLLBACK INTO own VALUES (1, 0)"); });
  });
}

// A look for changes that fails half way must find at the next try what it would have found.
TEST_P(InterleavingTest, Failures) {
  int number = 0;
  try_every_failure("schema change by others", [&] {
    try {
      main_->exec(
          std::string{"BEGIN IMMEDIATE; DROP VIEW seen; CREATE VIEW seen AS SELECT v FROM "} +
          (++number % 2 == 0 ? "own" : "other") + "; COMMIT");
    } catch (const std::runtime_error&) {
    }
    look_everywhere(1s);
  });
  try_every_failure("commits by others", [&] {
    commit(*main_, "other");
    look_everywhere(1s);
    commit(*far_, "far");
    look_everywhere(1s);
  });
  try_every_failure("own writes", [&] {
    ignoring_errors([&] { database_->execute("UPDATE own SET v = v + 1 WHERE id = 1"); });
    ignoring_errors([&] {
      Transaction transaction = database_->begin();
      transaction.execute("UPDATE own SET v = v + 1 WHERE id = 1");
      transaction.execute("UPDATE far SET v = v + 1 WHERE id = 1");
      transaction.commit();
    });
    ignoring_errors([&] {
      Transaction transaction = database_->begin();
      transaction.execute("UPDATE own SET v = v + 1 WHERE id = 1");
      transaction.rollback();
    });
  });
}

INSTANTIATE_TEST_SUITE_P(Sqlite, InterleavingTest,
                         ::testing::Values(InterleavingParam{"Wal", Mode::kWal},
                                           InterleavingParam{"RollbackJournal",
                                                             Mode::kRollbackJournal},
                                           InterleavingParam{"Tracked", Mode::kTracked}),
                         [](const auto& param) { return std::string{param.param.name}; });

// The file is replaced at every step: what a caller is told afterwards is what the new file holds.
TEST(ReplacementTest, AtEveryStepTheNewFileIsReadAndWritten) {
  StatementTrap trap;
  TemporaryFile file;
  std::int64_t number = 0;
  const auto fill = [&](const std::string& path) {
    PlainConnection plain{path};
    sqlite3_trace_v2(plain.get(), 0, nullptr, nullptr);
    plain.exec("PRAGMA journal_mode = WAL; CREATE TABLE t (v); INSERT INTO t VALUES (" +
               std::to_string(1000 * ++number) + ")");
  };
  const auto truth = [&] { return PlainConnection{file.path()}.integer("SELECT v FROM t"); };
  fill(file.path());
  Options options = file.options();
  options.policy.max_staleness = 1h;
  const Database database = Database::open(options, make_sqlite_driver(options));
  const auto value = [&](std::chrono::milliseconds limit) {
    return database.with({.max_staleness = 0ms, .timeout = limit})
        .query("SELECT v FROM t")
        .one<std::int64_t>();
  };
  const auto ignoring_errors = [](auto&& work) {
    try {
      work();
    } catch (const Error&) {
    }
  };
  const auto work = [&] {
    ignoring_errors([&] { (void)value(1s); });
    ignoring_errors([&] { database.execute("UPDATE t SET v = v + 1"); });
    ignoring_errors([&] {
      Transaction transaction = database.begin();
      transaction.execute("UPDATE t SET v = v + 1");
      transaction.commit();
    });
    ignoring_errors([&] { (void)value(1s); });
  };
  for (std::size_t at = 0;; ++at) {
    fill(file.path("fresh.db"));
    const auto replace = [&] {
      for (const char* suffix : {"-wal", "-shm"}) std::filesystem::remove(file.path() + suffix);
      std::filesystem::rename(file.path("fresh.db"), file.path());
      ignoring_errors([&] { EXPECT_EQ(value(5ms), 1000 * number) << trap.place(); });
    };
    const std::size_t steps = trap.run(at, replace, work);
    for (int i = 0; i < 2; ++i) {
      ignoring_errors([&] { EXPECT_EQ(value(1s), truth()) << trap.place(); });
    }
    for (int tries = 0;; ++tries) {  // one may fail, the next does not
      try {
        database.execute("UPDATE t SET v = v + 1");
        break;
      } catch (const ConnectionError&) {
        ASSERT_LT(tries, 1) << trap.place();
      }
    }
    EXPECT_EQ(value(1s), truth()) << trap.place();
    if (at >= steps) break;
    std::filesystem::remove(file.path("fresh.db"));
  }
}

}  // namespace
}  // namespace weir::test
