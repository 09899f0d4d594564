// The session of a connection: pinned, declared, doubted, reset.

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "tests/integration/postgres/connection_fixture.hpp"

namespace weir::postgres::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class PostgresSessionTest : public ConnectionTest {
 protected:
  void declare(const Session& session) { connection_->use_session(session, soon()); }
};

// --- every setting that changes results ---

struct SettingCase {
  std::string setting;
  std::string value;
  std::string query;  // answers otherwise under `value`
};

TEST_F(PostgresSessionTest, EverySettingThatChangesResultsIsDeclaredAndTakenBack) {
  run("CREATE SCHEMA other; CREATE TABLE t (a text); INSERT INTO t VALUES ('public'), (NULL);"
      "CREATE TABLE other.t (a text); INSERT INTO other.t VALUES ('other');"
      "CREATE FUNCTION other.lower(text) RETURNS text LANGUAGE sql AS $$ SELECT 'hijacked' $$");
  const std::vector<SettingCase> cases{
      {"TimeZone", "America/Lima", "SELECT ('2024-03-05 00:00+00'::timestamptz)::text"},
      {"DateStyle", "SQL, DMY", "SELECT '01/02/2024'::date::text"},
      {"IntervalStyle", "iso_8601", "SELECT '1 month'::interval::text"},
      {"bytea_output", "escape", "SELECT '\\x01'::bytea::text"},
      {"extra_float_digits", "0", "SELECT (0.1::float8 + 0.2)::text"},
      {"standard_conforming_strings", "off", "SELECT length('a\\\\b')::text"},
      {"transform_null_equals", "on", "SELECT count(*)::text FROM t WHERE a = NULL"},
      {"array_nulls", "off",
       "SELECT ('{NULL}'::text[] IS DISTINCT FROM ARRAY[NULL]::text[])::text"},
      {"default_text_search_config", "simple", "SELECT to_tsvector('cats')::text"},
      {"xmlbinary", "hex", "SELECT xmlelement(name x, '\\x01ff'::bytea)::text"},
      {"quote_all_identifiers", "on", "SELECT quote_ident('a')"},
      {"search_path", "other", "SELECT string_agg(a, ',') FROM t"},
      {"search_path", "other, pg_catalog, public", "SELECT lower('A')"},
      {"app.tenant", "42", "SELECT coalesce(current_setting('app.tenant', true), 'none')"},
      {"xmloption", "document", "SELECT (xml_is_well_formed('x'))::text"},
  };
  for (const SettingCase& test : cases) {
    const std::string before = text(test.query);
    const Session session{.settings = {{test.setting, test.value}}};
    declare(session);
    EXPECT_NE(text(test.query), before) << test.setting;
    declare(Session{});
    // A custom setting, once set, stays known to the backend with an empty value.
    if (test.setting == "app.tenant") {
      EXPECT_NE(text(test.query), "42");
    } else {
      EXPECT_EQ(text(test.query), before) << test.setting;
    }
    read("SELECT 1");
    EXPECT_EQ(doubt(), "") << test.setting;
  }
}

TEST_F(PostgresSessionTest, ChangesBehindWeirsBackAreDoubtedForEverySetting) {
  run("CREATE FUNCTION change(text, text) RETURNS text LANGUAGE plpgsql AS "
      "$$ BEGIN RETURN set_config($1, $2, false); END $$");
  const std::vector<std::pair<std::string, std::string>> cases{
      {"TimeZone", "America/Lima"},
      {"DateStyle", "SQL, DMY"},
      {"IntervalStyle", "iso_8601"},
      {"bytea_output", "escape"},
      {"extra_float_digits", "0"},
      {"lc_monetary", "C"},
      {"lc_numeric", "POSIX"},
      {"lc_time", "POSIX"},
      {"standard_conforming_strings", "off"},
      {"transform_null_equals", "on"},
      {"array_nulls", "off"},
      {"default_text_search_config", "simple"},
      {"xmlbinary", "hex"},
      {"xmloption", "document"},
      {"quote_all_identifiers", "on"},
      {"client_encoding", "LATIN1"},
      {"search_path", "pg_catalog"},
      {"row_security", "off"},
      {"backslash_quote", "on"},
      {"gin_fuzzy_search_limit", "10"},
      {"synchronize_seqscans", "off"},
      {"timezone_abbreviations", "India"},
      {"default_transaction_isolation", "serializable"},
      {"session_replication_role", "replica"},
      {"role", "pg_monitor"},
      {"session_authorization", "pg_monitor"},
  };
  for (const auto& [setting, value] : cases) {
    if (setting == "session_authorization") {
      ask("SET SESSION AUTHORIZATION pg_monitor");
    } else {
      ask("SELECT change($1, $2)", setting, value);
    }
    EXPECT_NE(doubt(), "") << setting;
    declare(Session{});
    EXPECT_EQ(doubt(), "") << setting;
  }
}

