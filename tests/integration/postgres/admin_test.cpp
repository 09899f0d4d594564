#include "drivers/postgres/admin.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <thread>

#include "tests/integration/postgres/journal_fixture.hpp"
#include "weir/error.hpp"

// libpqxx 6.4 throws between receiving a result and owning it when the connection was just lost.
extern "C" const char* __lsan_default_suppressions();  // NOLINT: the sanitizer's name
extern "C" const char* __lsan_default_suppressions() { return "leak:libpqxx-6"; }

namespace weir::postgres::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;
using namespace std::chrono_literals;

class AdminTest : public JournalTest {
 protected:
  void install() override {}

  std::unique_ptr<spi::Admin> admin() { return make_admin(options_for(dsn()), system_clock()); }
  std::vector<spi::AdminStep> up(spi::DryRun dry = spi::DryRun::kNo) {
    return admin()->migrate_up(dry, {});
  }
  std::vector<spi::AdminStep> down(spi::DryRun dry = spi::DryRun::kNo) {
    return admin()->migrate_down(dry, {});
  }
  std::map<std::string, std::string> track_all(spi::DryRun dry = spi::DryRun::kNo) {
    return outcomes(admin()->track({}, dry, {}));
  }
  static std::map<std::string, std::string> outcomes(const std::vector<spi::AdminStep>& steps) {
    std::map<std::string, std::string> map;
    for (const spi::AdminStep& step : steps) {
      EXPECT_TRUE(map.emplace(step.object, step.action).second) << step.object << " twice";
    }
    return map;
  }
  template <typename F>
  static Error failure(F&& call) {
    try {
      call();
    } catch (const Error& error) {
      return error;
    }
    return Error{ErrorCode::kInternal, "no error"};
  }
};

TEST_F(AdminTest, UpDownUpLeavesNoTraceInBetween) {
  run("CREATE TABLE t(a int)");
  EXPECT_EQ(admin()->status().installed, 0);
  EXPECT_THAT(admin()->status().pending, ElementsAre("0001 journal", "0002 row_keys"));
  const auto steps = up();
  ASSERT_EQ(steps.size(), 2U);
  EXPECT_EQ(steps.front().action, "0001 journal: up");
  EXPECT_EQ(steps.back().action, "0002 row_keys: up");
  const spi::MigrationStatus status = admin()->status();
  EXPECT_EQ(status.installed, status.known);
  EXPECT_THAT(status.applied, ElementsAre("0001 journal", "0002 row_keys"));
  EXPECT_THAT(status.pending, IsEmpty());
  EXPECT_EQ(status.ddl_tracking, "event triggers");
  track_all();
  EXPECT_THAT(up(), IsEmpty());

  EXPECT_EQ(down().size(), 2U);
  EXPECT_EQ(value("SELECT (SELECT count(*) FROM pg_namespace WHERE nspname = 'weir') + "
                  "(SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'weir%') + "
                  "(SELECT count(*) FROM pg_event_trigger)"),
            "0");
  run("INSERT INTO t VALUES (1)");
  EXPECT_THAT(down(), IsEmpty());
  EXPECT_EQ(up().size(), 2U);
  EXPECT_EQ(track_all()["public.t"], "tracked");
}

TEST_F(AdminTest, ProgressIsTold) {
  std::vector<std::string> told;
  admin()->migrate_up(spi::DryRun::kNo,
                      [&](const spi::AdminStep& step) { told.push_back(step.action); });
  EXPECT_THAT(told, ElementsAre("0001 journal: up", "0002 row_keys: up"));
}

TEST_F(AdminTest, ADryRunShowsTheSqlAndChangesNothing) {
  run("CREATE TABLE t(a int)");
  const auto steps = up(spi::DryRun::kYes);
  ASSERT_EQ(steps.size(), 2U);
  EXPECT_THAT(steps.front().sql, HasSubstr("CREATE SCHEMA weir"));
  EXPECT_EQ(admin()->status().installed, 0);
  up();
  EXPECT_EQ(track_all(spi::DryRun::kYes)["public.t"], "would be tracked");
  EXPECT_EQ(value("SELECT count(*) FROM weir.tracked"), "0");
  EXPECT_EQ(down(spi::DryRun::kYes).size(), 2U);
  EXPECT_EQ(admin()->status().installed, 2);
}

