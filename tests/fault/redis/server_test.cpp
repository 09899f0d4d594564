// One server that hangs, dies, comes back or closes connections.
#include <atomic>
#include <thread>
#include <vector>

#include "tests/fault/redis/fixture.hpp"
#include "tests/support/scripted_server.hpp"

namespace weir::test {
namespace {

using ::testing::HasSubstr;

class RedisServerFault : public ::testing::Test {
 protected:
  void SetUp() override {
    WEIR_REDIS_DSN_OR_SKIP(dsn);
    server_ = std::make_unique<PrivateRedis>("plain");
  }
  [[nodiscard]] PrivateRedis& server() { return *server_; }

 private:
  std::unique_ptr<PrivateRedis> server_;
};

TEST_F(RedisServerFault, AHungServerCostsTheTimeoutAndItsLateAnswersAreNobodysAnswers) {
  const auto store = redis::open(patient(server().url()));
  for (int i = 0; i < 4; ++i) {
    store->put("k" + std::to_string(i), "value of k" + std::to_string(i), kLife, soon());
  }
  server().freeze(1);
  const Error late = any_error_of([&] { (void)store->get("k0", in(100ms)); });
  EXPECT_EQ(late.code(), ErrorCode::kTimeout);
  EXPECT_TRUE(late.retryable());
  EXPECT_FALSE(late.connection_usable());
  EXPECT_THAT(late.what(), HasSubstr("redis.call_timeout"));
  error_of(ErrorCode::kTimeout, [&] { store->put("k1", "late", kLife, in(100ms)); });
  error_of(ErrorCode::kTimeout, [&] { (void)store->add("n", "late", kLife, in(100ms)); });
  error_of(ErrorCode::kTimeout, [&] { store->ping(in(1ms)); });
  server().thaw(1);
  for (int round = 0; round < 50; ++round) {
    for (const int i : {3, 2}) {
      EXPECT_EQ(store->get("k" + std::to_string(i), soon())->bytes,
                "value of k" + std::to_string(i));
    }
  }
}

TEST_F(RedisServerFault, TheOptionsTimeoutHoldsWithoutAnyDeadline) {
  const auto store = redis::open(hasty(server().url()));
  ASSERT_TRUE(eventually([&] { return succeeds([&] { store->ping(soon()); }); }));
  server().freeze(1);
  error_of(ErrorCode::kTimeout, [&] { store->ping(spi::Deadline{}); });  // else the test hangs
  error_of(ErrorCode::kTimeout, [&] { (void)store->get("k", spi::Deadline{}); });
  server().thaw(1);
  EXPECT_TRUE(eventually([&] { return succeeds([&] { store->ping(soon()); }); }));
}

TEST_F(RedisServerFault, AKilledServerIsAConnectionErrorUntilItIsBack) {
  const auto store = redis::open(patient(server().url()));
  store->put("k", "v", kLife, soon());
  server().kill(1);
  for (int i = 0; i < 3; ++i) {
    const Error gone = any_error_of([&] { (void)store->get("k", soon()); });
    EXPECT_EQ(gone.code(), ErrorCode::kConnection);
    EXPECT_TRUE(gone.retryable());
    EXPECT_THAT(gone.what(), HasSubstr("127.0.0.1:" + server().port(1)));
  }
  server().start(1);
  EXPECT_FALSE(store->get("k", soon()));
  store->put("k", "v2", kLife, soon());
  EXPECT_EQ(store->get("k", soon())->bytes, "v2");
}

TEST_F(RedisServerFault, ARestartBetweenTwoCallsIsNotNoticed) {
  const auto store = redis::open(patient(server().url()));
  store->ping(soon());
  server().kill(1);
  server().start(1);
  EXPECT_TRUE(store->add("k", "v", kLife, soon()));
  server().kill(1);
  server().start(1);
  EXPECT_FALSE(store->get("k", soon()));
}

TEST_F(RedisServerFault, ConnectionsThatTheServerClosedAreReplaced) {
  const auto store = redis::open(patient(server().url()));
  for (int i = 0; i < 20; ++i) {
    store->put("k", std::to_string(i + 1), kLife, soon());
    (void)server().cli(1, "client kill type normal");
    EXPECT_EQ(store->get("k", soon())->bytes, std::to_string(i + 1));
  }
}

TEST_F(RedisServerFault, KillsUnderLoadNeverMixUpAnswers) {
  const auto store = redis::open(patient(server().url()));
  std::atomic<bool> stop{false};
  std::atomic<int> wrong{0};
  std::atomic<int> right{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 6; ++i) {
    threads.emplace_back([&, i] {
      const std::string key = "k" + std::to_string(i);
      while (!stop) {
        (void)succeeds([&] {
          // A deadline that sometimes passes while the answer is on its way.
          const auto limit = right % 3 == 0 ? 1ms : 2000ms;
          store->put(key, key, kLife, in(2000ms));
          const auto value = store->get(key, in(limit));
          if (value) ++(value->bytes == key ? right : wrong);
        });
      }
    });
  }
  for (int kill = 0; kill < 10; ++kill) {
    const int before = right;
    EXPECT_TRUE(eventually([&] { return right > before + 50; }));
    (void)server().cli(1, "client kill type normal");
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST_F(RedisServerFault, WhoFindsNoFreeConnectionIsToldWhatToRaise) {
  RedisOptions options = patient(server().url());
  options.connections = 1;
  const auto store = redis::open(options);
  store->ping(soon());
  server().freeze(1);
  std::thread holder{[&] { (void)any_error_of([&] { store->ping(in(1500ms)); }); }};
  Error none{ErrorCode::kInternal, ""};
  EXPECT_TRUE(eventually([&] {
    none = any_error_of([&] { store->ping(in(50ms)); });
    return std::string{none.what()}.find("redis.connections") != std::string::npos;
  }));
  EXPECT_EQ(none.code(), ErrorCode::kTimeout);
  holder.join();
  server().thaw(1);
  store->ping(soon());
}

TEST_F(RedisServerFault, NobodyListensIsAConnectionErrorThatNamesTheAddress) {
  server().kill(1);
  const auto store = redis::open(patient(server().url()));
  EXPECT_THAT(error_of(ErrorCode::kConnection, [&] { store->ping(soon()); }),
              HasSubstr("127.0.0.1:" + server().port(1)));
  const auto no_host = redis::open(patient("redis://no-such-host.invalid"));
  EXPECT_THAT(error_of(ErrorCode::kConnection, [&] { no_host->ping(soon()); }),
              HasSubstr("no-such-host.invalid"));
  const auto no_socket = redis::open(patient("unix:///no/such/socket"));
  EXPECT_THAT(error_of(ErrorCode::kConnection, [&] { no_socket->ping(soon()); }),
              HasSubstr("/no/such/socket"));
}

// Unlike a real server, this one can be made to hang at any step.
TEST(RedisScriptedFault, AServerThatTricklesIsCutAtTheDeadline) {
  ScriptedServer server{[](ScriptedServer::Peer& peer) {
    (void)peer.receive();
    while (!peer.over() && peer.send("+")) {
    }
  }};
  const auto store = redis::open(hasty(server.url()));
  // Either the time or the size ends it; what matters is that something does.
  (void)any_error_of([&] { store->ping(spi::Deadline{}); });
}

TEST(RedisScriptedFault, ALargeValueIsNotSentForeverToWhoDoesNotRead) {
  ScriptedServer server{[](ScriptedServer::Peer& peer) {
    while (!peer.over()) std::this_thread::yield();
  }};
  const auto store = redis::open(hasty(server.url()));
  const std::string value(Bytes::mebi(4).value, 'x');
  error_of(ErrorCode::kTimeout, [&] { store->put("k", value, kLife, spi::Deadline{}); });
}

// Writing to a connection that the other side has closed raises SIGPIPE, which ends a process.
TEST(RedisScriptedFault, AConnectionClosedWhileWeWriteIsAnErrorNotASignal) {
  ScriptedServer server{[](ScriptedServer::Peer&) {}};
  const std::string value(Bytes::mebi(4).value, 'x');
  for (const std::string scheme : {"redis", "rediss"}) {
    const auto store = redis::open(patient(scheme + server.url().substr(5)));
    for (int i = 0; i < 50; ++i) {
      error_of(ErrorCode::kConnection, [&] { store->put("k", value, kLife, soon()); });
    }
  }
}

TEST(RedisScriptedFault, AnAnswerThatNobodyAskedForIsNobodysAnswer) {
  ScriptedServer server{ScriptedServer::always("+PONG\r\n+SURPRISE\r\n")};
  const auto store = redis::open(patient(server.url()));
  store->ping(soon());
  EXPECT_TRUE(eventually([&] {
    store->ping(soon());
    return server.connections() >= 3;  // a connection with something left in it is not used again
  }));
}

TEST(RedisScriptedFault, WhatMayHaveHappenedIsNotDoneTwiceUnlessThatIsHarmless) {
  std::atomic<int> puts{0};
  std::atomic<int> adds{0};
  ScriptedServer server{[&](ScriptedServer::Peer& peer) {
    for (int answered = 0;; ++answered) {
      const std::string request = peer.receive();
      if (request.empty()) return;
      const bool is_set = request.find("SET") != std::string::npos;
      if (is_set) ++(request.find("NX") != std::string::npos ? adds : puts);
      if (answered > 0) return;  // done, perhaps; the answer is lost
      peer.send("+OK\r\n");
    }
  }};
  const auto store = redis::open(patient(server.url()));
  store->put("k", "v", kLife, soon());
  store->put("k", "v", kLife, soon());  // on an idle connection that dies: done again on a new one
  EXPECT_EQ(puts, 3);
  error_of(ErrorCode::kConnection, [&] { (void)store->add("k", "v", kLife, soon()); });
  EXPECT_EQ(adds, 1);
}

}  // namespace
}  // namespace weir::test
