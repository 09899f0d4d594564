// What one connection sends, gets back and survives.

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/integration/postgres/connection_fixture.hpp"
#include "tests/integration/postgres/private_cluster.hpp"

namespace weir::postgres::test {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

/// A socket on the loopback interface that accepts connections and never says a word.
class MuteServer {
 public:
  MuteServer() : socket_{::socket(AF_INET, SOCK_STREAM, 0)} {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (::bind(socket_, generic, size) != 0 || ::listen(socket_, 8) != 0 ||
        ::getsockname(socket_, generic, &size) != 0) {
      throw std::runtime_error{"no mute server"};
    }
    port_ = ntohs(address.sin_port);
  }
  MuteServer(const MuteServer&) = delete;
  MuteServer& operator=(const MuteServer&) = delete;
  ~MuteServer() { ::close(socket_); }
  [[nodiscard]] std::string port() const { return std::to_string(port_); }

 private:
  int socket_;
  int port_{};
};

/// A port of the loopback interface nobody listens on.
std::string dead_port() { return MuteServer{}.port(); }

/// Freezes a process for as long as it lives.
class Frozen {
 public:
  explicit Frozen(pid_t pid) : pid_{pid} { ::kill(pid_, SIGSTOP); }
  Frozen(const Frozen&) = delete;
  Frozen& operator=(const Frozen&) = delete;
  ~Frozen() { ::kill(pid_, SIGCONT); }

