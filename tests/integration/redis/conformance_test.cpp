#include "tests/support/redis_server.hpp"
#include "tests/support/remote_store_conformance.hpp"
#include "weir/drivers/redis.hpp"

namespace weir::test {
namespace {

using namespace std::chrono_literals;

class RedisPlace final : public RemoteStorePlace {
 public:
  explicit RedisPlace(RedisOptions options) : options_{std::move(options)} {}

  std::unique_ptr<spi::RemoteStore> open() override { return redis::open(options_); }
  [[nodiscard]] const std::string& prefix() const override { return prefix_; }

 private:
  const RedisOptions options_;
  const std::string prefix_ = unique_redis_key();
};

std::unique_ptr<RemoteStorePlace> at(const std::function<RedisOptions()>& options) {
  if (environment("WEIR_TEST_REDIS_DSN").empty()) {
    if (servers_required()) ADD_FAILURE() << "WEIR_TEST_REDIS_DSN is not set";
    return nullptr;
  }
  RedisOptions made = options();
  made.connect_timeout = 20s;
  made.call_timeout = 20s;
  return std::make_unique<RedisPlace>(std::move(made));
}

std::string as_user(std::string url, const std::string& user) {
  const std::size_t begin = url.find("://") + 3;
  return url.replace(begin, url.find(':', begin) - begin, user);
}

// Not as a superuser: with the rights that docs/guide/redis.md names.
std::unique_ptr<RemoteStorePlace> tcp() {
  return at(
      [] { return RedisOptions{.url = as_user(environment("WEIR_TEST_REDIS_DSN"), "weir")}; });
}

std::unique_ptr<RemoteStorePlace> local() {
  return at([] {
    const std::string url = as_user(environment("WEIR_TEST_REDIS_DSN"), "weir");
    const std::string login = url.substr(8, url.find('@') + 1 - 8);
    return RedisOptions{.url =
                            "unix://" + login + shared_redis_folder("plain") + "/redis.sock?db=1"};
  });
}

std::unique_ptr<RemoteStorePlace> few_connections() {
  return at(
      [] { return RedisOptions{.url = environment("WEIR_TEST_REDIS_DSN"), .connections = 1}; });
}

std::unique_ptr<RemoteStorePlace> cluster() {
  return at([] { return RedisOptions{.url = shared_redis("cluster")}; });
}

std::unique_ptr<RemoteStorePlace> sentinel() {
  return at([] { return RedisOptions{.url = shared_redis("sentinel")}; });
}

std::unique_ptr<RemoteStorePlace> tls() {
  return at([] {
    return RedisOptions{.url = shared_redis("tls"),
                        .tls = {.ca_file = shared_redis_folder("tls") + "/ca.crt"}};
  });
}

INSTANTIATE_TEST_SUITE_P(Redis, RemoteStoreConformance,
                         ::testing::Values(RemoteStoreCase{"Tcp", tcp},
                                           RemoteStoreCase{"Unix", local},
                                           RemoteStoreCase{"OneConnection", few_connections},
                                           RemoteStoreCase{"Cluster", cluster},
                                           RemoteStoreCase{"Sentinel", sentinel},
                                           RemoteStoreCase{"Tls", tls}),
                         remote_store_name);

}  // namespace
}  // namespace weir::test
