// What a server in order refuses, and what it holds that is not ours.
#include <fstream>
#include <iterator>

#include "tests/fault/redis/fixture.hpp"
#include "tests/support/scripted_server.hpp"

namespace weir::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

std::string with_login(const std::string& url, const std::string& login) {
  return "redis://" + login + url.substr(url.find('@'));
}

class RedisRefusals : public ::testing::Test {
 protected:
  void SetUp() override {
    WEIR_REDIS_DSN_OR_SKIP(dsn);
    dsn_ = dsn;
  }
  std::string dsn_;
  const std::string key_ = unique_redis_key();
};

TEST_F(RedisRefusals, AWrongLoginSaysWhatToCheckAndShowsNoPassword) {
  for (const char* const login : {"tester:wrongsecret", "nobody:wrongsecret", ":wrongsecret"}) {
    const auto store = redis::open(patient(with_login(dsn_, login)));
    EXPECT_THAT(error_of(ErrorCode::kPermission, [&] { store->ping(soon()); }),
                AllOf(HasSubstr("redis.password"), Not(HasSubstr("wrongsecret"))));
    // The connection is of no use, but the store is: it tries again.
    error_of(ErrorCode::kPermission, [&] { (void)store->get(key_, soon()); });
  }
  const auto none = redis::open(patient("redis://" + dsn_.substr(dsn_.find('@') + 1)));
  EXPECT_THAT(error_of(ErrorCode::kPermission, [&] { (void)none->get(key_, soon()); }),
              HasSubstr("wants a login"));
}

TEST_F(RedisRefusals, AUserWithoutTheRightsIsToldSo) {
  const std::string secret = dsn_.substr(15, dsn_.find('@') - 15);
  const auto store = redis::open(patient(with_login(dsn_, "weir:" + secret)));
  store->put(key_, "v", kLife, soon());
  EXPECT_THAT(
      error_of(ErrorCode::kPermission, [&] { store->put("other:key", "v", kLife, soon()); }),
      HasSubstr("rights"));
  error_of(ErrorCode::kPermission, [&] { (void)store->get("other:key", soon()); });
  error_of(ErrorCode::kPermission,
           [&] { store->open_stream("other:stream")->append("x", 10, soon()); });
  EXPECT_EQ(store->get(key_, soon())->bytes, "v");
}

TEST(RedisRights, TheGuideNamesTheRightsThatTheTestsRunWith) {
  const auto read = [](const std::string& path) {
    std::ifstream file{WEIR_SOURCE_DIR "/" + path};
    return std::string{std::istreambuf_iterator<char>{file}, {}};
  };
  std::string rights = read("tests/support/redis_rights.txt");
  rights.pop_back();
  EXPECT_THAT(rights, HasSubstr("+getrange"));
  EXPECT_THAT(read("docs/guide/redis.md"), HasSubstr("~weir:* " + rights + "\n"));
}

TEST_F(RedisRefusals, ADatabaseNumberThatDoesNotExistIsNamed) {
  const auto store = redis::open(patient(dsn_ + "/9999"));
  EXPECT_THAT(error_of(ErrorCode::kDatabase, [&] { store->ping(soon()); }), HasSubstr("SELECT"));
}

TEST_F(RedisRefusals, DatabasesAreApart) {
  const auto zero = redis::open(patient(dsn_));
  const auto one = redis::open(patient(dsn_ + "/1"));
  zero->put(key_, "zero", kLife, soon());
  EXPECT_FALSE(one->get(key_, soon()));
}

TEST_F(RedisRefusals, ATooLargeValueIsNothingAndTheConnectionGoesOn) {
  RedisOptions small = patient(dsn_);
  small.max_value = Bytes::kibi(1);
  const auto reader = redis::open(small);
  const auto writer = redis::open(patient(dsn_));
  writer->put(key_, std::string(1025, 'x'), kLife, soon());
  EXPECT_FALSE(reader->get(key_, soon()));
  writer->put(key_, std::string(1024, 'y'), kLife, soon());
  EXPECT_EQ(reader->get(key_, soon())->bytes.size(), 1024U);
}

TEST_F(RedisRefusals, WhatHasNoExpiryIsNotOursAndWhatIsOfAnotherTypeIsAnError) {
  const auto store = redis::open(patient(dsn_));
  (void)redis_cli(dsn_, "set " + key_ + " forever");
  EXPECT_FALSE(store->get(key_, soon()));
  (void)redis_cli(dsn_, "del " + key_);
  (void)redis_cli(dsn_, "rpush " + key_ + " a");
  (void)redis_cli(dsn_, "pexpire " + key_ + " 60000");
  EXPECT_THAT(error_of(ErrorCode::kDatabase, [&] { (void)store->get(key_, soon()); }),
              HasSubstr("redis.name_space"));
  store->put(key_, "v", kLife, soon());
  EXPECT_EQ(store->get(key_, soon())->bytes, "v");
}

