// A Sentinel group whose primary dies, hangs, or is not what a sentinel says.
#include "tests/fault/redis/fixture.hpp"
#include "tests/support/scripted_server.hpp"

namespace weir::test {
namespace {

using ::testing::HasSubstr;

class RedisSentinelFault : public ::testing::Test {
 protected:
  void SetUp() override { WEIR_REDIS_DSN_OR_SKIP(dsn); }

  static RedisOptions options(const std::string& url) {
    RedisOptions made = hasty(url);
    made.call_timeout = 500ms;
    made.connect_timeout = 500ms;
    return made;
  }
  static bool puts(spi::RemoteStore& store) {
    return succeeds([&] { store.put("k", "v", kLife, soon()); });
  }
};

TEST_F(RedisSentinelFault, AfterAKillTheNewPrimaryIsFoundAndTheOldOneIsNotWrittenTo) {
  const PrivateRedis group{"sentinel"};
  const auto store = redis::open(options(group.url()));
  ASSERT_TRUE(eventually([&] { return puts(*store); }));
  group.kill(1);
  const Error gone = any_error_of([&] { store->put("k", "v", kLife, soon()); });
  EXPECT_TRUE(gone.retryable());
  ASSERT_TRUE(eventually([&] { return puts(*store); }));
  EXPECT_EQ(group.cli(2, "get k"), "v");
  group.start(1);  // and it takes itself for the primary until the sentinels tell it otherwise
  store->put("k2", "v2", kLife, soon());
  EXPECT_EQ(group.cli(2, "get k2"), "v2");
}

TEST_F(RedisSentinelFault, AHungPrimaryIsLeftWhenTheSentinelsDo) {
  const PrivateRedis group{"sentinel"};
  const auto store = redis::open(options(group.url()));
  ASSERT_TRUE(eventually([&] { return puts(*store); }));
  group.freeze(1);
  EXPECT_FALSE(puts(*store));
  EXPECT_TRUE(eventually([&] { return puts(*store); }));
  EXPECT_EQ(group.cli(2, "get k"), "v");
  group.thaw(1);
  ASSERT_TRUE(eventually([&] { return puts(*store); }));
}

TEST_F(RedisSentinelFault, APrimaryThatWasDemotedIsNotWrittenTo) {
  const PrivateRedis group{"sentinel"};
  const auto store = redis::open(options(group.url()));
  ASSERT_TRUE(eventually([&] { return puts(*store); }));
  // Behind the sentinels' back, and with our connection left open: only its READONLY tells.
  (void)group.cli(1, "replicaof 127.0.0.1 " + group.port(2));
  const Error error = any_error_of([&] { store->put("k", "v", kLife, soon()); });
  EXPECT_EQ(error.code(), ErrorCode::kConnection);
  EXPECT_THAT(error.what(), HasSubstr("not the primary"));
}

TEST_F(RedisSentinelFault, DeadHungAndLyingSentinelsArePassedOver) {
  const PrivateRedis group{"sentinel"};
  const std::string replica = group.port(2);
  ScriptedServer liar{ScriptedServer::always("*2\r\n$9\r\n127.0.0.1\r\n$5\r\n" + replica + "\r\n")};
  group.kill(3);
  group.freeze(4);
  const std::size_t at = group.url().find('@');
  const auto with = [&](const std::string& hosts) {
    return group.url().substr(0, at + 1) + hosts + "/weir-test";
  };
  const std::string hung = "127.0.0.1:" + group.port(4);
  const std::string good = "127.0.0.1:" + group.port(5);
  const std::string lying = "127.0.0.1:" + std::to_string(liar.port());
  RedisOptions some =
      options(with("127.0.0.1:" + group.port(3) + "," + hung + "," + lying + "," + good));
  some.call_timeout = 5s;
  some.connect_timeout = 5s;
  const auto store = redis::open(some);
  store->put("k", "v", kLife, soon());
  EXPECT_EQ(group.cli(1, "get k"), "v");

  const auto misled = redis::open(options(with(lying)));
  EXPECT_THAT(error_of(ErrorCode::kConnection, [&] { misled->ping(soon()); }),
              HasSubstr("not the primary"));
  group.thaw(4);
}

TEST_F(RedisSentinelFault, AnUnknownServiceIsNamed) {
  std::string url = shared_redis("sentinel");
  url.replace(url.rfind('/'), std::string::npos, "/nonesuch");
  const auto store = redis::open(patient(url));
  EXPECT_THAT(error_of(ErrorCode::kConnection, [&] { store->ping(soon()); }),
              HasSubstr("'nonesuch'"));
}

}  // namespace
}  // namespace weir::test
