#pragma once

// The conformance suite of the driver interface: what every database must do, whatever it is. A
// driver's own test file instantiates it:
//
//   INSTANTIATE_TEST_SUITE_P(File, DriverConformance, ::testing::Values(a_fixture),
//   conformance_name); INSTANTIATE_TEST_SUITE_P(File, SharedDriverConformance, …);   // unless the
//   database is private to one process
//
// Over 400 lines because a suite's cases belong to one template of parameters; GoogleTest registers
// them where it is included.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "tests/support/error_of.hpp"
#include "weir/clock.hpp"
#include "weir/error.hpp"
#include "weir/params.hpp"
#include "weir/result.hpp"
#include "weir/spi/driver.hpp"

namespace weir::test {

/// The texts in which databases differ.
struct ConformanceDialect {
  std::string slow_query{};  ///< A SELECT that runs for at least ten seconds.
  std::string
      session_change{};  ///< A setting of the connection, to be refused: `SET …`, `PRAGMA …`.
  std::string add_column{"ALTER TABLE items ADD COLUMN extra integer"};
  std::string current_time{"SELECT CURRENT_TIMESTAMP"};
  /// The text of a parameter where its type must be told: `{}` is `$1`.
  std::string text_parameter{"$1"};
};

/// One database of a case's own, with the tables below in it, tracked if the driver needs that.
///
///   items (id integer primary key, name text unique, price float of 8 bytes, data bytes)
///   others (id integer primary key, name text)
///   an_item: a view, SELECT id, name FROM items WHERE id = 1
class ConformanceDatabase {
 public:
  ConformanceDatabase() = default;
  ConformanceDatabase(const ConformanceDatabase&) = delete;
  ConformanceDatabase& operator=(const ConformanceDatabase&) = delete;
  virtual ~ConformanceDatabase() = default;
  [[nodiscard]] virtual const ConformanceDialect& dialect() const = 0;
  /// A driver as a process of its own would make it; outlives what it makes, not this.
  [[nodiscard]] virtual std::unique_ptr<spi::Driver> make_driver() = 0;
};

struct ConformanceParam {
  std::string name{};
  /// Null when the server is missing: the case is skipped, or fails where servers are required.
  std::function<std::unique_ptr<ConformanceDatabase>()> make{};
};

inline std::string conformance_name(const ::testing::TestParamInfo<ConformanceParam>& info) {
  return info.param.name;
}

class DriverConformanceBase : public ::testing::TestWithParam<ConformanceParam> {
 protected:
  void SetUp() override {
    database_ = GetParam().make();
    if (!database_) {
      const char* required = std::getenv("WEIR_REQUIRE_SERVERS");
      if (required != nullptr && std::string_view{required} == "1")
        FAIL() << "the server is missing";
      GTEST_SKIP() << "the server is missing";
    }
    driver_ = database_->make_driver();
    writer_ = driver_->connect(spi::Access::kWrite, soon());
    if (driver_->max_connections(spi::Access::kRead) > 1) {
      own_reader_ = driver_->connect(spi::Access::kRead, soon());
    }
    reader_ = own_reader_ ? own_reader_.get() : writer_.get();
    feed_ = driver_->open_feed();
  }

  static spi::Deadline soon() {
    return spi::Deadline::after(system_clock(), std::chrono::seconds{20});
  }
  static spi::Deadline after(std::chrono::milliseconds limit) {
    return spi::Deadline::after(system_clock(), limit);
  }

  template <typename... T>
  static spi::RunOutcome run(spi::Connection& connection, std::string_view sql,
                             const T&... values) {
    const Params params = Params::of(values...);
    return connection.run({.sql = sql, .params = &params, .deadline = soon()});
  }
  template <typename... T>
  Result read(std::string_view sql, const T&... values) {
    return Result{run(*reader_, sql, values...).rows, Provenance{}};
  }
  template <typename... T>
  spi::RunOutcome write(std::string_view sql, const T&... values) {
    return run(*writer_, sql, values...);
  }
  std::int64_t count_items() { return read("SELECT count(*) FROM items").one<std::int64_t>(); }
  spi::Analysis analyze(std::string_view sql) { return reader_->analyze(sql, soon()); }
  /// The relation id of a table.
  std::string id_of(std::string_view table) {
    const auto analysis = analyze("SELECT * FROM " + std::string{table});
    return analysis.dependencies.empty() ? "" : analysis.dependencies.front();
  }
  spi::Pull pull() { return feed_->pull(soon()); }