TEST_F(PostgresSessionTest, WhatAFunctionSetIsNotForWhoeverComesNext) {
  run("CREATE FUNCTION change(text, text) RETURNS text LANGUAGE plpgsql AS "
      "$$ BEGIN RETURN set_config($1, $2, false); END $$;"
      "CREATE FUNCTION fill() RETURNS int LANGUAGE plpgsql AS "
      "$$ BEGIN CREATE TEMP TABLE pg_class (relname text); RETURN 1; END $$");
  const std::vector<SettingCase> cases{
      {"TimeZone", "America/Lima", "SELECT ('2024-03-05 00:00+00'::timestamptz)::text"},
      {"DateStyle", "SQL, DMY", "SELECT '01/02/2024'::date::text"},
      {"bytea_output", "escape", "SELECT '\\x01'::bytea::text"},
      {"search_path", "pg_catalog", "SELECT current_schemas(false)::text"},
      {"role", "pg_monitor", "SELECT current_user::text"},
      {"app.tenant", "42", "SELECT coalesce(nullif(current_setting('app.tenant', true), ''), '-')"},
  };
  const Session declared{.settings = {{"app.tenant", "7"}, {"IntervalStyle", "iso_8601"}}};
  for (const Session& session : {Session{}, declared}) {
    for (const SettingCase& test : cases) {
      declare(session);
      const std::string before = text(test.query);
      declare(session);
      ask("SELECT change($1, $2)", test.setting, test.value);
      declare(session);
      EXPECT_EQ(text(test.query), before) << test.setting;
    }
  }
  declare({});
  ask("SELECT change('app.tenant', '42')");
  EXPECT_EQ(doubt(), "") << "what can be listed is as declared";
  declare({});
  EXPECT_NE(text("SELECT current_setting('app.tenant', true)"), "42");
  ask("SELECT fill()");
  declare({});
  EXPECT_EQ(ask("SELECT count(*) > 0 FROM pg_class").one<bool>(), true);
}

TEST_F(PostgresSessionTest, ARoleLeftBehindDoesNotKeepTheDeclaredSessionFromBeingMadeAgain) {
  run("CREATE FUNCTION change() RETURNS text LANGUAGE sql AS $$ SELECT set_config('role', "
      "'pg_monitor', false) $$; GRANT EXECUTE ON FUNCTION change() TO PUBLIC");
  const Session session{.settings = {{"session_replication_role", "replica"}}};
  declare(session);
  ask("SELECT change()");
  EXPECT_EQ(text("SELECT current_user::text"), "pg_monitor");
  declare(session);
  EXPECT_NE(text("SELECT current_user::text"), "pg_monitor");
  EXPECT_EQ(text("SHOW session_replication_role"), "replica");
}

TEST_F(PostgresSessionTest, TheQuestionForTheStateSurvivesADeallocateAll) {
  run("CREATE FUNCTION drop_all() RETURNS int LANGUAGE plpgsql AS "
      "$$ BEGIN EXECUTE 'DEALLOCATE ALL'; RETURN 1; END $$");
  ask("SELECT drop_all()");
  declare({});
  read("SELECT 1");
  EXPECT_EQ(doubt(), "");
  ask("SELECT drop_all()");
  EXPECT_EQ(doubt(), "");
}

TEST_F(PostgresSessionTest, WhatWasProvenHarmlessLeavesTheSessionAsItIs) {
  run("CREATE TABLE t (a int)");
  read("SELECT a FROM t");
  connection_->use_session({}, never());  // has no time to ask the server anything
}

// --- the profile ---

