// Wrong input and databases that cannot be reached: one line on stderr, the exit code, no password.
#include <gmock/gmock.h>

#include <fstream>

#include "command_fixture.hpp"
#include "tests/support/servers.hpp"

namespace weir::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::StartsWith;

constexpr const char* kPassword = "geheim4711";

/// Failed with this code and one line on stderr that holds `text`.
void expect_line(const Ran& ran, int code, const std::string& text) {
  EXPECT_EQ(ran.code, code) << ran.out << ran.err;
  EXPECT_THAT(ran.err, AllOf(MatchesRegex("weir: [^\n]*\n"), HasSubstr(text)));
  EXPECT_THAT(ran.err, Not(HasSubstr(kPassword)));
  EXPECT_THAT(ran.out, IsEmpty());
}

class CommandErrorsTest : public CommandTest {};
INSTANTIATE_TEST_SUITE_P(Engines, CommandErrorsTest,
                         testing::Values(Engine::kSqlite, Engine::kPostgres),
                         [](const auto& engine) {
                           return engine.param == Engine::kSqlite ? "Sqlite" : "Postgres";
                         });

TEST_P(CommandErrorsTest, ASyntaxErrorIsPointedAt) {
  const Ran ran = weir({"query", "SELECT 1,\n  2 3"});
  EXPECT_EQ(ran.code, 1);
  EXPECT_THAT(ran.err, AllOf(StartsWith("weir: "), HasSubstr("syntax error")));
  EXPECT_THAT(ran.err, testing::EndsWith("\n    2 3\n      ^\n"));
}

TEST_P(CommandErrorsTest, ExplainFailsAsTheStatementWould) {
  for (const char* format : {"--timeout=9s", "--json"}) {
    const Ran ran = weir({"explain", format, "SELECT 1,\n  2 3"});
    EXPECT_EQ(ran.code, 1);
    EXPECT_THAT(ran.err, AllOf(StartsWith("weir: "), HasSubstr("syntax error")));
    EXPECT_THAT(ran.err, testing::EndsWith("\n    2 3\n      ^\n"));
    EXPECT_THAT(ran.out, IsEmpty());
  }
  const Ran missing = weir({"explain", "SELECT * FROM nowhere"});
  EXPECT_EQ(missing.code, 1);
  EXPECT_THAT(missing.err, HasSubstr("nowhere"));
}

TEST_P(CommandErrorsTest, ExplainTellsARefusalOnce) {
  for (const std::string& sql :
       {std::string{"BEGIN"},
        std::string{sqlite() ? "PRAGMA journal_mode=wal" : "SET TimeZone = 'UTC'"}}) {
    const Ran ran = weir({"explain", sql});
    EXPECT_EQ(ran.code, 0) << ran.err;
    const std::size_t first = ran.out.find("because");
    ASSERT_NE(first, std::string::npos) << ran.out;
    const std::string line = ran.out.substr(first, ran.out.find('\n', first) - first);
    EXPECT_EQ(ran.out.find(line, first + 1), std::string::npos) << ran.out;
  }
}

TEST_P(CommandErrorsTest, AMissingTableIsNamed) {
  const Ran ran = weir({"query", "SELECT * FROM nowhere"});
  EXPECT_EQ(ran.code, 1);
  EXPECT_THAT(ran.err, HasSubstr("nowhere"));
  EXPECT_EQ(weir({"migrate", "up"}).code, 0);
  expect_line(weir({"track", "nowhere"}), 1, "nowhere");
}

TEST_P(CommandErrorsTest, AWrongParameterCountIsAUsageError) {
  const std::string sql = "SELECT name FROM users WHERE id = " + one();
  expect_line(weir({"query", sql}), 2, "takes 1 parameter, 0");
  expect_line(weir({"query", sql, "1", kPassword}), 2, "takes 1 parameter, 2");
}

TEST_P(CommandErrorsTest, AWrongParameterIsNotShown) {
  expect_line(weir({"query", "SELECT " + one(), std::string{"int:"} + kPassword}), 2,
              "parameter 1");
  if (!sqlite()) expect_line(weir({"query", "SELECT $1::integer", kPassword}), 1, "22P02");
}

TEST_P(CommandErrorsTest, ATextThatIsNoTextIsRefused) {
  expect_line(weir({"query", "-"}, {.input = std::string("SELECT 1\0", 9)}), 2,
              "NUL byte at byte 8");
  expect_line(weir({"query", "-"}, {.input = "SELECT '\xff'"}), 2, "invalid UTF-8 at byte 8");
  expect_line(weir({"explain", "SELECT '\xff'"}), 2, "invalid UTF-8 at byte 8");
  expect_line(weir({"query", "-"}, {.input = ""}), 2, "no statement on standard input");
  expect_line(weir({"query", "SELECT " + one(), "\xff"}), 2, "parameter 1");
}