 private:
  pid_t pid_;
};

class PostgresConnectionTest : public ConnectionTest {
 protected:
  pid_t backend() { return static_cast<pid_t>(ask("SELECT pg_backend_pid()").one<std::int64_t>()); }
  std::int64_t prepared_statements() {
    return ask("SELECT count(*) FROM pg_prepared_statements WHERE name <> 'weir_state'")
        .one<std::int64_t>();
  }
};

// --- types ---

TEST_F(PostgresConnectionTest, EveryCommonTypeArrivesInItsCellType) {
  struct Case {
    std::string expression;
    CellType cell;
    std::string type;
    std::string text;
  };
  run("CREATE TYPE mood AS ENUM ('sad', 'happy'); CREATE DOMAIN positive AS int CHECK (VALUE > 0);"
      "CREATE TYPE pair AS (a int, b text)");
  const std::vector<Case> cases{
      {"7::int2", CellType::kInt64, "int2", ""},
      {"7::int4", CellType::kInt64, "int4", ""},
      {"7::int8", CellType::kInt64, "int8", ""},
      {"7::oid", CellType::kInt64, "oid", ""},
      {"7::positive", CellType::kInt64, "int4", ""},
      {"0.5::float4", CellType::kDouble, "float4", ""},
      {"0.5::float8", CellType::kDouble, "float8", ""},
      {"true", CellType::kBool, "bool", ""},
      {"'a'::text", CellType::kText, "text", "a"},
      {"'a'::varchar(9)", CellType::kText, "varchar", "a"},
      {"'a'::char(3)", CellType::kText, "bpchar", "a  "},
      {"'a'::name", CellType::kText, "name", "a"},
      {"'a'::\"char\"", CellType::kText, "char", "a"},
      {"'\\x00ff'::bytea", CellType::kBytes, "bytea", std::string("\0\xff", 2)},
      {"1.50::numeric(9,2)", CellType::kOther, "numeric", "1.50"},
      {"'1e400'::numeric", CellType::kOther, "numeric", "1" + std::string(400, '0')},
      {"'2024-03-05'::date", CellType::kOther, "date", "2024-03-05"},
      {"'2024-03-05 12:00:00.25'::timestamp", CellType::kOther, "timestamp",
       "2024-03-05 12:00:00.25"},
      {"'2024-03-05 12:00+00'::timestamptz", CellType::kOther, "timestamptz",
       "2024-03-05 12:00:00+00"},
      {"'infinity'::timestamptz", CellType::kOther, "timestamptz", "infinity"},
      {"'12:00'::time", CellType::kOther, "time", "12:00:00"},
      {"'1 month 2 days'::interval", CellType::kOther, "interval", "1 mon 2 days"},
      {"'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid", CellType::kOther, "uuid",
       "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"},
      {"'{\"a\":  1}'::json", CellType::kOther, "json", "{\"a\":  1}"},
      {"'{\"a\":  1}'::jsonb", CellType::kOther, "jsonb", "{\"a\": 1}"},
      {"'<a/>'::xml", CellType::kOther, "xml", "<a/>"},
      {"'10.0.0.0/8'::cidr", CellType::kOther, "cidr", "10.0.0.0/8"},
      {"'10.1.2.3'::inet", CellType::kOther, "inet", "10.1.2.3"},
      {"'08:00:2b:01:02:03'::macaddr", CellType::kOther, "macaddr", "08:00:2b:01:02:03"},
      {"'101'::bit(3)", CellType::kOther, "bit", "101"},
      {"'(1,2)'::point", CellType::kOther, "point", "(1,2)"},
      {"'[1,5)'::int4range", CellType::kOther, "int4range", "[1,5)"},
      {"'a & b'::tsquery", CellType::kOther, "tsquery", "'a' & 'b'"},
      {"'12.34'::money", CellType::kOther, "money", "$12.34"},
      {"ARRAY[1,2,NULL]", CellType::kOther, "int4[]", "{1,2,NULL}"},
      {"ARRAY['a','b c']", CellType::kOther, "text[]", "{a,\"b c\"}"},
      {"'happy'::mood", CellType::kOther, "mood", "happy"},
      {"ARRAY['sad'::mood]", CellType::kOther, "mood[]", "{sad}"},
      {"ROW(1,'x')::pair", CellType::kOther, "pair", "(1,x)"},
      {"NULL::int4", CellType::kNull, "int4", ""},
      {"NULL::mood", CellType::kNull, "mood", ""},
  };
  for (const Case& test : cases) {
    const Result result = ask("SELECT " + test.expression + " AS v");
    ASSERT_EQ(result.size(), 1U);
    EXPECT_EQ(result[0].type(0), test.cell) << test.expression;
    EXPECT_EQ(result.column_type(0), test.type) << test.expression;
    EXPECT_EQ(result.column_name(0), "v");
    if (!test.text.empty() && test.expression.find("money") == std::string::npos) {
      EXPECT_EQ(result.buffer()->text(0, 0), test.text) << test.expression;
    }
  }
}

TEST_F(PostgresConnectionTest, ARenamedTypeShowsItsNewNameOnceTheCatalogIsForgotten) {
  run("CREATE TYPE mood AS ENUM ('sad')");
  EXPECT_EQ(ask("SELECT 'sad'::mood").column_type(0), "mood");
  run("ALTER TYPE mood RENAME TO feeling");
  driver_->forget_catalog();
  EXPECT_EQ(ask("SELECT 'sad'::feeling").column_type(0), "feeling");
}

TEST_F(PostgresConnectionTest, FloatsAreExact) {
  run("CREATE TABLE f (d float8, s float4)");
  std::mt19937_64 random{1};
  for (int i = 0; i < 300; ++i) {
    const std::uint64_t word = random();
    double value = 0;
    std::memcpy(&value, &word, sizeof value);
    if (!std::isfinite(value)) continue;
    const float single = static_cast<float>(random()) / 3;
    const Result row = ask("INSERT INTO f VALUES ($1, $2) RETURNING d, s", value, single);
    EXPECT_EQ(row[0].get<double>(0), value);
    EXPECT_EQ(static_cast<float>(row[0].get<double>(1)), single);
  }
  EXPECT_TRUE(std::isnan(ask("SELECT $1::float8", std::nan("")).one<double>()));
  EXPECT_TRUE(std::signbit(ask("SELECT $1::float8", -0.0).one<double>()));
  EXPECT_EQ(ask("SELECT 0.1::float8 + 0.2").one<double>(), 0.1 + 0.2);
}

TEST_F(PostgresConnectionTest, ArraysArriveAsTheyWereGiven) {
  const std::vector<std::string> nasty{"", "NULL", "a b", "q\"", "b\\", "{,}", "'", "ä"};
  EXPECT_EQ(ask("SELECT count(*) FROM unnest($1::text[]) WITH ORDINALITY u (v, i) WHERE "
                "v = CASE i WHEN 1 THEN '' WHEN 2 THEN 'NULL' WHEN 3 THEN 'a b' WHEN 4 THEN 'q\"' "
                "WHEN 5 THEN E'b\\\\' WHEN 6 THEN '{,}' WHEN 7 THEN '''' WHEN 8 THEN 'ä' END",
                nasty)
                .one<std::int64_t>(),
            8);
  EXPECT_EQ(ask("SELECT sum(i) FROM generate_series(1, 100) i WHERE i = ANY($1)",
                std::vector<int>{1, 5, 500})
                .one<std::int64_t>(),
            6);
  EXPECT_EQ(ask("SELECT cardinality($1::int8[])", std::vector<std::int64_t>{}).one<std::int64_t>(),
            0);
  EXPECT_EQ(ask("SELECT $1::text[]", std::vector<std::optional<std::string>>{"a", std::nullopt})
                .buffer()
                ->text(0, 0),
            "{a,NULL}");
  EXPECT_EQ(ask("SELECT ($1::float8[])[2]", std::vector<double>{1, 0.1}).one<double>(), 0.1);
}

TEST_F(PostgresConnectionTest, TimesArriveAtTheirInstant) {
  for (const std::int64_t micros :
       {std::int64_t{0}, std::int64_t{-1}, std::int64_t{1709642096789012},
        std::int64_t{-62135596800000001}, std::int64_t{9223372036854775}}) {
    const std::chrono::sys_time<std::chrono::microseconds> at{std::chrono::microseconds{micros}};
    EXPECT_EQ(
        ask("SELECT (extract(epoch FROM $1::timestamptz) * 1000000)::int8", at).one<std::int64_t>(),
        micros);
  }
  const std::chrono::sys_days day{std::chrono::year{2024} / 3 / 5};
  EXPECT_EQ(ask("SELECT $1::date - '2024-03-01'::date", day).one<std::int64_t>(), 4);
  EXPECT_EQ(
      ask("SELECT $1::timestamptz", day).one<std::chrono::sys_time<std::chrono::microseconds>>(),
      day);
}

TEST_F(PostgresConnectionTest, BytesSurviveBothOutputFormats) {
  std::vector<std::byte> bytes;
  for (int i = 0; i < 256; ++i) bytes.push_back(static_cast<std::byte>(i));
  for (const char* format : {"hex", "escape"}) {
    connection_->use_session({.settings = {{"bytea_output", format}}}, soon());
    EXPECT_EQ(ask("SELECT $1::bytea", bytes).one<std::vector<std::byte>>(), bytes) << format;
    EXPECT_EQ(ask("SELECT octet_length($1)", bytes).one<std::int64_t>(), 256) << format;
  }
}

TEST_F(PostgresConnectionTest, BytesAndNullMayTakeTurnsInOneStatement) {
  run("CREATE TABLE b (v bytea)");
  const std::vector<std::byte> bytes{std::byte{0}, std::byte{1}};
  for (int i = 0; i < 2; ++i) {
    ask("INSERT INTO b VALUES ($1)", bytes);
    ask("INSERT INTO b VALUES ($1)", nullptr);
  }
  EXPECT_EQ(ask("SELECT count(v) || '/' || count(*) FROM b").one<std::string>(), "2/4");
}

TEST_F(PostgresConnectionTest, ValuesOf100MegabytesPassBothWays) {
  const std::string large(100'000'000, 'x');
  const Result result = ask("SELECT $1::text, length($1::text)", large);
  EXPECT_EQ(result[0].get<std::string_view>(0), large);
  EXPECT_EQ(result[0].get<std::int64_t>(1), 100'000'000);
}

// --- connecting ---

TEST_F(PostgresConnectionTest, AWrongPasswordIsToldWithoutShowingIt) {
  const auto driver = make_postgres_driver(options_for(with(dsn(), {{"password", "wr0ng"}})));
  const std::string message =
      error_of(ErrorCode::kConnection, [&] { (void)driver->connect(spi::Access::kRead, soon()); });
  EXPECT_THAT(message, AllOf(HasSubstr("cannot connect to postgresql://"),
                             HasSubstr("password authentication failed"), Not(HasSubstr("wr0ng"))));
}

TEST_F(PostgresConnectionTest, AnUnknownDatabaseIsToldByName) {
  const auto driver = make_postgres_driver(options_for(with(dsn(), {{"dbname", "nowhere"}})));
  EXPECT_THAT(
      error_of(ErrorCode::kConnection, [&] { (void)driver->connect(spi::Access::kRead, soon()); }),
      HasSubstr("\"nowhere\" does not exist"));
}

TEST(PostgresConnectTest, AServerThatIsDownIsToldAtOnce) {
  const std::string port = dead_port();
  const auto driver =
      make_postgres_driver(options_for("postgresql://u:s3cret@127.0.0.1:" + port + "/d"));
  EXPECT_EQ(driver->display_name(), "postgresql://u@127.0.0.1:" + port + "/d");
  const std::string message =
      error_of(ErrorCode::kConnection, [&] { (void)driver->connect(spi::Access::kRead, in(5s)); });
  EXPECT_THAT(message, AllOf(HasSubstr("Connection refused"), Not(HasSubstr("s3cret"))));
  const auto socket = make_postgres_driver(options_for("postgresql:///d?host=/nonexistent"));
  error_of(ErrorCode::kConnection, [&] { (void)socket->connect(spi::Access::kRead, in(5s)); });
}

TEST(PostgresConnectTest, AServerThatNeverAnswersEndsWithTheDeadline) {
  const MuteServer mute;
  const auto driver =
      make_postgres_driver(options_for("postgresql://u@127.0.0.1:" + mute.port() + "/d"));
  const TimePoint start = system_clock().now();
  error_of(ErrorCode::kTimeout, [&] { (void)driver->connect(spi::Access::kRead, in(200ms)); });
  EXPECT_LT(system_clock().now() - start, 3s);
}

TEST(PostgresConnectTest, BadDsnsAreConfigurationErrors) {
  for (const char* dsn : {"not a dsn", "postgresql://u@[db/d", "hots=x"}) {
    EXPECT_THAT(error_of(ErrorCode::kConfig, [&] { (void)make_postgres_driver(options_for(dsn)); }),
                HasSubstr("database: "));
  }
  for (const char* dsn :
       {"postgresql://u@127.0.0.1:99999/d", "postgresql://u@127.0.0.1/d?sslmode=perhaps"}) {
    const auto driver = make_postgres_driver(options_for(dsn));
    error_of(ErrorCode::kConfig, [&] { (void)driver->connect(spi::Access::kRead, in(1s)); });
  }
}

TEST_F(PostgresConnectionTest, TheNextHostOfADsnIsTriedWhenOneIsDown) {
  const std::string dead = dead_port();
  const std::string host = value("SELECT host(inet_server_addr())");
  const std::string port = value("SELECT inet_server_port()");
  reopen(options_for(with(dsn(), {{"host", "127.0.0.1," + host}, {"port", dead + "," + port}})));
  EXPECT_EQ(ask("SELECT 1").one<std::int64_t>(), 1);
  EXPECT_THAT(driver_->display_name(), HasSubstr("127.0.0.1:" + dead + ","));
}

// --- limits and losses ---

TEST_F(PostgresConnectionTest, AStatementThatIsCancelledInTimeLeavesTheConnectionUsable) {
  ask("SELECT pg_sleep($1)", 0.0);  // prepared
  const TimePoint start = system_clock().now();
  const Params params = Params::of(60.0);
  error_of(ErrorCode::kTimeout, [&] {
    (void)connection_->run(
        {.sql = "SELECT pg_sleep($1)", .params = &params, .deadline = in(100ms)});
  });
  EXPECT_LT(system_clock().now() - start, 5s);
  EXPECT_TRUE(connection_->usable());
  EXPECT_EQ(ask("SELECT 2").one<std::int64_t>(), 2);
  EXPECT_EQ(value("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep%' AND state = "
                  "'active' "
                  "AND pid <> pg_backend_pid()"),
            "0");
}

TEST_F(PostgresConnectionTest, AFrozenBackendEndsWithTheDeadlineAndTheConnectionIsThrownAway) {
  const Frozen frozen{backend()};
  const TimePoint start = system_clock().now();
  error_of(ErrorCode::kTimeout,
           [&] { (void)connection_->run({.sql = "SELECT 3", .deadline = in(100ms)}); });
  EXPECT_LT(system_clock().now() - start, 3s);
  EXPECT_FALSE(connection_->usable());
  EXPECT_EQ(connection_->state(), spi::TransactionState::kLost);
  EXPECT_FALSE(connection_->ping(soon()));
  error_of(ErrorCode::kConnection, [&] { ask("SELECT 4"); });
}

TEST_F(PostgresConnectionTest, AFrozenServerCannotHoldACancelForLong) {
  PrivateCluster cluster;
  reopen(options_for(cluster.dsn()));
  const auto postmaster = static_cast<pid_t>(
      std::stol(text("SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1)")));
  const Frozen frozen_backend{backend()};
  const Frozen frozen_server{postmaster};
  const TimePoint start = system_clock().now();
  error_of(ErrorCode::kTimeout,
           [&] { (void)connection_->run({.sql = "SELECT 3", .deadline = in(100ms)}); });
  connection_->cancel();
  EXPECT_LT(system_clock().now() - start, 5s);
  EXPECT_FALSE(connection_->usable());
}

TEST_F(PostgresConnectionTest, AKilledBackendIsAConnectionError) {
  run("SELECT pg_terminate_backend(" + std::to_string(backend()) + ")");
  const std::string message = error_of(ErrorCode::kConnection, [&] {
    for (;;) ask("SELECT 1");  // the signal takes its time
  });
  EXPECT_THAT(message, HasSubstr("terminat"));
  EXPECT_FALSE(connection_->usable());
  EXPECT_EQ(connection_->state(), spi::TransactionState::kLost);
}

TEST_F(PostgresConnectionTest, ALostCommitSaysThatItsOutcomeIsUnknown) {
  run("CREATE TABLE t (a int)");
  connection_->begin(spi::Isolation::kReadCommitted, spi::TransactionAccess::kReadWrite, soon());
  ask("INSERT INTO t VALUES (1)");
  const Frozen frozen{backend()};
  EXPECT_THAT(error_of(ErrorCode::kTimeout, [&] { connection_->commit(in(50ms)); }),
              HasSubstr("not known"));
}

// --- prepared statements ---

TEST_F(PostgresConnectionTest, StatementsArePreparedOnceAndTheirNumberIsBounded) {
  Options few = options();
  few.pool.statement_cache = 4;
  reopen(few);
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 10; ++i)
      EXPECT_EQ(ask("SELECT " + std::to_string(i)).one<std::int64_t>(), i);
  }
  EXPECT_LE(prepared_statements(),
            5);  // the one that counts evicted another, dropped with the next
  EXPECT_LE(prepared_statements(), 4);
  reopen(options());
  for (int i = 0; i < 5; ++i) ask("SELECT 'again'");
  EXPECT_EQ(prepared_statements(), 2);
  Options none = options();
  none.pool.statement_cache = 0;
  reopen(none);
  ask("SELECT 1");
  EXPECT_EQ(prepared_statements(), 0);
}

