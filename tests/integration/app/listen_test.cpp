// `weir listen` as a process, beside a real server and applications.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <regex>

#include "command_fixture.hpp"
#include "service_process.hpp"
#include "tests/support/servers.hpp"
#include "weir/drivers/redis.hpp"
#include "weir/weir.hpp"

namespace weir::test {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class ListenTest : public TrackedCommandTest {
 protected:
  /// A configuration for this test's database in a file of its own.
  std::string config(const std::string& more = {},
                     const std::string& rest = "[http]\nlisten = \"off\"\n",
                     const std::string& dsn = {}) {
    const std::string path = folder_.file(fmt::format("weir-{}.toml", ++files_));
    rewrite(path, more, rest, dsn);
    return path;
  }
  void rewrite(const std::string& path, const std::string& more, const std::string& rest,
               const std::string& dsn = {}) const {
    std::ofstream{path} << "[[database]]\nname = \"shop\"\ndsn = \"" << (dsn.empty() ? dsn_ : dsn)
                        << "\"\ninterval = \"5ms\"\n"
                        << more << rest;
  }
  static std::unique_ptr<ServiceProcess> listen(
      const std::string& config, const std::map<std::string, std::string>& environment = {}) {
    return std::make_unique<ServiceProcess>(std::vector<std::string>{"listen", "--config", config},
                                            environment);
  }
  [[nodiscard]] Database app(std::chrono::milliseconds max_staleness = 1h) const {
    Options options{.database = dsn_};
    options.policy.max_staleness = max_staleness;
    return Database::open(options);
  }
  void execute_all(const std::vector<std::string>& statements) const {
    for (const std::string& sql : statements) execute(sql);
  }
  static std::int64_t users(const Database& app) {
    return app.query("SELECT count(*) FROM users").one<std::int64_t>();
  }

 private:
  int files_{0};
};

INSTANTIATE_TEST_SUITE_P(Engines, ListenTest, testing::Values(Engine::kPostgres),
                         [](const auto&) { return "Postgres"; });

TEST_P(ListenTest, TheFirstLeadsTheSecondStandsByAndTakesOverWhenTheFirstIsKilled) {
  const auto first = listen(config());
  ASSERT_TRUE(first->wrote("leads: looks")) << first->output();
  const auto second = listen(config());
  ASSERT_TRUE(second->wrote("stands by")) << second->output();
  EXPECT_THAT(second->output(), Not(HasSubstr("leads: looks")));
  first->signal(SIGKILL);
  EXPECT_TRUE(second->wrote("leads: looks")) << second->output();
}

TEST_P(ListenTest, AppsAreWokenByAListenerTheyDoNotRun) {
  const auto service = listen(config());
  ASSERT_TRUE(service->wrote("leads")) << service->output();
  const Database app = this->app();
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  while (app.metrics().listening == 0 && std::chrono::steady_clock::now() < deadline) {
  }
  ASSERT_EQ(users(app), 2);
  EXPECT_EQ(app.metrics().leading, 0);
  execute("INSERT INTO users VALUES (3, 'Eve')");
  // The bound is an hour: only a wake-up makes this change seen.
  while (users(app) != 3 && std::chrono::steady_clock::now() < deadline) {
  }
  EXPECT_EQ(users(app), 3);
}

TEST_P(ListenTest, TermDrainsAndEndsWithZero) {
  for (const int signal : {SIGTERM, SIGINT}) {
    const auto service = listen(config());
    ASSERT_TRUE(service->wrote("leads")) << service->output();
    service->signal(signal);
    EXPECT_EQ(service->exit_code(), 0) << service->output();
    EXPECT_THAT(service->output(), AllOf(HasSubstr("drains"), HasSubstr("stopped")));
  }
}

TEST_P(ListenTest, TermEndsItWhileTheDatabaseCannotBeReached) {
  const auto service = listen(config({}, {}, "host=127.0.0.1 port=1 dbname=x"));
  ASSERT_TRUE(service->wrote("error")) << service->output();
  service->signal(SIGTERM);
  EXPECT_EQ(service->exit_code(), 0) << service->output();
}

TEST_P(ListenTest, HangupReadsTheConfigurationAgain) {
  const std::string path = config();
  const auto service = listen(path);
  ASSERT_TRUE(service->wrote("leads")) << service->output();
  service->forget();
  rewrite(path, {}, "[http]\nlisten = \"off\"\n[log]\nformat = \"json\"\n");
  service->signal(SIGHUP);
  ASSERT_TRUE(service->wrote(R"("event":"reloaded")")) << service->output();
  EXPECT_THAT(service->output(), Not(HasSubstr(R"("event":"leader")")));  // it led all the while

  service->forget();
  rewrite(path, "idle_interval = \"10ms\"\n",
          "[http]\nlisten = \"off\"\n[log]\nformat = \"json\"\n");
  service->signal(SIGHUP);
  ASSERT_TRUE(service->wrote(R"("event":"leader")")) << service->output();  // with the new interval
}

TEST_P(ListenTest, AWrongNewConfigurationIsRefusedAndTheOldOneStays) {
  const std::string path = config();
  const auto service = listen(path);
  ASSERT_TRUE(service->wrote("leads")) << service->output();
  service->forget();
  rewrite(path, "intervall = \"1s\"\n", {});
  service->signal(SIGHUP);
  ASSERT_TRUE(service->wrote(fmt::format("{}:5: unknown key", path))) << service->output();
  EXPECT_TRUE(service->wrote("the configuration read before stays in force"));
  const Database app = this->app();
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  while (app.metrics().listening == 0 && std::chrono::steady_clock::now() < deadline) {
  }
  EXPECT_EQ(app.metrics().leading, 0);
  service->signal(SIGTERM);
  EXPECT_EQ(service->exit_code(), 0);
}

TEST_P(ListenTest, CheckOnlySaysWhetherTheConfigurationIsGood) {
  Ran ran = run_weir({"listen", "--check", "--config", config()});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("ok: 1 database (shop), no stream, no http"));
  const std::string wrong = config("track = \"maybe\"\n");
  for (const auto& arguments : std::vector<std::vector<std::string>>{
           {"listen", "--config", wrong, "--check"}, {"listen", "--config", wrong}}) {
    ran = run_weir(arguments);
    EXPECT_EQ(ran.code, 2);
    EXPECT_THAT(ran.err, AllOf(StartsWith("weir: listen: " + wrong + ":5: database.track"),
                               HasSubstr("\"report\"")));
  }
  ran = run_weir({"listen", "--config", folder_.file("none")});
  EXPECT_EQ(ran.code, 2);
  EXPECT_THAT(ran.err, HasSubstr("cannot be read"));
}