  /// Whether the design's rule says "stale" of a result read at `label` from `dependencies`.
  static bool stale(const spi::Snapshot& label, const std::vector<spi::Change>& changes,
                    const std::vector<std::string>& dependencies) {
    for (const spi::Change& change : changes) {
      if (label.sees(change.id)) continue;
      if (change.kind == spi::ChangeKind::kEverything) return true;
      // Of rows just the table counts here.
      if (change.kind != spi::ChangeKind::kRelation && change.kind != spi::ChangeKind::kRows)
        continue;
      for (const std::string& dependency : dependencies) {
        if (dependency == change.target) return true;
      }
    }
    return false;
  }

  std::unique_ptr<ConformanceDatabase> database_;
  std::unique_ptr<spi::Driver> driver_;
  std::unique_ptr<spi::Connection> writer_;
  std::unique_ptr<spi::Connection> own_reader_;
  spi::Connection* reader_{nullptr};
  std::unique_ptr<spi::ChangeFeed> feed_;
};

class DriverConformance : public DriverConformanceBase {};
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(DriverConformance);

/// Cases in which somebody else has the database open too.
class SharedDriverConformance : public DriverConformanceBase {
 protected:
  void SetUp() override {
    DriverConformanceBase::SetUp();
    if (!database_) return;
    other_driver_ = database_->make_driver();
    other_ = other_driver_->connect(spi::Access::kWrite, soon());
  }
  template <typename... T>
  spi::RunOutcome write_elsewhere(std::string_view sql, const T&... values) {
    return run(*other_, sql, values...);
  }

