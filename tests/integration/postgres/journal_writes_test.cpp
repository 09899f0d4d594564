// facts.md A1, A2, A5, A8: after each statement exactly the written relations are in the next pull.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/integration/postgres/journal_fixture.hpp"
#include "weir/error.hpp"

namespace weir::postgres::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

using Names = std::set<std::string>;

struct Write {
  std::string sql;
  Names told;
};

class JournalWritesTest : public JournalTest {
 protected:
  /// Runs each statement and compares what the next pull tells.
  void expect(const std::vector<Write>& writes) {
    changes();
    for (const Write& write : writes) {
      run(write.sql);
      EXPECT_EQ(changes(), write.told) << write.sql;
    }
    EXPECT_THAT(changes(), IsEmpty());
  }
};

TEST_F(JournalWritesTest, EveryKindOfWriteTellsItsTable) {
  run("CREATE TABLE p(id int PRIMARY KEY, v int, u int UNIQUE); CREATE TABLE other(id int);"
      "CREATE FUNCTION wr() RETURNS int LANGUAGE sql AS 'INSERT INTO p VALUES (30,0,30) RETURNING "
      "id'");
  track("p");
  track("other");
  run("PREPARE pp AS INSERT INTO p VALUES ($1, 0, $1)");
  expect({
      {"INSERT INTO p VALUES (1,1,1),(2,2,2)", {"p"}},
      {"INSERT INTO p SELECT 9 WHERE false", {"p"}},
      {"UPDATE p SET v = 3", {"p"}},
      {"UPDATE p SET v = v WHERE false", {"p"}},
      {"UPDATE p SET v = v WHERE id = 1", {"p"}},
      {"DELETE FROM p WHERE false", {"p"}},
      {"DELETE FROM p WHERE id = 2", {"p"}},
      {"COPY p FROM PROGRAM 'printf \"5\\t5\\t5\\n6\\t6\\t6\\n\"'", {"p"}},
      {"INSERT INTO p VALUES (5,0,0) ON CONFLICT DO NOTHING", {"p"}},
      {"INSERT INTO p VALUES (5,0,0) ON CONFLICT (id) DO UPDATE SET v = 99", {"p"}},
      {"INSERT INTO p VALUES (7,0,70),(8,0,80) ON CONFLICT (id) DO UPDATE SET v = 99", {"p"}},
      {"MERGE INTO p USING (VALUES (8),(20)) x(id) ON p.id = x.id WHEN MATCHED THEN DELETE "
       "WHEN NOT MATCHED THEN INSERT VALUES (x.id, 0, x.id)",
       {"p"}},
      {"MERGE INTO p USING (VALUES (20)) x(id) ON p.id = x.id WHEN MATCHED THEN DO NOTHING", {}},
      {"WITH w AS (DELETE FROM p WHERE id = 20 RETURNING *) SELECT count(*) FROM w", {"p"}},
      {"WITH w AS (INSERT INTO p VALUES (21,0,21)), z AS (UPDATE p SET v = 5 WHERE id = 1) "
       "DELETE FROM other",
       {"p", "other"}},
      {"SELECT wr()", {"p"}},
      {"EXPLAIN ANALYZE DELETE FROM p WHERE id = 30", {"p"}},
      {"EXECUTE pp(31)", {"p"}},
      {"DO $$ DECLARE c CURSOR FOR SELECT * FROM p FOR UPDATE; r record; BEGIN OPEN c; "
       "FETCH c INTO r; UPDATE p SET v = 8 WHERE CURRENT OF c; END $$",
       {"p"}},
      {"TRUNCATE p", {"p"}},
      {"SELECT * FROM p", {}},
      {"ANALYZE p", {}},
      {"VACUUM p", {}},
  });
}

