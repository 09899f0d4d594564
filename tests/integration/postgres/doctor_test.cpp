#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>

#include "drivers/postgres/admin.hpp"
#include "tests/integration/postgres/journal_fixture.hpp"
#include "weir/error.hpp"

namespace weir::postgres::test {
namespace {

using ::testing::HasSubstr;
using namespace std::chrono_literals;

class DoctorTest : public JournalTest {
 protected:
  std::vector<spi::Finding> examine(const std::string& dsn) {
    return make_admin(options_for(dsn), system_clock())->doctor(in(20s));
  }
  /// What is wrong, by check and object; kOk findings left out.
  static std::optional<spi::Finding> find(const std::vector<spi::Finding>& findings,
                                          const std::string& check, const std::string& object) {
    for (const spi::Finding& finding : findings) {
      if (finding.severity != spi::Severity::kOk && finding.check == check &&
          finding.object.find(object) != std::string::npos) {
        return finding;
      }
    }
    return std::nullopt;
  }
  /// Expects the finding, runs its fix, and expects it gone.
  void expect_fixable(const std::string& check, const std::string& object) {
    const auto finding = find(examine(dsn()), check, object);
    ASSERT_TRUE(finding) << check << " " << object;
    EXPECT_FALSE(finding->meaning.empty());
    run(finding->fix);
    EXPECT_FALSE(find(examine(dsn()), check, object)) << finding->fix;
  }
};

TEST_F(DoctorTest, AHealthyDatabaseHasOnlyGoodNews) {
  run("CREATE TABLE t(a int)");
  track("t");
  const auto findings = examine(dsn());
  EXPECT_GT(findings.size(), 10U);
  for (const spi::Finding& finding : findings) {
    EXPECT_EQ(finding.severity, spi::Severity::kOk) << finding.check << ": " << finding.meaning;
  }
}

TEST_F(DoctorTest, FindsUntrackedTablesAndItsFixTracksThem) {
  run("CREATE TABLE \"Odd 'name\"(a int)");
  expect_fixable("untracked-table", "Odd 'name");
}

TEST_F(DoctorTest, FindsUntrackedNewPartitions) {
  run("CREATE TABLE pt(k int) PARTITION BY LIST (k)");
  track("pt");
  run("ALTER EVENT TRIGGER weir_ddl DISABLE; CREATE TABLE l1 PARTITION OF pt DEFAULT; "
      "ALTER EVENT TRIGGER weir_ddl ENABLE ALWAYS");
  expect_fixable("untracked-partition", "l1");
}

TEST_F(DoctorTest, FindsDisabledAndNotAlwaysAndAlteredTriggers) {
  run("CREATE TABLE t(a int)");
  track("t");
  for (const char* damage :
       {"ALTER TABLE t DISABLE TRIGGER weir_write", "ALTER TABLE t ENABLE TRIGGER weir_write",
        "CREATE OR REPLACE TRIGGER weir_write AFTER INSERT ON t FOR EACH STATEMENT EXECUTE "
        "FUNCTION "
        "weir.on_write(); ALTER TABLE t ENABLE ALWAYS TRIGGER weir_write"}) {
    run(damage);
    expect_fixable("trigger-disabled", "t");
  }
}

TEST_F(DoctorTest, FindsADeadTriggerOfATableWithKeysAndItsFixRevivesIt) {
  run("CREATE TABLE t(id int PRIMARY KEY); SELECT weir.track('t')");
  EXPECT_FALSE(find(examine(dsn()), "trigger-disabled", "t"));
  for (const char* damage :
       {"ALTER TABLE t DISABLE TRIGGER weir_insert", "ALTER TABLE t ENABLE TRIGGER weir_delete",
        "DROP TRIGGER weir_update ON t", "ALTER TABLE t DISABLE TRIGGER weir_write"}) {
    run(damage);
    expect_fixable("trigger-disabled", "t");
  }
}

TEST_F(DoctorTest, FindsKeyColumnsThatNoLongerFitAndItsFixMakesThemFit) {
  run("CREATE TABLE t(id int PRIMARY KEY, a int UNIQUE); SELECT weir.track('t')");
  EXPECT_FALSE(find(examine(dsn()), "key-columns", "t"));
  for (const char* ddl :
       {"ALTER TABLE t RENAME COLUMN id TO other", "ALTER TABLE t DROP COLUMN a"}) {
    run(ddl);
    expect_fixable("key-columns", "t");
  }
}

TEST_F(DoctorTest, FindsDisabledAndMissingEventTriggers) {
  run("ALTER EVENT TRIGGER weir_drop DISABLE");
  auto finding = find(examine(dsn()), "ddl-tracking", "weir_drop");
  ASSERT_TRUE(finding);
  EXPECT_THAT(finding->fix, HasSubstr("ENABLE ALWAYS"));
  run("DROP EVENT TRIGGER weir_drop; DROP EVENT TRIGGER weir_ddl");
  finding = find(examine(dsn()), "ddl-tracking", "event triggers");
  ASSERT_TRUE(finding);
  run(finding->fix.substr(finding->fix.find("CREATE")));
  EXPECT_FALSE(find(examine(dsn()), "ddl-tracking", ""));
}

TEST_F(DoctorTest, FindsMissingRightsOfTheRoleItRunsAs) {
  const std::string app = role();
  const std::string app_dsn = with(dsn(), {{"user", app}, {"password", "secret"}});
  EXPECT_FALSE(find(examine(app_dsn), "rights", ""));
  run("REVOKE SELECT ON weir.journal FROM PUBLIC; REVOKE EXECUTE ON FUNCTION weir.handshake FROM "
      "PUBLIC");
  for (const char* object : {"weir.journal", "weir.handshake"}) {
    const auto finding = find(examine(app_dsn), "rights", object);
    ASSERT_TRUE(finding) << object;
    run(finding->fix);
  }
  EXPECT_FALSE(find(examine(app_dsn), "rights", ""));
  run("REVOKE USAGE ON SCHEMA weir FROM PUBLIC");
  const auto finding = find(examine(app_dsn), "rights", app);
  ASSERT_TRUE(finding);
  run(finding->fix);
  EXPECT_FALSE(find(examine(app_dsn), "rights", ""));
  run(fmt::format(
      "REVOKE ALL ON SCHEMA weir FROM {0}; REVOKE ALL ON ALL TABLES IN SCHEMA weir FROM {0}; "
      "REVOKE ALL ON ALL FUNCTIONS IN SCHEMA weir FROM {0}",
      app));
}

TEST_F(DoctorTest, FindsALostIncarnationRow) {
  run("TRUNCATE weir.incarnation");
  expect_fixable("incarnation", "weir.incarnation");
}

TEST_F(DoctorTest, FindsTablesOfItsOwnThatWouldOrWouldNotSurviveACrashWrongly) {
  run("ALTER TABLE weir.journal SET UNLOGGED; ALTER TABLE weir.incarnation SET LOGGED");
  expect_fixable("persistence", "weir.journal");
  expect_fixable("persistence", "weir.incarnation");
}

TEST_F(DoctorTest, FindsThatTheRolesOwnNameBringsTheSchemaOntoItsSearchPath) {
  const bool named_weir = value("SELECT current_user") == "weir";  // as servers.sh has it
  const std::string user_first = with(dsn(), {{"options", R"(-c search_path="\$user",public)"}});
  EXPECT_EQ(find(examine(user_first), "role-named-weir", "weir").has_value(), named_weir);
}

TEST_F(DoctorTest, FindsTheReplicaRole) {
  const std::string loader = role();
  run(fmt::format("ALTER ROLE {} SET session_replication_role = replica", loader));
  expect_fixable("replica-role", loader);
}

TEST_F(DoctorTest, FindsAReplicationTargetWithoutRowTrigger) {
  run("CREATE TABLE p(a int PRIMARY KEY)");
  track("p");
  // What the catalog looks like after a subscription was made while event triggers were off.
  const std::string name = unique_name("sub");
  run(fmt::format(
      "CREATE SUBSCRIPTION {} CONNECTION 'dbname=nowhere' PUBLICATION pb WITH (connect = false)",
      name));
  run(fmt::format(
      "SET allow_system_table_mods = on; INSERT INTO pg_subscription_rel(srsubid, srrelid, "
      "srsubstate) SELECT oid, 'p'::regclass, 'r' FROM pg_subscription WHERE subname = '{}'; "
      "RESET allow_system_table_mods",
      name));
  expect_fixable("replication-target", "p");
  run(fmt::format("ALTER SUBSCRIPTION {0} SET (slot_name = NONE)", name));
  run(fmt::format("DROP SUBSCRIPTION {}", name));
}

TEST_F(DoctorTest, FindsAJournalNobodyPrunes) {
  run("INSERT INTO weir.journal(kind, target) SELECT 't', repeat('x', 100) || g FROM "
      "generate_series(1, 20000) g");
  const auto finding = find(examine(dsn()), "prune-lag", "weir.journal");
  ASSERT_TRUE(finding);
  EXPECT_THAT(finding->fix, HasSubstr("weir.prune"));
  run("SELECT weir.prune('1 hour')");
  EXPECT_FALSE(find(examine(dsn()), "prune-lag", ""));
}

TEST_F(DoctorTest, FindsTablesWhoseWakeUpsStandInTheWayOfTwoPhaseCommit) {
  run("CREATE TABLE t(a int); SELECT weir.track('t', wake => true)");
  expect_fixable("wake-and-prepare", "t");
}

TEST_F(DoctorTest, FindsThatListenHearsNothingBehindATransactionPooler) {
  WEIR_PGBOUNCER_DSN_OR_SKIP(bouncer);
  const auto findings = examine(with(bouncer, {{"dbname", value("SELECT current_database()")}}));
  EXPECT_TRUE(find(findings, "wake-ups", "LISTEN"));
  for (const spi::Finding& finding : findings) {
    EXPECT_THAT(finding.meaning, ::testing::Not(HasSubstr("could not be checked")))
        << finding.check;
  }
}

TEST_F(DoctorTest, SaysWhatToRunWhenTheSchemaIsMissingOrNewer) {
  run("UPDATE weir.meta SET version = 99");
  auto finding = find(examine(dsn()), "schema", "schema weir");
  ASSERT_TRUE(finding);
  EXPECT_THAT(finding->meaning, HasSubstr("99"));
  run("UPDATE weir.meta SET version = 2");
  make_admin(options_for(dsn()), system_clock())->migrate_down(spi::DryRun::kNo, {});
  finding = find(examine(dsn()), "schema", "schema weir");
  ASSERT_TRUE(finding);
  EXPECT_EQ(finding->severity, spi::Severity::kError);
  EXPECT_THAT(finding->fix, HasSubstr("weir migrate up"));
}

TEST_F(DoctorTest, ReturnsByItsDeadlineWhenTheJournalIsLocked) {
  Pq other = connect(dsn());
  other.exec("BEGIN; LOCK TABLE weir.meta IN ACCESS EXCLUSIVE MODE", in(5s));
  const TimePoint begin = system_clock().now();
  const auto findings = make_admin(options_for(dsn()), system_clock())->doctor(in(1s));
  EXPECT_LT(system_clock().now() - begin, 6s);
  EXPECT_TRUE(std::any_of(findings.begin(), findings.end(), [](const spi::Finding& finding) {
    return finding.meaning.find("could not be checked") != std::string::npos;
  }));
}

TEST_F(DoctorTest, AnUnreachableServerIsAnError) {
  EXPECT_THROW(examine(with(dsn(), {{"host", "127.0.0.1"}, {"port", "1"}})), ConnectionError);
}

}  // namespace
}  // namespace weir::postgres::test