  std::unique_ptr<spi::Driver> other_driver_;
  std::unique_ptr<spi::Connection> other_;
};
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(SharedDriverConformance);

// --- what is there ---

TEST_P(DriverConformance, TellsWhatItIs) {
  EXPECT_THAT(driver_->backend(), ::testing::AnyOf("postgresql", "sqlite"));
  EXPECT_FALSE(driver_->display_name().empty());
  EXPECT_FALSE(reader_->info().environment.empty());
  EXPECT_FALSE(reader_->info().server_version.empty());
  EXPECT_FALSE(reader_->info().standby);
  EXPECT_TRUE(reader_->usable());
  EXPECT_TRUE(reader_->ping(soon()));
  EXPECT_EQ(reader_->state(), spi::TransactionState::kIdle);
  EXPECT_EQ(reader_->session_doubt(soon()), "");
}

TEST_P(DriverConformance, ConnectionsOfOneDriverShareTheEnvironmentAndTheFeedsIncarnation) {
  EXPECT_EQ(reader_->info().environment, writer_->info().environment);
  EXPECT_EQ(pull().incarnation, reader_->info().incarnation);
  EXPECT_FALSE(reader_->info().incarnation.empty());
}

TEST_P(DriverConformance, AnUndeclaredSessionIsWhatEveryConnectionStartsWith) {
  reader_->use_session(Session{}, soon());
  EXPECT_EQ(reader_->session_doubt(soon()), "");
}

// --- results and parameters ---

TEST_P(DriverConformance, CellsComeBackInTheirTypes) {
  write("INSERT INTO items VALUES (1, 'it''s', 2.5, NULL)");
  const Result result = read("SELECT id, name, price, data FROM items");
  ASSERT_EQ(result.size(), 1U);
  ASSERT_EQ(result.columns(), 4U);
  EXPECT_EQ(result.column_name(1), "name");
  EXPECT_EQ(result[0].type(0), CellType::kInt64);
  EXPECT_EQ(result[0].type(1), CellType::kText);
  EXPECT_EQ(result[0].type(2), CellType::kDouble);
  EXPECT_EQ(result[0].type(3), CellType::kNull);
  EXPECT_EQ(result[0].get<std::int64_t>(0), 1);
  EXPECT_EQ(result[0].get<std::string>(1), "it's");
  EXPECT_EQ(result[0].get<double>(2), 2.5);
}

TEST_P(DriverConformance, AnEmptyResultKeepsItsColumns) {
  const Result result = read("SELECT id, name AS called FROM items WHERE id = -1");
  EXPECT_TRUE(result.empty());
  ASSERT_EQ(result.columns(), 2U);
  EXPECT_EQ(result.column_name(1), "called");
}

TEST_P(DriverConformance, AStatementWithoutResultHasNoColumnsAndTellsTheRowsItChanged) {
  EXPECT_EQ(write("INSERT INTO items (id) VALUES (1), (2), (3)").affected, 3U);
  const spi::RunOutcome updated = write("UPDATE items SET price = 1 WHERE id > 1");
  EXPECT_EQ(updated.affected, 2U);
  EXPECT_EQ(updated.rows->columns(), 0U);
  EXPECT_EQ(write("DELETE FROM items").affected, 3U);
  EXPECT_EQ(write("CREATE TABLE fresh (id integer)").affected, 0U);
  EXPECT_EQ(run(*reader_, "SELECT 1 UNION ALL SELECT 2").affected, 2U);
}

TEST_P(DriverConformance, ReturnedRowsOfAWriteAreDelivered) {
  const spi::RunOutcome outcome =
      write("INSERT INTO items (id, name) VALUES (1, 'a'), (2, 'b') RETURNING id, name");
  EXPECT_EQ(outcome.affected, 2U);
  ASSERT_EQ(outcome.rows->rows(), 2U);
  EXPECT_EQ(outcome.rows->text(1, 1), "b");
  EXPECT_EQ(count_items(), 2);
}

TEST_P(DriverConformance, ParametersComeBackAsTheyWere) {
  const std::string text =
      "quote ' backslash \\ umlaut ä emoji \xF0\x9F\x8C\x8A newline \n dollar $1";
  const std::vector<std::byte> bytes{std::byte{0}, std::byte{255}, std::byte{'\''}, std::byte{0}};
  write("INSERT INTO items VALUES ($1, $2, $3, $4)", std::numeric_limits<std::int32_t>::min(), text,
        0.1, bytes);
  write("INSERT INTO items VALUES ($1, $2, $3, $4)", 2, nullptr, nullptr, nullptr);
  write("INSERT INTO items VALUES ($1, $2, $3, $4)", 3, "", -0.0, std::vector<std::byte>{});
  write("INSERT INTO items VALUES ($1, $2, $3, $4)", 4, "x",
        std::numeric_limits<double>::infinity(), bytes);
  const Result result = read("SELECT id, name, price, data FROM items ORDER BY id");
  ASSERT_EQ(result.size(), 4U);
  EXPECT_EQ(result[0].get<std::int64_t>(0), std::numeric_limits<std::int32_t>::min());
  EXPECT_EQ(result[0].get<std::string>(1), text);
  EXPECT_EQ(result[0].get<double>(2), 0.1);
  EXPECT_EQ(result[0].get<std::vector<std::byte>>(3), bytes);
  for (const std::size_t column : {1U, 2U, 3U}) EXPECT_TRUE(result[1].is_null(column));
  EXPECT_EQ(result[2].get<std::string>(1), "");
  EXPECT_EQ(result[2].type(3), CellType::kBytes);
  EXPECT_EQ(result[3].get<double>(2), std::numeric_limits<double>::infinity());
}

TEST_P(DriverConformance, EveryDoubleRoundTrips) {
  std::uint64_t bits = 0x0123456789abcdef;
  write("INSERT INTO items (id, price) VALUES (1, 0)");
  for (int i = 0; i < 50; ++i) {
    bits = bits * 6364136223846793005U + 1442695040888963407U;
    double value = 0;
    std::memcpy(&value, &bits, sizeof value);
    if (value != value) continue;  // SQLite has no NaN
    write("UPDATE items SET price = $1", value);
    EXPECT_EQ(read("SELECT price FROM items").one<double>(), value);
  }
}

TEST_P(DriverConformance, ParametersAreTakenByTheirNumber) {
  write("INSERT INTO items (id, name) VALUES ($2, $1)", "first", 2);
  EXPECT_EQ(read("SELECT name FROM items WHERE id = $1 OR id = $1", 2).one<std::string>(), "first");
}

TEST_P(DriverConformance, AWrongNumberOfParametersIsToldWithBothNumbers) {
  const std::string message = error_of(
      ErrorCode::kUsage, [&] { read("SELECT name FROM items WHERE id = $1 AND price = $2", 1); });
  EXPECT_THAT(message, ::testing::AllOf(::testing::HasSubstr("2"), ::testing::HasSubstr("1")));
  error_of(ErrorCode::kUsage, [&] { read("SELECT 1", 1); });
  EXPECT_EQ(count_items(), 0);
}

TEST_P(DriverConformance, MalformedTextIsRefused) {
  error_of(ErrorCode::kUsage, [&] { read(std::string_view{"SELECT 1\0", 9}); });
  error_of(ErrorCode::kUsage, [&] {
    write("INSERT INTO items (id, name) VALUES (1, $1)", std::string_view{"a\0b", 3});
  });
  error_of(ErrorCode::kUsage,
           [&] { write("INSERT INTO items (id, name) VALUES (1, $1)", "\xff"); });
  EXPECT_EQ(count_items(), 0);
}

TEST_P(DriverConformance, ManyRowsAndLargeValuesArrive) {
  const std::string large(8U << 20U, 'x');
  write("INSERT INTO items (id, name) VALUES (1, $1)", large);
  EXPECT_EQ(read("SELECT name FROM items").one<std::string>(), large);
  const Result rows = read(
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) SELECT i, "
      "'row ' || i FROM n");
  ASSERT_EQ(rows.size(), 20000U);
  EXPECT_EQ(rows[19999].get<std::string>(1), "row 20000");
}

