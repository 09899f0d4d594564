// What a caller can get wrong, on both engines: each is an `Error` whose code says what to do about
// it and whose message names the thing, the value and the bound, and no password.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/real_database.hpp"
#include "tests/support/servers.hpp"
#include "weir/weir.hpp"

namespace weir::test {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kPassword = "geheim4711";

class WrongInputTest : public ::testing::TestWithParam<Engine> {
 protected:
  void SetUp() override {
    std::string server;
    if (GetParam() == Engine::kPostgres) {
      WEIR_POSTGRES_DSN_OR_SKIP(dsn);
      server = dsn;
    }
    database_ = RealDatabase::make(GetParam(), server);
    options_ = database_->options();
    database_->foreign()->run("CREATE TABLE users (id integer PRIMARY KEY, name text)");
  }

  [[nodiscard]] bool postgres() const { return GetParam() == Engine::kPostgres; }
  [[nodiscard]] Database open() const { return Database::open(options_); }

  /// What the call throws, its code checked; a password never shows.
  template <typename F>
  static Error refused(ErrorCode code, F&& call) {
    try {
      call();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code) << error.what();
      EXPECT_THAT(error.what(), Not(HasSubstr(kPassword)));
      return error;
    }
    ADD_FAILURE() << "went on";
    return Error{ErrorCode::kInternal, "went on"};
  }
  std::string refused_to_open(ErrorCode code) const {
    return refused(code, [&] { (void)open(); }).what();
  }
  /// The same error from every way to give a statement.
  void refused_everywhere(ErrorCode code, std::string_view sql, const std::string& says) const {
    const Database db = open();
    const std::vector<std::function<void()>> ways{
        [&] { (void)db.query(sql); }, [&] { db.execute(sql); }, [&] { (void)db.explain(sql); },
        [&] { (void)db.begin().query(sql); }, [&] { db.begin().execute(sql); }};
    for (const auto& way : ways) EXPECT_THAT(refused(code, way).what(), HasSubstr(says));
  }

  std::unique_ptr<RealDatabase> database_;
  Options options_;
};

INSTANTIATE_TEST_SUITE_P(Engines, WrongInputTest,
                         ::testing::Values(Engine::kSqlite, Engine::kPostgres),
                         [](const auto& engine) {
                           return engine.param == Engine::kSqlite ? "Sqlite" : "Postgres";
                         });

TEST_P(WrongInputTest, ADsnNobodyUnderstands) {
  const std::vector<std::string> wrong =
      postgres() ? std::vector<std::string>{"shop", std::string{"mysql://u:"} + kPassword + "@h/d",
                                            std::string{"host=h prt=1 password="} + kPassword,
                                            std::string{"postgresql://u:"} + kPassword + "@h:x/d"}
                 : std::vector<std::string>{"sqlite:", "sqlite", ""};
  for (const std::string& dsn : wrong) {
    options_.database = dsn;
    EXPECT_THAT(refused_to_open(ErrorCode::kConfig), HasSubstr("database")) << dsn;
  }
}

TEST_P(WrongInputTest, ADatabaseThatIsNotThere) {
  if (postgres()) {
    options_.database = std::string{"postgresql://u:"} + kPassword + "@127.0.0.1:1/shop";
    EXPECT_THAT(refused_to_open(ErrorCode::kConnection), HasSubstr("127.0.0.1"));
  } else {
    options_.database = "sqlite:/nowhere/shop.db";
    EXPECT_THAT(refused_to_open(ErrorCode::kConnection), HasSubstr("/nowhere/shop.db"));
  }
}

TEST_P(WrongInputTest, AWrongPassword) {
  if (!postgres()) return;                                     // SQLite has none
  options_.database += std::string{" password="} + kPassword;  // of two, libpq takes the last
  EXPECT_THAT(refused_to_open(ErrorCode::kConnection), HasSubstr("password authentication failed"));
}

TEST_P(WrongInputTest, AnOptionOutOfItsBounds) {
  options_.pool.max_size = 0;
  EXPECT_THAT(refused_to_open(ErrorCode::kConfig),
              AllOf(HasSubstr("pool.max_size"), HasSubstr("is 0"), HasSubstr("1 to 10000")));
  options_.pool.max_size = 1;
  EXPECT_THAT(refused(ErrorCode::kConfig, [&] { (void)open().with({.ttl = 0ms}); }).what(),
              AllOf(HasSubstr("policy.ttl"), HasSubstr("0 ms"), HasSubstr("1ms")));
}

TEST_P(WrongInputTest, ARulesFileWithAnUnknownKey) {
  const std::string file = ::testing::TempDir() + "weir_wrong_rules_" +
                           std::to_string(static_cast<int>(GetParam())) + "_" +
                           std::to_string(::getpid()) + ".toml";
  options_.rules_file = file;
  EXPECT_THAT(refused_to_open(ErrorCode::kConfig), HasSubstr(file));
  std::ofstream{file} << "[[rule]]\nname = 'x'\ntll = '5s'\n";
  EXPECT_THAT(refused_to_open(ErrorCode::kConfig),
              AllOf(HasSubstr(file + ":3"), HasSubstr("\"tll\""), HasSubstr("ttl")));
  std::filesystem::remove(file);
}

