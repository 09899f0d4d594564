#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "tests/support/error_of.hpp"
#include "weir/options.hpp"

namespace weir {
namespace {

using namespace std::chrono_literals;
using test::error_of;
using ::testing::HasSubstr;

TEST(RedisOptionsTest, AnAddressIsAllThatIsNeeded) {
  EXPECT_NO_THROW(RedisOptions{.url = "redis://localhost"}.validate());
}

TEST(RedisOptionsTest, BoundsThemselvesAreAccepted) {
  const RedisOptions least{.url = "r",
                           .connect_timeout = 1ms,
                           .call_timeout = 1ms,
                           .connections = 1,
                           .name_space = "w",
                           .max_value = Bytes::kibi(1),
                           .lifetime = 1s,
                           .compress_above = Bytes{0},
                           .min_cost = 0us,
                           .lease_above = 0ms,
                           .lease = 10ms,
                           .lease_wait = 0ms};
  EXPECT_NO_THROW(least.validate());
}

TEST(RedisOptionsTest, EveryBadFieldIsRefusedNamingFieldValueAndBound) {
  struct Row {
    std::function<void(RedisOptions&)> spoil;
    std::string field, value, bound;
  };
  const std::vector<Row> rows{
      {[](RedisOptions& o) { o.url = ""; }, "redis.url", "0 bytes", "1 to 65536"},
      {[](RedisOptions& o) { o.user = "\xFF"; }, "redis.user", "invalid UTF-8", "byte 0"},
      {[](RedisOptions& o) {
         o.password = std::string{"a\0", 2};
       },
       "redis.password", "NUL", "byte 1"},
      {[](RedisOptions& o) { o.sentinel_user = "\xFF"; }, "redis.sentinel_user", "UTF-8", "byte 0"},
      {[](RedisOptions& o) { o.sentinel_password = "\xFF"; }, "redis.sentinel_password", "UTF-8",
       "byte 0"},
      {[](RedisOptions& o) { o.connect_timeout = 0ms; }, "redis.connect_timeout", "0 ms", "1ms to"},
      {[](RedisOptions& o) { o.call_timeout = 0ms; }, "redis.call_timeout", "0 ms", "1ms to"},
      {[](RedisOptions& o) { o.connections = 0; }, "redis.connections", "0", "1 to 1000"},
      {[](RedisOptions& o) { o.connections = 1001; }, "redis.connections", "1001", "1 to 1000"},
      {[](RedisOptions& o) { o.name_space = ""; }, "redis.name_space", "0 bytes", "1 to 64"},
      {[](RedisOptions& o) { o.name_space = "{a}"; }, "redis.name_space", "{a}", "without braces"},
      {[](RedisOptions& o) { o.max_value = Bytes{1023}; }, "redis.max_value", "1023", "1 KiB"},
      {[](RedisOptions& o) { o.max_value = Bytes::mebi(257); }, "redis.max_value", "269484032",
       "256 MiB"},
      {[](RedisOptions& o) { o.tls.ca_file = "\xFF"; }, "redis.tls.ca_file", "UTF-8", "byte 0"},
      {[](RedisOptions& o) { o.tls.cert_file = "c"; }, "redis.tls.cert_file", "without key_file",
       "together"},
      {[](RedisOptions& o) { o.tls.key_file = "k"; }, "redis.tls.cert_file", "missing", "together"},
      {[](RedisOptions& o) { o.tls.server_name = std::string(254, 'a'); }, "redis.tls.server_name",
       "254 bytes", "0 to 253"},
      {[](RedisOptions& o) { o.lifetime = 999ms; }, "redis.lifetime", "999 ms", "1s to 365d"},
      {[](RedisOptions& o) { o.min_cost = -1us; }, "redis.min_cost", "-1 us", "0 to 1h"},
      {[](RedisOptions& o) { o.lease_above = -1ms; }, "redis.lease_above", "-1 ms", "0"},
      {[](RedisOptions& o) { o.lease = 9ms; }, "redis.lease", "9 ms", "10ms to 1h"},
      {[](RedisOptions& o) { o.lease_wait = -1ms; }, "redis.lease_wait", "-1 ms", "to 1h"},
  };
  for (const Row& row : rows) {
    RedisOptions options{.url = "redis://localhost"};
    row.spoil(options);
    const std::string message = error_of(ErrorCode::kConfig, [&] { options.validate(); });
    EXPECT_THAT(message, HasSubstr(row.field));
    EXPECT_THAT(message, HasSubstr(row.value)) << row.field;
    EXPECT_THAT(message, HasSubstr(row.bound)) << row.field;
  }
}

}  // namespace
}  // namespace weir