TEST_P(CommandErrorsTest, AStatementThatIsTooLongIsRefused) {
  expect_line(weir({"query", "-"}, {.input = "SELECT 1" + std::string(1 << 20, ' ')}), 2,
              "1048576");
}

TEST_P(CommandErrorsTest, WhatWouldChangeThePoolsConnectionsIsRefused) {
  expect_line(weir({"query", "BEGIN"}), 1, "transact");
  EXPECT_EQ(weir({"query", sqlite() ? "ATTACH 'x' AS y" : "SET TimeZone = 'UTC'"}).code, 1);
}

TEST_P(CommandErrorsTest, ARulesFileMustBeRightToTheLastKey) {
  const std::string rules = folder_.file("rules.toml");
  expect_line(weir({"query", "--rules", rules, "SELECT 1"}), 2, rules);
  std::ofstream{rules} << "[[rule]]\ntable = \"main.users\"\ntll = \"5s\"\n";
  expect_line(weir({"query", "--rules", rules, "SELECT 1"}), 2, "tll");
  expect_line(weir({"explain", "--rules", rules, "SELECT 1"}), 2, "rules.toml:3");
}

TEST_P(CommandErrorsTest, OutputThatCannotBeWrittenIsAnError) {
  const Ran ran = weir({"query", "SELECT 1"}, {.output = "/dev/full"});
  EXPECT_EQ(ran.code, 1);
  EXPECT_THAT(ran.err, HasSubstr("cannot be written"));
}

TEST(CommandDatabaseTest, ADsnNobodyUnderstandsIsAUsageError) {
  for (const std::string& dsn :
       std::vector<std::string>{"shop", std::string{"mysql://u:"} + kPassword + "@h/d",
                                "sqlite:", std::string{"host=h prt=1 password="} + kPassword}) {
    expect_line(run_weir({"doctor", "--database", dsn}), 2, "database");
  }
}

TEST(CommandDatabaseTest, NoDatabaseSaysHowToNameOne) {
  expect_line(run_weir({"doctor"}), 2, "--database DSN or in the environment as WEIR_DATABASE");
}

TEST(CommandDatabaseTest, AMissingSqliteFileStaysMissing) {
  const Folder folder;
  const std::string file = folder.file("nowhere.db");
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{"doctor"},
                                             {"track"},
                                             {"migrate", "up"},
                                             {"migrate", "status"},
                                             {"query", "SELECT 1"}}) {
    std::vector<std::string> all = arguments;
    all.insert(all.begin() + 1, {"--database", "sqlite:" + file});
    expect_line(run_weir(all), 1, file);
    EXPECT_FALSE(std::filesystem::exists(file)) << arguments.front();
  }
}

TEST(CommandDatabaseTest, AFileThatIsNoDatabaseIsRefused) {
  const Folder folder;
  const std::string file = folder.file("text.db");
  std::ofstream{file} << std::string(4096, 'x');
  expect_line(run_weir({"query", "--database", "sqlite:" + file, "SELECT 1"}), 1, "not a database");
}

TEST(CommandDatabaseTest, AServerThatIsDownIsToldAtOnce) {
  const std::string dsn = std::string{"postgresql://u:"} + kPassword + "@127.0.0.1:1/shop";
  for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{
           {"doctor"}, {"track"}, {"migrate", "status"}, {"query", "SELECT 1"}}) {
    std::vector<std::string> all = arguments;
    all.insert(all.begin() + 1, {"--database", dsn});
    const Ran ran = run_weir(all);
    if (arguments.front() == "doctor" && ran.code == 1 && !ran.out.empty()) continue;  // a finding
    expect_line(ran, 1, "refused; check that the server runs");
  }
}

TEST(CommandDatabaseTest, AWrongPasswordIsToldWithoutIt) {
  WEIR_POSTGRES_DSN_OR_SKIP(dsn);
  const std::size_t colon = dsn.find(':', dsn.find("//") + 2);
  const std::string wrong = dsn.substr(0, colon + 1) + kPassword + dsn.substr(dsn.find('@'));
  for (const char* command : {"track", "doctor"})
    expect_line(run_weir({command, "--database", wrong}), 1, "password authentication failed");
  expect_line(run_weir({"query", "--database", wrong, "SELECT 1"}), 1,
              "password authentication failed");
}

TEST(CommandDatabaseTest, AStatementThatTakesTooLongIsStopped) {
  WEIR_POSTGRES_DSN_OR_SKIP(dsn);
  expect_line(run_weir({"query", "--database", dsn, "--timeout", "100ms", "SELECT pg_sleep(600)"}),
              1, "--timeout gives it more time");
}

}  // namespace
}  // namespace weir::test
