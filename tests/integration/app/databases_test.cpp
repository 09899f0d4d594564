// The command's subcommands doing their work, on both engines.
#include <gmock/gmock.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string_view>

#include "command_fixture.hpp"

namespace weir::test {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::StartsWith;

MATCHER_P(Exits, code, "") {
  *result_listener << "exit code " << arg.code << "\nstdout: " << arg.out
                   << "\nstderr: " << arg.err;
  return arg.code == code;
}

INSTANTIATE_TEST_SUITE_P(Engines, CommandTest, testing::Values(Engine::kSqlite, Engine::kPostgres),
                         [](const auto& engine) {
                           return engine.param == Engine::kSqlite ? "Sqlite" : "Postgres";
                         });

TEST_P(CommandTest, MigrateGoesUpAndDownAndTellsWhereItStands) {
  Ran ran = weir({"migrate", "status"});
  EXPECT_THAT(ran, Exits(1));
  EXPECT_THAT(ran.out, AllOf(HasSubstr("installed  none"), HasSubstr("pending    0001 journal")));
  EXPECT_THAT(ran.err, HasSubstr("run `weir migrate up`"));

  ran = weir({"migrate", "up"});
  EXPECT_THAT(ran, Exits(0));
  EXPECT_THAT(ran.out, StartsWith("0001 journal: up\n"));
  EXPECT_THAT(ran.err, HasSubstr("now run `weir track`"));
  EXPECT_THAT(weir({"migrate", "up"}).out, HasSubstr("nothing to do"));

  ran = weir({"migrate", "status"});
  EXPECT_THAT(ran, Exits(0));
  EXPECT_THAT(ran.out, AllOf(HasSubstr("applied    0001 journal"), HasSubstr("DDL seen   by ")));
  EXPECT_THAT(ran.err, IsEmpty());

  EXPECT_THAT(weir({"migrate", "down"}).out, HasSubstr("0001 journal: down\n"));
  EXPECT_THAT(weir({"migrate", "down"}).out, HasSubstr("nothing to do"));
  EXPECT_THAT(weir({"migrate", "status"}), Exits(1));
}

TEST_P(CommandTest, ADryRunPrintsAScriptAndChangesNothing) {
  const Ran up = weir({"migrate", "up", "--dry-run"});
  EXPECT_THAT(up, Exits(0));
  EXPECT_THAT(up.out, AllOf(StartsWith("-- 0001 journal: up\n"), HasSubstr("CREATE ")));
  EXPECT_THAT(up.err, IsEmpty());
  EXPECT_THAT(weir({"migrate", "status"}), Exits(1));

  ASSERT_THAT(weir({"migrate", "up"}), Exits(0));
  const Ran track = weir({"track", "--dry-run", "users"});
  EXPECT_THAT(track, Exits(0));
  EXPECT_THAT(track.out, AllOf(StartsWith("-- " + schema() + ".users: "), HasSubstr(";\n"),
                               Not(HasSubstr("orders"))));
  EXPECT_THAT(weir({"track", "users"}).out, Not(HasSubstr("already")));
}

TEST_P(CommandTest, ADryRunsScriptDoesWhatTheCommandWouldDo) {
  const auto apply = [&](const std::string& script) {  // as other people's tools do
    const std::string file = folder_.file("script.sql");
    std::ofstream{file} << script;
    const std::string tool =
        sqlite() ? "sqlite3 -bail '" + dsn_.substr(std::string_view{"sqlite:"}.size()) + "' <"
                 : "psql -qX1 -v ON_ERROR_STOP=1 -o /dev/null -d '" + dsn_ + "' -f ";
    EXPECT_EQ(std::system((tool + file).c_str()), 0) << script;
  };
  apply(weir({"migrate", "up", "--dry-run"}).out);
  EXPECT_THAT(weir({"migrate", "status"}), Exits(0));
  apply(weir({"track", "--dry-run"}).out);
  EXPECT_THAT(weir({"track"}).out, HasSubstr(schema() + ".users: already tracked"));
}

TEST_P(CommandTest, TrackAndUntrackTellWhatBecameOfEachTable) {
  ASSERT_THAT(weir({"migrate", "up"}), Exits(0));
  EXPECT_THAT(weir({"track", schema() + ".users"}).out, StartsWith(schema() + ".users: tracked"));
  EXPECT_THAT(weir({"track"}).out, AllOf(StartsWith(schema() + ".orders: tracked"),
                                         HasSubstr("\n" + schema() + ".users: already tracked")));
  EXPECT_EQ(weir({"untrack", "users"}).out, schema() + ".users: untracked\n");
  EXPECT_EQ(weir({"untrack"}).out,
            schema() + ".orders: untracked\n" + schema() + ".users: not tracked\n");
}

TEST_P(CommandTest, TrackTakesTheColumnsByWhichChangesTellRows) {
  if (sqlite()) return;
  ASSERT_THAT(weir({"migrate", "up"}), Exits(0));
  EXPECT_EQ(weir({"track", "orders"}).out, "public.orders: tracked by id\n");
  EXPECT_THAT(weir({"track", "orders", "--keys", "user_id", "--dry-run"}).out,
              HasSubstr("weir.track('public.orders', keys => '{\"user_id\"}');\n"));
  EXPECT_EQ(weir({"track", "--keys", "user_id,id", "orders"}).out,
            "public.orders: tracked by id, user_id\n");
  EXPECT_EQ(weir({"track", "--no-keys", "orders", "users"}).out,
            "public.orders: tracked\npublic.users: tracked\n");
  EXPECT_EQ(weir({"track"}).out, "public.orders: already tracked\npublic.users: already tracked\n");
  const Ran refused = weir({"track", "--keys", "nothing", "users"});
  EXPECT_THAT(refused, Exits(2));
  EXPECT_THAT(refused.err, AllOf(HasSubstr("public.users"), HasSubstr("nothing")));
}

TEST_P(CommandTest, DoctorFailsWhileATableIsUntrackedAndPassesAfterItsFix) {
  ASSERT_THAT(weir({"migrate", "up"}), Exits(0));
  ASSERT_THAT(weir({"track", "users"}), Exits(0));
  const Ran sick = weir({"doctor"});
  EXPECT_THAT(sick, Exits(1));
  EXPECT_THAT(sick.out, AllOf(HasSubstr("warning  untracked-table"), HasSubstr("orders"),
                              HasSubstr("fix: "), HasSubstr("1 warning")));
  ASSERT_THAT(weir({"track"}), Exits(0));
  const Ran well = weir({"doctor"});
  EXPECT_THAT(well, Exits(0));
  EXPECT_THAT(well.out, HasSubstr(": 0 errors, 0 warnings, "));
}

TEST_P(CommandTest, ExplainTellsWhatAStatementReadsAndWhyItIsNotCached) {
  ASSERT_THAT(weir({"migrate", "up"}), Exits(0));
  ASSERT_THAT(weir({"track"}), Exits(0));
  Ran ran = weir({"explain", "SELECT name FROM users"});
  EXPECT_THAT(ran, Exits(0));
  EXPECT_THAT(ran.out, AllOf(HasSubstr("cacheable  yes"),
                             HasSubstr("reads      " + schema() + ".users (tracked)")));
  ran = weir({"explain", "SELECT name, random() FROM users"});
  EXPECT_THAT(ran, Exits(0));
  EXPECT_THAT(ran.out, AllOf(HasSubstr("cacheable  no"), HasSubstr("because    random()")));
}

TEST_P(CommandTest, ExplainsJsonHasTheFieldsPromised) {
  ASSERT_THAT(weir({"migrate", "up"}), Exits(0));
  ASSERT_THAT(weir({"track", "users"}), Exits(0));
  const Ran ran = weir({"explain", "--json", "SELECT name FROM users"});
  ASSERT_THAT(ran, Exits(0));
  const auto json = nlohmann::json::parse(ran.out);
  EXPECT_EQ(json.at("cacheable"), true);
  EXPECT_THAT(json.at("reasons"), IsEmpty());
  EXPECT_EQ(json.at("relations"), nlohmann::json::array({schema() + ".users"}));
  EXPECT_EQ(json.at("tracked").at(schema() + ".users"), true);
  for (const char* field : {"normalized", "keys", "policy"}) EXPECT_TRUE(json.contains(field));
}

TEST_P(CommandTest, QueryPrintsTheRowsAndThenHowEachRepetitionWasAnswered) {
  ASSERT_THAT(weir({"migrate", "up"}), Exits(0));
  ASSERT_THAT(weir({"track"}), Exits(0));
  const Ran ran = weir({"query", "--repeat", "3", "--max-staleness", "1h",
                        "SELECT id, name FROM users WHERE id >= " + one() + " ORDER BY id", "1"});
  ASSERT_THAT(ran, Exits(0));
  EXPECT_THAT(ran.out, StartsWith("id | name\n"
                                  "-- | ----\n"
                                  " 1 | Ann\n"
                                  "22 | NULL\n"
                                  "(2 rows)\n"
                                  "\n"
                                  "#  source "));
  EXPECT_THAT(ran.out, HasSubstr("\n1  database "));
  EXPECT_THAT(ran.out, HasSubstr("  not in the cache\n2  memory "));
  EXPECT_THAT(ran.out, HasSubstr("\n3  memory "));
  EXPECT_THAT(ran.err, IsEmpty());
}

TEST_P(CommandTest, QuerysJsonHoldsRowsAndAnswers) {
  ASSERT_THAT(weir({"migrate", "up"}), Exits(0));
  ASSERT_THAT(weir({"track"}), Exits(0));
  const Ran ran = weir({"query", "SELECT name FROM users WHERE id = " + one(), "1", "--json",
                        "--repeat", "2", "--max-staleness", "1h"});
  ASSERT_THAT(ran, Exits(0));
  const auto json = nlohmann::json::parse(ran.out);
  EXPECT_EQ(json.at("rows"), nlohmann::json::parse(R"([{"name": "Ann"}])"));
  ASSERT_EQ(json.at("answers").size(), 2U);
  EXPECT_EQ(json["answers"][0].at("source"), "database");
  EXPECT_EQ(json["answers"][0].at("reason"), "not in the cache");
  EXPECT_EQ(json["answers"][1].at("source"), "memory");
  EXPECT_EQ(json["answers"][1].at("reason_code"), "hit");
  EXPECT_GT(json["answers"][1].at("age_seconds"), 0.0);
  EXPECT_GT(json["answers"][1].at("time_seconds"), 0.0);
}

TEST_P(CommandTest, AStatementThatWritesRunsOnce) {
  const Ran ran =
      weir({"query", "--repeat", "5", "INSERT INTO orders SELECT count(*) + 1, 1 FROM orders"});
  EXPECT_THAT(ran, Exits(0));
  EXPECT_THAT(ran.err, HasSubstr("ran once"));
  EXPECT_THAT(weir({"query", "--json", "SELECT count(*) AS n FROM orders"}).out,
              HasSubstr(R"("rows":[{"n":1}])"));
}

TEST_P(CommandTest, TheStatementIsReadFromStandardInput) {
  EXPECT_THAT(weir({"query", "--json", "-", "1"},
                   {.input = "SELECT name\nFROM users\nWHERE id = " + one() + "\n"})
                  .out,
              HasSubstr(R"("rows":[{"name":"Ann"}])"));
  EXPECT_THAT(weir({"explain", "-"}, {.input = "SELECT name FROM users"}).out,
              HasSubstr(schema() + ".users"));
}

TEST_P(CommandTest, ParametersReachTheDatabaseAsTheyWereTyped) {
  const std::string text =
      sqlite() ? "SELECT typeof(?1) || ':' || ?1 AS v" : "SELECT 'text:' || $1::text AS v";
  for (const std::string word : {"[1,2]", "{}", "track", "query", "a b", "042", "'quoted'"}) {
    const Ran ran = weir({"query", "--json", text, word});
    ASSERT_THAT(ran, Exits(0)) << word;
    EXPECT_EQ(nlohmann::json::parse(ran.out).at("rows")[0].at("v"), "text:" + word);
  }
  const std::string sum = sqlite() ? "SELECT ?1 + ?2 AS v" : "SELECT $1::float8 + $2 AS v";
  EXPECT_THAT(weir({"query", "--json", sum, "-5", "1.5"}).out, HasSubstr(R"({"v":-3.5})"));
  EXPECT_THAT(
      weir({"query", "--json", "SELECT CAST(" + one() + " AS text) IS NULL AS v", "null:"}).out,
      sqlite() ? HasSubstr(R"({"v":1})") : HasSubstr(R"({"v":true})"));
}

TEST_P(CommandTest, PoliciesComeFromOptionsAndFromARulesFile) {
  const std::string sql = "SELECT name FROM users";
  const std::string rules = folder_.file("rules.toml");
  std::ofstream{rules} << "[[rule]]\ntable = \"" << schema() << ".users\"\nmode = \"off\"\n";
  const Ran ran = weir({"query", "--repeat", "2", "--ttl", "1h", "--rules", rules, sql});
  ASSERT_THAT(ran, Exits(0));
  EXPECT_THAT(ran.out, Not(HasSubstr("memory")));
  const auto json = nlohmann::json::parse(weir({"explain", "--json", "--rules", rules, sql}).out);
  EXPECT_EQ(json.at("policy").at("mode"), "off");
}

TEST_P(CommandTest, ATtlCachesWhatCannotBeProven) {
  const std::string sql = sqlite() ? "SELECT datetime('now') AS t" : "SELECT now()::text AS t";
  EXPECT_THAT(weir({"query", "--repeat", "2", sql}).out, Not(HasSubstr("memory")));
  EXPECT_THAT(weir({"query", "--repeat", "2", "--ttl", "1h", sql}).out, HasSubstr("2  memory "));
}

TEST_P(CommandTest, WithoutTheMigrationTrackSaysWhatToRun) {
  const Ran ran = weir({"track"});
  EXPECT_THAT(ran, Exits(1));
  EXPECT_THAT(ran.err, AllOf(StartsWith("weir: "), HasSubstr("weir migrate up")));
}

TEST_P(CommandTest, ASchemaOfAnotherVersionIsRefusedAndQueriesRunUncached) {
  ASSERT_THAT(weir({"migrate", "up"}), Exits(0));
  ASSERT_THAT(weir({"track"}), Exits(0));
  const auto set_version = [&](const std::string& version) {
    execute(sqlite() ? "UPDATE weir_meta SET value = '" + version + "' WHERE key = 'version'"
                     : "UPDATE weir.meta SET version = " + version);
  };
  set_version("99");
  for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{
           {"migrate", "status"}, {"migrate", "up"}, {"migrate", "down"}, {"track"}}) {
    const Ran ran = weir(arguments);
    EXPECT_THAT(ran, Exits(1)) << arguments.front();
    EXPECT_THAT(ran.err, HasSubstr("use a newer")) << arguments.front();
  }
  const Ran doctor = weir({"doctor"});
  EXPECT_THAT(doctor, Exits(1));
  EXPECT_THAT(doctor.out, HasSubstr("version 99"));
  const Ran query = weir({"query", "--repeat", "2", "SELECT name FROM users"});
  EXPECT_THAT(query, Exits(0));
  EXPECT_THAT(query.out, AllOf(Not(HasSubstr("memory")), HasSubstr("version 99")));

  set_version("0");
  EXPECT_THAT(weir({"migrate", "status"}), Exits(1));
  EXPECT_THAT(weir({"track"}).err, HasSubstr("weir migrate up"));
}

}  // namespace
}  // namespace weir::test
