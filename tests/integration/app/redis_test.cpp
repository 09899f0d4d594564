// The command with a shared tier: every run is a process of its own.
#include <gmock/gmock.h>

#include "command_fixture.hpp"
#include "tests/support/servers.hpp"

namespace weir::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class RedisCommandTest : public CommandTest {
 protected:
  void SetUp() override {
    CommandTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    WEIR_DSN_OR_SKIP(redis, "WEIR_TEST_REDIS_DSN");
    redis_ = redis;
    ASSERT_EQ(weir({"migrate", "up"}).code, 0);
    ASSERT_EQ(weir({"track"}).code, 0);
  }
  /// Worth sharing: some hundred milliseconds of the database.
  Ran ask() const {
    return weir({"query", "--redis", redis_,
                 "SELECT count(*) FROM orders WHERE (SELECT count(*) FROM generate_series(1, "
                 "1000000)) > 0"});
  }
  std::string redis_;
};

INSTANTIATE_TEST_SUITE_P(Engines, RedisCommandTest,
                         testing::Values(Engine::kSqlite, Engine::kPostgres),
                         [](const auto& engine) {
                           return engine.param == Engine::kSqlite ? "Sqlite" : "Postgres";
                         });

TEST_P(RedisCommandTest, AnotherProcessIsAnsweredFromRedisUntilSomethingChanges) {
  if (sqlite()) {
    const Ran refused = weir({"query", "--redis", redis_, "SELECT 1"});
    EXPECT_EQ(refused.code, 2);
    EXPECT_THAT(refused.err, HasSubstr("options.redis"));
    return;
  }
  EXPECT_THAT(ask().out, HasSubstr("database"));
  EXPECT_THAT(ask().out, AllOf(HasSubstr("redis"), Not(HasSubstr("database"))));
  execute("INSERT INTO orders VALUES (77, 1)");
  EXPECT_THAT(ask().out, AllOf(HasSubstr("database"), HasSubstr("stale: public.orders changed")));
  EXPECT_THAT(ask().out, HasSubstr("redis"));
}

TEST_P(RedisCommandTest, DoctorExaminesRedisToo) {
  const Ran ran = weir({"doctor", "--redis", redis_});
  EXPECT_THAT(ran.out, AllOf(HasSubstr("redis-reachable"), HasSubstr("a call takes")));
  if (sqlite()) {
    EXPECT_THAT(ran.out, HasSubstr("redis-database"));
  }
  const Ran dead = weir({"doctor", "--redis", "redis://127.0.0.1:1"});
  EXPECT_EQ(dead.code, 1);
  EXPECT_THAT(dead.out, AllOf(HasSubstr("ERROR"), HasSubstr("does not answer")));
}

}  // namespace
}  // namespace weir::test
