#include "weir/options.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "weir/error.hpp"

namespace weir {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr auto kCenturies = std::chrono::hours{24 * 3651};

Options good() {
  Options options;
  options.database = "sqlite::memory:";
  return options;
}

struct BadOption {
  std::function<void(Options&)> spoil;
  std::string field;
  std::string value;
  std::string bound;
};

std::string refusal(const Options& options) {
  try {
    options.validate();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kConfig);
    return error.what();
  }
  return "accepted";
}

TEST(OptionsTest, DefaultsWithADatabaseAreAccepted) { EXPECT_EQ(refusal(good()), "accepted"); }

TEST(OptionsTest, BoundsThemselvesAreAccepted) {
  Options options = good();
  options.pool = {.min_size = 1,
                  .max_size = 1,
                  .acquire_timeout = 0ms,
                  .connect_timeout = 1ms,
                  .max_idle = {},
                  .max_lifetime = {},
                  .statement_cache = 0};
  options.memory = {.capacity = Bytes{1},
                    .max_entry = Bytes{1},
                    .shards = 1024,
                    .ttl_jitter = 0.5,
                    .key_stripes = 64};
  options.listen = {
      .watch_interval = 60s, .idle_interval = 60s, .prune_retention = 1s, .prune_interval = 10ms};
  options.postgres.application_name = std::string(63, 'a');
  options.sqlite.busy_timeout = 0ms;
  options.statement_timeout = 1ms;
  options.pull_timeout = 1ms;
  options.statement_memo = 1;
  options.max_statement = Bytes{1};
  EXPECT_EQ(refusal(options), "accepted");
  options.memory = {.capacity = Bytes{0}, .max_entry = Bytes{0}};  // off: nothing to bound
  EXPECT_EQ(refusal(options), "accepted");
}

