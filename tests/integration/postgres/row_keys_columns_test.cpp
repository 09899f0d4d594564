// Which columns are keys of a table, and what an analysis may believe of them.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "drivers/postgres/admin.hpp"
#include "tests/integration/postgres/journal_fixture.hpp"
#include "weir/error.hpp"

namespace weir::postgres::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

using Names = std::set<std::string>;

class RowKeysColumnsTest : public JournalTest {
 protected:
  std::string outcome(const std::string& arguments) {
    return value(fmt::format("SELECT outcome FROM weir.track({})", arguments));
  }
  std::string keys(const std::string& table) {
    return value(fmt::format(
        "SELECT coalesce(string_agg(attnum || '=' || name, ' '), '') FROM weir.key_columns('{}')",
        table));
  }
  std::string tracked() {
    return value(
        "SELECT coalesce(string_agg(relation::regclass::text, ' ' ORDER BY relation), '') "
        "FROM weir.tracked");
  }
  std::string writers() {
    return value(
        "SELECT count(*) FROM pg_proc WHERE pronamespace = 'weir'::regnamespace AND "
        "proname LIKE 'write\\_%'");
  }
  std::string refusal(const std::string& sql) {
    try {
      run(sql);
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  }
};

TEST_F(RowKeysColumnsTest, TheDefaultIsTheColumnsOfPrimaryUniqueAndForeignKeys) {
  run("CREATE COLLATION nd (provider = icu, locale = 'und', deterministic = false);"
      "CREATE DOMAIN whole AS int;"
      "CREATE TABLE par(a int, b int, PRIMARY KEY (a, b));"
      "CREATE TABLE p(none int, n numeric PRIMARY KEY, fb int, fa int, u1 text, u2 varchar(9), "
      "included int, partial int, expression text, ci text COLLATE nd UNIQUE, d whole UNIQUE, "
      "c char(3) UNIQUE, day date UNIQUE, UNIQUE (u1, u2) INCLUDE (included), "
      "FOREIGN KEY (fa, fb) REFERENCES par);"
      "CREATE UNIQUE INDEX ON p(partial) WHERE partial > 0;"
      "CREATE UNIQUE INDEX ON p(lower(expression)); CREATE INDEX ON p(none)");
  EXPECT_EQ(outcome("'p'"), "tracked by fb, fa, u1, u2");
  EXPECT_EQ(keys("p"), "3=fb 4=fa 5=u1 6=u2");
  EXPECT_EQ(outcome("'par'"), "tracked by a, b");
}

TEST_F(RowKeysColumnsTest, AtMostEightAreKeysThePrimaryOnesFirstThenUniqueThenForeign) {
  run("CREATE TABLE par(id int PRIMARY KEY);"
      "CREATE TABLE p(f1 int REFERENCES par, f2 int REFERENCES par, f3 int REFERENCES par, "
      "u1 int UNIQUE, u2 int UNIQUE, u3 int UNIQUE, a int, b int, c int, PRIMARY KEY (a, b, c), "
      "f4 int REFERENCES par)");
  EXPECT_EQ(outcome("'p'"), "tracked by f1, f2, u1, u2, u3, a, b, c");
  EXPECT_THAT(refusal("SELECT weir.track('p', keys => '{f1,f2,f3,f4,u1,u2,u3,a,b}')"),
              AllOf(HasSubstr("p can have at most 8 keys"), HasSubstr("9")));
}

TEST_F(RowKeysColumnsTest, ATableWithoutSuchColumnsIsToldAsAWhole) {
  run("CREATE TABLE p(a int)");
  EXPECT_EQ(outcome("'p'"), "tracked");
  EXPECT_EQ(outcome("'p'"), "already tracked");
  EXPECT_EQ(keys("p"), "");
  EXPECT_EQ(writers(), "0");
}

TEST_F(RowKeysColumnsTest, AChoiceIsKeptUntilAnotherIsMade) {
  run("CREATE TABLE p(id int PRIMARY KEY, a int, \"B, 'c'=\"\"\\\" text)");
  EXPECT_EQ(outcome("'p'"), "tracked by id");
  EXPECT_EQ(outcome("'p', keys => ARRAY['B, ''c''=\"\\', 'a']"), "tracked by a, \"B, 'c'=\"\"\\\"");
  EXPECT_EQ(keys("p"), "2=a 3=B, 'c'=\"\\");
  EXPECT_EQ(outcome("'p'"), "already tracked by a, \"B, 'c'=\"\"\\\"");
  EXPECT_EQ(outcome("'p', wake => true"), "repaired by a, \"B, 'c'=\"\"\\\"");
  changes();
  run("INSERT INTO p VALUES (1, 2, 'x')");
  EXPECT_EQ(changes(), Names{"p: 2:2 3:x"});
  EXPECT_EQ(outcome("'p', keys => '{}'"), "tracked");
  EXPECT_EQ(outcome("'p'"), "already tracked");
  EXPECT_EQ(value("SELECT wake FROM weir.tracked"), "t");
  EXPECT_EQ(writers(), "0");
  changes();
  run("INSERT INTO p VALUES (2, 2, 'x')");
  EXPECT_EQ(changes(), Names{"p"});
  EXPECT_EQ(outcome("'p', wake => false"), "repaired");
  EXPECT_EQ(outcome("'p'"), "already tracked");
  EXPECT_EQ(outcome("'p', keys => '{id,id}'"), "tracked by id");
}

TEST_F(RowKeysColumnsTest, WhatIsNotChosenFollowsTheKeysTheTableGets) {
  run("CREATE TABLE par(id int PRIMARY KEY); CREATE TABLE p(id int PRIMARY KEY, pid int)");
  EXPECT_EQ(outcome("'p'"), "tracked by id");
  run("ALTER TABLE p ADD FOREIGN KEY (pid) REFERENCES par");
  EXPECT_EQ(outcome("'p'"), "tracked by id, pid");
  run("ALTER TABLE p DROP CONSTRAINT p_pkey");
  EXPECT_EQ(outcome("'p'"), "tracked by pid");
  run("ALTER TABLE p DROP COLUMN pid");
  EXPECT_EQ(outcome("'p'"), "tracked");
  EXPECT_EQ(tracked(), "p");
}

TEST_F(RowKeysColumnsTest, AColumnThatCannotBeAKeyIsRefusedNamingItTheTableAndTheTypes) {
  run("CREATE TABLE p(id int PRIMARY KEY, n numeric)");
  for (const char* wrong : {"n", "nowhere", "ctid"}) {
    EXPECT_THAT(
        refusal(fmt::format("SELECT weir.track('p', keys => '{{id,{}}}')", wrong)),
        AllOf(HasSubstr("p these cannot be keys: " + std::string{wrong} + ";"), HasSubstr("uuid")));
  }
  EXPECT_THAT(refusal("SELECT weir.track('p', keys => '{NULL}')"), HasSubstr("NULL"));
  EXPECT_EQ(tracked(), "");
  const auto admin = make_admin(options_for(dsn()), system_clock());
  try {
    (void)admin->track_keys("p", {"n"}, spi::DryRun::kNo, {});
    ADD_FAILURE() << "n was accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
    EXPECT_THAT(error.what(), AllOf(HasSubstr("public.p"), HasSubstr(": n;"), HasSubstr("bigint")));
  }
}

TEST_F(RowKeysColumnsTest, TheAdminTracksByTheColumnsNamedAndShowsItBefore) {
  run("CREATE TABLE p(id int PRIMARY KEY, \"A\"\"\\\" text)");
  const auto admin = make_admin(options_for(dsn()), system_clock());
  const std::vector<std::string> columns{"A\"\\"};
  EXPECT_EQ(admin->track({}, spi::DryRun::kYes, {}).at(0).action, "would be tracked by id");
  EXPECT_EQ(admin->track_keys("p", columns, spi::DryRun::kYes, {}).at(0).action,
            "would be tracked by \"A\"\"\\\"");
  EXPECT_EQ(tracked(), "");
  const spi::AdminStep step = admin->track_keys("p", columns, spi::DryRun::kNo, {}).at(0);
  EXPECT_EQ(step.action, "tracked by \"A\"\"\\\"");
  EXPECT_EQ(admin->track_keys("p", columns, spi::DryRun::kYes, {}).at(0).action,
            "already tracked by \"A\"\"\\\"");
  run("SELECT weir.untrack('p');" + step.sql);
  EXPECT_EQ(keys("p"), "2=A\"\\");
  EXPECT_EQ(admin->track_keys("p", {}, spi::DryRun::kNo, {}).at(0).action, "tracked");
  EXPECT_EQ(admin->track({}, spi::DryRun::kNo, {}).at(0).action, "already tracked");
  const std::string oid = value("SELECT 'p'::regclass::oid");
  EXPECT_THAT(admin->column_names_of(oid),
              ::testing::ElementsAre(::testing::Pair("1", "id"), ::testing::Pair("2", "A\"\\")));
}

TEST_F(RowKeysColumnsTest, TrackingAgainChangesNothingAndOtherKeysVoidEverything) {
  run("CREATE TABLE p(id int PRIMARY KEY, a int)");
  EXPECT_EQ(outcome("'p'"), "tracked by id");
  changes();
  EXPECT_EQ(outcome("'p'"), "already tracked by id");
  EXPECT_EQ(changes(), Names{});
  EXPECT_EQ(outcome("'p', keys => '{a}'"), "tracked by a");
  EXPECT_EQ(changes(), Names{"everything"});
  EXPECT_EQ(outcome("'p', keys => '{}'"), "tracked");
  EXPECT_EQ(changes(), Names{"everything"});
}

TEST_F(RowKeysColumnsTest, ByTheFingerprintOtherKeysVoidEverythingToo) {
  run("DROP EVENT TRIGGER weir_ddl; DROP EVENT TRIGGER weir_drop; CREATE TABLE p(id int PRIMARY "
      "KEY, a int)");
  EXPECT_EQ(outcome("'p'"), "tracked by id");
  changes();
  run("INSERT INTO p VALUES (1, 2)");
  EXPECT_EQ(changes(), Names{"p: 1:1"});
  EXPECT_EQ(outcome("'p'"), "already tracked by id");
  EXPECT_EQ(changes(), Names{});
  EXPECT_EQ(outcome("'p', keys => '{a}'"), "tracked by a");
  EXPECT_THAT(pull().reset, HasSubstr("catalog"));
  EXPECT_EQ(keys("p"), "2=a");
  run("INSERT INTO p VALUES (2, 3)");
  EXPECT_EQ(changes(), Names{"p: 2:3"});
}

TEST_F(RowKeysColumnsTest, AWriteWhoseFunctionNoLongerFitsSucceedsAndTellsTheTable) {
  run("CREATE TABLE p(id int PRIMARY KEY, a int UNIQUE, b int)");
  const auto expect_whole = [&](const char* ddl, const char* again) {
    ASSERT_THAT(outcome("'p'"), HasSubstr("tracked by")) << ddl;
    ASSERT_NE(keys("p"), "");
    run("INSERT INTO p VALUES (1)");  // with the plan as it is now
    run(ddl);
    changes();
    EXPECT_EQ(keys("p"), "") << ddl;
    EXPECT_EQ(tracked(), "p") << ddl;
    for (const char* write :
         {"INSERT INTO p VALUES (2)", "UPDATE p SET b = 3 WHERE b IS NULL", "DELETE FROM p"}) {
      run(write);
      EXPECT_EQ(changes(), Names{"p"}) << write << " after " << ddl;
    }
    EXPECT_EQ(outcome("'p'"), again) << ddl;
    EXPECT_NE(keys("p"), "") << ddl;
  };
  expect_whole("ALTER TABLE p RENAME COLUMN a TO renamed", "repaired by id, renamed");
  expect_whole("ALTER TABLE p DROP COLUMN renamed", "tracked by id");
  expect_whole("ALTER TABLE p RENAME COLUMN id TO other", "repaired by other");
}

TEST_F(RowKeysColumnsTest, AChosenColumnIsFollowedByNameOrWhenItIsRenamedByNumber) {
  run("CREATE TABLE p(id int PRIMARY KEY, a int, b int)");
  EXPECT_EQ(outcome("'p', keys => '{a,b}'"), "tracked by a, b");
  run("ALTER TABLE p RENAME COLUMN a TO x");
  EXPECT_EQ(outcome("'p'"), "repaired by x, b");
  run("ALTER TABLE p DROP COLUMN b");
  EXPECT_EQ(outcome("'p'"), "tracked by x");
  run("ALTER TABLE p DROP COLUMN x");
  EXPECT_EQ(outcome("'p'"), "tracked by id");  // nothing chosen is left
}

TEST_F(RowKeysColumnsTest, ColumnsThatSwapNamesAreNotBelieved) {
  run("CREATE TABLE p(id int PRIMARY KEY, a int UNIQUE)");
  EXPECT_EQ(outcome("'p'"), "tracked by id, a");
  run("ALTER TABLE p RENAME COLUMN id TO x; ALTER TABLE p RENAME COLUMN a TO id; ALTER TABLE p "
      "RENAME COLUMN x TO a");
  EXPECT_EQ(keys("p"), "");
  EXPECT_EQ(outcome("'p'"), "repaired by a, id");
  EXPECT_EQ(keys("p"), "1=a 2=id");
  changes();
  run("INSERT INTO p VALUES (1, 2)");
  EXPECT_EQ(changes(), Names{"p: 1:1 2:2"});
}

TEST_F(RowKeysColumnsTest, AColumnWhoseTypeChangesIsNotBelievedWhereItsTextIsAnother) {
  run("CREATE TABLE p(id int PRIMARY KEY); INSERT INTO p VALUES (7)");
  EXPECT_EQ(outcome("'p'"), "tracked by id");
  run("UPDATE p SET id = 8; ALTER TABLE p ALTER id TYPE bigint");
  EXPECT_EQ(keys("p"), "1=id");
  changes();
  run("UPDATE p SET id = 9");
  EXPECT_EQ(changes(), Names{"p: 1:8 1:9"});
  // What was made for a number neither cuts a text nor replaces the separator in it.
  run("ALTER TABLE p ALTER id TYPE text");
  EXPECT_EQ(keys("p"), "");
  run("UPDATE p SET id = 'y' || E'\\x1f'");
  EXPECT_EQ(outcome("'p'"), "repaired by id");
  EXPECT_EQ(keys("p"), "1=id");
  changes();
  run("UPDATE p SET id = 'z'");
  EXPECT_EQ(changes(), Names{"p: 1:y? 1:z"});
  run("CREATE COLLATION nd (provider = icu, locale = 'und', deterministic = false);"
      "ALTER TABLE p ALTER id TYPE text COLLATE nd");
  EXPECT_EQ(keys("p"), "");
  EXPECT_EQ(outcome("'p'"), "tracked");
}

TEST_F(RowKeysColumnsTest, OnlyATableAllOfWhoseTriggersAreAliveIsTracked) {
  run("CREATE TABLE p(id int PRIMARY KEY)");
  for (const char* trigger : {"weir_write", "weir_insert", "weir_update", "weir_delete"}) {
    for (const char* damage :
         {"ALTER TABLE p DISABLE TRIGGER {}", "ALTER TABLE p ENABLE TRIGGER {}",
          "ALTER TABLE p ENABLE REPLICA TRIGGER {}", "DROP TRIGGER {} ON p"}) {
      outcome("'p'");
      ASSERT_EQ(tracked(), "p");
      ASSERT_EQ(keys("p"), "1=id");
      run(fmt::format(fmt::runtime(damage), trigger));
      EXPECT_EQ(tracked(), "") << trigger << damage;
      if (std::string_view{trigger} != "weir_write") {
        EXPECT_EQ(keys("p"), "") << trigger << damage;
      }
    }
  }
  EXPECT_EQ(outcome("'p'"), "repaired by id");
  for (const char* damage :
       {"CREATE OR REPLACE TRIGGER weir_update AFTER UPDATE ON p REFERENCING OLD TABLE AS old_rows "
        "NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION weir.{}('1=id', '2=a')",
        "CREATE OR REPLACE TRIGGER weir_update AFTER UPDATE ON p REFERENCING OLD TABLE AS old_rows "
        "NEW TABLE AS new_rows FOR EACH STATEMENT WHEN (false) EXECUTE FUNCTION weir.{}('1=id')",
        "CREATE OR REPLACE TRIGGER weir_update AFTER UPDATE ON p FOR EACH STATEMENT EXECUTE "
        "FUNCTION weir.on_write('1=id')"}) {
    run(fmt::format(fmt::runtime(damage), value("SELECT 'write_' || 'p'::regclass::oid")));
    run("ALTER TABLE p ENABLE ALWAYS TRIGGER weir_update");
    EXPECT_EQ(keys("p"), "") << damage;
    EXPECT_EQ(outcome("'p'"), "repaired by id") << damage;
    EXPECT_EQ(keys("p"), "1=id");
  }
}

TEST_F(RowKeysColumnsTest, MembersOfAFamilyAreToldAsAWhole) {
  run("CREATE TABLE par(id int PRIMARY KEY); CREATE TABLE pt(id int PRIMARY KEY) PARTITION BY "
      "RANGE (id); CREATE TABLE l1(id int PRIMARY KEY); CREATE TABLE alone(id int PRIMARY KEY)");
  for (const char* table : {"par", "pt", "l1", "alone"}) outcome(fmt::format("'{}'", table));
  EXPECT_EQ(keys("pt"), "");
  EXPECT_EQ(writers(), "3");
  EXPECT_THAT(refusal("SELECT weir.track('pt', keys => '{id}')"), HasSubstr("pt is partitioned"));

  run("ALTER TABLE pt ATTACH PARTITION l1 FOR VALUES FROM (0) TO (10)");
  run("CREATE TABLE child(b int) INHERITS (par)");
  EXPECT_EQ(keys("par") + keys("l1"), "");
  EXPECT_EQ(tracked(), "par pt l1 alone child");
  EXPECT_EQ(writers(), "1");
  changes();
  run("INSERT INTO l1 VALUES (1); UPDATE par SET id = 2 WHERE id = 3; INSERT INTO child VALUES "
      "(1)");
  EXPECT_EQ(changes(), (Names{"l1", "par", "child"}));

  run("ALTER TABLE pt DETACH PARTITION l1");
  EXPECT_EQ(outcome("'l1'"), "tracked by id");
  EXPECT_EQ(keys("l1"), "1=id");
  EXPECT_EQ(keys("alone"), "1=id");
}

TEST_F(RowKeysColumnsTest, WithoutEventTriggersAMembersKeysAreNotBelievedBeforeItIsTrackedAgain) {
  run("DROP EVENT TRIGGER weir_ddl; DROP EVENT TRIGGER weir_drop; CREATE TABLE par(id int PRIMARY "
      "KEY, v int)");
  EXPECT_EQ(outcome("'par'"), "tracked by id");
  run("CREATE TABLE child() INHERITS (par)");
  EXPECT_EQ(keys("par"), "");
  EXPECT_EQ(tracked(), "par");
  run("SELECT weir.track('par')");
  EXPECT_EQ(tracked(), "par child");
  EXPECT_EQ(writers(), "0");
}

TEST_F(RowKeysColumnsTest, FunctionsOfTablesThatAreGoneAreDroppedWithTheNextCall) {
  run("CREATE TABLE p(id int PRIMARY KEY); CREATE TABLE q(id int PRIMARY KEY); CREATE TABLE r(id "
      "int PRIMARY KEY)");
  for (const char* table : {"p", "q", "r"}) outcome(fmt::format("'{}'", table));
  run("DROP TABLE p");
  EXPECT_EQ(writers(), "3");
  EXPECT_EQ(outcome("'q'"), "already tracked by id");
  EXPECT_EQ(writers(), "2");
  run("DROP TABLE r");
  run("SELECT weir.untrack('q')");
  EXPECT_EQ(writers(), "0");
  EXPECT_EQ(tracked(), "");
}

TEST_F(RowKeysColumnsTest, AWriterUnderWayHoldsUpOtherKeysAndALaterOneTellsThem) {
  run("CREATE TABLE p(id int PRIMARY KEY, a int)");
  EXPECT_EQ(outcome("'p'"), "tracked by id");
  Pq writer = connect(dsn());
  writer.exec("INSERT INTO p VALUES (1, 11)", in(5s));  // has the old function at hand
  writer.exec("BEGIN ISOLATION LEVEL REPEATABLE READ; INSERT INTO p VALUES (2, 12)", in(5s));
  EXPECT_THAT(refusal("SET lock_timeout = '200ms'; SELECT weir.track('p', keys => '{a}')"),
              HasSubstr("lock timeout"));
  EXPECT_EQ(keys("p"), "1=id");
  writer.exec("COMMIT; BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM p", in(5s));

  Pq tracker = connect(dsn());
  // A reader does not hold it up. Uncommitted, it is not believed and lets nobody write.
  tracker.exec("BEGIN; SELECT weir.track('p', keys => '{a}')", in(5s));
  EXPECT_EQ(keys("p"), "1=id");
  EXPECT_THAT(refusal("SET lock_timeout = '200ms'; INSERT INTO p VALUES (9, 9)"),
              HasSubstr("lock timeout"));
  tracker.exec("COMMIT", in(5s));
  EXPECT_EQ(keys("p"), "2=a");
  changes();
  writer.exec("INSERT INTO p VALUES (3, 13); COMMIT", in(5s));
  EXPECT_EQ(changes(), Names{"p: 2:13"});
}

TEST_F(RowKeysColumnsTest, AnOwnerWithoutRightsInTheSchemaTracksByKeysAndNobodyElse) {
  const std::string app = role();
  run(
      fmt::format("GRANT CREATE ON SCHEMA public TO {}; CREATE TABLE theirs(id int PRIMARY KEY, a "
                  "int); GRANT ALL ON theirs TO {}",
                  app, app));
  Pq owner = connect(with(dsn(), {{"user", app}, {"password", "secret"}}));
  owner.exec("CREATE TABLE own(id int PRIMARY KEY)", in(5s));
  EXPECT_EQ(test::value(owner, "SELECT outcome FROM weir.track('own')"), "tracked by id");
  EXPECT_EQ(value("SELECT pg_get_userbyid(proowner) = current_user AND prosecdef FROM pg_proc "
                  "WHERE proname = 'write_' || 'own'::regclass::oid"),
            "t");
  changes();
  owner.exec("INSERT INTO own VALUES (1)", in(5s));
  EXPECT_EQ(changes(), Names{"own: 1:1"});
  EXPECT_THROW(owner.exec("SELECT weir.track('theirs')", in(5s)), Error);
  EXPECT_THROW(owner.exec("SELECT weir.make_writer('theirs')", in(5s)), Error);
  EXPECT_EQ(outcome("'theirs'"), "tracked by id");
  EXPECT_THROW(owner.exec("SELECT weir.track('theirs', keys => '{a}')", in(5s)), Error);
  owner.exec("SELECT weir.make_writer('theirs'), weir.drop_writers()", in(5s));
  EXPECT_EQ(keys("theirs"), "1=id");
  changes();
  run("INSERT INTO theirs VALUES (1, 2)");
  EXPECT_EQ(changes(), Names{"theirs: 1:1"});
  owner.exec("SELECT weir.untrack('own')", in(5s));
  EXPECT_EQ(writers(), "1");
  run("DROP OWNED BY " + app);
}

}  // namespace
}  // namespace weir::postgres::test
