// A change stream whose server forgets, restarts, hangs or is replaced: a reader may miss entries
// but must know that it did.
#include <functional>
#include <thread>

#include "tests/fault/redis/fixture.hpp"

namespace weir::test {
namespace {

/// All entries up to the one with these bytes, and whether there was a gap on the way.
spi::StreamRead read_until(spi::ChangeStream& stream, const std::string& bytes) {
  spi::StreamRead all;
  const bool came = eventually([&] {
    (void)succeeds([&] {
      spi::StreamRead some = stream.read(in(200ms));
      all.gap = all.gap || some.gap;
      for (spi::StreamEntry& entry : some.entries) all.entries.push_back(std::move(entry));
    });
    return !all.entries.empty() && all.entries.back().bytes == bytes;
  });
  EXPECT_TRUE(came) << bytes << " did not come";
  return all;
}

bool finds_gap(spi::ChangeStream& stream) {
  return eventually([&] {
    bool gap = false;
    (void)succeeds([&] { gap = stream.read(in(200ms)).gap; });
    return gap;
  });
}

class RedisStreamFault : public ::testing::Test {
 protected:
  void SetUp() override {
    WEIR_REDIS_DSN_OR_SKIP(dsn);
    server_ = std::make_unique<PrivateRedis>("plain");
    RedisOptions options = patient(server_->url());
    options.call_timeout = 2s;
    store_ = redis::open(options);
    writer_ = store_->open_stream("s");
    reader_ = store_->open_stream("s");
  }
  [[nodiscard]] PrivateRedis& server() { return *server_; }
  [[nodiscard]] spi::ChangeStream& reader() { return *reader_; }
  void append(const std::string& bytes) { writer_->append(bytes, 1000, soon()); }
  /// The reader has read "0" and waits behind it.
  void begin() {
    (void)glance(reader());
    append("0");
    const spi::StreamRead read = read_until(reader(), "0");
    ASSERT_FALSE(read.gap);
    (void)glance(reader());
  }