TEST(OptionsTest, EveryBadFieldIsRefusedNamingFieldValueAndBound) {
  const std::vector<BadOption> rows{
      {[](Options& o) { o.database = ""; }, "database", "0 bytes", "1 to 65536"},
      {[](Options& o) {
         o.database = std::string{"sqlite:a\0b", 10};
       },
       "database", "NUL", "byte 8"},
      {[](Options& o) { o.database = "sqlite:\xFF"; }, "database", "invalid UTF-8", "byte 7"},
      {[](Options& o) { o.pool.max_size = 0; }, "pool.max_size", "0", "1 to 10000"},
      {[](Options& o) { o.pool.max_size = 10'001; }, "pool.max_size", "10001", "1 to 10000"},
      {[](Options& o) { o.pool.min_size = 17; }, "pool.min_size", "17",
       "pool.max_size, which is 16"},
      {[](Options& o) { o.pool.acquire_timeout = -1ms; }, "pool.acquire_timeout", "-1 ms", "0 to"},
      {[](Options& o) { o.pool.acquire_timeout = kCenturies; }, "pool.acquire_timeout", "ms",
       "3650d"},
      {[](Options& o) { o.pool.connect_timeout = 0ms; }, "pool.connect_timeout", "0 ms", "1ms to"},
      {[](Options& o) { o.pool.max_idle = -5ms; }, "pool.max_idle", "-5 ms", "0 to"},
      {[](Options& o) { o.pool.max_lifetime = 0ms; }, "pool.max_lifetime", "0 ms", "1ms to"},
      {[](Options& o) { o.pool.statement_cache = 100'000'001; }, "pool.statement_cache",
       "100000001", "at most 100000000"},
      {[](Options& o) { o.memory.max_entry = Bytes{0}; }, "memory.max_entry", "0 bytes", "1 byte"},
      {[](Options& o) { o.memory.max_entry = Bytes::mebi(65); }, "memory.max_entry", "68157440",
       "memory.capacity, which is 67108864"},
      {[](Options& o) { o.memory.shards = 0; }, "memory.shards", "0", "power of two"},
      {[](Options& o) { o.memory.shards = 12; }, "memory.shards", "12", "power of two"},
      {[](Options& o) { o.memory.shards = 2048; }, "memory.shards", "2048", "1 to 1024"},
      {[](Options& o) { o.memory.key_stripes = 32; }, "memory.key_stripes", "32", "from 64 to"},
      {[](Options& o) { o.memory.key_stripes = 100; }, "memory.key_stripes", "100", "power of two"},
      {[](Options& o) { o.memory.ttl_jitter = -0.1; }, "memory.ttl_jitter", "-0.1", "0 to 0.5"},
      {[](Options& o) { o.memory.ttl_jitter = 0.51; }, "memory.ttl_jitter", "0.51", "0 to 0.5"},
      {[](Options& o) { o.memory.ttl_jitter = std::numeric_limits<double>::quiet_NaN(); },
       "memory.ttl_jitter", "nan", "0 to 0.5"},
      {[](Options& o) { o.listen.watch_interval = 0ms; }, "listen.watch_interval", "0 ms", "1m"},
      {[](Options& o) { o.listen.watch_interval = 60'001ms; }, "listen.watch_interval", "60001 ms",
       "1ms to 1m"},
      {[](Options& o) { o.listen.idle_interval = 19ms; }, "listen.idle_interval", "19 ms",
       "20ms to 1m"},
      {[](Options& o) { o.listen.idle_interval = 60'001ms; }, "listen.idle_interval", "60001 ms",
       "1m"},
      {[](Options& o) { o.listen.prune_retention = 999ms; }, "listen.prune_retention", "999 ms",
       "1s to"},
      {[](Options& o) { o.listen.via = WakeUps::kStream; }, "listen.stream", "0 bytes",
       "1 to 256 bytes"},
      {[](Options& o) {
         o.listen.via = WakeUps::kStream;
         o.listen.stream = "weir:changes:shop";
       },
       "listen.via", "kStream", "options.redis"},
      {[](Options& o) { o.listen.prune_interval = 9ms; }, "listen.prune_interval", "9 ms", "10ms"},
      {[](Options& o) { o.postgres.application_name = std::string(64, 'a'); },
       "postgres.application_name", "64 bytes", "0 to 63"},
      {[](Options& o) {
         o.sqlite.attach = {{"", "file"}};
       },
       "sqlite.attach", "0 bytes", "1 to 63"},
      {[](Options& o) {
         o.sqlite.attach = {{"main", "file"}};
       },
       "sqlite.attach", "main", "temp"},
      {[](Options& o) {
         o.sqlite.attach = {{"other", ""}};
       },
       "sqlite.attach[\"other\"]", "0 bytes", "1 to 65536"},
      {[](Options& o) { o.sqlite.busy_timeout = -1ms; }, "sqlite.busy_timeout", "-1 ms", "0 to"},
      {[](Options& o) { o.policy.ttl = 0ms; }, "policy.ttl", "0 ms", "1ms to"},
      {[](Options& o) { o.statement_timeout = 0ms; }, "statement_timeout", "0 ms", "1ms to"},
      {[](Options& o) { o.pull_timeout = 0ms; }, "pull_timeout", "0 ms", "1ms to"},
      {[](Options& o) { o.statement_memo = 0; }, "statement_memo", "0", "1 to 100000000"},
      {[](Options& o) { o.max_statement = Bytes{0}; }, "max_statement", "0 bytes", "1 byte to"},
      {[](Options& o) { o.max_statement = Bytes::gibi(2); }, "max_statement", "2147483648",
       "1 GiB"},
      {[](Options& o) {
         o.rules_file = std::string{"a\0", 2};
       },
       "rules_file", "NUL", "byte 1"},
  };
  for (const BadOption& row : rows) {
    Options options = good();
    row.spoil(options);
    const std::string message = refusal(options);
    EXPECT_THAT(message, HasSubstr(row.field));
    EXPECT_THAT(message, HasSubstr(row.value)) << row.field;
    EXPECT_THAT(message, HasSubstr(row.bound)) << row.field;
  }
}

TEST(OptionsTest, ADsnIsNeverPartOfAMessage) {
  Options options = good();
  options.database = "postgresql://app:secret@db/shop\xFF";
  EXPECT_THAT(refusal(options), Not(HasSubstr("secret")));
}

}  // namespace
}  // namespace weir
