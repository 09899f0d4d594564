#include "drivers/sqlite/journal.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "tests/integration/sqlite/sqlite_harness.hpp"
#include "tests/support/error_of.hpp"

namespace weir::sqlite {
namespace {

using test::PlainConnection;
using test::soon;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// The steps of an own commit one by one, with others' commits and pulls between any two of them.
class JournalTest : public ::testing::Test {
 protected:
  JournalTest() {
    PlainConnection{file_.path()}.exec(
        "PRAGMA journal_mode = WAL; CREATE TABLE t (v); INSERT INTO t VALUES (0)");
    location_.path = file_.path();
    location_.busy_timeout = std::chrono::seconds{5};
    journal_ = std::make_unique<Journal>(location_, system_clock());
    writer_ = std::make_unique<Handle>(location_, Writing::kAllowed, system_clock(), soon());
    versions_ = std::make_unique<VersionReader>(*writer_, location_);
    (void)pull();
  }
  std::vector<std::string> pull(spi::Deadline deadline = soon()) {
    std::vector<std::string> found;
    for (const spi::Change& change : journal_->pull(cursor_, deadline).changes) {
      found.push_back(change.kind == spi::ChangeKind::kEverything ? "*" : change.target);
    }
    return found;
  }
  void begin() {
    writer_->exec("BEGIN IMMEDIATE", "test");
    journal_->opened(*versions_, FileIdentity{location_}, soon());
  }
  void update() { writer_->exec("UPDATE t SET v = v + 1", "test"); }
  void close(Ending ending = Ending::kCommitted) {
    OwnChanges changes;
    changes.relations.insert("main.t");
    journal_->closed(*versions_, ending, changes);
  }
  void commit_elsewhere() { PlainConnection{file_.path()}.exec("INSERT INTO t VALUES (0)"); }

  test::TemporaryFile file_;
  Location location_;
  std::unique_ptr<Journal> journal_;
  std::unique_ptr<Handle> writer_;
  std::unique_ptr<VersionReader> versions_;
  Journal::Cursor cursor_;
};

// What a transaction told by rows is believed only when the schema was looked at as it began.
TEST_F(JournalTest, RowsAreToldByTableWhenTheBeginningWasNotNoticed) {
  OwnChanges rows;
  rows.rows.emplace_back("main.t", "id:i1");
  begin();
  update();
  writer_->exec("COMMIT", "test");
  journal_->closed(*versions_, Ending::kCommitted, rows);
  auto told = journal_->pull(cursor_, soon()).changes;
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].kind, spi::ChangeKind::kRows);
  EXPECT_EQ(told[0].rows, "id:i1");

  writer_->exec("BEGIN IMMEDIATE", "test");  // without opened()
  update();
  writer_->exec("COMMIT", "test");
  journal_->closed(*versions_, Ending::kCommitted, rows);
  told = journal_->pull(cursor_, soon()).changes;
  ASSERT_FALSE(told.empty());
  EXPECT_EQ(told[0].kind, spi::ChangeKind::kRelation);
}

TEST_F(JournalTest, AnOwnCommitIsItsTables) {
  begin();
  update();
  EXPECT_THAT(pull(), IsEmpty());
  journal_->committing(*versions_);
  EXPECT_THAT(pull(), IsEmpty());
  writer_->exec("COMMIT", "test");
  close();
  EXPECT_THAT(pull(), ElementsAre("main.t"));
  EXPECT_THAT(pull(), IsEmpty());
}

TEST_F(JournalTest, ACommitByOthersBetweenOursAndItsTellingIsNotLost) {
  begin();
  update();
  journal_->committing(*versions_);
  writer_->exec("COMMIT", "test");
  commit_elsewhere();
  close();
  EXPECT_THAT(pull(), Contains("*"));
}

