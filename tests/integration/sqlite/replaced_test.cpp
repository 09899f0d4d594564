// Another file under the database's name, between any two calls: what an own call reads and writes
// is the file that is there.
#include <filesystem>
#include <string>

#include "tests/integration/sqlite/sqlite_harness.hpp"
#include "tests/support/error_of.hpp"
#include "weir/weir.hpp"

namespace weir::test {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

enum class By { kRename, kRemoveAndCopy };

struct ReplacedParam {
  const char* name;
  const char* journal_mode;
  By by;
};

class ReplacedTest : public SqliteTest, public ::testing::WithParamInterface<ReplacedParam> {
 protected:
  static void fill(const std::string& path, int value) {
    PlainConnection{path}.exec(std::string{"PRAGMA journal_mode = "} + GetParam().journal_mode +
                               "; CREATE TABLE t (v); INSERT INTO t VALUES (" +
                               std::to_string(value) + ")");
  }
  void SetUp() override {
    fill(file_.path(), 1);
    connect(file_.options());
  }
  static void put(const std::string& from, const std::string& to) {
    std::filesystem::remove(to + "-wal");
    std::filesystem::remove(to + "-shm");
    if (GetParam().by == By::kRename) {
      std::filesystem::rename(from, to);
    } else {
      std::filesystem::remove(to);
      std::filesystem::copy_file(from, to);
    }
  }
  void replace(int value) {
    const std::string fresh = file_.path("fresh.db");
    std::filesystem::remove(fresh);
    fill(fresh, value);
    put(fresh, file_.path());
  }
  std::int64_t in_file() { return PlainConnection{file_.path()}.integer("SELECT sum(v) FROM t"); }