TEST_P(ListenTest, MetricsAndHealthAreServedOnLoopback) {
  const auto service = listen(config({}, "[http]\nlisten = \"127.0.0.1:0\"\n"));
  ASSERT_TRUE(service->wrote("leads")) << service->output();
  const int port = std::stoi(service->after("port=\""));
  EXPECT_THAT(http_get(port, "/healthz"), AllOf(StartsWith("HTTP/1.1 200"), HasSubstr("alive")));
  EXPECT_THAT(http_get(port, "/readyz"),
              AllOf(StartsWith("HTTP/1.1 200"), HasSubstr("shop: leader")));
  const std::string metrics = http_get(port, "/metrics");
  EXPECT_THAT(metrics, AllOf(StartsWith("HTTP/1.1 200"), HasSubstr("version=0.0.4"),
                             HasSubstr("weir_listen_leader{database=\"shop\"} 1\n")));
  EXPECT_THAT(http_get(port, "/"), StartsWith("HTTP/1.1 404"));

  const auto rival = listen(config({}, fmt::format("[http]\nlisten = \"127.0.0.1:{}\"\n", port)));
  EXPECT_EQ(rival->exit_code(), 3) << rival->output();
  EXPECT_THAT(rival->output(), HasSubstr("cannot be bound"));
}

TEST_P(ListenTest, ADatabaseThatCannotBeReachedIsNotReadyAndSaysWhy) {
  const auto service =
      listen(config({}, "[http]\nlisten = \"127.0.0.1:0\"\n", "host=127.0.0.1 port=1 dbname=x"));
  ASSERT_TRUE(service->wrote("error")) << service->output();
  const int port = std::stoi(service->after("port=\""));
  EXPECT_THAT(http_get(port, "/readyz"),
              AllOf(StartsWith("HTTP/1.1 503"), HasSubstr("shop: disconnected: ")));
  EXPECT_THAT(http_get(port, "/healthz"), StartsWith("HTTP/1.1 200"));
}

