#include "tests/support/redis_server.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <random>
#include <sstream>
#include <stdexcept>
#include <thread>

// OpenSSL guards what connections share by atomics, which ThreadSanitizer cannot see in a library
// it did not compile; it took the verifying of a certificate by two threads for a race.
#ifdef __has_feature
#if __has_feature(thread_sanitizer)
extern "C" const char* __tsan_default_suppressions();
extern "C" const char* __tsan_default_suppressions() {
  return "called_from_lib:libcrypto.so\ncalled_from_lib:libssl.so\n";
}
#endif
#endif

namespace weir::test {
namespace {

constexpr const char* kServers = WEIR_SOURCE_DIR "/tests/support/servers.sh";

std::string run(const std::string& command) {
  std::FILE* const pipe = ::popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) throw std::runtime_error{"popen failed: " + command};
  std::string output;
  std::array<char, 4096> buffer{};
  while (const std::size_t got = std::fread(buffer.data(), 1, buffer.size(), pipe)) {
    output.append(buffer.data(), got);
  }
  const int status = ::pclose(pipe);
  while (!output.empty() && output.back() == '\n') output.pop_back();
  if (status != 0) throw std::runtime_error{fmt::format("{} failed: {}", command, output)};
  return output;
}

std::string read_file(const std::string& path) {
  std::ifstream file{path};
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string servers_folder() {
  std::string folder = environment("WEIR_TEST_SERVERS_DIR");
  if (folder.empty()) throw std::runtime_error{"WEIR_TEST_SERVERS_DIR is not set"};
  return folder;
}

// "user:password@" of an address, without what follows.
std::string login_of(const std::string& url) {
  const std::size_t begin = url.find("://") + 3;
  return url.substr(begin, url.find('@') + 1 - begin);
}

}  // namespace

std::string shared_redis(const std::string& kind) {
  return run(fmt::format("{} redis {}", kServers, kind));
}

std::string shared_redis_folder(const std::string& kind) {
  return servers_folder() + "/redis-" + kind;
}

std::string unique_redis_key() {
  static std::atomic<int> count{0};
  static const unsigned run_number = std::random_device{}();
  return fmt::format("weir:test:{}.{}.{}", ::getpid(), run_number, ++count);
}

bool eventually(const std::function<bool()>& condition, std::chrono::seconds limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds{5});
  }
  return true;
}

std::string redis_cli(const std::string& url, const std::string& arguments) {
  // An empty user would be sent as such.
  std::string shown = url;
  const std::size_t empty_user = shown.find("://:");
  if (empty_user != std::string::npos) shown.insert(empty_user + 3, "default");
  return run(fmt::format("redis-cli --no-auth-warning -u '{}' {}", shown, arguments));
}

PrivateRedis::PrivateRedis(const std::string& kind)
    : kind_{kind},
      name_{fmt::format("{}.{}", ::getpid(), std::random_device{}())},
      url_{run(fmt::format("{} redis {} {}", kServers, kind, name_))},
      folder_{fmt::format("{}/redis-{}-{}", servers_folder(), kind, name_)} {}

PrivateRedis::~PrivateRedis() {
  try {
    run(fmt::format("{} redis-stop {} {}", kServers, kind_, name_));
  } catch (const std::exception& error) {
    ADD_FAILURE() << error.what();
  }
}

std::string PrivateRedis::port(int node) const {
  std::istringstream lines{read_file(fmt::format("{}/{}/redis.conf", folder_, node))};
  std::string word;
  while (lines >> word) {
    if (word == "port" && lines >> word) return word;
  }
  throw std::runtime_error{"no port in redis.conf"};
}

std::string PrivateRedis::node_url(int node) const {
  const bool sentinel = kind_ == "sentinel" && node >= 3;
  return fmt::format("redis://{}127.0.0.1:{}", sentinel ? "" : login_of(url_), port(node));
}

std::string PrivateRedis::cli(int node, const std::string& arguments) const {
  return redis_cli(node_url(node), arguments);
}

int PrivateRedis::pid(int node) const {
  return std::stoi(read_file(fmt::format("{}/{}/redis.pid", folder_, node)));
}

void PrivateRedis::freeze(int node) const { ::kill(pid(node), SIGSTOP); }

void PrivateRedis::thaw(int node) const { ::kill(pid(node), SIGCONT); }

void PrivateRedis::kill(int node) const {
  const int number = pid(node);
  ::kill(number, SIGKILL);
  const std::string stat = fmt::format("/proc/{}/stat", number);
  if (!eventually([&] {
        const std::string text = read_file(stat);
        return text.empty() || text.find(") Z ") != std::string::npos;
      })) {
    throw std::runtime_error{"a Redis server does not die"};
  }
  std::remove(fmt::format("{}/{}/redis.pid", folder_, node).c_str());
}

void PrivateRedis::start(int node) const {
  const std::string as = ::geteuid() == 0 ? "runuser -u postgres -- " : "";
  run(fmt::format("cd / && {}redis-server {}/{}/redis.conf", as, folder_, node));
  const bool up = eventually([&] {
    try {
      return cli(node, "ping") == "PONG";
    } catch (const std::runtime_error&) {
      return false;
    }
  });
  if (!up) throw std::runtime_error{"a Redis server does not start again"};
}

}  // namespace weir::test