// --- errors ---

TEST_P(DriverConformance, ASyntaxErrorTellsItsPositionAndLeavesTheConnectionUsable) {
  try {
    read("SELECT ä FRO items WHER");
    FAIL() << "accepted";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kSyntax);
    EXPECT_TRUE(e.position().has_value());
    EXPECT_GT(e.position().value_or(0), 8U);
    EXPECT_TRUE(e.connection_usable());
    EXPECT_FALSE(e.retryable());
    EXPECT_EQ(e.backend(), driver_->backend());
    EXPECT_FALSE(e.sqlstate().empty());
  }
  EXPECT_TRUE(reader_->usable());
  EXPECT_EQ(count_items(), 0);
}

TEST_P(DriverConformance, CheckingBringsTheErrorOfRunningAndRunsNothing) {
  const auto code_of = [&](std::string_view sql) {
    try {
      reader_->check(sql, soon());
    } catch (const Error& e) {
      EXPECT_TRUE(e.connection_usable());
      return e.code();
    }
    return ErrorCode::kInternal;  // none
  };
  EXPECT_EQ(code_of("SELECT 1 FORM items"), ErrorCode::kSyntax);
  EXPECT_EQ(code_of("SELECT * FROM nowhere"), ErrorCode::kUndefinedObject);
  EXPECT_EQ(code_of("INSERT INTO nowhere VALUES (1)"), ErrorCode::kUndefinedObject);
  EXPECT_EQ(code_of("SELECT absent FROM items"), ErrorCode::kUndefinedObject);
  EXPECT_EQ(code_of("SELECT count(*) FROM items"), ErrorCode::kInternal);
  const std::int64_t before = count_items();
  EXPECT_EQ(code_of("DELETE FROM items"), ErrorCode::kInternal);
  EXPECT_EQ(count_items(), before);
}

TEST_P(DriverConformance, AMissingTableOrColumnIsAnUndefinedObject) {
  error_of(ErrorCode::kUndefinedObject, [&] { read("SELECT * FROM nowhere"); });
  error_of(ErrorCode::kUndefinedObject, [&] { read("SELECT absent FROM items"); });
  EXPECT_EQ(count_items(), 0);
}

TEST_P(DriverConformance, AViolatedConstraintIsNamedWithoutTheValue) {
  write("INSERT INTO items (id, name) VALUES (1, 'secret')");
  try {
    write("INSERT INTO items (id, name) VALUES (2, $1)", "secret");
    FAIL() << "accepted";
  } catch (const ConstraintError& e) {
    EXPECT_EQ(e.code(), ErrorCode::kConstraint);
    EXPECT_FALSE(e.constraint().empty());
    EXPECT_THAT(e.what(), ::testing::Not(::testing::HasSubstr("secret")));
    EXPECT_FALSE(e.retryable());
  }
  EXPECT_EQ(writer_->state(), spi::TransactionState::kIdle);
  EXPECT_EQ(write("INSERT INTO items (id, name) VALUES (2, 'other')").affected, 1U);
}

TEST_P(DriverConformance, AStatementEndsAtItsDeadline) {
  const TimePoint start = system_clock().now();
  error_of(ErrorCode::kTimeout, [&] {
    (void)reader_->run({.sql = database_->dialect().slow_query,
                        .deadline = after(std::chrono::milliseconds{150})});
  });
  EXPECT_LT(system_clock().now() - start, std::chrono::seconds{8});
  if (reader_->usable()) {
    EXPECT_EQ(count_items(), 0);
  }
}

TEST_P(DriverConformance, ACancelledStatementSaysSoAndTheConnectionGoesOn) {
  std::atomic<bool> done{false};
  // Cancelling before the statement runs does nothing, so cancel until it has ended.
  std::thread canceller{[&] {
    while (!done.load()) {
      reader_->cancel();
      std::this_thread::yield();
    }
  }};
  error_of(ErrorCode::kCancelled, [&] {
    (void)reader_->run({.sql = database_->dialect().slow_query, .deadline = soon()});
  });
  done.store(true);
  canceller.join();
  ASSERT_TRUE(reader_->usable());
  EXPECT_EQ(count_items(), 0);
}

TEST_P(DriverConformance, SeveralStatementsInOneTextAreNotRun) {
  EXPECT_THROW(write("INSERT INTO items (id) VALUES (1); INSERT INTO items (id) VALUES (2)"),
               Error);
  EXPECT_EQ(count_items(), 0);
}