 private:
  std::unique_ptr<PrivateRedis> server_;
  std::unique_ptr<spi::RemoteStore> store_;
  std::unique_ptr<spi::ChangeStream> writer_;
  std::unique_ptr<spi::ChangeStream> reader_;
};

TEST_F(RedisStreamFault, ALostConnectionLosesNoEntry) {
  begin();
  for (int i = 1; i <= 20; ++i) {
    (void)server().cli(1, "client kill type normal");
    append(std::to_string(i));
  }
  const spi::StreamRead read = read_until(reader(), "20");
  EXPECT_FALSE(read.gap);
  EXPECT_EQ(read.entries.size(), 20U);
}

TEST_F(RedisStreamFault, AFlushIsAGapWhenTheNextEntryComes) {
  begin();
  append("lost");
  (void)server().cli(1, "flushall");
  append("1");
  EXPECT_TRUE(read_until(reader(), "1").gap);
  append("2");
  EXPECT_FALSE(read_until(reader(), "2").gap);
}

TEST_F(RedisStreamFault, AFlushIsAGapEvenWhenNothingComes) {
  begin();
  (void)server().cli(1, "flushall");
  EXPECT_TRUE(finds_gap(reader()));
  append("1");
  EXPECT_FALSE(read_until(reader(), "1").gap);
}

TEST_F(RedisStreamFault, ARestartWithoutItsDataIsAGap) {
  begin();
  server().kill(1);
  server().start(1);
  append("1");
  EXPECT_TRUE(read_until(reader(), "1").gap);
}

// A server's clock that was set back, or an older file: ids below ours, which no read brings.
TEST_F(RedisStreamFault, IdsThatGoBackAreAGapAndAreReadOn) {
  begin();
  (void)server().cli(1, "del s");
  (void)server().cli(1, "xadd s 5-0 before 0-0 data early");
  EXPECT_TRUE(finds_gap(reader()));
  (void)server().cli(1, "xadd s 6-0 before 5-0 data next");
  EXPECT_FALSE(read_until(reader(), "next").gap);
}

TEST_F(RedisStreamFault, AnEntryDeletedBeforeItWasReadIsAGap) {
  begin();
  const std::string script =
      "eval \"redis.call('xadd','s','99999999999990-0','before',"
      "redis.call('xrevrange','s','+','-')[1][1],'data','deleted') "
      "redis.call('xadd','s','99999999999991-0','before','99999999999990-0','data','kept') "
      "return redis.call('xdel','s','99999999999990-0')\" 0";
  ASSERT_EQ(server().cli(1, script), "1");
  EXPECT_TRUE(read_until(reader(), "kept").gap);
}

TEST_F(RedisStreamFault, WhatOthersPutIntoTheStreamIsAGapAndSteppedOver) {
  begin();
  (void)server().cli(1, "xadd s '*' some field");
  append("1");
  EXPECT_TRUE(read_until(reader(), "1").gap);
  append("2");
  EXPECT_FALSE(read_until(reader(), "2").gap);
}

TEST_F(RedisStreamFault, AStreamNeverSeenThatMayHaveComeAndGoneIsAGap) {
  (void)glance(reader());  // there is none yet
  (void)server().cli(1, "client kill type normal");
  append("missed");
  (void)server().cli(1, "flushall");
  append("1");
  EXPECT_TRUE(read_until(reader(), "1").gap);
}

TEST_F(RedisStreamFault, AHungServerIsNoticedAndReadingGoesOnWithoutLoss) {
  begin();
  server().freeze(1);
  EXPECT_TRUE(reader().read(in(100ms)).entries.empty());  // not yet
  const Error hung = any_error_of([&] {
    while (true) (void)reader().read(soon());
  });
  EXPECT_EQ(hung.code(), ErrorCode::kConnection);
  EXPECT_TRUE(hung.retryable());
  server().thaw(1);
  append("1");
  EXPECT_FALSE(read_until(reader(), "1").gap);
}

TEST_F(RedisStreamFault, AnInterruptEndsAReadOfAHungServer) {
  begin();
  server().freeze(1);
  std::thread other{[&] { reader().interrupt(); }};
  EXPECT_TRUE(reader().read(spi::Deadline{}).entries.empty());
  other.join();
  server().thaw(1);
}

TEST_F(RedisStreamFault, AnEntryLargerThanAllowedIsRefused) {
  RedisOptions options = patient(server().url());
  options.max_value = Bytes::kibi(1);
  const auto store = redis::open(options);
  error_of(ErrorCode::kUsage,
           [&] { store->open_stream("s")->append(std::string(1025, 'x'), 10, soon()); });
}

TEST_F(RedisStreamFault, ManyLargeEntriesComeOverInPieces) {
  RedisOptions options = patient(server().url());
  options.max_value = Bytes::mebi(1);
  const auto store = redis::open(options);
  const auto writer = store->open_stream("large");
  const auto reader = store->open_stream("large");
  (void)glance(*reader);
  const std::string bytes(Bytes::mebi(1).value, 'x');
  for (int i = 0; i < 20; ++i) writer->append(bytes, 1000, soon());
  writer->append("end", 1000, soon());
  const spi::StreamRead read = read_until(*reader, "end");
  EXPECT_FALSE(read.gap);
  EXPECT_EQ(read.entries.size(), 21U);
}

TEST(RedisStreamFailoverFault, EntriesThatTheNewPrimaryNeverGotAreAGap) {
  WEIR_REDIS_DSN_OR_SKIP(dsn);
  const PrivateRedis group{"sentinel"};
  RedisOptions options = patient(group.url());
  options.call_timeout = 1s;
  options.connect_timeout = 1s;
  const auto store = redis::open(options);
  const auto writer = store->open_stream("s");
  const auto reader = store->open_stream("s");
  const auto appends = [&](const std::string& bytes) {
    return eventually([&] { return succeeds([&] { writer->append(bytes, 1000, soon()); }); });
  };
  (void)glance(*reader);
  ASSERT_TRUE(appends("0"));
  EXPECT_FALSE(read_until(*reader, "0").gap);
  ASSERT_TRUE(eventually([&] { return group.cli(2, "xlen s") == "1"; }));
  group.freeze(2);
  (void)group.cli(1, "client kill type replica");  // else the socket brings it over after all
  ASSERT_TRUE(appends("lost"));
  EXPECT_FALSE(read_until(*reader, "lost").gap);
  group.kill(1);
  group.thaw(2);
  ASSERT_TRUE(appends("1"));
  EXPECT_TRUE(read_until(*reader, "1").gap);
  ASSERT_TRUE(appends("2"));
  EXPECT_FALSE(read_until(*reader, "2").gap);
}

}  // namespace
}  // namespace weir::test
