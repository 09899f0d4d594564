// Real processes that share Redis and a listener, and a writer that knows nothing of weir, while
// listener, Redis and connections are killed, frozen, emptied and restored: no read is older than
// its bound, every process sees its own writes, and nothing is torn (tests/support/history.hpp).
#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <exception>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/fault/engine/history_file.hpp"
#include "tests/support/real_database.hpp"
#include "tests/support/redis_server.hpp"
#include "tests/support/servers.hpp"
#include "weir/clock.hpp"

namespace weir::test {
namespace {

using namespace std::chrono_literals;

constexpr int kForeign = 2;  // the process without weir, and its key

/// A program under way; killed with the object.
class Child {
 public:
  Child(std::vector<std::string> words, const std::string& log) {
    posix_spawn_file_actions_t files{};
    posix_spawn_file_actions_init(&files);
    for (const int output : {1, 2})
      posix_spawn_file_actions_addopen(&files, output, log.c_str(), O_WRONLY | O_CREAT | O_APPEND,
                                       0600);
    std::vector<char*> pointers;
    for (std::string& word : words) pointers.push_back(word.data());
    pointers.push_back(nullptr);
    if (posix_spawn(&pid_, pointers[0], &files, nullptr, pointers.data(), environ) != 0)
      throw std::runtime_error{"cannot start " + words[0]};
    posix_spawn_file_actions_destroy(&files);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (pid_ < 0) return;
    signal(SIGKILL);
    (void)wait();
  }
  void signal(int number) const { ::kill(pid_, number); }
  /// Its exit code, or minus the signal that ended it.
  int wait() {
    int status = 0;
    ::waitpid(std::exchange(pid_, -1), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

 private:
  pid_t pid_{-1};
};

class ProcessesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    WEIR_POSTGRES_DSN_OR_SKIP(dsn);
    std::string pattern = std::filesystem::temp_directory_path() / "weir-processes.XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    database_ = RealDatabase::make(Engine::kPostgres, dsn);
    foreign_ = database_->foreign();
    foreign_->run(
        "CREATE TABLE left_side (id int PRIMARY KEY, n bigint); "
        "CREATE TABLE right_side (id int PRIMARY KEY, n bigint); "
        "INSERT INTO left_side SELECT i, 0 FROM generate_series(0, 2) i; "
        "INSERT INTO right_side SELECT i, 0 FROM generate_series(0, 2) i");
    database_->install();
    redis_ = std::make_unique<PrivateRedis>("plain");
    std::ofstream{folder_ + "/weir.toml"}
        << "[[database]]\nname = \"shop\"\ndsn = \"" << database_->options().database
        << "\"\ninterval = \"5ms\"\n[redis]\nurl = \"" << redis_->url()
        << "\"\n[http]\nlisten = \"off\"\n";
    std::filesystem::permissions(folder_ + "/weir.toml", std::filesystem::perms::owner_read);
  }
  void TearDown() override {
    if (folder_.empty()) return;
    if (HasFailure()) {
      std::ifstream log{folder_ + "/log"};
      fmt::print("{}\n", std::string{std::istreambuf_iterator<char>{log}, {}});
    }
    std::filesystem::remove_all(folder_);
  }

  void start_listener() {
    listener_ = std::make_unique<Child>(
        std::vector<std::string>{WEIR_COMMAND, "listen", "--config", folder_ + "/weir.toml"},
        folder_ + "/log");
  }
  std::unique_ptr<Child> app(int process, const char* stream, int megabytes) {
    return std::make_unique<Child>(
        std::vector<std::string>{WEIR_HISTORY_APP, database_->options().database, redis_->url(),
                                 stream, std::to_string(process), std::to_string(megabytes),
                                 file_of(process)},
        folder_ + "/log");
  }
  [[nodiscard]] std::string file_of(int process) const {
    return fmt::format("{}/history{}", folder_, process);
  }

