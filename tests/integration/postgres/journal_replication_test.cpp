// facts.md A4: apply workers of logical replication fire row triggers only.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/integration/postgres/journal_fixture.hpp"

namespace weir::postgres::test {
namespace {

using namespace std::chrono_literals;
using Names = std::set<std::string>;

class JournalReplicationTest : public JournalTest {
 protected:
  void SetUp() override {
    JournalTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    name_ = unique_name("pub");
    run(fmt::format("CREATE DATABASE {}", name_));
    publisher_dsn_ = with(dsn(), {{"dbname", name_}});
    publish(
        "CREATE TABLE p(id int PRIMARY KEY, v int); INSERT INTO p VALUES (1, 1); "
        "CREATE PUBLICATION pb FOR TABLE p");
    publish(fmt::format("SELECT pg_create_logical_replication_slot('{}', 'pgoutput')", name_));
    run("CREATE TABLE p(id int PRIMARY KEY, v int)");
  }
  void TearDown() override {
    if (!name_.empty()) {
      db().exec("ROLLBACK", in(5s));
      if (value("SELECT count(*) FROM pg_subscription WHERE subname = '" + name_ + "'") == "1") {
        run(fmt::format("ALTER SUBSCRIPTION {} DISABLE", name_));
        run(fmt::format("ALTER SUBSCRIPTION {} SET (slot_name = NONE)", name_));
        run(fmt::format("DROP SUBSCRIPTION {}", name_));
      }
      // The walsender leaves a moment after its subscription.
      run(fmt::format(
          "DO $$ BEGIN FOR i IN 1..100 LOOP BEGIN PERFORM pg_drop_replication_slot('{}'); "
          "RETURN; EXCEPTION WHEN object_in_use THEN PERFORM pg_sleep(0.1); END; END LOOP; "
          "END $$",
          name_));
      run(fmt::format("DROP DATABASE {} WITH (FORCE)", name_));
    }
    JournalTest::TearDown();
  }
  void publish(const std::string& sql) {
    Pq publisher = connect(publisher_dsn_);
    publisher.exec(sql, in(60s));  // a new slot waits for every transaction under way
  }
  void subscribe() {
    std::string conninfo = publisher_dsn_;
    for (std::size_t at = 0; (at = conninfo.find('\'', at)) != std::string::npos; at += 2) {
      conninfo.insert(at, 1, '\'');
    }
    run(fmt::format(
        "CREATE SUBSCRIPTION {0} CONNECTION '{1}' PUBLICATION pb WITH (create_slot = false, "
        "slot_name = '{0}')",
        name_, conninfo));
  }
  /// Pulls until `wanted` was told, or for 20 s.
  bool told(const std::string& wanted) {
    const spi::Deadline limit = in(20s);
    while (!limit.passed(system_clock())) {
      if (changes().contains(wanted)) return true;
      run("SELECT pg_sleep(0.02)");
    }
    return false;
  }
  /// Waits until the subscription has copied the table.
  void synchronised() {
    const spi::Deadline limit = in(20s);
    while (value("SELECT count(*) FROM pg_subscription_rel WHERE srsubstate = 'r'") != "1") {
      ASSERT_FALSE(limit.passed(system_clock()));
      run("SELECT pg_sleep(0.05)");
    }
  }

  std::string name_;
  std::string publisher_dsn_;
};

TEST_F(JournalReplicationTest, ATrackedTableThatBecomesATargetGetsARowTriggerAndItsChangesAreTold) {
  track("p");
  changes();
  subscribe();
  EXPECT_EQ(
      value("SELECT count(*) FROM pg_trigger WHERE tgname = 'weir_apply' AND tgenabled = 'A'"),
      "1");
  EXPECT_EQ(value("SELECT count(*) FROM weir.tracked"), "1");
  synchronised();
  changes();
  publish("INSERT INTO p VALUES (2, 2), (3, 3)");
  EXPECT_TRUE(told("p"));
  publish("UPDATE p SET v = 9");
  EXPECT_TRUE(told("p"));
  publish("DELETE FROM p WHERE id = 1");
  EXPECT_TRUE(told("p"));
  publish("TRUNCATE p");
  EXPECT_TRUE(told("p"));
  EXPECT_EQ(value("SELECT count(*) FROM p"), "0");
}

TEST_F(JournalReplicationTest, ATargetThatIsTrackedLaterGetsItsRowTriggerThen) {
  subscribe();
  track("p");
  EXPECT_EQ(value("SELECT count(*) FROM weir.tracked"), "1");
  synchronised();
  changes();
  publish("INSERT INTO p VALUES (2, 2)");
  EXPECT_TRUE(told("p"));
}

TEST_F(JournalReplicationTest, ATargetWithoutTheRowTriggerIsNotTracked) {
  track("p");
  subscribe();
  run("ALTER TABLE p ENABLE TRIGGER weir_apply");
  EXPECT_EQ(value("SELECT count(*) FROM weir.tracked"), "0");
  run("DROP TRIGGER weir_apply ON p");
  EXPECT_EQ(value("SELECT count(*) FROM weir.tracked"), "0");
  track("p");
  EXPECT_EQ(value("SELECT count(*) FROM weir.tracked"), "1");
}

}  // namespace
}  // namespace weir::postgres::test