TEST_F(RedisRefusals, AFullServerSaysWhatToChangeAndReadsGoOn) {
  const PrivateRedis server{"plain"};
  const auto store = redis::open(patient(server.url()));
  store->put("k", "v", kLife, soon());
  (void)server.cli(1, "config set maxmemory 1");
  const Error full = any_error_of([&] { store->put("k2", "v", kLife, soon()); });
  EXPECT_EQ(full.code(), ErrorCode::kDatabase);
  EXPECT_EQ(full.sqlstate(), "OOM");
  EXPECT_TRUE(full.retryable());
  EXPECT_THAT(full.what(), HasSubstr("maxmemory-policy"));
  EXPECT_EQ(store->get("k", soon())->bytes, "v");
  const spi::StoreFacts facts = store->facts(soon());
  EXPECT_EQ(facts.max_memory, Bytes{1});
  EXPECT_EQ(facts.eviction_policy, "noeviction");
  (void)server.cli(1, "config set maxmemory 0");
  store->put("k2", "v", kLife, soon());
  EXPECT_FALSE(store->facts(soon()).max_memory);
}

TEST_F(RedisRefusals, AReplicaIsNamedAsSuch) {
  const PrivateRedis group{"sentinel"};
  const auto store = redis::open(patient(group.node_url(2)));
  const Error error = any_error_of([&] { store->put("k", "v", kLife, soon()); });
  EXPECT_EQ(error.code(), ErrorCode::kConnection);
  EXPECT_THAT(error.what(), HasSubstr("it is a replica"));
}

TEST_F(RedisRefusals, AClusterNeedsItsOwnAddressAndOnlyIt) {
  const std::string cluster = shared_redis("cluster");
  const std::string login = cluster.substr(16, cluster.find('@') + 1 - 16);
  const std::string seed =
      cluster.substr(cluster.find('@') + 1, cluster.find(',') - 1 - cluster.find('@'));
  const auto single = redis::open(patient("redis://" + login + seed));
  // Two thirds of the keys are elsewhere.
  bool moved = false;
  for (int i = 0; i < 64 && !moved; ++i) {
    try {
      single->put("k" + std::to_string(i), "v", kLife, soon());
    } catch (const Error& error) {
      moved = true;
      EXPECT_THAT(error.what(), HasSubstr("redis+cluster://"));
    }
  }
  EXPECT_TRUE(moved);
  const auto wrong = redis::open(patient("redis+cluster://" + dsn_.substr(8)));
  EXPECT_THAT(error_of(ErrorCode::kConnection, [&] { wrong->ping(soon()); }),
              HasSubstr("cluster support disabled"));
}

TEST_F(RedisRefusals, ACertificateMustBeTrustedAndForTheName) {
  const std::string url = shared_redis("tls");
  const std::string ca = shared_redis_folder("tls") + "/ca.crt";
  RedisOptions options = patient(url);
  options.tls.ca_file = ca;
  redis::open(options)->ping(soon());

  EXPECT_THAT(error_of(ErrorCode::kConnection, [&] { redis::open(patient(url))->ping(soon()); }),
              HasSubstr("certificate"));
  std::string by_address = url;
  by_address.replace(by_address.find("localhost"), 9, "127.0.0.1");
  options.url = by_address;
  EXPECT_THAT(error_of(ErrorCode::kConnection, [&] { redis::open(options)->ping(soon()); }),
              HasSubstr("certificate"));
  options.tls.server_name = "localhost";
  redis::open(options)->ping(soon());
  options.tls.server_name = "elsewhere.example";
  EXPECT_THAT(error_of(ErrorCode::kConnection, [&] { redis::open(options)->ping(soon()); }),
              HasSubstr("certificate"));

  options.tls.ca_file = "/no/such/file";
  EXPECT_THAT(error_of(ErrorCode::kConfig, [&] { (void)redis::open(options); }),
              AllOf(HasSubstr("redis.tls.ca_file"), HasSubstr("/no/such/file")));
  // TLS to a server that speaks none, and the other way round.
  const auto confused = redis::open(hasty("rediss" + dsn_.substr(5)));
  (void)any_error_of([&] { confused->ping(soon()); });
  const auto plain = redis::open(hasty("redis" + url.substr(6)));
  (void)any_error_of([&] { plain->ping(soon()); });
}

TEST(RedisScriptedRefusals, AServerThatIsStartingIsWorthAskingAgain) {
  ScriptedServer server{
      ScriptedServer::always("-LOADING Redis is loading the dataset in memory\r\n")};
  const auto store = redis::open(patient(server.url()));
  const Error error = any_error_of([&] { store->put("k", "v", kLife, soon()); });
  EXPECT_EQ(error.code(), ErrorCode::kConnection);
  EXPECT_TRUE(error.retryable());
  EXPECT_THAT(error.what(), HasSubstr("starting"));
}

}  // namespace
}  // namespace weir::test