  /// The call must fail as one that may be repeated, and its connection must be thrown away.
  template <typename Call>
  void expect_lost(spi::Connection& connection, Call&& call) {
    try {
      call();
      ADD_FAILURE() << "nothing thrown";
    } catch (const ConnectionError& e) {
      EXPECT_TRUE(e.retryable());
      EXPECT_FALSE(e.connection_usable());
      EXPECT_THAT(e.what(), ::testing::AllOf(HasSubstr(file_.path()), HasSubstr("replaced")));
    }
    EXPECT_FALSE(connection.usable());
    EXPECT_FALSE(connection.ping(soon()));
  }
};

TEST_P(ReplacedTest, AnOwnWriteNeverGoesToTheFileThatIsGone) {
  replace(100);
  expect_lost(*writer_, [&] { write("UPDATE t SET v = v + 1"); });
  EXPECT_EQ(in_file(), 100);
  writer_ = driver_->connect(spi::Access::kWrite, soon());
  write("UPDATE t SET v = v + 1");
  EXPECT_EQ(in_file(), 101);
}

TEST_P(ReplacedTest, ATransactionWhoseFileIsReplacedDoesNotCommit) {
  writer_->begin(spi::Isolation::kSerializable, spi::TransactionAccess::kReadWrite, soon());
  write("UPDATE t SET v = v + 1");
  replace(100);
  expect_lost(*writer_, [&] { writer_->commit(soon()); });
  writer_.reset();
  EXPECT_EQ(in_file(), 100);
  EXPECT_THAT(changes(), ElementsAre("*"));
  EXPECT_THAT(changes(), ElementsAre());
}

TEST_P(ReplacedTest, NoCallUsesTheFileThatIsGone) {
  replace(100);
  expect_lost(*reader_, [&] { (void)run(*reader_, "SELECT v FROM t"); });
  reader_ = driver_->connect(spi::Access::kRead, soon());
  EXPECT_EQ(integer("SELECT v FROM t"), 100);
  expect_lost(*writer_, [&] {
    writer_->begin(spi::Isolation::kSerializable, spi::TransactionAccess::kReadWrite, soon());
  });
  const auto calls = [&](auto&& call) {
    const auto connection = driver_->connect(spi::Access::kWrite, soon());
    replace(100);
    expect_lost(*connection, [&] { call(*connection); });
  };
  calls([](spi::Connection& c) { (void)c.analyze("SELECT v FROM t", soon()); });
  calls([](spi::Connection& c) { c.invalidate(spi::InvalidationKind::kTag, "x", soon()); });
  calls([](spi::Connection& c) { run(c, "VACUUM"); });
  calls([](spi::Connection& c) {
    c.begin(spi::Isolation::kSerializable, spi::TransactionAccess::kReadOnly, soon());
  });
}

TEST_P(ReplacedTest, AFileThatIsMissingIsALostConnectionUntilItIsBack) {
  std::filesystem::rename(file_.path(), file_.path("aside.db"));
  expect_lost(*writer_, [&] { write("UPDATE t SET v = v + 1"); });
}

// As a service sees it: no pull, no waiting, and whatever is cached of the old file.
TEST_P(ReplacedTest, ADatabaseReadsAndWritesTheFileThatIsThere) {
  Database database = Database::open(file_.options(), make_sqlite_driver(file_.options()));
  const auto value = [&](const char* sql, std::chrono::milliseconds bound) {
    return database.with({.max_staleness = bound}).query(sql).one<std::int64_t>();
  };
  const char* const cached = "SELECT v FROM t";
  const char* const uncached = "SELECT v + 0 * random() FROM t";
  EXPECT_EQ(value(cached, 0ms), 1);
  EXPECT_EQ(value(uncached, 1h), 1);
  replace(100);
  EXPECT_EQ(value(uncached, 1h), 100);
  EXPECT_EQ(value(cached, 0ms), 100);
  replace(200);
  EXPECT_EQ(value(cached, 0ms), 200);
  EXPECT_EQ(database.execute("UPDATE t SET v = v + 1"), 1U);
  replace(300);
  error_of(ErrorCode::kConnection, [&] { database.execute("UPDATE t SET v = v + 1"); });
  EXPECT_EQ(database.execute("UPDATE t SET v = v + 1"), 1U);
  EXPECT_EQ(in_file(), 301);
  EXPECT_EQ(value(cached, 1h), 301);
}

// The failed pull is not tried again at once; what is read meanwhile is the new file all the same.
TEST_P(ReplacedTest, AfterAPullFailedOnAMissingFileTheNewOneIsReadAtOnce) {
  Database database = Database::open(file_.options(), make_sqlite_driver(file_.options()));
  const auto value = [&] {
    return database.with({.max_staleness = 0ms}).query("SELECT v FROM t").one<std::int64_t>();
  };
  EXPECT_EQ(value(), 1);
  for (int round = 1; round <= 3; ++round) {
    const std::string fresh = file_.path("fresh.db");
    std::filesystem::remove(fresh);
    fill(fresh, 100 * round);
    std::filesystem::remove(file_.path());
    error_of(ErrorCode::kConnection, [&] { (void)value(); });
    put(fresh, file_.path());
    EXPECT_EQ(value(), 100 * round);
    EXPECT_EQ(value(), 100 * round);
  }
}

TEST_P(ReplacedTest, AnAttachedFileOfAnInMemoryDatabaseIsAttachedAnew) {
  Options options;
  options.database = "sqlite::memory:";
  options.sqlite.attach = {{"y", file_.path()}};
  Database database = Database::open(options, make_sqlite_driver(options));
  const auto value = [&] {
    return database.with({.max_staleness = 0ms}).query("SELECT v FROM y.t").one<std::int64_t>();
  };
  database.execute("CREATE TABLE kept (v)");
  EXPECT_EQ(value(), 1);
  replace(100);
  EXPECT_EQ(value(), 100);
  EXPECT_EQ(database.execute("UPDATE y.t SET v = v + 1"), 1U);
  replace(200);
  error_of(ErrorCode::kConnection, [&] { database.execute("UPDATE y.t SET v = v + 1"); });
  EXPECT_EQ(database.execute("UPDATE y.t SET v = v + 1"), 1U);
  EXPECT_EQ(in_file(), 201);
  EXPECT_EQ(value(), 201);
  EXPECT_EQ(database.query("SELECT count(*) FROM kept").one<std::int64_t>(), 0);
}

INSTANTIATE_TEST_SUITE_P(Sqlite, ReplacedTest,
                         ::testing::Values(ReplacedParam{"WalRename", "WAL", By::kRename},
                                           ReplacedParam{"WalCopy", "WAL", By::kRemoveAndCopy},
                                           ReplacedParam{"DeleteRename", "DELETE", By::kRename},
                                           ReplacedParam{"DeleteCopy", "DELETE",
                                                         By::kRemoveAndCopy}),
                         [](const auto& param) { return std::string{param.param.name}; });

}  // namespace
}  // namespace weir::test