TEST_F(PostgresConnectionTest, WhatIsNotToBeKeptIsNotPrepared) {
  (void)connection_->run({.sql = "SELECT 1", .prepare = false, .deadline = soon()});
  EXPECT_EQ(prepared_statements(), 1);
}

TEST_F(PostgresConnectionTest, APlanWhoseTypeChangedIsPreparedAgain) {
  run("CREATE TABLE t (a int); INSERT INTO t VALUES (1)");
  EXPECT_EQ(ask("SELECT * FROM t").columns(), 1U);
  run("ALTER TABLE t ADD COLUMN b text");
  EXPECT_EQ(ask("SELECT * FROM t").columns(), 2U);
  run("ALTER TABLE t ALTER COLUMN a TYPE text");
  EXPECT_EQ(ask("SELECT * FROM t")[0].get<std::string>(0), "1");
}

TEST_F(PostgresConnectionTest, APlanWhoseTypeChangedInATransactionMakesItRetryable) {
  run("CREATE TABLE t (a int)");
  ask("SELECT * FROM t");
  run("ALTER TABLE t ADD COLUMN b text");
  connection_->begin(spi::Isolation::kReadCommitted, spi::TransactionAccess::kReadWrite, soon());
  try {
    ask("SELECT * FROM t");
    FAIL() << "the server took the old plan";
  } catch (const Error& error) {
    EXPECT_EQ(error.sqlstate(), "0A000");
    EXPECT_TRUE(error.retryable());
    EXPECT_TRUE(error.connection_usable());
  }
  connection_->rollback(soon());
  connection_->begin(spi::Isolation::kReadCommitted, spi::TransactionAccess::kReadWrite, soon());
  EXPECT_EQ(ask("SELECT * FROM t").columns(), 2U);
  connection_->commit(soon());
}

