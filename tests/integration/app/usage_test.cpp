// The command line: what it takes, what it says when it does not, and that the man page knows it
// all.
#include <gmock/gmock.h>

#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "command_fixture.hpp"

namespace weir::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::Not;

struct Wrong {
  std::vector<std::string> arguments{};
  std::string message{};
};

TEST(CommandUsageTest, AWrongCommandLineSaysWhatIsWrongWithItAndWhereHelpIs) {
  for (const Wrong& wrong : std::vector<Wrong>{
           {{},
            "a command is needed: migrate, track, untrack, doctor, explain, query, tail or listen; "
            "see "
            "`weir "
            "--help`"},
           {{"qery"}, "there is no command 'qery'"},
           {{"--verbose"}, "unknown option --verbose"},
           {{"migrate"}, "migrate: ACTION is required; see `weir migrate --help`"},
           {{"migrate", "sideways"}, "'sideways' is none of up, down, status"},
           {{"migrate", "up", "down"}, "unexpected argument 'down'"},
           {{"query"}, "query: SQL is required"},
           {{"query", "--reapet", "3", "SELECT 1"}, "unknown option --reapet"},
           {{"query", "SELECT 1", "--jsno"}, "unknown option --jsno"},
           {{"query", "--repeat", "0", "SELECT 1"}, "--repeat: '0' is no number from 1 to 1000000"},
           {{"query", "--repeat", "many", "SELECT 1"}, "'many' is no number"},
           {{"query", "--repeat"}, "--repeat"},
           {{"query", "--ttl", "5", "SELECT 1"}, "'5' is no duration"},
           {{"query", "--max-staleness", "-1s", "SELECT 1"}, "'-1s' is no duration"},
           {{"query", "--timeout", "4000d", "SELECT 1"}, "'4000d' is no duration"},
           {{"query", "--timeout", "0", "SELECT 1"},
            "--timeout: '0' is too short; must be at least 1ms"},
           {{"query", "--ttl", "0s", "SELECT 1"}, "--ttl: '0s' is too short; must be at least 1ms"},
           {{"explain", "SELECT 1", "2"}, "unexpected argument '2'"},
           {{"track", "--all"}, "unknown option --all"},
           {{"track", "--keys", "id"}, "--keys: they are columns of one table: name just that"},
           {{"track", "--keys", "id", "a", "b"}, "name just that"},
           {{"track", "--keys", "id,,x", "a"}, "--keys: 'id,,x' is no list of columns"},
           {{"track", "--keys", "", "a"}, "--keys"},
           {{"track", "--no-keys"}, "--no-keys: name the tables"},
           {{"track", "--no-keys", "--keys", "id", "a"}, "excludes"},
           {{"untrack", "--keys", "id", "a"}, "unknown option --keys"}}) {
    const Ran ran = run_weir(wrong.arguments);
    EXPECT_EQ(ran.code, 2) << wrong.message;
    EXPECT_THAT(ran.err,
                AllOf(MatchesRegex("weir: [^\n]*; see `weir [^\n]*\n"), HasSubstr(wrong.message)));
    EXPECT_THAT(ran.out, IsEmpty());
  }
}

TEST(CommandUsageTest, AMisplacedDsnIsNotRepeated) {
  const std::string dsn = "postgresql://u:geheim4711@h/d";
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{dsn},
                                             {"doctor", dsn},
                                             {"migrate", dsn},
                                             {"migrate", "up", dsn},
                                             {"doctor", "--databse", dsn},
                                             {"doctor", "--databse=" + dsn},
                                             {"query", "--databse=" + dsn, "SELECT 1"},
                                             {"query", "--timeout", dsn},
                                             {"query", "--repeat", dsn}}) {
    const Ran ran = run_weir(arguments);
    EXPECT_EQ(ran.code, 2);
    EXPECT_THAT(ran.err, Not(HasSubstr("geheim4711")));
  }
}

TEST(CommandUsageTest, TheFlagBeatsTheEnvironment) {
  for (const char* command : {"track", "untrack", "doctor"}) {
    const Ran ran =
        run_weir({command, "-d", "sqlite:/nowhere/flag.db"},
                 {.environment = {{"WEIR_DATABASE", "sqlite:/nowhere/environment.db"}}});
    EXPECT_THAT(ran.err, HasSubstr("/nowhere/flag.db")) << command;
  }
  EXPECT_THAT(run_weir({"track"}, {.environment = {{"WEIR_DATABASE", "sqlite:/nowhere/x.db"}}}).err,
              HasSubstr("/nowhere/x.db"));
}

TEST(CommandUsageTest, AnInMemoryDatabaseWillDo) {
  const Ran ran = run_weir({"query", "-d", "sqlite::memory:", "--repeat", "2", "SELECT 1 AS x"});
  EXPECT_EQ(ran.code, 0);
  EXPECT_THAT(ran.out, HasSubstr("x\n-\n1\n(1 row)\n"));
  EXPECT_THAT(ran.out, HasSubstr("2  memory "));
}

TEST(CommandUsageTest, VersionAndHelpGoToStandardOutput) {
  EXPECT_THAT(run_weir({"--version"}).out, MatchesRegex("weir [0-9]+\\.[0-9]+\\.[0-9]+\n"));
  const Ran help = run_weir({"--help"});
  EXPECT_EQ(help.code, 0);
  EXPECT_THAT(help.out, AllOf(HasSubstr("Examples:"), HasSubstr("Exit status:")));
  EXPECT_THAT(help.err, IsEmpty());
}

TEST(CommandUsageTest, TheManPageHasEveryCommandAndOption) {
  std::ifstream file{WEIR_SOURCE_DIR "/docs/man/weir.1"};
  std::ostringstream text;
  text << file.rdbuf();
  const std::string page = std::regex_replace(text.str(), std::regex{R"(\\-)"}, "-");
  const std::regex option{"--[a-z][a-z-]*"};
  std::set<std::string> options;
  for (const char* command : {"migrate", "track", "untrack", "doctor", "explain", "query"}) {
    EXPECT_THAT(page, HasSubstr(std::string{"weir "} + command));
    const Ran help = run_weir({command, "--help"});
    EXPECT_EQ(help.code, 0) << command;
    for (std::sregex_iterator each{help.out.begin(), help.out.end(), option}, end; each != end;
         ++each)
      options.insert(each->str());
  }
  EXPECT_GE(options.size(), 9U);
  for (const std::string& each : options) EXPECT_THAT(page, HasSubstr(each));
  EXPECT_THAT(page, HasSubstr("WEIR_DATABASE"));
}

}  // namespace
}  // namespace weir::test