TEST_F(PostgresSessionTest, TheFirstConnectionsSettingsArePinned) {
  const std::string environment = connection_->info().environment;
  const std::string database = value("SELECT current_database()");
  run("ALTER DATABASE " + database + " SET TimeZone = 'America/Lima'");
  run("ALTER DATABASE " + database + " SET search_path = pg_catalog");
  const auto later = driver_->connect(spi::Access::kRead, soon());
  EXPECT_EQ(later->info().environment, environment);
  EXPECT_NE(ask_on(*later, "SHOW TimeZone").one<std::string>(), "America/Lima");
  later->use_session({.settings = {{"DateStyle", "SQL"}}}, soon());
  EXPECT_NE(ask_on(*later, "SHOW TimeZone").one<std::string>(), "America/Lima");
  later->use_session({}, soon());
  EXPECT_NE(ask_on(*later, "SHOW TimeZone").one<std::string>(), "America/Lima");
  ask_on(*later, "SELECT 1");
  EXPECT_EQ(later->session_doubt(soon()), "");
  reopen(options());
  EXPECT_NE(connection_->info().environment, environment) << "a new driver takes what it finds";
  EXPECT_EQ(text("SHOW TimeZone"), "America/Lima");
}

TEST_F(PostgresSessionTest, AnotherUserIsAnotherEnvironment) {
  const std::string environment = connection_->info().environment;
  reopen(options_for(with(dsn(), {{"user", role("LOGIN SUPERUSER")}, {"password", "secret"}})));
  EXPECT_NE(connection_->info().environment, environment);
}

TEST_F(PostgresSessionTest, TheEncodingIsUtf8WhateverTheDsnSays) {
  reopen(options_for(with(dsn(), {{"client_encoding", "LATIN1"}})));
  EXPECT_EQ(text("SHOW client_encoding"), "UTF8");
  EXPECT_EQ(text("SELECT 'ä'"), "ä");
}

TEST_F(PostgresSessionTest, AutocommitReadsAreReadCommittedWhateverTheDefaultIs) {
  reopen(options_for(with(dsn(), {{"options", "-c default_transaction_isolation=serializable"}})));
  EXPECT_EQ(text("SHOW transaction_isolation"), "read committed");
  declare({.settings = {{"app.x", "1"}}});
  declare({});
  EXPECT_EQ(text("SHOW transaction_isolation"), "read committed");
  read("SELECT 1");
  EXPECT_EQ(doubt(), "");
}

// --- declared sessions ---

TEST_F(PostgresSessionTest, ADeclaredRoleDecidesWhatRowSecurityShows) {
  const std::string alice = role("NOLOGIN");
  const std::string bob = role("NOLOGIN");
  run("CREATE TABLE t (owner text); INSERT INTO t VALUES ('" + alice + "'), ('" + bob +
      "');"
      "GRANT SELECT ON t TO PUBLIC; ALTER TABLE t ENABLE ROW LEVEL SECURITY;"
      "CREATE POLICY own ON t USING (owner = current_user OR owner = current_setting('app.as', "
      "true))");
  const std::string query =
      "SELECT string_agg(owner, ',' ORDER BY owner = '" + alice + "' DESC) FROM t";
  EXPECT_EQ(text(query), alice + "," + bob);
  declare({.role = alice});
  EXPECT_EQ(text(query), alice);
  declare({.role = bob});
  EXPECT_EQ(text(query), bob);
  declare({.role = bob, .settings = {{"app.as", alice}}});
  EXPECT_EQ(text(query), alice + "," + bob);
  declare({.role = bob});
  EXPECT_EQ(text(query), bob) << "the last session's setting is gone";
  declare({});
  EXPECT_EQ(text(query), alice + "," + bob);
}

TEST_F(PostgresSessionTest, TheSameSessionAgainCostsNothing) {
  connection_->use_session({}, never());
  const Session session{.search_path = "public", .settings = {{"app.user", "1"}}};
  declare(session);
  connection_->use_session(session, never());
  EXPECT_EQ(read("SELECT 1").one<std::int64_t>(), 1);
  connection_->use_session(session, never());
  EXPECT_EQ(connection_->session_doubt(never()), "");
}

TEST_F(PostgresSessionTest, NamesAndValuesAreNotSql) {
  const std::string nasty = "x'; DROP TABLE t; SELECT '\\";
  declare({.settings = {{"app.note", nasty}}});
  EXPECT_EQ(text("SELECT current_setting('app.note')"), nasty);
  error_of(ErrorCode::kConfig, [&] { declare({.settings = {{"app.x'; DROP", "1"}}}); });
  declare({.search_path = "\"Odd, one\", public"});
  EXPECT_EQ(text("SHOW search_path"), "\"Odd, one\", public");
}