TEST_F(PostgresConnectionTest, StatementsTheServerForgotArePreparedAgain) {
  ask("SELECT 1");
  ask("DO $$ BEGIN EXECUTE 'DEALLOCATE ALL'; END $$");
  EXPECT_EQ(ask("SELECT 1").one<std::int64_t>(), 1);
}

TEST_F(PostgresConnectionTest, AWrongParameterCountIsFoundAtFirstAndLater) {
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(error_of(ErrorCode::kUsage, [&] { ask("SELECT $1::int + $2::int", 1); }),
                HasSubstr("takes 2 parameters, 1 was given"));
    EXPECT_EQ(ask("SELECT $1::int + $2::int", 1, 2).one<std::int64_t>(), 3);
  }
  (void)connection_->run({.sql = "SELECT 1", .prepare = false, .deadline = soon()});
  const Params two = Params::of(1, 2);
  EXPECT_THAT(error_of(ErrorCode::kUsage,
                       [&] {
                         (void)connection_->run({.sql = "SELECT $1::int",
                                                 .params = &two,
                                                 .prepare = false,
                                                 .deadline = soon()});
                       }),
              HasSubstr("takes 1 parameter, 2 were given"));
}

TEST_F(PostgresConnectionTest, CommandsThatRefuseTransactionsRun) {
  run("CREATE TABLE t (a int)");
  ask("VACUUM t");
  ask("SELECT 1");
  ask("VACUUM t");
  ask("CREATE INDEX CONCURRENTLY i ON t (a)");
  EXPECT_EQ(text("SHOW server_encoding"), "UTF8");
}