TEST_P(WrongInputTest, ASchemaThatIsMissing) {
  const Database db = open();
  (void)db.query("SELECT * FROM users");
  const Result again = db.query("SELECT * FROM users");
  if (postgres()) {
    EXPECT_EQ(again.source(), Source::kDatabase);
    EXPECT_THAT(again.reason(), HasSubstr("weir migrate up"));
    EXPECT_THAT(db.explain("SELECT * FROM users").to_string(), HasSubstr("weir migrate up"));
    EXPECT_THAT(refused(ErrorCode::kMigration, [&] { db.invalidate_table("users"); }).what(),
                HasSubstr("weir migrate up"));
  } else {
    EXPECT_EQ(again.source(), Source::kMemory) << "SQLite needs none";
  }
}

TEST_P(WrongInputTest, ASchemaOfAnotherVersionRunsUncachedAndSaysSo) {
  database_->install();
  const auto foreign = database_->foreign();
  for (const auto& [version, says] : std::vector<std::pair<std::string, std::string>>{
           {"99", "newer"}, {"0", "weir migrate up"}}) {
    foreign->run(postgres()
                     ? "UPDATE weir.meta SET version = " + version
                     : "UPDATE weir_meta SET value = '" + version + "' WHERE key = 'version'");
    const Database db = open();
    (void)db.query("SELECT * FROM users");
    const Result again = db.query("SELECT * FROM users");
    EXPECT_EQ(again.size(), 0U);
    if (!postgres() && version == "0") continue;  // as if there were none
    EXPECT_EQ(again.source(), Source::kDatabase) << version;
    EXPECT_THAT(again.reason(), AllOf(HasSubstr("version " + version), HasSubstr(says)));
    EXPECT_THAT(db.explain("SELECT * FROM users").to_string(), HasSubstr("version " + version));
  }
}

TEST_P(WrongInputTest, AWrongNumberOfParameters) {
  const Database db = open();
  const auto count = [&](const auto& call) {
    return std::string{refused(ErrorCode::kUsage, call).what()};
  };
  EXPECT_THAT(count([&] { (void)db.query("SELECT name FROM users WHERE id = $1"); }),
              ContainsRegex("takes 1 parameter, 0 (were )?given"));
  EXPECT_THAT(count([&] { (void)db.query("SELECT name FROM users WHERE id = $1", 1, kPassword); }),
              ContainsRegex("takes 1 parameter, 2 (were )?given"));
  EXPECT_THAT(count([&] { db.execute("DELETE FROM users WHERE id = $1"); }),
              ContainsRegex("takes 1 parameter, 0 (were )?given"));
}

TEST_P(WrongInputTest, AParameterOfAWrongType) {
  const Database db = open();
  if (postgres()) {
    const Error error = refused(ErrorCode::kDatabase, [&] {
      (void)db.query("SELECT name FROM users WHERE id = $1", kPassword);
    });
    EXPECT_EQ(error.sqlstate(), "22P02");
  } else {
    const std::vector<int> ids{1, 2};
    EXPECT_THAT(refused(ErrorCode::kUsage,
                        [&] { (void)db.query("SELECT name FROM users WHERE id = $1", ids); })
                    .what(),
                HasSubstr("parameter 1"));
  }
}

TEST_P(WrongInputTest, ASyntaxErrorHasItsPosition) {
  refused_everywhere(ErrorCode::kSyntax, "SELECT 1,\n  2 3", "syntax error");
  const Database db = open();
  for (const auto& way :
       std::vector<std::function<void()>>{[&] { (void)db.query("SELECT 1,\n  2 3"); },
                                          [&] { (void)db.explain("SELECT 1,\n  2 3"); }}) {
    EXPECT_EQ(refused(ErrorCode::kSyntax, way).position(), 15U);
  }
  EXPECT_EQ(db.query("SELECT 1").size(), 1U) << "and the connection goes on";
}

TEST_P(WrongInputTest, ATableThatDoesNotExist) {
  refused_everywhere(ErrorCode::kUndefinedObject, "SELECT * FROM nowhere", "nowhere");
}

TEST_P(WrongInputTest, AStatementThatIsTooLong) {
  options_.max_statement = Bytes{100};
  refused_everywhere(ErrorCode::kUsage, "SELECT 1" + std::string(93, ' '),
                     "101 bytes long; max_statement allows 100");
}

TEST_P(WrongInputTest, ATextThatIsNoText) {
  refused_everywhere(ErrorCode::kUsage, std::string_view{"SELECT 1\0", 9}, "NUL byte at byte 8");
  refused_everywhere(ErrorCode::kUsage, "SELECT '\xff'", "invalid UTF-8 at byte 8");
  const Database db = open();
  EXPECT_THAT(refused(ErrorCode::kUsage, [&] { (void)db.query("SELECT $1", "\xff"); }).what(),
              AllOf(HasSubstr("parameter 1"), HasSubstr("invalid UTF-8")));
  EXPECT_THAT(refused(ErrorCode::kConfig, [&] { (void)db.with({.tags = {"\xff"}}); }).what(),
              AllOf(HasSubstr("policy.tags"), HasSubstr("invalid UTF-8")));
  EXPECT_THAT(refused(ErrorCode::kConfig,
                      [&] {
                        (void)Query{"SELECT 1", {}, "\xff"};
                      })
                  .what(),
              AllOf(HasSubstr("query.name"), HasSubstr("invalid UTF-8")));
  options_.rules_file = std::string{"a\0b", 3};
  EXPECT_THAT(refused_to_open(ErrorCode::kConfig),
              AllOf(HasSubstr("rules_file"), HasSubstr("NUL")));
}

}  // namespace
}  // namespace weir::test
