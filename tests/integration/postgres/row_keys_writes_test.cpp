// facts.md A1 and G6: after each statement the next pull tells the key values of all rows touched,
// old and new, or the whole table.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/integration/postgres/journal_fixture.hpp"
#include "weir/error.hpp"

namespace weir::postgres::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

using Names = std::set<std::string>;

struct Write {
  std::string sql;
  Names told;
};

class RowKeysWritesTest : public JournalTest {
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
  std::string keyed(const std::string& table) {
    return value(fmt::format("SELECT outcome FROM weir.track('{}')", table));
  }
};

TEST_F(RowKeysWritesTest, EveryKindOfWriteTellsTheKeysOfOldAndNewRows) {
  run("CREATE TABLE p(id int PRIMARY KEY, v int, u int UNIQUE); CREATE TABLE other(id int PRIMARY "
      "KEY);"
      "CREATE FUNCTION wr() RETURNS int LANGUAGE sql AS 'INSERT INTO p VALUES (30,0,30) RETURNING "
      "id'");
  EXPECT_EQ(keyed("p"), "tracked by id, u");
  EXPECT_EQ(keyed("other"), "tracked by id");
  run("PREPARE pp AS INSERT INTO p VALUES ($1, 0, $1)");
  expect({
      {"INSERT INTO p VALUES (1,1,1)", {"p: 1:1 3:1"}},
      {"INSERT INTO p VALUES (2,2,2),(3,3,NULL)", {"p: 1:2 1:3 3:2"}},
      {"INSERT INTO p SELECT 9 WHERE false", {}},
      {"UPDATE p SET v = 3 WHERE id = 1", {"p: 1:1 3:1"}},
      {"UPDATE p SET v = 3 WHERE id < 3", {"p: 1:1 1:2 3:1 3:2"}},
      {"UPDATE p SET v = v WHERE false", {}},
      {"UPDATE p SET u = 10 WHERE id = 1", {"p: 1:1 3:1 3:10"}},
      {"UPDATE p SET u = NULL WHERE id = 1", {"p: 1:1 3:10"}},
      {"UPDATE p SET u = u + 100, id = id + 100 WHERE id IN (2, 3)",
       {"p: 1:102 1:103 1:2 1:3 3:102 3:2"}},
      {"DELETE FROM p WHERE false", {}},
      {"DELETE FROM p WHERE id = 102", {"p: 1:102 3:102"}},
      {"DELETE FROM p WHERE id IN (1, 103)", {"p: 1:1 1:103"}},
      {"COPY p FROM PROGRAM 'printf \"5\\t5\\t5\\n6\\t6\\t6\\n\"'", {"p: 1:5 1:6 3:5 3:6"}},
      {"COPY p FROM PROGRAM 'true'", {}},
      {"INSERT INTO p VALUES (5,0,0) ON CONFLICT DO NOTHING", {}},
      {"INSERT INTO p VALUES (5,0,0) ON CONFLICT (id) DO UPDATE SET u = 55", {"p: 1:5 3:5 3:55"}},
      {"INSERT INTO p VALUES (7,0,70) ON CONFLICT (id) DO UPDATE SET v = 99", {"p: 1:7 3:70"}},
      {"INSERT INTO p VALUES (7,0,0),(8,0,80) ON CONFLICT (id) DO UPDATE SET v = 99",
       {"p: 1:7 3:70", "p: 1:8 3:80"}},
      {"MERGE INTO p USING (VALUES (8),(20)) x(id) ON p.id = x.id WHEN MATCHED THEN DELETE "
       "WHEN NOT MATCHED THEN INSERT VALUES (x.id, 0, x.id)",
       {"p: 1:8 3:80", "p: 1:20 3:20"}},
      {"MERGE INTO p USING (VALUES (20)) x(id) ON p.id = x.id WHEN MATCHED THEN UPDATE SET u = 21 "
       "WHEN NOT MATCHED THEN INSERT VALUES (x.id, 0, x.id)",
       {"p: 1:20 3:20 3:21"}},
      {"MERGE INTO p USING (VALUES (20)) x(id) ON p.id = x.id WHEN MATCHED THEN DO NOTHING", {}},
      {"WITH w AS (DELETE FROM p WHERE id = 20 RETURNING *) SELECT count(*) FROM w",
       {"p: 1:20 3:21"}},
      {"WITH w AS (INSERT INTO p VALUES (21,0,21)), z AS (INSERT INTO p VALUES (22,0,22)), y AS "
       "(UPDATE p SET v = 5 WHERE id = 5) INSERT INTO other VALUES (1)",
       {"p: 1:21 1:22 3:21 3:22", "p: 1:5 3:55", "other: 1:1"}},
      {"SELECT wr()", {"p: 1:30 3:30"}},
      {"EXPLAIN ANALYZE DELETE FROM p WHERE id = 30", {"p: 1:30 3:30"}},
      {"EXECUTE pp(31)", {"p: 1:31 3:31"}},
      {"DO $$ DECLARE c CURSOR FOR SELECT * FROM p WHERE id = 31 FOR UPDATE; r record; BEGIN OPEN "
       "c; FETCH c INTO r; UPDATE p SET v = 8 WHERE CURRENT OF c; END $$",
       {"p: 1:31 3:31"}},
      {"TRUNCATE p", {"p"}},
      {"TRUNCATE p", {"p"}},
  });
}