TEST_F(PostgresConnectionTest, CopyAndSeveralStatementsAreRefusedClearly) {
  run("CREATE TABLE t (a int)");
  EXPECT_THAT(error_of(ErrorCode::kSyntax, [&] { ask("SELECT 1; SELECT 2"); }),
              HasSubstr("multiple commands"));
  EXPECT_EQ(ask("SELECT 1").one<std::int64_t>(), 1);
  EXPECT_THAT(error_of(ErrorCode::kUsage, [&] { ask(" /* in /* deep */ */ COPY t FROM STDIN"); }),
              HasSubstr("COPY"));
  EXPECT_FALSE(connection_->usable());
}

// --- transactions ---

TEST_F(PostgresConnectionTest, CommittingAFailedTransactionIsAnErrorNotASilentRollback) {
  run("CREATE TABLE t (a int PRIMARY KEY)");
  connection_->begin(spi::Isolation::kReadCommitted, spi::TransactionAccess::kReadWrite, soon());
  ask("INSERT INTO t VALUES (1)");
  EXPECT_THROW(ask("INSERT INTO t VALUES (1)"), ConstraintError);
  EXPECT_EQ(connection_->state(), spi::TransactionState::kFailed);
  EXPECT_THAT(error_of(ErrorCode::kDatabase, [&] { connection_->commit(soon()); }),
              HasSubstr("rolled back"));
  EXPECT_EQ(connection_->state(), spi::TransactionState::kIdle);
  EXPECT_EQ(ask("SELECT count(*) FROM t").one<std::int64_t>(), 0);
}