// --- transactions ---

TEST_P(DriverConformance, ACommitKeepsAndARollbackForgets) {
  writer_->begin(spi::Isolation::kReadCommitted, spi::TransactionAccess::kReadWrite, soon());
  EXPECT_EQ(writer_->state(), spi::TransactionState::kActive);
  write("INSERT INTO items (id) VALUES (1)");
  writer_->commit(soon());
  EXPECT_EQ(writer_->state(), spi::TransactionState::kIdle);
  EXPECT_EQ(count_items(), 1);
  writer_->begin(spi::Isolation::kSerializable, spi::TransactionAccess::kReadWrite, soon());
  write("INSERT INTO items (id) VALUES (2)");
  EXPECT_EQ(run(*writer_, "SELECT count(*) FROM items").rows->slot(0, 0), 2U);
  writer_->rollback(soon());
  EXPECT_EQ(writer_->state(), spi::TransactionState::kIdle);
  EXPECT_EQ(count_items(), 1);
}

TEST_P(DriverConformance, SavepointsUndoWhatFollowedThem) {
  writer_->begin(spi::Isolation::kReadCommitted, spi::TransactionAccess::kReadWrite, soon());
  write("INSERT INTO items (id) VALUES (1)");
  writer_->savepoint("odd \"name", soon());
  write("INSERT INTO items (id) VALUES (2)");
  writer_->rollback_to("odd \"name", soon());
  write("INSERT INTO items (id) VALUES (3)");
  writer_->release("odd \"name", soon());
  writer_->commit(soon());
  EXPECT_EQ(read("SELECT sum(id) FROM items").json(),
            read("SELECT sum(id) FROM (SELECT 4 AS id) s").json());
}

TEST_P(DriverConformance, AReadOnlyTransactionWritesNothing) {
  writer_->begin(spi::Isolation::kReadCommitted, spi::TransactionAccess::kReadOnly, soon());
  EXPECT_THROW(write("INSERT INTO items (id) VALUES (1)"), Error);
  writer_->rollback(soon());
  EXPECT_EQ(count_items(), 0);
  EXPECT_EQ(write("INSERT INTO items (id) VALUES (1)").affected, 1U);
}

TEST_P(DriverConformance, ATransactionAfterAnErrorCanBeRolledBackAndTheConnectionUsed) {
  writer_->begin(spi::Isolation::kReadCommitted, spi::TransactionAccess::kReadWrite, soon());
  write("INSERT INTO items (id) VALUES (1)");
  EXPECT_THROW(write("INSERT INTO items (id) VALUES (1)"), ConstraintError);
  writer_->rollback(soon());
  EXPECT_EQ(count_items(), 0);
  EXPECT_EQ(write("INSERT INTO items (id) VALUES (1)").affected, 1U);
}

// --- analysis ---

TEST_P(DriverConformance, AReadDependsOnItsTablesAlsoThroughAView) {
  const auto direct =
      analyze("SELECT i.name FROM items i JOIN others o ON o.id = i.id WHERE i.id = $1");
  EXPECT_EQ(direct.kind, spi::StatementKind::kRead);
  EXPECT_EQ(direct.cacheability, spi::Cacheability::kProvable)
      << ::testing::PrintToString(direct.reasons);
  EXPECT_EQ(direct.parameters, 1U);
  EXPECT_THAT(direct.dependencies,
              ::testing::UnorderedElementsAre(id_of("items"), id_of("others")));
  EXPECT_TRUE(direct.refusal.empty());
  const auto view = analyze("SELECT name FROM an_item");
  EXPECT_EQ(view.cacheability, spi::Cacheability::kProvable)
      << ::testing::PrintToString(view.reasons);
  EXPECT_THAT(view.dependencies, ::testing::Contains(id_of("items")));
  EXPECT_NE(id_of("items"), id_of("others"));
}

