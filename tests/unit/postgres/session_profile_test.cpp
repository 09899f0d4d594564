#include "drivers/postgres/session_profile.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "drivers/postgres/statement_cache.hpp"
#include "tests/support/error_of.hpp"

namespace weir::postgres {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(PostgresSessionTest, SettingsThatBelongElsewhereCannotBeDeclared) {
  using namespace std::string_literals;
  for (const auto& name :
       {"role"s, "Session_Authorization"s, "client_encoding"s, "default_transaction_isolation"s,
        "transaction_read_only"s, "a\0b"s, "\xff"s}) {
    Session session;
    session.settings[name] = "x";
    const std::string message =
        test::error_of(ErrorCode::kConfig, [&] { require_declarable(session); });
    if (name.size() > 3) {
      EXPECT_THAT(message, HasSubstr(name));
    }
  }
  Session twice{.search_path = "a", .settings = {{"SEARCH_PATH", "b"}}};
  EXPECT_THAT(test::error_of(ErrorCode::kConfig, [&] { require_declarable(twice); }),
              HasSubstr("search_path"));
  require_declarable(
      {.role = "r", .search_path = "a", .settings = {{"app.user", "42"}, {"TimeZone", "UTC"}}});
}

TEST(PostgresSessionTest, TheRoleIsAppliedLast) {
  const Session session{.role = "r", .search_path = "a, b", .settings = {{"app.user", "42"}}};
  std::vector<std::string> names;
  for (const auto& setting : declared_settings(session)) names.push_back(setting.name);
  EXPECT_THAT(names, ElementsAre("app.user", "search_path", "role"));
}

TEST(PostgresSessionTest, NamesAndValuesAreParametersNotText) {
  const std::vector<SessionState::Fact> settings{{"x'; DROP TABLE t; --", "y'"}, {"b", "c"}};
  const SetStatement statement = set_statement(settings);
  EXPECT_EQ(statement.sql,
            "SELECT pg_catalog.set_config($1, $2, false), pg_catalog.set_config($3, $4, false)");
  EXPECT_EQ(statement.params.count(), 4);
}

TEST(PostgresSessionTest, ResultSettingsAreKnownWhateverTheirCase) {
  EXPECT_TRUE(is_result_setting("timezone"));
  EXPECT_TRUE(is_result_setting("DATESTYLE"));
  EXPECT_FALSE(is_result_setting("work_mem"));
  EXPECT_FALSE(is_result_setting("app.user"));
}

TEST(StatementCacheTest, TheLeastRecentlyUsedGoesFirst) {
  StatementCache cache{2};
  const std::string a = cache.insert("a").name;
  const std::string b = cache.insert("b").name;
  ASSERT_NE(cache.find("a"), nullptr);
  cache.insert("c");
  EXPECT_EQ(cache.size(), 2U);
  EXPECT_EQ(cache.find("b"), nullptr);
  EXPECT_EQ(cache.find("a")->name, a);
  EXPECT_THAT(cache.take_evicted(), ElementsAre(b));
  EXPECT_THAT(cache.take_evicted(), ElementsAre());
}

TEST(StatementCacheTest, ARetiredStatementGetsANewName) {
  StatementCache cache{4};
  const std::string before = cache.insert("a").name;
  cache.retire("a");
  cache.retire("absent");
  EXPECT_EQ(cache.find("a"), nullptr);
  EXPECT_NE(cache.insert("a").name, before);
  EXPECT_THAT(cache.take_evicted(), ElementsAre(before));
}

}  // namespace
}  // namespace weir::postgres