TEST_F(RowKeysWritesTest, WhatTriggersBeforeAndGeneratedColumnsMadeOfARowIsTold) {
  run("CREATE TABLE p(id int PRIMARY KEY, a int, g int GENERATED ALWAYS AS (a * 10) STORED UNIQUE);"
      "CREATE FUNCTION half() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF new.a > 1000 THEN "
      "RETURN NULL; END IF; new.a := new.a / 2; RETURN new; END $$;"
      "CREATE TRIGGER half BEFORE INSERT OR UPDATE ON p FOR EACH ROW EXECUTE FUNCTION half()");
  EXPECT_EQ(keyed("p"), "tracked by id, g");
  expect({{"INSERT INTO p VALUES (1, 12)", {"p: 1:1 3:60"}},
          {"INSERT INTO p VALUES (2, 1002)", {}},
          {"UPDATE p SET a = 14", {"p: 1:1 3:60 3:70"}}});
}

TEST_F(RowKeysWritesTest, ForeignKeyActionsTellTheKeysOfTheChildren) {
  run("CREATE TABLE par(id int PRIMARY KEY);"
      "CREATE TABLE cascaded(id int PRIMARY KEY, pid int REFERENCES par ON DELETE CASCADE ON "
      "UPDATE CASCADE);"
      "CREATE TABLE nulled(id int PRIMARY KEY, pid int REFERENCES par ON DELETE SET NULL);"
      "CREATE TABLE defaulted(pid int DEFAULT 0 REFERENCES par ON DELETE SET DEFAULT);"
      "CREATE TABLE grandchild(cid int REFERENCES cascaded ON DELETE CASCADE);"
      "CREATE TABLE deferred(pid int REFERENCES par ON DELETE CASCADE DEFERRABLE INITIALLY "
      "DEFERRED);"
      "INSERT INTO par VALUES (0),(1),(2),(3); INSERT INTO cascaded VALUES (11,1),(12,2);"
      "INSERT INTO nulled VALUES (21,1); INSERT INTO defaulted VALUES (1);"
      "INSERT INTO grandchild VALUES (11); INSERT INTO deferred VALUES (3)");
  for (const char* table : {"par", "cascaded", "nulled", "defaulted", "grandchild", "deferred"})
    EXPECT_THAT(keyed(table), ::testing::StartsWith("tracked by ")) << table;
  expect({
      {"DELETE FROM par WHERE id = 1",
       {"par: 1:1", "cascaded: 1:11 2:1", "nulled: 1:21 2:1", "defaulted: 1:0 1:1",
        "grandchild: 1:11"}},
      {"INSERT INTO par VALUES (4),(5); INSERT INTO cascaded VALUES (14,4),(15,5)",
       {"par: 1:4 1:5", "cascaded: 1:14 1:15 2:4 2:5"}},
      {"DELETE FROM par WHERE id IN (4, 5)", {"par: 1:4 1:5", "cascaded: 1:14 1:15 2:4 2:5"}},
      {"UPDATE par SET id = 22 WHERE id = 2", {"par: 1:2 1:22", "cascaded: 1:12 2:2 2:22"}},
      {"BEGIN; DELETE FROM par WHERE id = 3; COMMIT", {"par: 1:3", "deferred: 1:3"}},
      {"TRUNCATE par CASCADE",
       {"par", "cascaded", "nulled", "defaulted", "grandchild", "deferred"}},
  });
}

