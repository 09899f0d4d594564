// A cluster whose slots move and whose servers die.
#include <thread>

#include "tests/fault/redis/fixture.hpp"

namespace weir::test {
namespace {

using ::testing::HasSubstr;

// A hash tag whose slot the node served when the cluster was made.
std::string tag_of_node(const PrivateRedis& cluster, int node) {
  for (int i = 0; i < 1000; ++i) {
    const std::string tag = "{" + std::to_string(i) + "}";
    const int slot = std::stoi(cluster.cli(1, "cluster keyslot '" + tag + "'"));
    if (slot >= (node - 1) * 5461 + 100 && slot < node * 5461 - 100) return tag;
  }
  throw std::runtime_error{"no tag"};
}

class RedisClusterFault : public ::testing::Test {
 protected:
  void SetUp() override { WEIR_REDIS_DSN_OR_SKIP(dsn); }
};

TEST_F(RedisClusterFault, ASlotIsServedWhileItMovesAndAfter) {
  const PrivateRedis cluster{"cluster"};
  const auto store = redis::open(patient(cluster.url()));
  const std::string tag = tag_of_node(cluster, 1);
  const std::string slot = cluster.cli(1, "cluster keyslot '" + tag + "'");
  const std::string from = cluster.cli(1, "cluster myid");
  const std::string to = cluster.cli(2, "cluster myid");
  const auto stream = store->open_stream(tag + "stream");
  store->put(tag + "old", "old", kLife, soon());
  stream->append("a", 100, soon());
  EXPECT_TRUE(glance(*stream).entries.empty());

  ASSERT_EQ(cluster.cli(2, "cluster setslot " + slot + " importing " + from), "OK");
  ASSERT_EQ(cluster.cli(1, "cluster setslot " + slot + " migrating " + to), "OK");
  // What is still there is served there; what is not is asked for, and put, at the new place.
  EXPECT_EQ(store->get(tag + "old", soon())->bytes, "old");
  EXPECT_FALSE(store->get(tag + "new", soon()));
  store->put(tag + "new", "new", kLife, soon());
  EXPECT_EQ(store->get(tag + "new", soon())->bytes, "new");
  EXPECT_GT(store->get(tag + "new", soon())->remaining, kLife / 2);
  EXPECT_FALSE(store->add(tag + "new", "x", kLife, soon()));
  EXPECT_TRUE(store->add(tag + "lease", "me", kLife, soon()));
  store->remove_if(tag + "lease", "me", soon());
  EXPECT_FALSE(store->get(tag + "lease", soon()));
  EXPECT_EQ(cluster.cli(1, "cluster countkeysinslot " + slot), "2");
  EXPECT_EQ(cluster.cli(2, "cluster countkeysinslot " + slot), "1");

  const std::string password = cluster.url().substr(17, cluster.url().find('@') - 17);
  for (const std::string key : {"old", "stream"}) {
    ASSERT_EQ(cluster.cli(1, "migrate 127.0.0.1 " + cluster.port(2) + " '" + tag + key +
                                 "' 0 5000 auth " + password),
              "OK");
  }
  for (const int node : {2, 1, 3}) {
    ASSERT_EQ(cluster.cli(node, "cluster setslot " + slot + " node " + to), "OK");
  }
  EXPECT_EQ(store->get(tag + "old", soon())->bytes, "old");  // MOVED
  EXPECT_EQ(store->get(tag + "new", soon())->bytes, "new");
  stream->append("b", 100, soon());
  // The reader's server no longer has the stream; it goes on at the new one and misses nothing.
  spi::StreamRead read;
  EXPECT_TRUE(eventually([&] {
    (void)succeeds([&] { read = stream->read(soon()); });
    return !read.entries.empty();
  }));
  EXPECT_FALSE(read.gap);
  EXPECT_EQ(read.entries.at(0).bytes, "b");
}

TEST_F(RedisClusterFault, AReplicaTakesOverAndWithoutOneTheClusterSaysItIsDown) {
  const PrivateRedis cluster{"cluster"};
  RedisOptions options = hasty(cluster.url());
  options.call_timeout = 1s;
  const auto store = redis::open(options);
  const std::string one = tag_of_node(cluster, 1);
  const std::string two = tag_of_node(cluster, 2);
  const auto puts = [&](const std::string& key) {
    return succeeds([&] { store->put(key, "v", kLife, soon()); });
  };
  ASSERT_TRUE(eventually([&] { return puts(one) && puts(two); }));
  cluster.kill(1);
  const Error gone = any_error_of([&] { store->put(one, "v", kLife, soon()); });
  EXPECT_TRUE(gone.retryable());
  ASSERT_TRUE(eventually([&] { return puts(one); }));
  EXPECT_TRUE(eventually([&] { return puts(two); }));

  cluster.kill(4);  // who had taken over
  Error down{ErrorCode::kInternal, ""};
  EXPECT_TRUE(eventually([&] {
    (void)succeeds([&] { store->put(two, "v", kLife, soon()); });
    try {
      store->put(two, "v", kLife, soon());
    } catch (const Error& error) {
      down = error;
    }
    return down.sqlstate() == "CLUSTERDOWN";
  }));
  EXPECT_EQ(down.code(), ErrorCode::kConnection);
  EXPECT_TRUE(down.retryable());
  EXPECT_THAT(down.what(), HasSubstr("CLUSTER INFO"));
  cluster.start(4);
  EXPECT_TRUE(eventually([&] { return puts(one) && puts(two); }));
}

TEST_F(RedisClusterFault, LookupsGoToReplicasWhenAskedToAndToThePrimaryWhenTheyHang) {
  const PrivateRedis cluster{"cluster"};
  const std::string tag = tag_of_node(cluster, 1);
  RedisOptions options = patient(cluster.url());
  options.read_from_replicas = true;
  const auto store = redis::open(options);
  store->put(tag, "v", kLife, soon());
  EXPECT_TRUE(eventually([&] { return store->get(tag, soon()).has_value(); }));
  const auto asked = [&](int node) {
    return cluster.cli(node, "info commandstats").find("cmdstat_getrange") != std::string::npos;
  };
  EXPECT_TRUE(asked(4));
  EXPECT_FALSE(asked(1));
  cluster.freeze(4);
  EXPECT_EQ(store->get(tag, in(4s))->bytes, "v");
  EXPECT_TRUE(asked(1));
  cluster.thaw(4);
}

TEST_F(RedisClusterFault, DeadAndHungSeedsArePassedOver) {
  const PrivateRedis cluster{"cluster"};
  const std::string tag = tag_of_node(cluster, 3);
  const std::size_t at = cluster.url().find('@');
  cluster.kill(4);
  cluster.freeze(5);
  const auto store =
      redis::open(patient(cluster.url().substr(0, at + 1) + "127.0.0.1:" + cluster.port(4) +
                          ",127.0.0.1:" + cluster.port(5) + ",127.0.0.1:" + cluster.port(3)));
  store->put(tag, "v", kLife, in(10s));
  EXPECT_EQ(store->get(tag, soon())->bytes, "v");
  cluster.thaw(5);
}

}  // namespace
}  // namespace weir::test