TEST_P(DriverConformance, StatementsAreToldApart) {
  using enum spi::StatementKind;
  const std::vector<std::pair<std::string, spi::StatementKind>> cases{
      {"SELECT 1", kRead},
      {"VALUES (1), (2)", kRead},
      {"WITH a AS (SELECT 1 AS x) SELECT x FROM a", kRead},
      {"INSERT INTO items (id) VALUES (1)", kWrite},
      {"UPDATE items SET price = 1", kWrite},
      {"DELETE FROM items", kWrite},
      {"INSERT INTO items (id) VALUES (1) RETURNING id", kWrite},
      {"CREATE TABLE made (id integer)", kSchemaChange},
      {"DROP VIEW an_item", kSchemaChange},
      {"BEGIN", kTransactionControl},
      {"COMMIT", kTransactionControl},
      {"SAVEPOINT s", kTransactionControl},
      {database_->dialect().session_change, kSessionChange},
      {"SELECT 1; SELECT 2", kMultiple},
      {"SELEC 1", kOther},
      {"SELECT * FROM nowhere", kOther},
  };
  for (const auto& [sql, kind] : cases) {
    const spi::Analysis analysis = analyze(sql);
    const bool known_wrong_name = sql == "SELECT * FROM nowhere" && analysis.kind == kRead;
    EXPECT_TRUE(analysis.kind == kind || known_wrong_name)
        << sql << ": kind " << static_cast<int>(analysis.kind);
    if (kind != kRead) {
      EXPECT_EQ(analysis.cacheability, spi::Cacheability::kNever) << sql;
      EXPECT_FALSE(analysis.reasons.empty()) << sql;
    }
    const bool refused = kind == kTransactionControl || kind == kSessionChange;
    EXPECT_TRUE(!refused || !analysis.refusal.empty()) << sql;
  }
  EXPECT_EQ(count_items(), 0);  // analysing runs nothing
}

TEST_P(DriverConformance, WhatCannotBeProvenSaysWhy) {
  for (const std::string& sql :
       {std::string{"SELECT random()"}, database_->dialect().current_time}) {
    const spi::Analysis analysis = analyze(sql);
    EXPECT_EQ(analysis.cacheability, spi::Cacheability::kTtlOnly) << sql;
    EXPECT_FALSE(analysis.reasons.empty()) << sql;
  }
}

TEST_P(DriverConformance, AWriteNamesTheTableItWrites) {
  const spi::Analysis analysis =
      analyze("UPDATE items SET price = 1 WHERE id IN (SELECT id FROM others)");
  ASSERT_EQ(analysis.writes.size(), 1U);
  EXPECT_EQ(analysis.writes[0].id, id_of("items"));
}

// --- scanning ---

TEST_P(DriverConformance, ScanningFindsHintsAndKeepsDifferentStatementsApart) {
  const spi::Scan scan = driver_->scan("/* weir: ttl=30s tag=user:42 */ SELECT 1");
  EXPECT_THAT(scan.hints, ::testing::ElementsAre("ttl=30s tag=user:42"));
  EXPECT_EQ(scan.normalized, driver_->scan("  SELECT 1 ;\n").normalized);
  EXPECT_THAT(driver_->scan("SELECT '/* weir: off */'").hints, ::testing::IsEmpty());
  const std::vector<std::string> different{
      "SELECT 1",     "SELECT 2",         "SELECT '1'",       "SELECT 1.0",   "SELECT 1 AS a",
      "SELECT \"1\"", "SELECT 'a'",       "SELECT 'A'",       "SELECT 'a b'", "SELECT 'a  b'",
      "SELECT $1",    "SELECT 1 LIMIT 1", "SELECT 1 OFFSET 1"};
  for (const std::string& a : different) {
    for (const std::string& b : different) {
      EXPECT_EQ(driver_->scan(a).normalized == driver_->scan(b).normalized, a == b)
          << a << " and " << b;
    }
  }
}

// --- prepared statements ---

TEST_P(DriverConformance, APreparedStatementFollowsTheSchema) {
  write("INSERT INTO items (id) VALUES (1)");
  EXPECT_EQ(read("SELECT * FROM items").columns(), 4U);
  EXPECT_EQ(read("SELECT * FROM items").columns(), 4U);
  write(database_->dialect().add_column);
  EXPECT_EQ(read("SELECT * FROM items").columns(), 5U);
}

TEST_P(DriverConformance, ManyMoreStatementsThanTheCacheHoldsWork) {
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 600; ++i) {
      EXPECT_EQ(read("SELECT " + std::to_string(i)).one<std::int64_t>(), i);
    }
  }
}

// --- the feed ---

TEST_P(DriverConformance, TheFirstPullBringsJustASnapshotAndQuietOnesNothing) {
  EXPECT_TRUE(pull().changes.empty());
  const spi::Pull second = pull();
  const spi::Pull third = pull();
  EXPECT_TRUE(second.changes.empty());
  EXPECT_TRUE(third.changes.empty());
  EXPECT_TRUE(third.reset.empty());
  EXPECT_TRUE(third.snapshot.covers(second.snapshot));
}

TEST_P(DriverConformance, AnOwnWriteMakesItsTableStaleAndNoOther) {
  const std::vector<std::string> items{id_of("items")};
  const std::vector<std::string> others{id_of("others")};
  const spi::Snapshot before = pull().snapshot;
  write("INSERT INTO items (id) VALUES (1)");
  const spi::Pull after = pull();
  EXPECT_TRUE(stale(before, after.changes, items));
  EXPECT_FALSE(stale(before, after.changes, others))
      << ::testing::PrintToString(after.changes.size());
  EXPECT_FALSE(stale(after.snapshot, after.changes, items));
  EXPECT_TRUE(pull().changes.empty());
}