TEST_P(ListenTest, NewTablesAreReportedOrTracked) {
  execute_all(
      {"CREATE TABLE fresh (id int)", "CREATE SCHEMA other", "CREATE TABLE other.fresh (id int)"});
  {
    const auto service = listen(config("track_interval = \"100ms\"\n"));
    ASSERT_TRUE(service->wrote("not tracked: other.fresh, public.fresh")) << service->output();
  }
  const auto service =
      listen(config("track = \"on\"\ntrack_interval = \"100ms\"\nschemas = [\"public\"]\n"));
  ASSERT_TRUE(service->wrote("public.fresh: tracked")) << service->output();
  execute_all({"CREATE TABLE later (id int) PARTITION BY LIST (id)",
               "CREATE TABLE later_1 PARTITION OF later FOR VALUES IN (1)"});
  EXPECT_TRUE(service->wrote("public.later_1: tracked")) << service->output();
  service->signal(SIGTERM);
  EXPECT_EQ(service->exit_code(), 0);
  EXPECT_THAT(service->output(), Not(HasSubstr("other.fresh")));
}

TEST_P(ListenTest, APoolerInTransactionModeIsToldOutright) {
  WEIR_PGBOUNCER_DSN_OR_SKIP(pooler);
  const std::string name = dsn_.substr(dsn_.rfind('/') + 1);
  const auto service = listen(config({}, "[http]\nlisten = \"127.0.0.1:0\"\n",
                                     pooler.substr(0, pooler.rfind('/') + 1) + name));
  ASSERT_TRUE(service->wrote("a pooler in transaction mode is in between")) << service->output();
  const int port = std::stoi(service->after("port=\""));
  EXPECT_THAT(http_get(port, "/readyz"),
              AllOf(StartsWith("HTTP/1.1 503"), HasSubstr("shop: deaf: ")));
  service->signal(SIGTERM);
  EXPECT_EQ(service->exit_code(), 0);
}

TEST_P(ListenTest, LinesCanBeJson) {
  const auto service = listen(config({}, "[http]\nlisten = \"off\"\n[log]\nformat = \"json\"\n"));
  ASSERT_TRUE(service->wrote(R"("event":"leader")")) << service->output();
  service->signal(SIGTERM);
  EXPECT_EQ(service->exit_code(), 0);
  std::istringstream lines{service->output()};
  std::size_t count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    const auto object = nlohmann::json::parse(line);
    EXPECT_TRUE(object.contains("time") && object.contains("level") && object.contains("event"));
  }
  EXPECT_GE(count, 4U);
}

