// Every write, sync, truncation and deletion of files in turn fails under own writes: whatever the
// outcome of the write, answers are what the file holds.
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/fault/sqlite/failing_disk.hpp"
#include "tests/integration/sqlite/sqlite_harness.hpp"
#include "weir/weir.hpp"

namespace weir::test {
namespace {

using namespace std::chrono_literals;

struct DiskParam {
  const char* name;
  const char* journal_mode;
};

class DiskTest : public ::testing::TestWithParam<DiskParam> {
 protected:
  void SetUp() override {
    const std::string mode = std::string{"PRAGMA journal_mode = "} + GetParam().journal_mode + "; ";
    PlainConnection{file_.path()}.exec(
        mode +
        "CREATE TABLE a (id INTEGER PRIMARY KEY, v); INSERT INTO a VALUES (1, 0);"
        "CREATE TABLE b (id INTEGER PRIMARY KEY, v); INSERT INTO b VALUES (1, 0)");
    PlainConnection{file_.path("y.db")}.exec(
        mode + "CREATE TABLE far (id INTEGER PRIMARY KEY, v); INSERT INTO far VALUES (1, 0)");
    options_ = file_.options();
    options_.sqlite.attach = {{"y", file_.path("y.db")}};
    options_.policy.max_staleness = 1h;  // nothing happens in the background
    database_.emplace(Database::open(options_, make_sqlite_driver(options_)));
  }

  /// Compares answers with the files, until pulls, which pause after one that failed, go on.
  void compare(const std::string& when) {
    bool hit = false;
    const TimePoint limit = system_clock().now() + 5s;
    while (!hit && system_clock().now() < limit) {
      for (const char* table : {"a", "b", "far"}) {
        PlainConnection plain{file_.path(table == std::string{"far"} ? "y.db" : "a.db")};
        const std::string sql = std::string{"SELECT v FROM "} + table;
        const std::int64_t truth = plain.integer(sql);
        try {
          const Result result = database_->with({.max_staleness = 0ms}).query(sql);
          ASSERT_EQ(result.one<std::int64_t>(), truth) << table << ", " << when;
          hit = result.source() == Source::kMemory;
        } catch (const Error&) {  // a connection that was lost, say
        }
      }
    }
    EXPECT_TRUE(hit) << when;
  }

  FailingDisk disk_;  // before all connections, and gone after them
  TemporaryFile file_;
  Options options_;
  std::optional<Database> database_;
};

TEST_P(DiskTest, AWriteThatFailsHalfWayLeavesNoWrongAnswerBehind) {
  const std::vector<std::pair<const char*, std::function<void()>>> works{
      {"update", [&] { database_->execute("UPDATE a SET v = v + 1"); }},
      {"transaction over two files",
       [&] {
         Transaction transaction = database_->begin();
         transaction.execute("UPDATE a SET v = v + 1");
         transaction.execute("UPDATE far SET v = v + 1");
         transaction.commit();
       }},
      {"rollback",
       [&] {
         Transaction transaction = database_->begin();
         transaction.execute("UPDATE a SET v = v + 1");
         transaction.rollback();
       }},
  };
  for (const auto& [name, work] : works) {
    for (const int code : {SQLITE_FULL, SQLITE_IOERR_FSYNC}) {
      std::size_t failed = 0;
      for (std::size_t at = 0;; ++at) {
        const std::string when = std::string{name} + ", operation " + std::to_string(at) +
                                 " failing with " + std::to_string(code);
        const std::size_t operations = disk_.run(at, code, [&, &act = work] {
          try {
            act();
          } catch (const Error&) {
            ++failed;
          }
        });
        ASSERT_NO_FATAL_FAILURE(compare(when));
        PlainConnection{file_.path()}.exec("UPDATE b SET v = v + 1");
        ASSERT_NO_FATAL_FAILURE(compare(when + ", after a commit by others"));
        if (at >= operations) break;
      }
      if (std::string{name} != "rollback") {
        EXPECT_GT(failed, 0U) << name;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Sqlite, DiskTest,
                         ::testing::Values(DiskParam{"Wal", "WAL"},
                                           DiskParam{"RollbackJournal", "DELETE"}),
                         [](const auto& param) { return std::string{param.param.name}; });

}  // namespace
}  // namespace weir::test