TEST_F(RowKeysWritesTest, EveryTypeIsToldInItsCanonicalForm) {
  run("CREATE TABLE p(i2 int2, i4 int4, i8 int8, b bool, u uuid, t text COLLATE \"C\", v "
      "varchar(100) COLLATE \"POSIX\");"
      "SELECT weir.track('p', keys => '{i2,i4,i8,b,u,t,v}')");
  expect({
      {"INSERT INTO p VALUES ('-042', '+7', 9223372036854775807, 'on', "
       "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', '', 'x:y=z')",
       {"p: 1:-42 2:7 3:9223372036854775807 4:true 5:a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11 6: "
        "7:x:y=z"}},
      {"UPDATE p SET b = false",
       {"p: 1:-42 2:7 3:9223372036854775807 4:false 4:true 5:a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11 "
        "6: 7:x:y=z"}},
      {"DELETE FROM p",
       {"p: 1:-42 2:7 3:9223372036854775807 4:false 5:a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11 6: "
        "7:x:y=z"}},
      {"INSERT INTO p DEFAULT VALUES", {"p: "}},
      {"DELETE FROM p", {"p: "}},
  });
}

TEST_F(RowKeysWritesTest, LongTextsAreCutByCharactersAndSeparatorsReplaced) {
  run("CREATE TABLE p(t text PRIMARY KEY, v varchar UNIQUE)");
  EXPECT_EQ(keyed("p"), "tracked by t, v");
  std::string cut;
  for (int i = 0; i < 64; ++i) cut += "é";
  expect({{"INSERT INTO p VALUES (repeat('é', 64), 'a' || E'\\x1f' || 'b' || E'\\x1f')",
           {"p: 1:" + cut + " 2:a?b?"}},
          {"UPDATE p SET t = repeat('é', 65)", {"p: 1:" + cut + " 2:a?b?"}},
          {"UPDATE p SET v = E'\\x1f1:2'", {"p: 1:" + cut + " 2:?1:2 2:a?b?"}}});
}

TEST_F(RowKeysWritesTest, AHundredAndTwentyEightValuesAreToldAndOneMoreIsTheTable) {
  run("CREATE TABLE p(id int PRIMARY KEY, u int, v int DEFAULT 0)");
  EXPECT_EQ(keyed("p"), "tracked by id");
  changes();
  run("INSERT INTO p SELECT generate_series(1, 128)");
  std::vector<spi::Change> told = pull().changes;
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].kind, spi::ChangeKind::kRows);
  EXPECT_EQ(std::count(told[0].rows.begin(), told[0].rows.end(), spi::Change::kRowSeparator), 127);
  expect({{"INSERT INTO p SELECT generate_series(1001, 1129)", {"p"}},
          {"UPDATE p SET v = v + 1 WHERE id BETWEEN 1001 AND 1129", {"p"}},
          {"UPDATE p SET id = id + 2000 WHERE id BETWEEN 1 AND 65", {"p"}},
          {"DELETE FROM p WHERE id BETWEEN 1001 AND 1129", {"p"}}});
  run("UPDATE p SET id = id + 5000 WHERE id BETWEEN 66 AND 128");
  EXPECT_EQ(pull().changes.at(0).kind, spi::ChangeKind::kRows);
}