TEST_F(JournalWritesTest, ForeignKeyActionsTellTheChildren) {
  run("CREATE TABLE par(id int PRIMARY KEY);"
      "CREATE TABLE cascaded(id int PRIMARY KEY, pid int REFERENCES par ON DELETE CASCADE ON "
      "UPDATE CASCADE);"
      "CREATE TABLE nulled(id int PRIMARY KEY, pid int REFERENCES par ON DELETE SET NULL);"
      "CREATE TABLE defaulted(id int, pid int DEFAULT 0 REFERENCES par ON DELETE SET DEFAULT);"
      "CREATE TABLE grandchild(id int, cid int REFERENCES cascaded ON DELETE CASCADE);"
      "INSERT INTO par VALUES (0),(1),(2),(3); INSERT INTO cascaded VALUES (1,1),(2,2);"
      "INSERT INTO nulled VALUES (1,1); INSERT INTO defaulted VALUES (1,1);"
      "INSERT INTO grandchild VALUES (1,1)");
  for (const char* table : {"par", "cascaded", "nulled", "defaulted", "grandchild"}) track(table);
  changes();
  run("DELETE FROM par WHERE id = 1");
  EXPECT_THAT(changes(), ElementsAre("cascaded", "defaulted", "grandchild", "nulled", "par"));
  run("UPDATE par SET id = 22 WHERE id = 2");
  EXPECT_TRUE(changes().contains("cascaded"));
  run("TRUNCATE par CASCADE");
  EXPECT_THAT(changes(), ElementsAre("cascaded", "defaulted", "grandchild", "nulled", "par"));

  run("CREATE TABLE deferred(id int, pid int REFERENCES par ON DELETE CASCADE "
      "DEFERRABLE INITIALLY DEFERRED); INSERT INTO par VALUES (5); INSERT INTO deferred VALUES "
      "(1,5)");
  track("deferred");
  changes();
  run("BEGIN; DELETE FROM par WHERE id = 5; COMMIT");
  EXPECT_TRUE(changes().contains("deferred"));
}

TEST_F(JournalWritesTest, WritesThroughViewsAndRulesTellTheBaseTables) {
  run("CREATE TABLE base(a int); CREATE TABLE ruled(a int); CREATE VIEW v AS SELECT * FROM base;"
      "CREATE VIEW r AS SELECT * FROM base; CREATE RULE also AS ON INSERT TO r DO ALSO "
      "INSERT INTO ruled VALUES (5)");
  track("base");
  track("ruled");
  expect({{"INSERT INTO v VALUES (1)", {"base"}}, {"INSERT INTO r VALUES (2)", {"base", "ruled"}}});
}

TEST_F(JournalWritesTest, WritesToPartitionsTellTheLevelWrittenThrough) {
  run("CREATE TABLE pt(k int, v int) PARTITION BY LIST (k);"
      "CREATE TABLE l1 PARTITION OF pt FOR VALUES IN (1); CREATE TABLE l2 PARTITION OF pt FOR "
      "VALUES IN (2);"
      "CREATE TABLE mid PARTITION OF pt FOR VALUES IN (3,4) PARTITION BY LIST (k);"
      "CREATE TABLE l34 PARTITION OF mid FOR VALUES IN (3,4)");
  track("l1");  // one member brings the family
  expect({
      {"INSERT INTO pt VALUES (1,1),(2,2),(3,3)", {"pt"}},
      {"INSERT INTO l1 VALUES (1,11)", {"l1"}},
      {"INSERT INTO mid VALUES (3,31)", {"mid"}},
      {"UPDATE pt SET k = 2 WHERE k = 1", {"pt"}},
      {"UPDATE l34 SET v = 9", {"l34"}},
      {"DELETE FROM l2 WHERE false", {"l2"}},
      {"TRUNCATE l1", {"l1"}},
      {"TRUNCATE pt", {"l1", "l2", "l34", "mid", "pt"}},
  });
}

TEST_F(JournalWritesTest, NewAttachedAndCreatedPartitionsAreTracked) {
  run("CREATE TABLE pt(k int, v int) PARTITION BY LIST (k); CREATE TABLE l1 PARTITION OF pt FOR "
      "VALUES IN (1);"
      "CREATE SCHEMA elsewhere; CREATE TABLE elsewhere.att(k int, v int);"
      "CREATE TABLE sub(k int, v int) PARTITION BY LIST (v); CREATE TABLE sub1 PARTITION OF sub "
      "DEFAULT");
  track("pt");
  expect({
      {"CREATE TABLE l2 PARTITION OF pt FOR VALUES IN (2)", {"everything"}},
      {"INSERT INTO l2 VALUES (2,2)", {"l2"}},
      {"ALTER TABLE pt ATTACH PARTITION elsewhere.att FOR VALUES IN (7)", {"everything"}},
      {"INSERT INTO elsewhere.att VALUES (7,7)", {"elsewhere.att"}},
      {"ALTER TABLE pt ATTACH PARTITION sub FOR VALUES IN (8)", {"everything"}},
      {"INSERT INTO sub1 VALUES (8,8)", {"sub1"}},
      {"INSERT INTO sub VALUES (8,8)", {"sub"}},
      {"ALTER TABLE pt DETACH PARTITION elsewhere.att", {"everything"}},
      {"DROP TABLE l2", {"everything"}},
  });
}