TEST_P(DriverConformance, EveryKindOfWriteIsSeen) {
  const std::vector<std::string> items{id_of("items")};
  for (const char* sql :
       {"INSERT INTO items (id, name) VALUES (1, 'a'), (2, 'b')",
        "UPDATE items SET price = 3 WHERE id = 1",
        "INSERT INTO items (id, name) VALUES (1, 'c') ON CONFLICT (id) DO UPDATE SET price = 4",
        "DELETE FROM items WHERE id = 1", "DELETE FROM items"}) {
    const spi::Snapshot before = pull().snapshot;
    write(sql);
    EXPECT_TRUE(stale(before, pull().changes, items)) << sql;
  }
}

TEST_P(DriverConformance, ATransactionIsSeenWhenItCommitsAndNeverWhenItRollsBack) {
  const std::vector<std::string> items{id_of("items")};
  const spi::Snapshot start = pull().snapshot;
  writer_->begin(spi::Isolation::kReadCommitted, spi::TransactionAccess::kReadWrite, soon());
  write("INSERT INTO items (id) VALUES (1)");
  const spi::Pull open = pull();
  EXPECT_FALSE(stale(start, open.changes, items));
  writer_->rollback(soon());
  EXPECT_FALSE(stale(start, pull().changes, items));
  writer_->begin(spi::Isolation::kReadCommitted, spi::TransactionAccess::kReadWrite, soon());
  write("INSERT INTO items (id) VALUES (1)");
  const spi::Snapshot inside = pull().snapshot;
  writer_->commit(soon());
  EXPECT_TRUE(stale(inside, pull().changes, items));
}

TEST_P(DriverConformance, DdlMeansEverything) {
  const spi::Snapshot before = pull().snapshot;
  write("CREATE TABLE made (id integer)");
  const spi::Pull after = pull();
  EXPECT_TRUE(stale(before, after.changes, {id_of("others")}));
  EXPECT_FALSE(stale(after.snapshot, after.changes, {id_of("others")}));
}

TEST_P(DriverConformance, InvalidationsByHandArriveUnlessRolledBack) {
  const auto targets = [&] {
    std::vector<std::pair<spi::ChangeKind, std::string>> found;
    for (const spi::Change& change : pull().changes) {
      if (change.kind != spi::ChangeKind::kRelation) found.emplace_back(change.kind, change.target);
    }
    return found;
  };
  (void)pull();
  writer_->invalidate(spi::InvalidationKind::kTag, "user:42", soon());
  writer_->invalidate(spi::InvalidationKind::kTagPattern, "user:*", soon());
  EXPECT_THAT(targets(), ::testing::UnorderedElementsAre(
                             ::testing::Pair(spi::ChangeKind::kTag, "user:42"),
                             ::testing::Pair(spi::ChangeKind::kTagPattern, "user:*")));
  writer_->begin(spi::Isolation::kReadCommitted, spi::TransactionAccess::kReadWrite, soon());
  writer_->invalidate(spi::InvalidationKind::kTag, "never", soon());
  writer_->rollback(soon());
  EXPECT_THAT(targets(), ::testing::IsEmpty());
}

TEST_P(DriverConformance, InvalidatingATableMakesItStale) {
  const std::string items = id_of("items");
  const auto name = analyze("SELECT * FROM items").relations.at(0).name;
  const spi::Snapshot before = pull().snapshot;
  writer_->invalidate(spi::InvalidationKind::kTable, name, soon());
  EXPECT_TRUE(stale(before, pull().changes, {items}));
}

TEST_P(DriverConformance, InvalidatingATableFindsItAsStatementsDo) {
  const std::string items = id_of("items");
  const spi::Snapshot before = pull().snapshot;
  writer_->invalidate(spi::InvalidationKind::kTable, "ITEMS", soon());
  EXPECT_TRUE(stale(before, pull().changes, {items}));
  const std::string why = error_of(ErrorCode::kUndefinedObject, [&] {
    writer_->invalidate(spi::InvalidationKind::kTable, "no_such_table", soon());
  });
  EXPECT_THAT(why, ::testing::HasSubstr("no_such_table"));
  EXPECT_TRUE(pull().changes.empty());
}