TEST_F(PostgresSessionTest, WhatCannotBeDeclaredIsNamedAndTheSessionStays) {
  const Session good{.settings = {{"app.user", "1"}}};
  declare(good);
  EXPECT_THAT(error_of(ErrorCode::kConfig,
                       [&] {
                         declare({.settings = {{"no_such_setting", "1"}}});
                       }),
              HasSubstr("no_such_setting"));
  EXPECT_THAT(error_of(ErrorCode::kConfig,
                       [&] {
                         declare({.settings = {{"TimeZone", "Mars/Base"}}});
                       }),
              HasSubstr("TimeZone"));
  EXPECT_THAT(error_of(ErrorCode::kConfig, [&] { declare({.role = "nobody_at_all"}); }),
              HasSubstr("nobody_at_all"));
  EXPECT_THAT(error_of(ErrorCode::kConfig,
                       [&] {
                         declare({.settings = {{"client_encoding", "LATIN1"}}});
                       }),
              HasSubstr("client_encoding"));
  connection_->use_session(good, never());
  EXPECT_EQ(text("SELECT current_setting('app.user')"), "1");
}

TEST_F(PostgresSessionTest, ARoleOneIsNotMemberOfIsRefused) {
  const std::string login = role("LOGIN");
  const std::string other = role("NOLOGIN");
  reopen(options_for(with(dsn(), {{"user", login}, {"password", "secret"}})));
  EXPECT_THAT(error_of(ErrorCode::kPermission, [&] { declare({.role = other}); }),
              HasSubstr(other));
  EXPECT_EQ(text("SELECT current_user"), login);
}

TEST_F(PostgresSessionTest, NoSessionIsDeclaredInsideATransaction) {
  connection_->begin(spi::Isolation::kReadCommitted, spi::TransactionAccess::kReadWrite, soon());
  error_of(ErrorCode::kUsage, [&] { declare({.settings = {{"app.user", "1"}}}); });
  EXPECT_NE(doubt(), "");
  connection_->rollback(soon());
}

TEST_F(PostgresSessionTest, NothingIsProvableWhereBackslashesEscape) {
  EXPECT_EQ(connection_->analyze("SELECT 'a'", soon()).cacheability, spi::Cacheability::kProvable);
  declare({.settings = {{"standard_conforming_strings", "off"}}});
  // To the parser a constant and a comment, to the server one constant.
  const char* sql = "SELECT '\\' -- ' || (SELECT max(oid)::text FROM pg_class)";
  const spi::Analysis analysis = connection_->analyze(sql, soon());
  EXPECT_EQ(analysis.cacheability, spi::Cacheability::kNever);
  EXPECT_THAT(analysis.reasons, ::testing::Contains(HasSubstr("standard_conforming_strings")));
  declare({});
  EXPECT_EQ(connection_->analyze("SELECT 'a'", soon()).cacheability, spi::Cacheability::kProvable);
}

// --- plans that remember settings ---

TEST_F(PostgresSessionTest, APlanMadeUnderSettingsNobodyDeclaredFillsNothing) {
  // The server folds this into a constant when it plans the statement.
  const std::string query = "SELECT '\\x01'::bytea::text";
  run("CREATE FUNCTION change(text) RETURNS text LANGUAGE sql AS $$ SELECT "
      "set_config('bytea_output', $1, false) $$");
  ask("SELECT change('escape')");
  EXPECT_EQ(read(query).one<std::string>(), "\\001");
  ask("SELECT change('hex')");  // as it was: nothing is left to be seen of it
  EXPECT_EQ(read(query).one<std::string>(), "\\001")
      << "the server no longer folds: this test is void";
  EXPECT_THAT(doubt(), HasSubstr("planned"));
  EXPECT_EQ(read(query).one<std::string>(), "\\x01");
  EXPECT_EQ(doubt(), "");
}

