// `weir tail` as a process.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <signal.h>

#include <nlohmann/json.hpp>

#include "command_fixture.hpp"
#include "service_process.hpp"
#include "weir/weir.hpp"

namespace weir::test {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

class TailTest : public TrackedCommandTest {
 protected:
  [[nodiscard]] std::vector<std::string> tail(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> words{"tail", "--database", dsn_, "--interval", "10ms"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
};

INSTANTIATE_TEST_SUITE_P(Engines, TailTest, testing::Values(Engine::kSqlite, Engine::kPostgres),
                         [](const auto& engine) {
                           return engine.param == Engine::kSqlite ? "Sqlite" : "Postgres";
                         });

TEST_P(TailTest, AChangeIsToldByTheNameOfItsTable) {
  ServiceProcess tail{this->tail()};
  ASSERT_TRUE(tail.wrote("follows")) << tail.output();
  execute("INSERT INTO users VALUES (3, 'Eve')");
  ASSERT_TRUE(tail.wrote(schema() + ".users")) << tail.output();
  EXPECT_THAT(tail.output(),
              ContainsRegex(fmt::format(
                  "T[0-9:.]+Z +[0-9]+ (relation|rows) +{}\\.users( id=i?3)?\n", schema())));
  EXPECT_THAT(tail.output(), Not(HasSubstr("Eve")));
  tail.signal(SIGINT);
  EXPECT_EQ(tail.exit_code(), 0) << tail.output();
}

TEST_P(TailTest, JsonIsAnObjectForEachChange) {
  ServiceProcess tail{this->tail({"--json"})};
  ASSERT_TRUE(tail.wrote("follows")) << tail.output();
  tail.forget();
  execute("INSERT INTO orders VALUES (1, 1)");
  const std::string rest = tail.after(R"({"time":)");
  const auto object = nlohmann::json::parse(R"({"time":)" + rest);
  EXPECT_EQ(object["kind"], object.contains("keys") ? "rows" : "relation");
  EXPECT_EQ(object["name"], schema() + ".orders");
  EXPECT_TRUE(object["transaction"].is_number());
  tail.signal(SIGTERM);
  EXPECT_EQ(tail.exit_code(), 0);
}

TEST_P(TailTest, RowsAreToldByTheValuesOfTheirKeys) {
  if (sqlite()) return;
  ASSERT_EQ(weir({"track", "--keys", "user_id,id", "orders"}).code, 0);
  ServiceProcess text{this->tail()};
  ServiceProcess json{this->tail({"--json"})};
  ASSERT_TRUE(text.wrote("follows")) << text.output();
  ASSERT_TRUE(json.wrote("follows")) << json.output();
  json.forget();
  execute("INSERT INTO orders VALUES (1, 7), (2, 7)");
  EXPECT_TRUE(text.wrote("rows       public.orders id=1,2 user_id=7\n")) << text.output();
  const auto object = nlohmann::json::parse(R"({"time":)" + json.after(R"({"time":)"));
  EXPECT_EQ(object["kind"], "rows");
  EXPECT_EQ(object["name"], "public.orders");
  EXPECT_EQ(object["keys"], nlohmann::json::parse(R"({"id":["1","2"],"user_id":["7"]})"));
  execute("TRUNCATE orders");
  EXPECT_TRUE(text.wrote("relation   public.orders\n")) << text.output();
  execute("ALTER TABLE orders RENAME COLUMN user_id TO buyer");
  ASSERT_EQ(weir({"track"}).code, 0);
  execute("INSERT INTO orders VALUES (3, NULL), (4, 8)");
  EXPECT_TRUE(text.wrote("public.orders buyer=8 id=3,4\n")) << text.output();
}

TEST_P(TailTest, TagsPatternsAndDdlAreTold) {
  if (sqlite()) return;  // the functions below are PostgreSQL's
  ServiceProcess tail{this->tail()};
  ASSERT_TRUE(tail.wrote("follows")) << tail.output();
  execute("SELECT weir.invalidate_tag('front page')");
  EXPECT_TRUE(tail.wrote("tag        front page\n")) << tail.output();
  execute("SELECT weir.invalidate_tags_matching('user:*')");
  EXPECT_TRUE(tail.wrote("pattern    user:*\n")) << tail.output();
  execute("ALTER TABLE users RENAME TO people");
  EXPECT_TRUE(tail.wrote("everything")) << tail.output();
  execute("INSERT INTO people VALUES (3, 'Eve')");
  EXPECT_TRUE(tail.wrote("public.people")) << tail.output();
}

TEST_P(TailTest, EndsWhenNobodyReadsAnyMore) {
  ServiceProcess tail{this->tail()};
  ASSERT_TRUE(tail.wrote("follows")) << tail.output();
  tail.hang_up();
  EXPECT_EQ(tail.exit_code(), 0);
}

TEST_P(TailTest, ALostConnectionIsToldAndReplaced) {
  if (sqlite()) return;  // a file has no connection to lose
  ServiceProcess tail{this->tail()};
  ASSERT_TRUE(tail.wrote("follows")) << tail.output();
  execute(
      "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid <> "
      "pg_backend_pid() AND datname = current_database()");
  execute("INSERT INTO users VALUES (3, 'Eve')");
  EXPECT_TRUE(tail.wrote("public.users")) << tail.output();
}

TEST_P(TailTest, WithoutTheSchemaItSaysWhatToDo) {
  ASSERT_EQ(weir({"migrate", "down"}).code, 0);
  if (sqlite()) return;  // SQLite tells of others' commits without it
  const Ran ran = run_weir(tail());
  EXPECT_EQ(ran.code, 1);
  EXPECT_THAT(ran.err, HasSubstr("weir migrate up"));
}

}  // namespace
}  // namespace weir::test