TEST_P(DriverConformance, TheCurrentSnapshotSeesWhatWasCommitted) {
  const std::vector<std::string> items{id_of("items")};
  (void)pull();
  write("INSERT INTO items (id) VALUES (1)");
  const spi::Snapshot now = writer_->current_snapshot(soon());
  const spi::Pull after = pull();
  EXPECT_TRUE(after.snapshot.covers(now));
  EXPECT_FALSE(stale(now, after.changes, items));
}

TEST_P(DriverConformance, TwoFeedsEachSeeEveryChange) {
  const std::vector<std::string> items{id_of("items")};
  const auto second = driver_->open_feed();
  const spi::Snapshot first_label = pull().snapshot;
  const spi::Snapshot second_label = second->pull(soon()).snapshot;
  write("INSERT INTO items (id) VALUES (1)");
  EXPECT_TRUE(stale(first_label, pull().changes, items));
  EXPECT_TRUE(stale(second_label, second->pull(soon()).changes, items));
}

// --- with others on the same database ---

TEST_P(SharedDriverConformance, AWriteByAnotherProcessIsSeenByTheNextPull) {
  const std::vector<std::string> items{id_of("items")};
  spi::Snapshot label = pull().snapshot;
  for (int i = 1; i <= 5; ++i) {
    write_elsewhere("INSERT INTO items (id) VALUES ($1)", i);
    const spi::Pull after = pull();
    EXPECT_TRUE(stale(label, after.changes, items)) << i;
    EXPECT_FALSE(stale(after.snapshot, after.changes, items)) << i;
    EXPECT_EQ(count_items(), i);
    label = after.snapshot;
  }
}

TEST_P(SharedDriverConformance, WritesByBothSidesInTurnAreAllSeen) {
  const std::vector<std::string> items{id_of("items")};
  spi::Snapshot label = pull().snapshot;
  for (int i = 1; i <= 20; ++i) {
    (i % 3 == 0) ? write("INSERT INTO items (id) VALUES ($1)", i)
                 : write_elsewhere("INSERT INTO items (id) VALUES ($1)", i);
    const spi::Pull after = pull();
    EXPECT_TRUE(stale(label, after.changes, items)) << i;
    label = after.snapshot;
  }
}

TEST_P(SharedDriverConformance, AnOpenTransactionElsewhereIsSeenOnlyWhenItCommits) {
  const std::vector<std::string> items{id_of("items")};
  other_->begin(spi::Isolation::kReadCommitted, spi::TransactionAccess::kReadWrite, soon());
  run(*other_, "INSERT INTO items (id) VALUES (1)");
  const spi::Snapshot label = pull().snapshot;
  EXPECT_EQ(count_items(), 0);
  other_->commit(soon());
  EXPECT_TRUE(stale(label, pull().changes, items));
  EXPECT_EQ(count_items(), 1);
}

// The fill race: a slow read stores an old result late. Its label gives it away.
TEST_P(SharedDriverConformance, AReadLabelledBeforeAForeignCommitIsKnownStaleAfterIt) {
  const auto analysis = analyze("SELECT count(*) FROM items");
  const spi::Snapshot label = pull().snapshot;  // the label is taken before the read
  EXPECT_EQ(count_items(), 0);
  write_elsewhere("INSERT INTO items (id) VALUES (1)");
  (void)pull();
  write("INSERT INTO others (id) VALUES (1)");
  const spi::Pull late = pull();
  write_elsewhere("INSERT INTO items (id) VALUES (2)");
  const spi::Pull later = pull();
  std::vector<spi::Change> all = late.changes;
  all.insert(all.end(), later.changes.begin(), later.changes.end());
  EXPECT_TRUE(stale(label, all, analysis.dependencies));
}

// The first thing the connection does after the change is to analyse: it must not do so by what it
// remembers.
TEST_P(SharedDriverConformance, DdlByAnotherProcessMeansEverythingAndIsAnalysedAnew) {
  const std::string items = id_of("items");
  const std::string others = id_of("others");
  EXPECT_THAT(analyze("SELECT name FROM an_item").dependencies,
              ::testing::Not(::testing::Contains(others)));
  const spi::Snapshot before = pull().snapshot;
  write_elsewhere("DROP VIEW an_item");
  write_elsewhere("CREATE VIEW an_item AS SELECT id, name FROM others");
  EXPECT_TRUE(stale(before, pull().changes, {items}));
  driver_->forget_catalog();
  EXPECT_THAT(analyze("SELECT name FROM an_item").dependencies, ::testing::Contains(others));
}

TEST_P(SharedDriverConformance, ASnapshotTakenElsewhereIsOfThisDatabase) {
  EXPECT_FALSE(other_driver_->open_feed()->pull(soon()).incarnation.empty());
  EXPECT_EQ(other_driver_->display_name(), driver_->display_name());
}

}  // namespace weir::test
