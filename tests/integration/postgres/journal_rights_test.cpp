// facts.md A8: what roles need, and what a hostile session can do to the triggers.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/integration/postgres/journal_fixture.hpp"
#include "weir/error.hpp"

namespace weir::postgres::test {
namespace {

using Names = std::set<std::string>;

class JournalRightsTest : public JournalTest {
 protected:
  void SetUp() override {
    JournalTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    run("CREATE TABLE t(a int)");
    track("t");
    app_ = role();
    run(fmt::format("GRANT ALL ON t TO {}", app_));
    app_dsn_ = with(dsn(), {{"user", app_}, {"password", "secret"}});
  }

  std::string app_;
  std::string app_dsn_;
};

TEST_F(JournalRightsTest, AWriterNeedsNoRightOnTheJournal) {
  run("REVOKE USAGE ON SCHEMA weir FROM PUBLIC; REVOKE ALL ON weir.journal FROM PUBLIC");
  changes();
  Pq app = connect(app_dsn_);
  app.exec("INSERT INTO t VALUES (1)", in(std::chrono::seconds{5}));
  EXPECT_EQ(changes(), Names{"t"});
}

TEST_F(JournalRightsTest, AHostileSearchPathDoesNotRedirectTheTrigger) {
  run(fmt::format("CREATE SCHEMA evil AUTHORIZATION {}", app_));
  Pq app = connect(app_dsn_);
  const auto limit = in(std::chrono::seconds{5});
  app.exec(
      "CREATE TABLE evil.journal(kind \"char\", relation oid);"
      "CREATE FUNCTION evil.pg_current_xact_id() RETURNS xid8 LANGUAGE sql AS $$SELECT '1'::xid8$$;"
      "CREATE TEMP TABLE journal(kind \"char\", relation oid);"
      "SET search_path = pg_temp, evil, weir, pg_catalog",
      limit);
  changes();
  app.exec("INSERT INTO public.t VALUES (1)", limit);
  EXPECT_EQ(changes(), Names{"t"});
  EXPECT_EQ(test::value(app, "SELECT count(*) FROM pg_temp.journal"), "0");
}

TEST_F(JournalRightsTest, APlainRoleCanPullAndInvalidateButNotWriteTheJournal) {
  new_feed(app_dsn_);
  Pq app = connect(app_dsn_);
  const auto limit = in(std::chrono::seconds{5});
  changes();
  app.exec("SELECT weir.invalidate_table('t'); SELECT weir.invalidate_tag('x')", limit);
  EXPECT_EQ(changes(), (Names{"t", "tag x"}));
  for (const char* forbidden : {"INSERT INTO weir.journal(kind) VALUES ('a')",
                                "DELETE FROM weir.journal", "UPDATE weir.meta SET version = 9",
                                "DELETE FROM weir.incarnation", "TRUNCATE weir.journal"}) {
    try {
      app.exec(forbidden, limit);
      ADD_FAILURE() << forbidden << " was allowed";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kPermission) << error.what();
    }
  }
}

TEST_F(JournalRightsTest, ARoleWithoutUsageIsToldWhichGrantItNeeds) {
  run("REVOKE USAGE ON SCHEMA weir FROM PUBLIC");
  new_feed(app_dsn_);
  try {
    (void)pull();
    FAIL() << "pulled without USAGE";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kPermission);
    EXPECT_THAT(error.what(), ::testing::HasSubstr("GRANT USAGE ON SCHEMA weir"));
  }
  run(fmt::format("GRANT USAGE ON SCHEMA weir TO {}", app_));
  EXPECT_NO_THROW((void)pull());
}

TEST_F(JournalRightsTest, ARoleThatIsReadOnlyByDefaultCanMakeTheNewIncarnation) {
  run(
      fmt::format("ALTER ROLE {} SET default_transaction_read_only = on; "
                  "ALTER ROLE {} SET default_transaction_isolation = 'repeatable read'",
                  app_, app_));
  new_feed(app_dsn_);
  const std::string before = pull().incarnation;
  run("DELETE FROM weir.incarnation");
  const spi::Pull after = pull();
  EXPECT_NE(after.incarnation, before);
  EXPECT_FALSE(after.reset.empty());
}

TEST_F(JournalRightsTest, ATableOwnerWithoutOtherRightsCanTrackItsTables) {
  run(fmt::format("GRANT CREATE ON SCHEMA public TO {}", app_));
  Pq app = connect(app_dsn_);
  const auto limit = in(std::chrono::seconds{5});
  app.exec("CREATE TABLE own(a int); SELECT weir.track('own')", limit);
  changes();
  app.exec("INSERT INTO own VALUES (1)", limit);
  EXPECT_EQ(changes(), Names{"own"});
  EXPECT_THROW(app.exec("SELECT weir.untrack('t')", limit), Error);
  run("DROP TABLE own; REVOKE ALL ON SCHEMA public FROM " + app_);
}

}  // namespace
}  // namespace weir::postgres::test