TEST_P(ListenTest, TheServiceManagerIsToldWhenItIsReadyAndWhenItStops) {
  const std::string path = folder_.file("notify");
  const int socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  ASSERT_LT(path.size(), sizeof address.sun_path);
  std::strcpy(address.sun_path, path.c_str());
  ASSERT_EQ(::bind(socket, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  const timeval patience{20, 0};
  ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  const auto hear = [socket](const std::string& wanted) {
    std::string heard;
    while (heard.find(wanted) == std::string::npos) {
      char part[512];
      const ssize_t got = ::recv(socket, part, sizeof part, 0);
      if (got <= 0) break;
      heard.append(part, static_cast<std::size_t>(got));
    }
    return heard;
  };
  const auto service = listen(config(), {{"NOTIFY_SOCKET", path}, {"WATCHDOG_USEC", "300000"}});
  EXPECT_THAT(hear("READY=1"), HasSubstr("READY=1"));
  EXPECT_THAT(hear("STATUS=leads 1 of 1"), HasSubstr("STATUS=leads 1 of 1"));
  EXPECT_THAT(hear("WATCHDOG=1"), HasSubstr("WATCHDOG=1"));
  service->signal(SIGHUP);
  EXPECT_THAT(hear("READY=1"), AllOf(HasSubstr("RELOADING=1"), HasSubstr("READY=1")));
  service->signal(SIGTERM);
  EXPECT_THAT(hear("STOPPING=1"), HasSubstr("STOPPING=1"));
  EXPECT_EQ(service->exit_code(), 0);
  ::close(socket);
}

/// What a service that only listens and prunes is to be granted; docs/guide/listener.md has it.
TEST_P(ListenTest, ARoleWithJustTheDocumentedRightsListensAndPrunes) {
  const std::string role = dsn_.substr(dsn_.rfind('/') + 1) + "_listener";
  execute(fmt::format("CREATE ROLE {} LOGIN PASSWORD 'secret'", role));
  execute("REVOKE USAGE ON SCHEMA weir FROM PUBLIC");
  execute(fmt::format("GRANT USAGE ON SCHEMA weir TO {}", role));
  const std::regex user{"//[^@]*@"};
  const std::string dsn = std::regex_replace(dsn_, user, fmt::format("//{}:${{SECRET}}@", role));
  execute_all({"INSERT INTO users VALUES (7, 'Old')", "SELECT weir.prune('1 second')",
               "UPDATE weir.meta SET candidate_at = candidate_at - interval '2 hours'"});
  {
    const auto service =
        listen(config("prune_interval = \"10ms\"\n", {}, dsn), {{"SECRET", "secret"}});
    EXPECT_TRUE(service->wrote("leads")) << service->output();
    EXPECT_TRUE(service->wrote("pruned the journal")) << service->output();
    EXPECT_THAT(service->output(), Not(HasSubstr("secret")));
    service->signal(SIGTERM);
    EXPECT_EQ(service->exit_code(), 0);
  }
  execute(fmt::format("REVOKE USAGE ON SCHEMA weir FROM {}", role));
  execute(fmt::format("DROP ROLE {}", role));
}

TEST_P(ListenTest, TheLeaderRepublishesBatchesOnTheDatabasesStream) {
  WEIR_DSN_OR_SKIP(url, "WEIR_TEST_REDIS_DSN");
  const std::string prefix = "test:" + dsn_.substr(dsn_.rfind('/') + 1);
  const auto store = redis::open({.url = url});
  const auto stream = store->open_stream(prefix + ":shop");
  const auto next = [&] {
    const auto deadline = spi::Deadline::after(system_clock(), 20s);
    std::vector<spi::StreamEntry> entries;
    while (entries.empty() && !deadline.passed(system_clock())) {
      try {
        entries = stream->read(deadline).entries;
      } catch (const ConnectionError&) {  // after a pause; it goes on from the same place
      }
    }
    return entries.empty() ? std::string{"nothing"} : entries.front().bytes;
  };
  (void)stream->read(spi::Deadline::after(system_clock(), 2s));  // from here on
  const auto service = listen(config(
      {}, fmt::format("[http]\nlisten = \"127.0.0.1:0\"\n[redis]\nurl = \"{}\"\nstream = \"{}\"\n",
                      url, prefix)));
  ASSERT_TRUE(service->wrote("leads: looks")) << service->output();
  EXPECT_THAT(next(), AllOf(StartsWith("weir1 incarnation="), Not(HasSubstr("relation"))));
  execute("INSERT INTO users VALUES (3, 'Eve')");
  EXPECT_THAT(next(),
              AllOf(StartsWith("weir1 incarnation="), HasSubstr("=rows:"), Not(HasSubstr("Eve"))));
  const int port = std::stoi(service->after("port=\""));
  // It counts what it appended a moment after others can read it.
  const auto limit = spi::Deadline::after(system_clock(), 20s);
  std::string metrics;
  do {
    metrics = http_get(port, "/metrics");
  } while (metrics.find("weir_listen_stream_appends_total{database=\"shop\"} 2\n") ==
               std::string::npos &&
           !limit.passed(system_clock()));
  EXPECT_THAT(metrics, AllOf(HasSubstr("weir_listen_stream_appends_total{database=\"shop\"} 2\n"),
                             HasSubstr("weir_listen_stream_errors_total{database=\"shop\"} 0\n")));
}

TEST_P(ListenTest, AnAppOnTheStreamSeesChangesWithoutAConnectionThatListens) {
  WEIR_DSN_OR_SKIP(url, "WEIR_TEST_REDIS_DSN");
  const std::string name = dsn_.substr(dsn_.rfind('/') + 1);
  const auto service = listen(config({}, fmt::format("[http]\nlisten = \"off\"\n[redis]\nurl = "
                                                     "\"{}\"\nstream = \"test:{}\"\n",
                                                     url, name)));
  ASSERT_TRUE(service->wrote("leads: looks")) << service->output();
  Options options{.database = dsn_,
                  .listen = {.via = WakeUps::kStream, .stream = fmt::format("test:{}:shop", name)},
                  .redis = RedisOptions{.url = url}};
  options.policy.max_staleness = 1h;  // only the stream makes changes seen
  const Database app = Database::open(options);
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  while (app.metrics().listening == 0 && std::chrono::steady_clock::now() < deadline) {
  }
  std::int64_t expected = users(app);
  for (int write = 0; write < 10; ++write) {
    execute(fmt::format("INSERT INTO users VALUES ({}, 'x')", 100 + write));
    ++expected;
    while (users(app) != expected && std::chrono::steady_clock::now() < deadline) {
    }
    ASSERT_EQ(users(app), expected);
  }
  // What it learned from the stream it keeps: read again, it is a hit.
  EXPECT_EQ(app.query("SELECT count(*) FROM users").source(), Source::kMemory);
  EXPECT_EQ(
      app.query("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname "
                "= current_database() AND application_name <> 'weir listen'")
          .one<std::int64_t>(),
      0);
  // Far fewer pulls than batches: most of them joined.
  EXPECT_LT(app.metrics().pulls_total, 10U);
}

TEST_P(ListenTest, ADeadRedisIsToldAndAppsAreWokenAllTheSame) {
  const auto service = listen(
      config({}, "[http]\nlisten = \"127.0.0.1:0\"\n[redis]\nurl = \"redis://127.0.0.1:1\"\n"));
  ASSERT_TRUE(service->wrote("the stream cannot be written to")) << service->output();
  const int port = std::stoi(service->after("port=\""));
  EXPECT_THAT(http_get(port, "/readyz"), StartsWith("HTTP/1.1 200"));
  execute("INSERT INTO users VALUES (3, 'Eve')");
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  while (http_get(port, "/metrics").find("weir_listen_batches_total{database=\"shop\"} 1\n") ==
             std::string::npos &&
         std::chrono::steady_clock::now() < deadline) {
  }
  EXPECT_THAT(http_get(port, "/metrics"),
              HasSubstr("weir_listen_batches_total{database=\"shop\"} 1\n"));
  service->signal(SIGTERM);
  EXPECT_EQ(service->exit_code(), 0);
}

enum class Trouble { kAbsent, kKilled, kFrozen };

class ListenTroubleTest : public ListenTest {
 protected:
  /// For longer than the bound after a write by somebody else, then once more: that one must see
  /// it.
  void see_the_next_write_within(const Database& app, std::chrono::milliseconds bound,
                                 std::int64_t expected) {
    execute(fmt::format("INSERT INTO users VALUES ({}, 'x')", 1000 + expected));
    const auto end = std::chrono::steady_clock::now() + bound;
    while (std::chrono::steady_clock::now() < end) (void)users(app);
    EXPECT_EQ(users(app), expected);
  }
};
INSTANTIATE_TEST_SUITE_P(Engines, ListenTroubleTest, testing::Values(Engine::kPostgres),
                         [](const auto&) { return "Postgres"; });

TEST_P(ListenTroubleTest, TheBoundHoldsWithTheListenerAbsentKilledOrFrozen) {
  constexpr auto kBound = 300ms;
  Options options{.database = dsn_, .listen = {.enabled = false}};
  options.policy.max_staleness = kBound;
  const Database deaf = Database::open(options);
  const Database app = this->app(kBound);
  WEIR_DSN_OR_SKIP(url, "WEIR_TEST_REDIS_DSN");
  const std::string stream = "test:" + dsn_.substr(dsn_.rfind('/') + 1);
  const std::string redis = fmt::format(
      "[http]\nlisten = \"off\"\n[redis]\nurl = \"{}\"\nstream = \"{}\"\n", url, stream);
  options.listen = {.via = WakeUps::kStream, .stream = stream + ":shop"};
  options.redis = RedisOptions{.url = url};
  const Database streamed = Database::open(options);
  options.redis->url = "redis://127.0.0.1:1";
  const Database cut_off = Database::open(options);
  std::int64_t count = users(app);
  for (const Database* other : {&deaf, &streamed, &cut_off}) EXPECT_EQ(users(*other), count);
  for (const Trouble trouble : {Trouble::kAbsent, Trouble::kKilled, Trouble::kFrozen}) {
    std::unique_ptr<ServiceProcess> service;
    if (trouble != Trouble::kAbsent) {
      service = listen(config({}, redis));
      ASSERT_TRUE(service->wrote("shop: ")) << service->output();
      service->signal(trouble == Trouble::kKilled ? SIGKILL : SIGSTOP);
    }
    see_the_next_write_within(app, kBound, ++count);
    for (const Database* other : {&deaf, &streamed, &cut_off})
      see_the_next_write_within(*other, kBound, ++count);
    if (trouble == Trouble::kFrozen) service->signal(SIGCONT);
  }
}

}  // namespace
}  // namespace weir::test