TEST_F(PostgresConnectionTest, ADeferredConstraintIsToldAtCommit) {
  run("CREATE TABLE t (a int, CONSTRAINT later UNIQUE (a) DEFERRABLE INITIALLY DEFERRED)");
  connection_->begin(spi::Isolation::kReadCommitted, spi::TransactionAccess::kReadWrite, soon());
  ask("INSERT INTO t VALUES (1), (1)");
  try {
    connection_->commit(soon());
    FAIL() << "committed";
  } catch (const ConstraintError& error) {
    EXPECT_EQ(error.constraint(), "later");
  }
  EXPECT_EQ(connection_->state(), spi::TransactionState::kIdle);
}

TEST_F(PostgresConnectionTest, ASerializationFailureIsRetryable) {
  run("CREATE TABLE t (a int); INSERT INTO t VALUES (1)");
  connection_->begin(spi::Isolation::kRepeatableRead, spi::TransactionAccess::kReadWrite, soon());
  ask("SELECT a FROM t");
  run("UPDATE t SET a = 2");
  try {
    ask("UPDATE t SET a = 3");
    FAIL() << "updated";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kSerialization);
    EXPECT_TRUE(error.retryable());
  }
  connection_->rollback(soon());
  EXPECT_EQ(ask("SELECT a FROM t").one<std::int64_t>(), 2);
}

