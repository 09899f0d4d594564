// What changes a meaning and no event trigger tells, or not in time: roles, settings, a partition
// that is being detached.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <thread>

#include "drivers/postgres/admin.hpp"
#include "tests/integration/postgres/journal_fixture.hpp"
#include "tests/integration/postgres/private_cluster.hpp"

namespace weir::postgres::test {
namespace {

using namespace std::chrono_literals;
using ::testing::IsEmpty;

const std::set<std::string> kReset{
    "reset: the catalog or the settings changed without a journal row"};

class RolesTest : public JournalTest {};

TEST_F(RolesTest, WhateverHappensToTheRolesOfTheLoginIsAReset) {
  const std::string app = role("LOGIN");
  const std::string group = role("NOLOGIN");
  const std::string above = role("NOLOGIN");
  new_feed(with(dsn(), {{"user", app}, {"password", "secret"}}));
  (void)pull();
  for (const std::string& statement : {
           fmt::format("ALTER ROLE {} BYPASSRLS", app),
           fmt::format("ALTER ROLE {} NOBYPASSRLS", app),
           fmt::format("ALTER ROLE {} SUPERUSER", app),
           fmt::format("ALTER ROLE {} NOSUPERUSER", app),
           fmt::format("ALTER ROLE {} NOINHERIT", app),
           fmt::format("GRANT {} TO {}", group, app),
           fmt::format("GRANT {} TO {}", above, group),
           fmt::format("ALTER ROLE {} BYPASSRLS", above),
           fmt::format("ALTER ROLE {} NOBYPASSRLS", above),
           fmt::format("ALTER ROLE {} RENAME TO {}_x", above, above),
           fmt::format("ALTER ROLE {}_x RENAME TO {}", above, above),
           fmt::format("ALTER ROLE {} NOINHERIT", group),
           fmt::format("REVOKE {} FROM {}", above, group),
           fmt::format("REVOKE {} FROM {}", group, app),
           fmt::format("GRANT {} TO {}; GRANT {} TO {}", above, app, group, app),
           fmt::format("REVOKE {} FROM {}; GRANT {} TO {}", above, app, above, app),
       }) {
    run(statement);
    EXPECT_EQ(changes(), kReset) << statement;
    EXPECT_THAT(changes(), IsEmpty()) << "after " << statement;
  }
}

TEST_F(RolesTest, WhatHappensToOtherRolesVoidsNothing) {
  const std::string app = role("LOGIN");
  const std::string group = role("NOLOGIN");
  run(fmt::format("GRANT {} TO {}", group, app));
  new_feed(with(dsn(), {{"user", app}, {"password", "secret"}}));
  (void)pull();
  const std::string other = role("LOGIN");
  const std::string third = role("NOLOGIN");
  for (const std::string& statement : {
           fmt::format("ALTER ROLE {} SUPERUSER BYPASSRLS", other),
           fmt::format("GRANT {} TO {}", third, other),
           fmt::format("GRANT {} TO {}", group,
                       other),  // a member of it as the login is: no matter
           fmt::format("ALTER ROLE {} PASSWORD 'other'", app),
       }) {
    run(statement);
    EXPECT_THAT(changes(), IsEmpty()) << statement;
  }
}

class DetachTest : public JournalTest {};

TEST_F(DetachTest, APartitionIsGoneFromItsParentBeforeTheEventTriggerTells) {
  run("CREATE TABLE pt (k int) PARTITION BY LIST (k); CREATE TABLE p1 PARTITION OF pt FOR VALUES "
      "IN (1); INSERT INTO pt VALUES (1)");
  track("pt");
  (void)pull();
  Pq reader = connect(dsn());
  reader.exec("BEGIN; SELECT * FROM pt", in(20s));
  std::thread detaching{[this] {
    Pq connection = connect(dsn());
    connection.exec("ALTER TABLE pt DETACH PARTITION p1 CONCURRENTLY", in(60s));
  }};
  const auto deadline = in(20s);
  while (value("SELECT count(*) FROM pg_inherits WHERE inhdetachpending") == "0" &&
         !deadline.passed(system_clock())) {
    std::this_thread::yield();
  }
  EXPECT_EQ(value("SELECT count(*) FROM pt"), "0") << "it waits no more: this case is void";
  EXPECT_EQ(changes(), kReset);
  reader.exec("COMMIT", in(20s));
  detaching.join();
  EXPECT_FALSE(changes().empty());
}

class SqlDropTest : public JournalTest {};

TEST_F(SqlDropTest, WhatGoesDownWithATemporaryTableVoidsNothing) {
  run("CREATE TEMP TABLE passing (id int); ALTER TABLE passing ENABLE ROW LEVEL SECURITY;"
      "CREATE POLICY p ON passing USING (id > 0);"
      "CREATE RULE r AS ON DELETE TO passing DO INSTEAD NOTHING");
  changes();
  run("DROP TABLE passing");
  EXPECT_THAT(changes(), IsEmpty());
}

TEST_F(SqlDropTest, WhatGoesDownWithATemporaryTypeVoidsWhereItWasATablesOwn) {
  run("CREATE TABLE docs (id int); ALTER TABLE docs ENABLE ROW LEVEL SECURITY;"
      "CREATE TYPE pg_temp.passing AS ENUM ('1');"
      "CREATE POLICY p ON docs USING (id::text::pg_temp.passing = '1')");
  changes();
  run("DROP TYPE pg_temp.passing CASCADE");
  EXPECT_EQ(value("SELECT count(*) FROM pg_policy"), "0");
  EXPECT_EQ(changes(), std::set<std::string>{"everything"});
  run("CREATE VIEW v AS SELECT id FROM docs; CREATE TYPE pg_temp.passing AS ENUM ('1');"
      "CREATE RULE r AS ON DELETE TO docs WHERE OLD.id::text::pg_temp.passing = '1' DO INSTEAD "
      "NOTHING");
  changes();
  run("DROP TYPE pg_temp.passing CASCADE");
  EXPECT_EQ(changes(), std::set<std::string>{"everything"});
}

TEST(SettingsTest, SettingsLoadedAnewAreAReset) {
  WEIR_POSTGRES_DSN_OR_SKIP(unused);
  PrivateCluster cluster;  // a reload concerns every database of a server
  make_admin(options_for(cluster.dsn()), system_clock())->migrate_up(spi::DryRun::kNo, {});
  const auto feed = make_change_feed(options_for(cluster.dsn()), system_clock());
  EXPECT_EQ(feed->pull(in(20s)).reset, "");
  EXPECT_EQ(feed->pull(in(20s)).reset, "");
  Pq connection = connect(cluster.dsn());
  // A default of the roles that log in: sessions under way take it on.
  value(connection, "ALTER SYSTEM SET DateStyle = 'SQL, DMY'");
  value(connection, "SELECT pg_reload_conf()");
  const auto deadline = in(20s);
  std::string reset;
  while (reset.empty() && !deadline.passed(system_clock())) reset = feed->pull(in(20s)).reset;
  EXPECT_EQ("reset: " + reset, *kReset.begin());
  EXPECT_EQ(feed->pull(in(20s)).reset, "");
  cluster.restart();
  EXPECT_NE(feed->pull(in(20s)).reset, "");
}

}  // namespace
}  // namespace weir::postgres::test