TEST_F(RowKeysWritesTest, TwoThousandBytesAreToldAndOneMoreIsTheTable) {
  run("CREATE TABLE p(t text PRIMARY KEY)");
  EXPECT_EQ(keyed("p"), "tracked by t");
  changes();
  // 29 items of 66 bytes and 29 separators, then one that fills up to 2,000 bytes: 1,943 and 57.
  const std::string full =
      "INSERT INTO p SELECT lpad(i::text, 64, 'x') FROM generate_series(1, 29) i "
      "UNION ALL SELECT repeat('y', {})";
  run(fmt::format(fmt::runtime(full), 55));
  const spi::Change told = pull().changes.at(0);
  EXPECT_EQ(told.kind, spi::ChangeKind::kRows);
  EXPECT_EQ(told.rows.size(), 2000U);
  run("DELETE FROM p");
  expect({{fmt::format(fmt::runtime(full), 56), {"p"}}});
}

TEST_F(RowKeysWritesTest, AThousandAndTwentyFourRowsWithFewValuesAreToldAndOneMoreIsTheTable) {
  run("CREATE TABLE par(id int PRIMARY KEY); INSERT INTO par VALUES (1), (2);"
      "CREATE TABLE p(pid int REFERENCES par, n int)");
  EXPECT_EQ(keyed("p"), "tracked by pid");
  expect({{"INSERT INTO p SELECT 1, generate_series(1, 1024)", {"p: 1:1"}},
          {"UPDATE p SET pid = 2", {"p: 1:1 1:2"}},
          {"DELETE FROM p", {"p: 1:2"}},
          {"INSERT INTO p SELECT 1, generate_series(1, 1025)", {"p"}},
          {"UPDATE p SET pid = 2", {"p"}},
          {"DELETE FROM p", {"p"}}});
}

TEST_F(RowKeysWritesTest, TheWidestRowOfEightTextsFitsTheJournalOrIsTheTable) {
  run("CREATE TABLE p(a text, b text, c text, d text, e text, f text, g text, h text);"
      "SELECT weir.track('p', keys => '{a,b,c,d,e,f,g,h}')");
  changes();
  // Neither compressible nor of one byte each.
  run("INSERT INTO p SELECT s, s, s, s, s, s, s, s FROM (SELECT string_agg(chr(65536 + i * 37), '')"
      " AS s FROM generate_series(1, 64) i) x");
  EXPECT_EQ(changes(), Names{"p"});
}

TEST_F(RowKeysWritesTest, ARepeatedChangeIsToldOnceInATransactionAndDifferentOnesEach) {
  run("CREATE TABLE p(id int PRIMARY KEY, v int)");
  EXPECT_EQ(keyed("p"), "tracked by id");
  expect(
      {{"BEGIN; INSERT INTO p VALUES (1); UPDATE p SET v = 1 WHERE id = 1; INSERT INTO p VALUES "
        "(2); COMMIT",
        {"p: 1:1", "p: 1:2"}}});
  run("DO $$ BEGIN FOR i IN 1..100 LOOP UPDATE p SET v = i WHERE id = 1; END LOOP; END $$");
  EXPECT_EQ(pull().changes.size(), 1U);
}

TEST_F(RowKeysWritesTest, WhatWasRolledBackIsNotToldWhileTheRestIs) {
  run("CREATE TABLE p(id int PRIMARY KEY, v int)");
  EXPECT_EQ(keyed("p"), "tracked by id");
  expect({{"BEGIN; INSERT INTO p VALUES (1); ROLLBACK", {}},
          {"BEGIN; INSERT INTO p VALUES (1); SAVEPOINT s; INSERT INTO p VALUES (2); ROLLBACK TO s; "
           "INSERT INTO p VALUES (3); COMMIT",
           {"p: 1:1", "p: 1:3"}},
          {"BEGIN; SAVEPOINT s; TRUNCATE p; ROLLBACK TO s; UPDATE p SET v = 1 WHERE id = 1; COMMIT",
           {"p: 1:1"}}});
}

TEST_F(RowKeysWritesTest, APreparedTransactionIsToldWhenItIsCommitted) {
  run("CREATE TABLE p(id int PRIMARY KEY, v int)");
  EXPECT_EQ(keyed("p"), "tracked by id");
  const std::string gid = value("SELECT current_database()");
  changes();
  run(fmt::format("BEGIN; INSERT INTO p VALUES (1); PREPARE TRANSACTION '{}'", gid));
  EXPECT_THAT(changes(), IsEmpty());
  run(fmt::format("COMMIT PREPARED '{}'", gid));
  EXPECT_EQ(changes(), Names{"p: 1:1"});
}