TEST_F(PostgresConnectionTest, DefaultsOfTheRoleDoNotChangeATransactionsKind) {
  reopen(options_for(with(dsn(), {{"options",
                                   "-c default_transaction_isolation=serializable "
                                   "-c default_transaction_read_only=on"}})));
  EXPECT_EQ(text("SHOW transaction_isolation"), "read committed");
  connection_->begin(spi::Isolation::kReadCommitted, spi::TransactionAccess::kReadWrite, soon());
  EXPECT_EQ(text("SHOW transaction_isolation"), "read committed");
  EXPECT_EQ(text("SHOW transaction_read_only"), "off");
  connection_->rollback(soon());
  connection_->rollback(soon());  // nothing to roll back is no error
}

TEST_F(PostgresConnectionTest, WhatATransactionDidToTheCatalogIsNotRememberedForOthers) {
  run("CREATE TABLE public.t (a int)");
  track("public.t");
  connection_->begin(spi::Isolation::kReadCommitted, spi::TransactionAccess::kReadWrite, soon());
  ask("DROP TABLE public.t");
  ask("CREATE TABLE public.t (a int)");
  const spi::Analysis inside = connection_->analyze("SELECT a FROM public.t", soon());
  EXPECT_EQ(inside.kind, spi::StatementKind::kRead);
  EXPECT_EQ(inside.cacheability, spi::Cacheability::kNever);
  connection_->rollback(soon());
  EXPECT_EQ(connection_->analyze("SELECT a FROM public.t", soon()).dependencies,
            std::vector<std::string>{value("SELECT 'public.t'::regclass::oid")});
}

// --- weir's schema ---

TEST_F(PostgresConnectionTest, AConnectionTellsTheFeedsIncarnation) {
  EXPECT_FALSE(connection_->info().incarnation.empty());
  EXPECT_EQ(connection_->info().incarnation, pull().incarnation);
  EXPECT_FALSE(connection_->info().standby);
}

TEST_F(PostgresConnectionTest, WithoutWeirsSchemaOnlyInvalidatingFails) {
  run("DROP SCHEMA weir CASCADE");
  const auto connection = driver_->connect(spi::Access::kRead, soon());
  EXPECT_EQ(connection->info().incarnation, "");
  EXPECT_EQ(ask_on(*connection, "SELECT 1").one<std::int64_t>(), 1);
  EXPECT_THAT(error_of(ErrorCode::kMigration,
                       [&] { connection->invalidate(spi::InvalidationKind::kTag, "t", soon()); }),
              HasSubstr("weir migrate up"));
}

TEST_F(PostgresConnectionTest, InvalidatingAnUnknownTableNamesIt) {
  EXPECT_THAT(
      error_of(ErrorCode::kUndefinedObject,
               [&] { connection_->invalidate(spi::InvalidationKind::kTable, "nowhere", soon()); }),
      HasSubstr("nowhere"));
}

TEST_F(PostgresConnectionTest, ASnapshotListsWhatIsInProgress) {
  run("CREATE TABLE t (a int)");
  run("BEGIN; INSERT INTO t VALUES (1)");
  const spi::ChangeId open = std::stoull(value("SELECT pg_current_xact_id()"));
  EXPECT_FALSE(connection_->current_snapshot(soon()).sees(open));
  run("COMMIT");
  EXPECT_TRUE(connection_->current_snapshot(soon()).sees(open));
}

}  // namespace
}  // namespace weir::postgres::test