TEST_F(JournalWritesTest, InheritanceChildrenAreTrackedWithTheirParent) {
  run("CREATE TABLE ih(a int); CREATE TABLE ihc(b int) INHERITS (ih); CREATE TABLE late(a int, b "
      "int)");
  track("ih");
  expect({
      {"INSERT INTO ihc VALUES (1,1)", {"ihc"}},
      {"UPDATE ih SET a = 2", {"ih"}},
      {"TRUNCATE ih", {"ih", "ihc"}},
      {"CREATE TABLE ihc2(c int) INHERITS (ihc)", {"everything"}},
      {"INSERT INTO ihc2 VALUES (1,1,1)", {"ihc2"}},
      {"ALTER TABLE late INHERIT ih", {"everything"}},
      {"INSERT INTO late VALUES (1,1)", {"late"}},
      {"ALTER TABLE ihc NO INHERIT ih", {"everything"}},
  });
}

TEST_F(JournalWritesTest, ForeignKeyCascadesIntoPartitionsAreTold) {
  run("CREATE TABLE fkp(id int PRIMARY KEY); INSERT INTO fkp VALUES (1);"
      "CREATE TABLE fkc(id int, pid int REFERENCES fkp ON DELETE CASCADE) PARTITION BY RANGE (id);"
      "CREATE TABLE fkc1 PARTITION OF fkc FOR VALUES FROM (0) TO (100); INSERT INTO fkc VALUES "
      "(1,1)");
  track("fkp");
  track("fkc");
  expect({{"DELETE FROM fkp WHERE id = 1", {"fkc", "fkp"}}});
}

TEST_F(JournalWritesTest, UnloggedTablesAreToldAndUntrackedOnesAreNot) {
  run("CREATE UNLOGGED TABLE ul(a int); CREATE TABLE free(a int); CREATE TABLE was(a int)");
  track("ul");
  track("was");
  run("SELECT weir.untrack('was')");
  expect({{"INSERT INTO ul VALUES (1)", {"ul"}},
          {"INSERT INTO free VALUES (1)", {}},
          {"INSERT INTO was VALUES (1)", {}}});
}

TEST_F(JournalWritesTest, OneRowPerTransactionAndTableHoweverManyStatements) {
  run("CREATE TABLE t(a int)");
  track("t");
  changes();
  run("DO $$ BEGIN FOR i IN 1..100 LOOP INSERT INTO t VALUES (i); END LOOP; END $$");
  EXPECT_EQ(pull().changes.size(), 1U);
  run("BEGIN; INSERT INTO t VALUES (1); SAVEPOINT s; INSERT INTO t VALUES (2); ROLLBACK TO s; "
      "INSERT INTO t VALUES (3); COMMIT");
  EXPECT_EQ(pull().changes.size(), 1U);
}

TEST_F(JournalWritesTest, WhatWasRolledBackIsNotTold) {
  run("CREATE TABLE t(a int); CREATE TABLE u(a int)");
  track("t");
  track("u");
  expect({
      {"BEGIN; INSERT INTO t VALUES (1); ROLLBACK", {}},
      {"BEGIN; INSERT INTO u VALUES (1); SAVEPOINT s; INSERT INTO t VALUES (1); ROLLBACK TO s; "
       "COMMIT",
       {"u"}},
  });
}

TEST_F(JournalWritesTest, ALateCommitterIsToldOnceItCommitsThoughYoungerOnesWereToldBefore) {
  run("CREATE TABLE t(a int); CREATE TABLE late(a int)");
  track("t");
  track("late");
  Pq slow = connect(dsn());
  slow.exec("BEGIN; INSERT INTO late VALUES (1)", in(std::chrono::seconds{5}));
  changes();
  run("INSERT INTO t VALUES (1)");
  EXPECT_EQ(changes(), Names{"t"});
  run("INSERT INTO t VALUES (2)");
  EXPECT_EQ(changes(), Names{"t"});
  slow.exec("COMMIT", in(std::chrono::seconds{5}));
  EXPECT_EQ(changes(), Names{"late"});
  EXPECT_THAT(changes(), IsEmpty());
}