TEST_F(RowKeysWritesTest, ATransactionThatWakesListenersCannotBePreparedAndOthersCan) {
  run("CREATE TABLE p(id int PRIMARY KEY, v int); SELECT weir.track('p', wake => true)");
  EXPECT_EQ(value("SELECT wake FROM weir.tracked"), "t");
  const std::string gid = value("SELECT current_database()");
  for (const char* write : {"INSERT INTO p VALUES (1)", "TRUNCATE p"}) {
    EXPECT_THROW(run(fmt::format("BEGIN; {}; PREPARE TRANSACTION '{}'", write, gid)), Error);
    run("ROLLBACK");
  }
  EXPECT_EQ(value("SELECT outcome FROM weir.track('p', wake => false)"), "repaired by id");
  run(fmt::format("BEGIN; INSERT INTO p VALUES (1); PREPARE TRANSACTION '{}'", gid));
  run(fmt::format("ROLLBACK PREPARED '{}'", gid));
}

TEST_F(RowKeysWritesTest, ReplicaRoleDoesNotSilenceTheTriggers) {
  run("CREATE TABLE p(id int PRIMARY KEY, v int)");
  EXPECT_EQ(keyed("p"), "tracked by id");
  expect({{"SET session_replication_role = replica; INSERT INTO p VALUES (1)", {"p: 1:1"}},
          {"UPDATE p SET v = 1", {"p: 1:1"}},
          {"DELETE FROM p", {"p: 1:1"}},
          {"TRUNCATE p", {"p"}},
          {"RESET session_replication_role", {}}});
}

TEST_F(RowKeysWritesTest, CollectingTheValuesTakesNoTransactionIdOfItsOwn) {
  run("CREATE TABLE p(id int PRIMARY KEY, v int); INSERT INTO p SELECT generate_series(1, 50)");
  EXPECT_EQ(keyed("p"), "tracked by id");
  // Others use up ids as well; between two transactions that do nothing else there is one at best.
  std::uint64_t least = 1000;
  for (int attempt = 0; attempt < 50 && least > 1; ++attempt) {
    run(fmt::format(
        "BEGIN; UPDATE p SET v = 1 WHERE id = {0}; UPDATE p SET id = id + 1000 WHERE id "
        "= {0}; UPDATE p SET v = 2 WHERE id > 45; COMMIT",
        attempt + 1));
    const auto before = std::stoull(value("SELECT max(xid) FROM weir.journal"));
    run("BEGIN; UPDATE p SET v = 3 WHERE id > 40; UPDATE p SET v = 4 WHERE id = 1; COMMIT");
    least = std::min<std::uint64_t>(
        least, std::stoull(value("SELECT max(xid) FROM weir.journal")) - before);
  }
  EXPECT_EQ(least, 1U);
}

TEST_F(RowKeysWritesTest, ARoleThatMayOnlyWriteNeedsNoRightInTheSchema) {
  run("CREATE TABLE p(id int PRIMARY KEY, v int); REVOKE USAGE ON SCHEMA weir FROM PUBLIC");
  EXPECT_EQ(keyed("p"), "tracked by id");
  const std::string app = role();
  run(fmt::format("GRANT INSERT, UPDATE, DELETE, SELECT ON p TO {}", app));
  Pq writer = connect(with(dsn(), {{"user", app}, {"password", "secret"}}));
  changes();
  // What it has in its own temporary schema is not taken for weir's or the row's.
  writer.exec(
      "CREATE TEMPORARY TABLE journal(x int); CREATE TEMPORARY TABLE new_rows(id int);"
      "CREATE TEMPORARY TABLE old_rows(id int)",
      in(std::chrono::seconds{5}));
  writer.exec("INSERT INTO p VALUES (1)", in(std::chrono::seconds{5}));
  EXPECT_EQ(changes(), Names{"p: 1:1"});
  run("DROP OWNED BY " + app);
}

}  // namespace
}  // namespace weir::postgres::test