TEST_F(PostgresSessionTest, ResettingAWrongSessionForgetsThePlansMadeInIt) {
  const std::string query = "SELECT '\\x01'::bytea::text";
  run("CREATE FUNCTION change(text) RETURNS text LANGUAGE sql AS $$ SELECT "
      "set_config('bytea_output', $1, false) $$");
  ask("SELECT change('escape')");
  EXPECT_EQ(read(query).one<std::string>(), "\\001");
  EXPECT_THAT(doubt(), HasSubstr("bytea_output"));
  declare({});
  EXPECT_EQ(read(query).one<std::string>(), "\\x01");
  EXPECT_EQ(doubt(), "");
}

// --- doubt ---

TEST_F(PostgresSessionTest, ProvenReadsRaiseNoDoubtAndAskNobody) {
  EXPECT_EQ(read("SELECT 1").one<std::int64_t>(), 1);
  EXPECT_EQ(connection_->session_doubt(never()), "");
  for (int i = 2; i < 30; ++i) {       // the server may be quicker than the look at the clock
    ask(fmt::format("SELECT {}", i));  // never analysed
    try {
      (void)connection_->session_doubt(never());
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kTimeout);
      return;
    }
  }
  FAIL() << "nobody was asked";
}

TEST_F(PostgresSessionTest, AWriteIsCheckedOnceAndThenForgotten) {
  run("CREATE TABLE t (a int)");
  ask("INSERT INTO t VALUES (1)");
  EXPECT_EQ(doubt(), "");
  EXPECT_EQ(connection_->session_doubt(never()), "");
}

TEST_F(PostgresSessionTest, ASettingChangedInsideAFunctionIsFound) {
  run("CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS "
      "$$ BEGIN PERFORM set_config('TimeZone', 'America/Lima', false); RETURN 1; END $$");
  EXPECT_EQ(read("SELECT f()").one<std::int64_t>(), 1);
  EXPECT_THAT(doubt(), HasSubstr("TimeZone"));
  EXPECT_NE(doubt(), "") << "asking does not heal";
  declare({});
  EXPECT_EQ(doubt(), "");
  EXPECT_NE(text("SHOW TimeZone"), "America/Lima");
}

TEST_F(PostgresSessionTest, ASettingChangedByATriggerIsFound) {
  run("CREATE TABLE t (a int); CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS "
      "$$ BEGIN PERFORM set_config('search_path', 'pg_catalog', false); RETURN NEW; END $$;"
      "CREATE TRIGGER x BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()");
  ask("INSERT INTO t VALUES (1)");
  EXPECT_THAT(doubt(), HasSubstr("search_path"));
}

TEST_F(PostgresSessionTest, TemporaryTablesAreDoubtedUntilTheyAreGone) {
  ask("CREATE TEMP TABLE t (a int)");
  EXPECT_THAT(doubt(), HasSubstr("temporary objects"));
  declare({});
  EXPECT_EQ(doubt(), "");
  EXPECT_EQ(ask("SELECT to_regclass('t') IS NULL").one<bool>(), true);
  ask("CREATE TEMP TABLE t (a int)");
  ask("DROP TABLE t");
  EXPECT_EQ(doubt(), "") << "an empty temporary schema hides nothing";
}

TEST_F(PostgresSessionTest, ADeclaredSessionIsDoubtedAfterAnythingUnprovenUntilItIsMadeAnew) {
  const Session session{.settings = {{"app.user", "1"}}};
  declare(session);
  EXPECT_EQ(doubt(), "");
  run("CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $$ SELECT set_config('app.other', '1', "
      "false) $$");
  ask("SELECT f()");
  EXPECT_NE(doubt(), "") << "custom settings cannot be listed";
  declare(session);
  EXPECT_EQ(doubt(), "");
  EXPECT_EQ(text("SELECT coalesce(nullif(current_setting('app.other', true), ''), 'gone')"),
            "gone");
}

TEST_F(PostgresSessionTest, ProofsEndWithTheCatalogTheyWereMadeFrom) {
  run("CREATE VIEW v AS SELECT 1 AS a");
  read("SELECT a FROM v");
  EXPECT_EQ(connection_->session_doubt(never()), "");
  run("CREATE OR REPLACE VIEW v AS SELECT 1 AS a WHERE set_config('TimeZone', 'America/Lima', "
      "false) <> ''");
  driver_->forget_catalog();
  ask("SELECT a FROM v");
  EXPECT_THAT(doubt(), HasSubstr("TimeZone"));
}

}  // namespace
}  // namespace weir::postgres::test