  /// The writer without weir; runs until `stop`.
  void write_outside(std::vector<WriteRecord>& writes) {
    const auto connection = database_->foreign();
    for (std::int64_t version = 1; !stop_; ++version) {
      WriteRecord record{kForeign, version, kForeign, system_clock().now(), {}, {}};
      connection->run("BEGIN");
      for (const char* table : {"left_side", "right_side"})
        connection->run(
            fmt::format("UPDATE {} SET n = {} WHERE id = {}", table, version, kForeign));
      const bool commits = version % 4 != 0;
      connection->run(commits ? "COMMIT" : "ROLLBACK");
      record.outcome = commits ? WriteOutcome::kCommitted : WriteOutcome::kRolledBack;
      record.end = system_clock().now();
      writes.push_back(record);
      ++written_;
      std::this_thread::yield();
    }
  }
  /// Until the outside writer has written so often more, and so much time has passed.
  void go_on(std::size_t writes, std::chrono::milliseconds time) {
    const std::size_t enough = written_ + writes;
    const TimePoint end = system_clock().now() + time;
    ASSERT_TRUE(eventually([&] { return written_ >= enough && system_clock().now() >= end; }, 60s));
  }

  std::string folder_;
  std::unique_ptr<RealDatabase> database_;
  std::unique_ptr<ForeignConnection> foreign_;
  std::unique_ptr<PrivateRedis> redis_;
  std::unique_ptr<Child> listener_;
  std::atomic<bool> stop_{false};
  std::atomic<std::size_t> written_{0};
};

TEST_F(ProcessesTest, UnderFaultsEveryReadWasPossible) {
  start_listener();
  const auto one = app(0, "", 8);
  const auto two = app(1, "weir:changes:shop", 0);  // without memory: every hit is Redis's
  std::vector<WriteRecord> outside;
  std::jthread writer{[&] { write_outside(outside); }};
  const auto pause = [&] { ASSERT_NO_FATAL_FAILURE(go_on(30, 400ms)); };
  const std::vector<std::pair<const char*, std::function<void()>>> faults{
      {"nothing", [] {}},
      {"listener killed", [&] { listener_.reset(); }},
      {"listener back", [&] { start_listener(); }},
      {"listener frozen", [&] { listener_->signal(SIGSTOP); }},
      {"connections cut",
       [&] {
         foreign_->run(
             "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = "
             "current_database() AND application_name LIKE 'weir%'");
       }},
      {"listener thawed", [&] { listener_->signal(SIGCONT); }},
      {"Redis dumped", [&] { (void)redis_->cli(1, "SAVE"); }},
      {"Redis frozen", [&] { redis_->freeze(1); }},
      {"Redis thawed", [&] { redis_->thaw(1); }},
      {"Redis killed", [&] { redis_->kill(1); }},
      {"Redis restored from the dump", [&] { redis_->start(1); }},
      {"Redis emptied", [&] { (void)redis_->cli(1, "FLUSHALL"); }},
      {"journal pruned",
       [&] {
         foreign_->run("UPDATE weir.meta SET candidate_at = candidate_at - interval '2 hours'");
         foreign_->run("SELECT weir.prune('1 hour')");
       }},
      {"DDL", [&] { foreign_->run("CREATE INDEX ON left_side (n)"); }},
      {"nothing more", [] {}},
  };
  for (const auto& [what, fault] : faults) {
    SCOPED_TRACE(what);
    fault();
    pause();
  }
  for (const auto& process : {one.get(), two.get()}) process->signal(SIGTERM);
  EXPECT_EQ(one->wait(), 0);
  EXPECT_EQ(two->wait(), 0);
  stop_ = true;
  writer.join();
  std::vector<ReadRecord> reads;
  std::vector<WriteRecord> writes = outside;
  for (const int process : {0, 1}) {
    const History history = load_history(file_of(process));
    reads.insert(reads.end(), history.reads.begin(), history.reads.end());
    writes.insert(writes.end(), history.writes.begin(), history.writes.end());
    const auto count = [&](const std::string& name) {
      const std::size_t at = history.metrics.find("\n" + name + " ");
      return at == std::string::npos ? 0
                                     : std::stoull(history.metrics.substr(at + name.size() + 2));
    };
    fmt::print("process {}: {} reads recorded, {} failed, {} hits, {} of them Redis's, {} writes\n",
               process, history.reads.size(), history.failed_reads, count("weir_hits_total"),
               count("weir_redis_hits_total"), history.writes.size());
    EXPECT_GT(count(process == 0 ? "weir_hits_total" : "weir_redis_hits_total"), 100U);
    EXPECT_GT(history.writes.size(), 20U);
  }
  const std::vector<std::string> impossible = impossible_reads(writes, reads);
  EXPECT_EQ(impossible.size(), 0U)
      << "of " << reads.size()
      << " reads; the first: " << (impossible.empty() ? "" : impossible.front());
}

}  // namespace
}  // namespace weir::test
