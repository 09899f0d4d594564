#include <gmock/gmock.h>

#include <string>
#include <thread>
#include <vector>

#include "tests/integration/postgres/analysis_fixture.hpp"

namespace weir::postgres::test {
namespace {

using spi::Analysis;
using spi::Cacheability;
using spi::StatementKind;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST_F(AnalysisTest, APartitionDependsOnItsAncestorsAndItsPartitions) {
  EXPECT_THAT(dependencies(analyze("SELECT * FROM measures")),
              ElementsAre("measures", "measures_2023", "measures_2024", "measures_2024_1"));
  EXPECT_THAT(dependencies(analyze("SELECT * FROM measures_2024")),
              ElementsAre("measures", "measures_2024", "measures_2024_1"));
  EXPECT_THAT(dependencies(analyze("SELECT * FROM measures_2024_1")),
              ElementsAre("measures", "measures_2024", "measures_2024_1"));
  EXPECT_THAT(dependencies(analyze("SELECT * FROM dogs")),
              ElementsAre("animals", "dogs", "puppies"));
}

TEST_F(AnalysisTest, AMaterializedViewDependsOnItselfOnly) {
  EXPECT_THAT(dependencies(analyze("SELECT * FROM over_sales")), ElementsAre("sales"));
}

TEST_F(AnalysisTest, AViewDependsOnItsTables) {
  EXPECT_THAT(dependencies(analyze("SELECT * FROM by_name")), ElementsAre("customers", "orders"));
}

TEST_F(AnalysisTest, OneUntrackedMemberMakesItsFamilyUntracked) {
  run("ALTER TABLE measures_2023 DISABLE TRIGGER weir_write");
  const Analysis root = analyze("SELECT * FROM measures");
  EXPECT_EQ(root.cacheability, Cacheability::kTtlOnly) << report(root);
  EXPECT_THAT(root.reasons, Contains(HasSubstr("measures_2023")));
  EXPECT_THAT(dependencies(root), IsEmpty());
  // Its sibling never sees its rows.
  EXPECT_EQ(analyze("SELECT * FROM measures_2024").cacheability, Cacheability::kProvable);
}

TEST_F(AnalysisTest, ATriggerThatDoesNotAlwaysFireDoesNotTrack) {
  for (const char* change : {"ALTER TABLE items DISABLE TRIGGER weir_write",
                             "ALTER TABLE items ENABLE TRIGGER weir_write",
                             "ALTER TABLE items ENABLE REPLICA TRIGGER weir_write",
                             "DROP TRIGGER weir_write ON items"}) {
    run(change);
    analyzer_.forget();
    EXPECT_EQ(analyze("SELECT * FROM items").cacheability, Cacheability::kTtlOnly) << change;
  }
  track("items");
  analyzer_.forget();
  EXPECT_EQ(analyze("SELECT * FROM items").cacheability, Cacheability::kProvable);
}

TEST_F(AnalysisTest, ForeignTablesAreWrittenElsewhere) {
  EXPECT_THAT(analyze("SELECT * FROM remote").reasons, ElementsAre(HasSubstr("foreign")));
  run("CREATE FOREIGN TABLE remote_animals () INHERITS (animals) SERVER elsewhere");
  EXPECT_THAT(analyze("SELECT * FROM animals").reasons, ElementsAre(HasSubstr("foreign")));
}

TEST_F(AnalysisTest, ATemporaryTableHidesAndIsNeverCached) {
  EXPECT_EQ(analyze("SELECT * FROM orders").cacheability, Cacheability::kProvable);
  run("CREATE TEMP TABLE unrelated (id int)");
  EXPECT_EQ(analyze("SELECT * FROM orders").cacheability, Cacheability::kProvable);
  run("CREATE TEMP TABLE orders (id int)");
  for (const char* sql : {"SELECT * FROM orders", "SELECT * FROM pg_temp.orders"}) {
    const Analysis analysis = analyze(sql);
    EXPECT_EQ(analysis.cacheability, Cacheability::kNever) << sql << report(analysis);
    EXPECT_THAT(analysis.reasons, ElementsAre(HasSubstr("is temporary")));
  }
  EXPECT_EQ(analyze("SELECT * FROM public.orders").cacheability, Cacheability::kProvable);
  run("CREATE TEMP VIEW passing AS SELECT * FROM public.orders");
  EXPECT_EQ(analyze("SELECT * FROM passing").cacheability, Cacheability::kNever);
  run("CREATE TEMP TABLE kittens () INHERITS (public.animals)");
  EXPECT_EQ(analyze("SELECT * FROM animals").cacheability, Cacheability::kNever);
  Pq stranger = connect(dsn());  // another session's temporary child is not in the result
  stranger.exec("SET search_path = public", in(std::chrono::seconds{20}));
  EXPECT_EQ(analyze(stranger, "SELECT * FROM animals").cacheability, Cacheability::kProvable);
}

TEST_F(AnalysisTest, NamesFollowTheSearchPath) {
  const std::string here = analyze("SELECT * FROM orders").relations.at(0).name;
  run("SET search_path = other, public");
  const std::string there = analyze("SELECT * FROM orders").relations.at(0).name;
  EXPECT_EQ(here, "public.orders");
  EXPECT_EQ(there, "other.orders");
  run("SET search_path = ''");
  EXPECT_EQ(analyze("SELECT * FROM orders").kind, StatementKind::kOther);
  EXPECT_EQ(analyze("SELECT * FROM by_name").kind, StatementKind::kOther);
  EXPECT_EQ(analyze("SELECT * FROM public.by_name").cacheability, Cacheability::kProvable);
}

TEST_F(AnalysisTest, AFunctionBeforePgCatalogHijacksBuiltinNames) {
  run("CREATE FUNCTION other.lower(text) RETURNS text LANGUAGE plpgsql STABLE AS $$BEGIN RETURN "
      "(SELECT count(*) FROM public.hidden); END$$");
  EXPECT_EQ(analyze("SELECT lower(name) FROM customers").cacheability, Cacheability::kProvable);
  run("SET search_path = other, pg_catalog, public");
  const Analysis hijacked = analyze("SELECT lower(name) FROM customers");
  EXPECT_EQ(hijacked.cacheability, Cacheability::kTtlOnly) << report(hijacked);
  EXPECT_TRUE(hijacked.opaque_only);
  EXPECT_TRUE(hijacked.may_change_session);
  EXPECT_EQ(analyze("SELECT pg_catalog.lower(name) FROM customers").cacheability,
            Cacheability::kProvable);
  // Also where the name is not written like a function.
  run("CREATE FUNCTION other.eq(text, text) RETURNS boolean LANGUAGE plpgsql STABLE AS $$BEGIN "
      "RETURN "
      "true; END$$; CREATE OPERATOR other.= (LEFTARG = text, RIGHTARG = text, FUNCTION = "
      "other.eq)");
  analyzer_.forget();
  // The analysis itself would be misled by such an operator.
  for (const char* sql :
       {"SELECT * FROM customers WHERE name = 'x'", "SELECT * FROM customers",
        "SELECT * FROM customers a JOIN customers b USING (name)", "SELECT * FROM public.orders"}) {
    EXPECT_EQ(analyze(sql).cacheability, Cacheability::kNever) << sql;
    EXPECT_THAT(analyze(sql).reasons, ElementsAre(HasSubstr("put pg_catalog first")));
  }
  run("SET search_path = other, public");
  EXPECT_EQ(analyze("SELECT * FROM customers").cacheability, Cacheability::kProvable);
}

TEST_F(AnalysisTest, OpaqueFunctionsAloneCanBeDeclared) {
  EXPECT_TRUE(analyze("SELECT f_plpgsql() FROM orders").opaque_only);
  EXPECT_TRUE(analyze("SELECT f_plpgsql() FROM orders").may_change_session);
  EXPECT_FALSE(analyze("SELECT f_plpgsql(), now() FROM orders").opaque_only);
  EXPECT_FALSE(analyze("SELECT f_plpgsql() FROM loose").opaque_only);
  EXPECT_FALSE(analyze("SELECT 1 FROM orders").opaque_only);
  EXPECT_FALSE(analyze("SELECT f_volatile()").opaque_only);
  EXPECT_FALSE(analyze("SELECT f_atomic(1)").may_change_session);
}

TEST_F(AnalysisTest, RowSecurityNeedsADeclaredSessionWhereItApplies) {
  const std::string app = role("LOGIN");
  const std::string owner = role("NOLOGIN");
  log_in_as_member_of({app, owner});
  run("CREATE TABLE acl (who text, id int); CREATE TABLE docs (id int, owner text);"
      "ALTER TABLE docs ENABLE ROW LEVEL SECURITY;"
      "CREATE POLICY mine ON docs USING (id IN (SELECT acl.id FROM acl WHERE who = current_user) "
      "OR "
      "owner = current_setting('app.user', true));"
      "CREATE VIEW docs_as_owner AS SELECT * FROM docs;"
      "CREATE VIEW docs_as_invoker WITH (security_invoker = on) AS SELECT * FROM docs;"
      "CREATE VIEW outer_as_invoker WITH (security_invoker = on) AS SELECT * FROM docs_as_owner;"
      "CREATE VIEW nested_invoker AS SELECT * FROM docs_as_invoker;"
      "SELECT weir.track('acl'), weir.track('docs'); GRANT SELECT ON ALL TABLES IN SCHEMA public "
      "TO " +
      app);
  EXPECT_FALSE(analyze("SELECT * FROM docs").needs_declared_session);  // a superuser
  run("SET ROLE " + app);
  const Analysis direct = analyze("SELECT * FROM docs");
  EXPECT_TRUE(direct.needs_declared_session);
  EXPECT_EQ(direct.cacheability, Cacheability::kProvable) << report(direct);
  EXPECT_THAT(dependencies(direct), ElementsAre("acl", "docs"));
  EXPECT_TRUE(analyze("SELECT * FROM docs_as_invoker").needs_declared_session);
  EXPECT_FALSE(analyze("SELECT * FROM docs_as_owner").needs_declared_session);
  EXPECT_FALSE(analyze("SELECT * FROM outer_as_invoker").needs_declared_session);
  // Within an owner's view too, PostgreSQL checks such a view as the current user.
  EXPECT_TRUE(analyze("SELECT * FROM nested_invoker").needs_declared_session);
  EXPECT_FALSE(analyze("SELECT * FROM orders").needs_declared_session);
  EXPECT_TRUE(analyze("SELECT current_setting('app.user')").needs_declared_session);
  run("RESET ROLE; ALTER TABLE docs OWNER TO " + owner + "; ALTER VIEW docs_as_owner OWNER TO " +
      owner + "; GRANT SELECT ON acl TO " + owner + "; SET ROLE " + owner);
  analyzer_.forget();
  EXPECT_FALSE(analyze("SELECT * FROM docs").needs_declared_session);  // its owner
  run("RESET ROLE; ALTER TABLE docs FORCE ROW LEVEL SECURITY; SET ROLE " + owner);
  analyzer_.forget();
  EXPECT_TRUE(analyze("SELECT * FROM docs").needs_declared_session);
  run("RESET ROLE; GRANT SELECT ON docs_as_owner TO " + app + "; SET ROLE " + app);
  EXPECT_TRUE(
      analyze("SELECT * FROM docs_as_owner").needs_declared_session);  // its owner is subject
  run("RESET ROLE; CREATE POLICY odd ON docs USING (f_liar() > 0 OR now() > '2020-01-01'); SET "
      "ROLE " +
      app);
  analyzer_.forget();
  const Analysis odd = analyze("SELECT * FROM docs");
  EXPECT_EQ(odd.cacheability, Cacheability::kTtlOnly);
  EXPECT_THAT(odd.reasons,
              Contains(HasSubstr("now() is not immutable (in a policy of public.docs)")));
  run("RESET ROLE; DROP OWNED BY " + owner + " CASCADE; DROP OWNED BY " + app);
}

TEST_F(AnalysisTest, ARoleWithoutRightsIsToldTheSame) {
  const std::string app = role("LOGIN");
  log_in_as_member_of({app});
  const std::vector<std::string> texts{"SELECT * FROM by_name", "SELECT * FROM measures",
                                       "SELECT f_atomic(1)", "SELECT * FROM other.orders"};
  std::vector<std::string> as_superuser;
  for (const std::string& sql : texts) as_superuser.push_back(report(analyze(sql)));
  run("SET ROLE " + app);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    EXPECT_EQ(report(analyze(texts[i])), as_superuser[i]) << texts[i];
  }
  EXPECT_EQ(analyze("SELECT * FROM nope.nothing").kind, StatementKind::kOther);
}

TEST_F(AnalysisTest, ARoleWhoseChangesNobodyTellsIsTtlOnly) {
  const std::string tenant = role("NOLOGIN");
  const std::string owner = role("NOLOGIN");
  log_in_as_member_of({});
  run("CREATE TABLE docs (id int); ALTER TABLE docs ENABLE ROW LEVEL SECURITY; SELECT "
      "weir.track('docs'); CREATE VIEW shown AS SELECT * FROM docs; ALTER VIEW shown OWNER TO " +
      owner + "; SET ROLE " + tenant);
  const Analysis analysis = analyze("SELECT * FROM orders");
  EXPECT_EQ(analysis.cacheability, Cacheability::kTtlOnly) << report(analysis);
  EXPECT_THAT(analysis.reasons, ElementsAre(HasSubstr("GRANT " + tenant + " TO")));
  run("RESET ROLE");
  // A view's owner decides whether the policies below it apply.
  const Analysis below = analyze("SELECT * FROM shown");
  EXPECT_EQ(below.cacheability, Cacheability::kTtlOnly) << report(below);
  EXPECT_THAT(below.reasons, Contains(HasSubstr("for role " + owner)));
  EXPECT_EQ(analyze("SELECT * FROM docs").cacheability, Cacheability::kProvable);
  run("GRANT " + tenant + ", " + owner + " TO CURRENT_USER; SET ROLE " + tenant);
  analyzer_.forget();
  EXPECT_EQ(analyze("SELECT * FROM orders").cacheability, Cacheability::kProvable);
  run("RESET ROLE");
  EXPECT_EQ(analyze("SELECT * FROM shown").cacheability, Cacheability::kProvable);
}

TEST_F(AnalysisTest, ATableWhoseChildHasAnotherParentDependsOnThatParentToo) {
  run("CREATE TABLE one (id int); CREATE TABLE two (id int); CREATE TABLE both_ () INHERITS (one, "
      "two); SELECT weir.track('one')");
  EXPECT_THAT(dependencies(analyze("SELECT * FROM one")), ElementsAre("both_", "one", "two"));
  run("ALTER TABLE two DISABLE TRIGGER weir_write");  // UPDATE two writes rows of one
  analyzer_.forget();
  EXPECT_EQ(analyze("SELECT * FROM one").cacheability, Cacheability::kTtlOnly);
}

TEST_F(AnalysisTest, AnswersAreKeptUntilTheCatalogIsForgotten) {
  EXPECT_EQ(analyze("SELECT * FROM loose").cacheability, Cacheability::kTtlOnly);
  track("loose");
  EXPECT_EQ(analyze("SELECT * FROM loose").cacheability, Cacheability::kTtlOnly);
  analyzer_.forget();
  EXPECT_EQ(analyze("SELECT * FROM loose").cacheability, Cacheability::kProvable);
  run("DROP TABLE loose CASCADE; CREATE TABLE loose (id int)");
  analyzer_.forget();
  EXPECT_EQ(analyze("SELECT * FROM loose").cacheability, Cacheability::kTtlOnly);
}

TEST_F(AnalysisTest, WritesNameTheirTargets) {
  EXPECT_THAT(
      names(analyze("UPDATE orders SET total = 1 WHERE id IN (SELECT id FROM customers)").writes),
      ElementsAre("public.orders"));
  EXPECT_THAT(names(analyze("TRUNCATE orders, items").writes),
              ElementsAre("public.items", "public.orders"));
  const Analysis insert = analyze("INSERT INTO loose VALUES (1)");
  ASSERT_EQ(insert.writes.size(), 1U);
  EXPECT_FALSE(insert.writes[0].tracked);
  EXPECT_TRUE(insert.may_change_session);
}

TEST_F(AnalysisTest, KnownExtensionsAreTrustedAndOthersNot) {
  if (value("SELECT count(*) FROM pg_available_extensions WHERE name = 'citext'") == "0") {
    if (weir::test::servers_required()) FAIL() << "the server has no contrib extensions";
    GTEST_SKIP() << "the server has no contrib extensions";
  }
  run("CREATE EXTENSION citext; CREATE TABLE people (id int, email citext); SELECT "
      "weir.track('people')");
  for (const char* sql :
       {"SELECT * FROM people WHERE email = 'a'", "SELECT * FROM people WHERE id = 1",
        "SELECT * FROM people ORDER BY email", "SELECT max(id) FROM people",
        "SELECT * FROM customers WHERE name = 'a'"}) {
    EXPECT_EQ(analyze(sql).cacheability, Cacheability::kProvable) << sql << report(analyze(sql));
  }
  EXPECT_EQ(analyze("SELECT replace(email, 'a', 'b') FROM people").cacheability,
            Cacheability::kTtlOnly);  // citext's own, in SQL
}

TEST_F(AnalysisTest, QuotedNamesCannotEscape) {
  run(R"(CREATE TABLE "a""b,\" (id int); CREATE TABLE "{x}" (id int); SELECT weir.track('"{x}"'))");
  EXPECT_THAT(names(analyze(R"(SELECT * FROM "a""b,\")").relations), ElementsAre("public.a\"b,\\"));
  EXPECT_EQ(analyze(R"(SELECT * FROM "{x}")").cacheability, Cacheability::kProvable);
  EXPECT_EQ(analyze(R"(SELECT * FROM "NULL")").kind, StatementKind::kOther);
}

TEST_F(AnalysisTest, ConnectionsAnalyseAtTheSameTime) {
  std::vector<std::thread> threads;
  std::vector<int> failures(4, 0);
  for (std::size_t i = 0; i < failures.size(); ++i) {
    threads.emplace_back([this, i, &failures] {
      Pq connection = connect(dsn());
      connection.exec("SET search_path = public", in(std::chrono::seconds{20}));
      for (int round = 0; round < 20; ++round) {
        if (round % 7 == 0) analyzer_.forget();
        const Analysis analysis = analyze(connection, "SELECT * FROM by_name");
        if (analysis.cacheability != Cacheability::kProvable) ++failures[i];
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(failures, ::testing::Each(0));
}

/// The same shop in a database without weir.
class AnalysisWithoutWeirTest : public AnalysisTest {
 protected:
  void install() override { run("SET search_path = public; CREATE TABLE orders (id int)"); }
};

TEST_F(AnalysisWithoutWeirTest, NothingIsTracked) {
  const Analysis analysis = analyze("SELECT * FROM orders");
  EXPECT_EQ(analysis.cacheability, Cacheability::kTtlOnly);
  EXPECT_THAT(analysis.reasons, ElementsAre(HasSubstr("weir migrate up")));
  EXPECT_EQ(analyze("SELECT 1").cacheability, Cacheability::kProvable);
}

}  // namespace
}  // namespace weir::postgres::test