TEST_F(JournalWritesTest, APreparedTransactionIsToldWhenItIsCommitted) {
  run("CREATE TABLE t(a int)");
  track("t");
  changes();
  run(fmt::format("BEGIN; INSERT INTO t VALUES (1); PREPARE TRANSACTION '{}'",
                  value("SELECT current_database()")));
  EXPECT_THAT(changes(), IsEmpty());
  run(fmt::format("COMMIT PREPARED '{}'", value("SELECT current_database()")));
  EXPECT_EQ(changes(), Names{"t"});
}

TEST_F(JournalWritesTest, OnlyATableThatAskedForWakeUpsRefusesToBePrepared) {
  run("CREATE TABLE t(a int); SELECT weir.track('t', wake => true)");
  try {
    run("BEGIN; INSERT INTO t VALUES (1); PREPARE TRANSACTION 'never'");
    FAIL() << "a transaction with NOTIFY was prepared";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("NOTIFY"));
  }
  run("ROLLBACK; SELECT weir.track('t', wake => false)");
  const std::string gid = value("SELECT current_database()");
  run(fmt::format("BEGIN; INSERT INTO t VALUES (1); PREPARE TRANSACTION '{}'", gid));
  run(fmt::format("ROLLBACK PREPARED '{}'", gid));
}

TEST_F(JournalWritesTest, ReplicaRoleDoesNotSilenceTheTriggers) {
  run("CREATE TABLE t(a int); CREATE TABLE parent(id int)");
  track("t");
  expect({{"SET session_replication_role = replica; INSERT INTO t VALUES (1)", {"t"}},
          {"DELETE FROM t", {"t"}},
          {"TRUNCATE t", {"t"}},
          {"CREATE TABLE under_replica(a int)", {"everything"}},
          {"RESET session_replication_role", {}}});
}

TEST_F(JournalWritesTest, SerializableWritersOfDifferentRowsDoNotConflictThroughTheJournal) {
  run("CREATE TABLE a(id int PRIMARY KEY, v int); CREATE TABLE b(id int PRIMARY KEY, v int);"
      "INSERT INTO a VALUES (1,0),(2,0); INSERT INTO b VALUES (1,0),(2,0)");
  track("a");
  track("b");
  for (const char* level : {"READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"}) {
    Pq one = connect(dsn());
    Pq two = connect(dsn());
    const auto limit = in(std::chrono::seconds{5});
    one.exec(fmt::format("BEGIN ISOLATION LEVEL {}; UPDATE a SET v = 1 WHERE id = 1", level),
             limit);
    two.exec(fmt::format("BEGIN ISOLATION LEVEL {}; UPDATE b SET v = 1 WHERE id = 2", level),
             limit);
    one.exec("UPDATE b SET v = 2 WHERE id = 1", limit);
    two.exec("UPDATE a SET v = 2 WHERE id = 2", limit);
    one.exec("COMMIT", limit);
    EXPECT_EQ(two.exec("COMMIT", limit).command(), "COMMIT") << level;
  }
}

TEST_F(JournalWritesTest, InvalidationsByHandAreToldWithTheirTransaction) {
  run("CREATE TABLE t(a int)");
  expect({
      {"SELECT weir.invalidate_table('t')", {"t"}},
      {"SELECT weir.invalidate_tag('user:42')", {"tag user:42"}},
      {"SELECT weir.invalidate_tags_matching('user:*')", {"tags user:*"}},
      {"BEGIN; SELECT weir.invalidate_tag('x'); ROLLBACK", {}},
      {"SELECT weir.invalidate_tag(NULL)", {}},
  });
}

TEST_F(JournalWritesTest, TagsOutsideTheirBoundsAreRefusedNamingThem) {
  for (const char* call : {"weir.invalidate_tag('')", "weir.invalidate_tag(repeat('é', 513))",
                           "weir.invalidate_tags_matching(repeat('x', 1025))"}) {
    try {
      run(fmt::format("SELECT {}", call));
      ADD_FAILURE() << call << " was accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.sqlstate(), "22023");
      EXPECT_THAT(error.what(), ::testing::HasSubstr("1024"));
    }
  }
}

}  // namespace
}  // namespace weir::postgres::test
