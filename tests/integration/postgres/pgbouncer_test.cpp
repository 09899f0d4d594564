// A connection through PgBouncer in transaction mode.

#include <gmock/gmock.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/integration/postgres/connection_fixture.hpp"

namespace weir::postgres::test {
namespace {

using ::testing::HasSubstr;

class PgBouncerTest : public ConnectionTest {
 protected:
  void SetUp() override {
    WEIR_PGBOUNCER_DSN_OR_SKIP(given);
    pooler_ = given;
    ConnectionTest::SetUp();
  }
  [[nodiscard]] Options options() const override {
    Options options = options_for(pooler_dsn());
    options.postgres.pooling = Pooling::kTransaction;
    return options;
  }
  [[nodiscard]] std::string pooler_dsn() const {
    return with(pooler_, {{"dbname", value_of_database()}});
  }
  /// Another client of the pooler; idle server connections are shared with it.
  [[nodiscard]] Pq other() const { return connect(pooler_dsn()); }

 private:
  [[nodiscard]] std::string value_of_database() const {
    Pq direct = connect(dsn());
    return test::value(direct, "SELECT current_database()");
  }
  std::string pooler_;
};

TEST_F(PgBouncerTest, StatementsWithParametersRunWithoutNames) {
  run("CREATE TABLE t (a int)");
  for (int i = 0; i < 20; ++i) {
    ask("INSERT INTO t VALUES ($1)", i);
    EXPECT_EQ(ask("SELECT max(a) FROM t WHERE a >= $1", 0).one<std::int64_t>(), i);
  }
  EXPECT_EQ(ask("SELECT count(*) FROM pg_prepared_statements WHERE name LIKE 'weir%'")
                .one<std::int64_t>(),
            0);
  error_of(ErrorCode::kUsage, [&] { ask("SELECT $1::int", 1, 2); });
  EXPECT_EQ(ask("SELECT $1::bytea", std::vector<std::byte>{std::byte{0}}).size(), 1U);
}

TEST_F(PgBouncerTest, ADeclaredSessionIsRefusedNamingTheOption) {
  connection_->use_session({}, soon());
  EXPECT_THAT(
      error_of(ErrorCode::kConfig, [&] { connection_->use_session({.role = "weir"}, soon()); }),
      HasSubstr("postgres.pooling"));
}

TEST_F(PgBouncerTest, OnlyAProvenReadIsVouchedFor) {
  EXPECT_EQ(read("SELECT 1").one<std::int64_t>(), 1);
  EXPECT_EQ(doubt(), "");
  ask("SELECT 2");
  EXPECT_NE(doubt(), "") << "never analysed";
  run("CREATE TABLE t (a int)");
  ask("INSERT INTO t VALUES (1)");
  EXPECT_NE(doubt(), "");
  EXPECT_EQ(read("SELECT count(*) FROM t").one<std::int64_t>(), 1);
  EXPECT_EQ(doubt(), "");
}

TEST_F(PgBouncerTest, ASettingAnotherClientLeftOnTheServerConnectionIsFound) {
  read("SELECT 1");
  ASSERT_EQ(doubt(), "");
  Pq stranger = other();
  stranger.exec("SET bytea_output = 'escape'", soon());  // PgBouncer does not follow this one
  EXPECT_EQ(read("SELECT '\\x01'::bytea::text").one<std::string>(), "\\001")
      << "the same server connection";
  EXPECT_THAT(doubt(), HasSubstr("bytea_output"));
  stranger.exec("RESET bytea_output", soon());
  EXPECT_EQ(read("SELECT '\\x01'::bytea::text").one<std::string>(), "\\x01");
  EXPECT_EQ(doubt(), "");
}

TEST_F(PgBouncerTest, ATemporaryTableAnotherClientLeftIsFound) {
  run("CREATE TABLE t (a int); INSERT INTO t VALUES (1)");
  read("SELECT a FROM t");
  ASSERT_EQ(doubt(), "");
  Pq stranger = other();
  stranger.exec("CREATE TEMP TABLE t AS SELECT 99 AS a", soon());
  EXPECT_EQ(ask("SELECT a FROM t").one<std::int64_t>(), 99) << "the same server connection";
  EXPECT_THAT(doubt(), HasSubstr("temporary objects"));
}

TEST_F(PgBouncerTest, TheQuestionAndTheReadMeetTheSameServerConnection) {
  read("SELECT 1");
  // While this client holds the clean connection, the pooler has to open another.
  Pq holder = other();
  holder.exec("BEGIN", soon());
  Pq stranger = other();
  stranger.exec("SET bytea_output = 'escape'", soon());
  holder.exec("COMMIT", soon());
  int clean = 0;
  int dirty = 0;
  for (int i = 0; i < 40; ++i) {
    // Alternate between the two server connections.
    Pq& busy = i % 2 == 0 ? holder : stranger;
    busy.exec("BEGIN", soon());
    const std::string shown = read("SELECT '\\x01'::bytea::text").one<std::string>();
    const bool doubted = !doubt().empty();
    EXPECT_EQ(doubted, shown == "\\001");
    (doubted ? dirty : clean) += 1;
    busy.exec("COMMIT", soon());
  }
  EXPECT_GT(clean + dirty, 0);
}

TEST_F(PgBouncerTest, TransactionsStayOnOneServerConnection) {
  run("CREATE TABLE t (a int)");
  connection_->begin(spi::Isolation::kReadCommitted, spi::TransactionAccess::kReadWrite, soon());
  ask("INSERT INTO t VALUES (1)");
  connection_->savepoint("s", soon());
  ask("INSERT INTO t VALUES (2)");
  connection_->rollback_to("s", soon());
  read("SELECT 1");
  EXPECT_NE(doubt(), "");
  connection_->commit(soon());
  EXPECT_EQ(ask("SELECT count(*) FROM t").one<std::int64_t>(), 1);
}

TEST_F(PgBouncerTest, AnotherIncarnationBehindThePoolerIsNoticed) {
  EXPECT_FALSE(connection_->info().incarnation.empty());
  read("SELECT 1");
  ASSERT_EQ(doubt(), "");
  run("DELETE FROM weir.incarnation; SELECT weir.handshake()");  // what a crash and the next
                                                                 // handshake do
  read("SELECT 1");
  EXPECT_THAT(doubt(), HasSubstr("broken"));
  EXPECT_FALSE(connection_->usable());
  reopen(options());
  read("SELECT 1");
  EXPECT_EQ(doubt(), "");
}

TEST_F(PgBouncerTest, StatementsRunOnWhenWeirsSchemaGoes) {
  read("SELECT 1");
  ASSERT_EQ(doubt(), "");
  run("DROP SCHEMA weir CASCADE");
  EXPECT_EQ(ask("SELECT 1").one<std::int64_t>(), 1);
  EXPECT_NE(doubt(), "");
}

TEST_F(PgBouncerTest, AStatementThatOverrunsEndsWithItsDeadline) {
  const TimePoint start = system_clock().now();
  error_of(ErrorCode::kTimeout, [&] {
    (void)connection_->run(
        {.sql = "SELECT pg_sleep(60)", .deadline = in(std::chrono::milliseconds{200})});
  });
  EXPECT_LT(system_clock().now() - start, std::chrono::seconds{5});
}

}  // namespace
}  // namespace weir::postgres::test
