// Answers no Redis would give. None may crash, hang or be believed.
#include <random>

#include "tests/fault/redis/fixture.hpp"
#include "tests/support/fake_clock.hpp"
#include "tests/support/scripted_server.hpp"

namespace weir::test {
namespace {

using ::testing::HasSubstr;

// Puts one answer to every operation; each must end in an error or in nothing found.
void ask_everything(const std::string& url, const std::string& shown) {
  RedisOptions options = hasty(url);
  options.call_timeout = 50ms;
  options.max_value = Bytes::kibi(64);
  const auto store = redis::open(options);
  const auto try_all = [&](const auto& call) {
    try {
      call();
    } catch (const Error& error) {
      EXPECT_NE(error.code(), ErrorCode::kInternal) << shown;
    }
  };
  try_all([&] { EXPECT_FALSE(store->get("k", soon())) << shown; });
  try_all([&] { store->remove_if("k", "v", soon()); });
  try_all([&] { store->put("k", "v", kLife, soon()); });
  try_all([&] { (void)store->add("k", "v", kLife, soon()); });
  try_all([&] { (void)store->facts(soon()); });
  try_all([&] { store->open_stream("s")->append("x", 10, soon()); });
  try_all([&] {
    const auto stream = store->open_stream("s");
    for (int i = 0; i < 3; ++i) (void)stream->read(in(20ms));
  });
}

TEST(RedisAnswersFault, NoHostileAnswerIsBelieved) {
  const std::vector<std::string> answers{
      "$2147483647\r\nxx",
      "$-2\r\n",
      "$5\r\nab",
      "*2147483647\r\n",
      "*-3\r\n",
      "*5\r\n:1\r\n",
      "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n",
      "HTTP/1.1 400 Bad Request\r\n\r\n",
      std::string(100'000, '\xFF'),
      std::string(200'000, 'a'),
      ":1\r\n",
      ":99999999999999999999\r\n",
      "*-1\r\n",
      "$-1\r\n",
      "*0\r\n",
      "-\r\n",
      "-MOVED 1\r\n",
      "-MOVED 99999 a:b\r\n",
      "-ASK\r\n",
      "$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n",
      ":5000\r\n:1\r\n:5000\r\n",
      ":-1\r\n$1\r\nv\r\n:-1\r\n",
      ":-2\r\n$0\r\n\r\n:-2\r\n",
      ":5000\r\n$1\r\nv\r\n-ERR\r\n",
      "%1\r\n+a\r\n:1\r\n",
      "_\r\n",
      ",1.5\r\n",
      "#t\r\n",
      ">1\r\n+push\r\n",
      "*2\r\n$17\r\nlast-generated-id\r\n$1\r\nx\r\n",
      "*2\r\n$17\r\nlast-generated-id\r\n:4\r\n",
      "*1\r\n*2\r\n$1\r\ns\r\n*1\r\n*2\r\n$3\r\n9-9\r\n*-1\r\n",
  };
  for (const std::string& answer : answers) {
    ScriptedServer server{ScriptedServer::always(answer)};
    ask_everything(server.url(), answer.substr(0, 60));
  }
}

// A value that is replaced while it is looked up, by one that lives less long or longer.
TEST(RedisAnswersFault, OfTwoLivesTheShorterIsTold) {
  for (const std::string answer :
       {":60000\r\n$1\r\nv\r\n:1000\r\n", ":1000\r\n$1\r\nv\r\n:60000\r\n"}) {
    ScriptedServer server{ScriptedServer::always(answer)};
    const FakeClock clock;
    const auto store = redis::open(patient(server.url()), clock);
    EXPECT_EQ(store->get("k", spi::Deadline{})->remaining, 1000ms);
  }
}

TEST(RedisAnswersFault, TheTimeAnAnswerTakesIsTakenOffTheLifeItTells) {
  FakeClock clock;
  ScriptedServer server{[&clock](ScriptedServer::Peer& peer) {
    while (!peer.receive().empty()) {
      clock.advance(300ms);
      if (!peer.send(":1000\r\n$1\r\nv\r\n:1000\r\n")) return;
    }
  }};
  const auto store = redis::open(patient(server.url()), clock);
  EXPECT_EQ(store->get("k", spi::Deadline{})->remaining, 700ms);
}

TEST(RedisAnswersFault, RandomAnswersDoNoHarm) {
  const unsigned seed = std::random_device{}();
  std::mt19937 random{seed};
  RecordProperty("seed", std::to_string(seed));
  const std::vector<std::string> parts{"*",  "$", "+",  "-",    ":",    "\r\n", "1",     "3",
                                       "-1", "9", "OK", "PONG", "\xFF", "0-1",  "QUEUED"};
  for (int round = 0; round < 25; ++round) {
    std::string answer;
    const std::size_t length = 1 + random() % 40;
    for (std::size_t i = 0; i < length; ++i) answer += parts[random() % parts.size()];
    ScriptedServer server{ScriptedServer::always(answer)};
    SCOPED_TRACE("seed " + std::to_string(seed));
    RedisOptions options = hasty(server.url());
    options.call_timeout = 20ms;
    const auto store = redis::open(options);
    for (int call = 0; call < 4; ++call) {
      (void)succeeds([&] { (void)store->get("k", soon()); });
      (void)succeeds([&] { store->put("k", "v", kLife, soon()); });
    }
  }
}

TEST(RedisAnswersFault, AHostileClusterOrSentinelLeadsNowhere) {
  for (const std::string answer :
       {"*1\r\n*3\r\n:0\r\n:99999999\r\n*2\r\n$9\r\n127.0.0.1\r\n:1\r\n",
        "*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$9\r\n127.0.0.1\r\n:1\r\n", "*1\r\n:4\r\n", "*0\r\n",
        "*2\r\n$0\r\n\r\n$1\r\n1\r\n", "*2\r\n$9\r\n127.0.0.1\r\n$5\r\n99999\r\n",
        "*2\r\n$9\r\n127.0.0.1\r\n$1\r\n1\r\n", "*1\r\n$6\r\nmaster\r\n", "-ERR no\r\n", "x"}) {
    ScriptedServer server{ScriptedServer::always(answer)};
    for (const std::string& url :
         {"redis+cluster://127.0.0.1:" + std::to_string(server.port()),
          "redis+sentinel://127.0.0.1:" + std::to_string(server.port()) + "/s"}) {
      const auto store = redis::open(hasty(url));
      const Error error = any_error_of([&] { store->ping(soon()); });
      EXPECT_NE(error.code(), ErrorCode::kInternal) << answer;
    }
  }
}

TEST(RedisAnswersFault, RedirectionsThatGoInCirclesEnd) {
  std::string self;
  ScriptedServer server{[&self](ScriptedServer::Peer& peer) {
    for (std::string request = peer.receive(); !request.empty(); request = peer.receive()) {
      if (request.find("SLOTS") != std::string::npos) {
        peer.send("*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$9\r\n127.0.0.1\r\n:" + self + "\r\n");
      } else {
        peer.send("-MOVED 7 127.0.0.1:" + self + "\r\n");
      }
    }
  }};
  self = std::to_string(server.port());
  const auto store = redis::open(patient("redis+cluster://127.0.0.1:" + self));
  const Error error = any_error_of([&] { store->put("k", "v", kLife, soon()); });
  EXPECT_EQ(error.code(), ErrorCode::kConnection);
  EXPECT_TRUE(error.retryable());
  EXPECT_THAT(error.what(), HasSubstr("MOVED"));
}

}  // namespace
}  // namespace weir::test