TEST_F(JournalTest, ACommitByOthersBeforeOursBeginsIsNotLost) {
  commit_elsewhere();
  begin();
  update();
  journal_->committing(*versions_);
  writer_->exec("COMMIT", "test");
  close();
  EXPECT_THAT(pull(), Contains("*"));
}

// Until closed() nobody knows what moved the monitor: not answering is the only right answer.
TEST_F(JournalTest, APullThatSeesACommitBeforeItIsToldWaitsForIt) {
  begin();
  update();
  journal_->committing(*versions_);
  writer_->exec("COMMIT", "test");
  test::error_of(ErrorCode::kTimeout, [&] {
    (void)pull(spi::Deadline::after(system_clock(), std::chrono::milliseconds{30}));
  });
  std::vector<std::string> found;
  std::thread puller{[&] { found = pull(); }};
  close();
  puller.join();
  EXPECT_THAT(found, ElementsAre("main.t"));
}

TEST_F(JournalTest, ARollbackIsNothing) {
  begin();
  update();
  writer_->exec("ROLLBACK", "test");
  close(Ending::kRolledBack);
  EXPECT_THAT(pull(), IsEmpty());
}

TEST_F(JournalTest, ACommitByOthersBetweenOurRollbackAndItsTellingIsNotLost) {
  begin();
  update();
  journal_->committing(*versions_);
  writer_->exec("ROLLBACK", "test");
  commit_elsewhere();
  test::error_of(ErrorCode::kTimeout, [&] {
    (void)pull(spi::Deadline::after(system_clock(), std::chrono::milliseconds{30}));
  });
  close(Ending::kRolledBack);
  EXPECT_THAT(pull(), ElementsAre("*"));
}

// Nobody knows yet that the statement ended the transaction.
TEST_F(JournalTest, ACommitByOthersWhileAStatementOfOursRunsIsNotLost) {
  begin();
  journal_->running(*versions_);
  writer_->exec("ROLLBACK", "test");
  commit_elsewhere();
  EXPECT_THAT(pull(), ElementsAre("*"));
  commit_elsewhere();
  close(Ending::kRolledBack);
  EXPECT_THAT(pull(), ElementsAre("*"));
}

TEST_F(JournalTest, APullDuringAStatementWaitsALittleForItsEnd) {
  begin();
  journal_->running(*versions_);
  update();
  EXPECT_THAT(pull(), IsEmpty());   // nothing moved
  writer_->exec("COMMIT", "test");  // so that something did
  std::vector<std::string> found;
  std::thread puller{[&] { found = pull(); }};
  close();
  puller.join();
  EXPECT_THAT(found, Contains("main.t"));
}

TEST_F(JournalTest, AnEndNobodyKnowsIsEverything) {
  begin();
  update();
  journal_->committing(*versions_);
  writer_->exec("COMMIT", "test");
  close(Ending::kUnknown);
  EXPECT_THAT(pull(), Contains("*"));
}

TEST_F(JournalTest, ASecondWriterOfTheSameProcessIsTakenForOthers) {
  Handle other{location_, Writing::kAllowed, system_clock(), soon()};
  VersionReader others{other, location_};
  begin();
  update();
  journal_->committing(*versions_);
  writer_->exec("COMMIT", "test");
  // Before the first has told its end, the second goes through all of its own.
  other.exec("BEGIN IMMEDIATE", "test");
  other.exec("UPDATE t SET v = v + 1", "test");
  journal_->committing(others);
  other.exec("COMMIT", "test");
  journal_->closed(others, Ending::kCommitted, OwnChanges{});
  close();
  EXPECT_THAT(pull(), Contains("*"));
}

TEST_F(JournalTest, ATransactionTheJournalWasNotToldOfIsTakenForOthers) {
  writer_->exec("BEGIN IMMEDIATE", "test");
  update();
  writer_->exec("COMMIT", "test");
  close();
  EXPECT_THAT(pull(), Contains("*"));
}

}  // namespace
}  // namespace weir::sqlite