TEST_F(AdminTest, OfConcurrentMigrationsOneDoesTheWork) {
  std::atomic<std::size_t> applied{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] { applied += up().size(); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(applied, 2U);
}

TEST_F(AdminTest, SomebodyElsesSchemaOfThatNameIsLeftAlone) {
  run("CREATE SCHEMA weir; CREATE TABLE weir.theirs(a int)");
  const Error error = failure([&] { up(); });
  EXPECT_EQ(error.code(), ErrorCode::kMigration);
  EXPECT_THAT(error.what(), HasSubstr("not weir's"));
  EXPECT_EQ(failure([&] { down(); }).code(), ErrorCode::kMigration);
  EXPECT_EQ(value("SELECT to_regclass('weir.theirs') IS NOT NULL"), "t");
}

TEST_F(AdminTest, ASchemaWithoutItsVersionNamesAWayOutThatWorks) {
  up();
  run("DELETE FROM weir.meta");
  EXPECT_THAT(failure([&] { up(); }).what(), HasSubstr("DROP SCHEMA weir CASCADE"));
  EXPECT_THAT(failure([&] { down(); }).what(), HasSubstr("DROP SCHEMA weir CASCADE"));
  run("DROP SCHEMA weir CASCADE");
  EXPECT_EQ(up().size(), 2U);
}

TEST_F(AdminTest, DownDropsNothingWhenSomebodyPutATableIntoTheSchema) {
  up();
  run("CREATE TABLE weir.theirs(a int)");
  EXPECT_THROW(down(), Error);
  EXPECT_EQ(admin()->status().installed, 1);  // one migration after the other
  run("DROP TABLE weir.theirs");
  EXPECT_EQ(down().size(), 1U);
}

TEST_F(AdminTest, ANewerSchemaIsRefusedByEveryCall) {
  up();
  run("CREATE TABLE t(a int); UPDATE weir.meta SET version = 99");
  for (const auto& call :
       std::vector<std::function<void()>>{[&] { up(); }, [&] { down(); }, [&] { track_all(); },
                                          [&] { admin()->untrack({"t"}, {}, {}); }}) {
    const Error error = failure(call);
    EXPECT_EQ(error.code(), ErrorCode::kMigration);
    EXPECT_THAT(error.what(), HasSubstr("99"));
  }
  EXPECT_EQ(admin()->status().installed, 99);
}

TEST_F(AdminTest, TrackingWithoutTheSchemaNamesTheFix) {
  const Error error = failure([&] { track_all(); });
  EXPECT_EQ(error.code(), ErrorCode::kMigration);
  EXPECT_THAT(error.what(), HasSubstr("weir migrate up"));
}

TEST_F(AdminTest, ARoleWithoutSuperuserRightsInstallsWithTheFingerprint) {
  const std::string installer = role();
  run(fmt::format(
      "CREATE TABLE theirs(a int); GRANT CREATE ON SCHEMA public TO {0};"
      "DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO {0}', current_database()); "
      "END $$",
      installer));
  const std::string installer_dsn = with(dsn(), {{"user", installer}, {"password", "secret"}});
  Pq connection = connect(installer_dsn);
  connection.exec("CREATE TABLE a_own(a int)", in(5s));
  const auto as_installer = make_admin(options_for(installer_dsn), system_clock());
  as_installer->migrate_up(spi::DryRun::kNo, {});
  EXPECT_EQ(as_installer->status().ddl_tracking, "fingerprint");
  // Somebody else's table fails by itself; its neighbours do not.
  const auto tracked = outcomes(as_installer->track({}, spi::DryRun::kNo, {}));
  EXPECT_EQ(tracked.at("public.a_own"), "tracked");
  EXPECT_THAT(tracked.at("public.theirs"), StartsWith("failed: "));
  as_installer->migrate_down(spi::DryRun::kNo, {});
  EXPECT_EQ(as_installer->status().installed, 0);
}

TEST_F(AdminTest, DownNamesWhoOwnsTheEventTriggersAndMustDropThemFirst) {
  const std::string installer = role();
  run(fmt::format(
      "DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO {0}', current_database()); "
      "END $$",
      installer));
  const auto as_installer = make_admin(
      options_for(with(dsn(), {{"user", installer}, {"password", "secret"}})), system_clock());
  as_installer->migrate_up(spi::DryRun::kNo, {});
  run("CREATE EVENT TRIGGER weir_ddl ON ddl_command_end EXECUTE FUNCTION weir.on_ddl();"
      "CREATE EVENT TRIGGER weir_drop ON sql_drop EXECUTE FUNCTION weir.on_ddl()");
  const Error error = failure([&] { as_installer->migrate_down(spi::DryRun::kNo, {}); });
  EXPECT_EQ(error.code(), ErrorCode::kPermission);
  EXPECT_THAT(error.what(), HasSubstr("event triggers weir_ddl, weir_drop belong to " +
                                      value("SELECT current_user")));
  EXPECT_THAT(error.what(), HasSubstr("DROP EVENT TRIGGER weir_ddl"));
  EXPECT_EQ(as_installer->status().installed, 2);
  run("DROP EVENT TRIGGER weir_ddl; DROP EVENT TRIGGER weir_drop");
  as_installer->migrate_down(spi::DryRun::kNo, {});
  EXPECT_EQ(as_installer->status().installed, 0);
}

TEST_F(AdminTest, ARoleThatMayNotCreateASchemaIsTold) {
  const std::string nobody = role();
  const auto as_nobody = make_admin(
      options_for(with(dsn(), {{"user", nobody}, {"password", "secret"}})), system_clock());
  const Error error = failure([&] { as_nobody->migrate_up(spi::DryRun::kNo, {}); });
  EXPECT_EQ(error.code(), ErrorCode::kPermission) << error.what();
}

TEST_F(AdminTest, EveryTableIsTrackedAndWhatCannotBeIsNamedWithTheReason) {
  up();
  run("CREATE TABLE t(a int); CREATE TABLE \"We\"\"ird 'tab\"(a int); CREATE VIEW v AS SELECT 1 AS "
      "a;"
      "CREATE MATERIALIZED VIEW mv AS SELECT 1 AS a; CREATE SCHEMA s; CREATE TABLE s.u(a int);"
      "CREATE TABLE pt(k int) PARTITION BY LIST (k); CREATE TABLE l1 PARTITION OF pt DEFAULT;"
      "CREATE SEQUENCE sq");
  const auto first = track_all();
  EXPECT_EQ(first.size(), 5U);
  for (const auto& [table, outcome] : first) EXPECT_EQ(outcome, "tracked") << table;
  EXPECT_TRUE(first.contains("public.\"We\"\"ird 'tab\""));
  for (const auto& [table, outcome] : track_all()) EXPECT_EQ(outcome, "already tracked") << table;
  const auto named = outcomes(admin()->track(
      {"v", "public.mv", "sq", "pg_catalog.pg_class", "weir.journal"}, spi::DryRun::kNo, {}));
  EXPECT_EQ(named.size(), 5U);
  for (const auto& [table, outcome] : named) EXPECT_THAT(outcome, StartsWith("skipped: ")) << table;

  run("ALTER TABLE t DISABLE TRIGGER weir_write; DROP TRIGGER weir_write ON s.u");
  const auto again = track_all();
  EXPECT_EQ(again.at("public.t"), "repaired");
  EXPECT_EQ(again.at("s.u"), "tracked");
}

TEST_F(AdminTest, WhatIsUntrackedIsListedWithPartitionsAndWithoutDisabledTriggers) {
  up();
  run("CREATE TABLE tracked(a int); CREATE TABLE disabled(a int); CREATE SCHEMA \"S 1\"; "
      "CREATE TABLE \"S 1\".free(a int); CREATE VIEW view AS SELECT 1; "
      "CREATE TABLE parent(a int) PARTITION BY LIST (a); "
      "CREATE TABLE child PARTITION OF parent FOR VALUES IN (1)");
  const auto admin = this->admin();
  (void)admin->track({"tracked", "disabled"}, spi::DryRun::kNo, {});
  run("ALTER TABLE disabled DISABLE TRIGGER weir_write");
  std::vector<std::string> tables;
  for (const spi::UntrackedTable& table : admin->untracked())
    tables.push_back(table.schema + "/" + table.table);
  EXPECT_THAT(tables, ::testing::ElementsAre("S 1/\"S 1\".free", "public/public.child",
                                             "public/public.parent"));
}

TEST_F(AdminTest, RelationsAreNamedAndThoseThatAreGoneLeftOut) {
  run("CREATE TABLE t(a int)");
  const std::string oid = value("SELECT 't'::regclass::oid");
  EXPECT_THAT(admin()->names_of({oid, "4000000000"}),
              ::testing::ElementsAre(std::pair<const std::string, std::string>{oid, "public.t"}));
  EXPECT_THAT(admin()->names_of({}), ::testing::IsEmpty());
}

TEST_F(AdminTest, ForeignTablesAreSkippedAlsoAsPartitions) {
  up();
  run("CREATE FOREIGN DATA WRAPPER nothing; CREATE SERVER fs FOREIGN DATA WRAPPER nothing;"
      "CREATE TABLE pt(k text) PARTITION BY LIST (k); CREATE TABLE l1 PARTITION OF pt FOR VALUES "
      "IN ('a');"
      "CREATE FOREIGN TABLE ft PARTITION OF pt DEFAULT SERVER fs");
  const auto tracked = track_all();
  EXPECT_EQ(tracked.at("public.l1"), "tracked");
  EXPECT_THAT(tracked.at("public.ft"), StartsWith("skipped: foreign table"));
}

TEST_F(AdminTest, AnUnknownTableIsAnErrorBeforeAnythingIsDone) {
  up();
  run("CREATE TABLE t(a int)");
  const Error error = failure([&] { admin()->track({"t", "nope"}, spi::DryRun::kNo, {}); });
  EXPECT_EQ(error.code(), ErrorCode::kUndefinedObject);
  EXPECT_THAT(error.what(), HasSubstr("nope"));
  EXPECT_EQ(value("SELECT count(*) FROM weir.tracked"), "0");
}

TEST_F(AdminTest, UntrackTakesTheTriggersOffTheFamily) {
  up();
  run("CREATE TABLE t(a int); CREATE TABLE pt(k int) PARTITION BY LIST (k);"
      "CREATE TABLE l1 PARTITION OF pt DEFAULT");
  track_all();
  const auto first = outcomes(admin()->untrack({"l1"}, spi::DryRun::kNo, {}));
  EXPECT_EQ(first.at("public.pt"), "untracked");
  EXPECT_EQ(first.at("public.l1"), "untracked");
  EXPECT_EQ(value("SELECT string_agg(relation::regclass::text, ',') FROM weir.tracked"), "t");
  EXPECT_EQ(outcomes(admin()->untrack({"pt"}, spi::DryRun::kNo, {})).at("public.pt"),
            "not tracked");
}

TEST_F(AdminTest, ATableLockedBySomebodyFailsByItselfInBoundedTime) {
  up();
  run("CREATE TABLE busy(a int); CREATE TABLE calm(a int)");
  Pq other = connect(dsn());
  other.exec("BEGIN; LOCK TABLE busy IN ACCESS EXCLUSIVE MODE", in(5s));
  Options impatient = options_for(dsn());
  impatient.statement_timeout = 600ms;
  const TimePoint begin = system_clock().now();
  const auto tracked =
      outcomes(make_admin(impatient, system_clock())->track({}, spi::DryRun::kNo, {}));
  EXPECT_LT(system_clock().now() - begin, 10s);
  EXPECT_THAT(tracked.at("public.busy"), StartsWith("failed: "));
  EXPECT_EQ(tracked.at("public.calm"), "tracked");
}

TEST_F(AdminTest, ALostConnectionIsReplacedByTheNextCall) {
  const auto same = admin();
  EXPECT_EQ(same->status().installed, 0);
  run("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
      "WHERE datname = current_database() AND pid <> pg_backend_pid()");
  EXPECT_EQ(failure([&] { (void)same->status(); }).code(), ErrorCode::kConnection);
  EXPECT_EQ(same->status().installed, 0);
}

TEST_F(AdminTest, BadDsnsAndPasswordsAreClearAndKeepThePasswordOut) {
  const auto status = [](const std::string& dsn) {
    (void)make_admin(options_for(dsn), system_clock())->status();
  };
  EXPECT_EQ(failure([&] { status("postgresql://h:notaport:1/x?nonsense=1"); }).code(),
            ErrorCode::kConfig);
  const std::string somebody = role();
  const Error refused = failure([&] {
    status(with(dsn(), {{"user", "nobody_" + somebody}, {"password", "hunter2"}}));
  });
  EXPECT_EQ(refused.code(), ErrorCode::kConnection);
  EXPECT_THAT(refused.what(), Not(HasSubstr("hunter2")));
}

}  // namespace
}  // namespace weir::postgres::test
