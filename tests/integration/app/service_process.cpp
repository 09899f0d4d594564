#include "service_process.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <stdexcept>

#include "command_fixture.hpp"

namespace weir::test {
namespace {

using Steady = std::chrono::steady_clock;
constexpr std::chrono::seconds kPatience{20};

int milliseconds_until(Steady::time_point deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Steady::now());
  return static_cast<int>(std::max<std::int64_t>(left.count(), 0));
}

}  // namespace

ServiceProcess::ServiceProcess(const std::vector<std::string>& arguments,
                               const std::map<std::string, std::string>& environment) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error{"pipe failed"};
  pipe_ = ends[0];
  posix_spawn_file_actions_t files{};
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&files, ends[1], 1);
  posix_spawn_file_actions_adddup2(&files, ends[1], 2);
  std::vector<std::string> words{WEIR_COMMAND};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<std::string> variables = environment_with(environment);
  const int spawned = posix_spawn(&child_, WEIR_COMMAND, &files, nullptr, pointers(words).data(),
                                  pointers(variables).data());
  posix_spawn_file_actions_destroy(&files);
  ::close(ends[1]);
  if (spawned != 0) throw std::runtime_error{"cannot start " WEIR_COMMAND};
}

ServiceProcess::~ServiceProcess() {
  if (child_ > 0) {
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
  }
  hang_up();
}

void ServiceProcess::hang_up() {
  if (pipe_ >= 0) ::close(pipe_);
  pipe_ = -1;
}

bool ServiceProcess::read_more(Steady::time_point deadline) {
  if (pipe_ < 0) return false;
  pollfd readable{pipe_, POLLIN, 0};
  if (::poll(&readable, 1, milliseconds_until(deadline)) <= 0) return false;
  std::array<char, 4096> part{};
  const ssize_t got = ::read(pipe_, part.data(), part.size());
  if (got <= 0) return false;
  output_.append(part.data(), static_cast<std::size_t>(got));
  return true;
}

bool ServiceProcess::wrote(const std::string& text) {
  const auto deadline = Steady::now() + kPatience;
  while (output_.find(text, from_) == std::string::npos) {
    if (!read_more(deadline)) return false;
  }
  return true;
}

std::string ServiceProcess::after(const std::string& text) {
  if (!wrote(text)) return {};
  const std::size_t begin = output_.find(text, from_) + text.size();
  const auto deadline = Steady::now() + kPatience;
  while (output_.find('\n', begin) == std::string::npos) {
    if (!read_more(deadline)) break;
  }
  return output_.substr(begin, output_.find('\n', begin) - begin);
}

void ServiceProcess::signal(int number) const { ::kill(child_, number); }

std::optional<int> ServiceProcess::exit_code() {
  const auto deadline = Steady::now() + kPatience;
  while (read_more(deadline)) {
  }
  // The pipe has ended, or time is up; in the first case the process is about to be gone.
  while (true) {
    int status = 0;
    const pid_t gone = ::waitpid(child_, &status, WNOHANG);
    if (gone == child_) {
      child_ = -1;
      return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    }
    if (Steady::now() >= deadline) return std::nullopt;
    ::poll(nullptr, 0, 5);
  }
}

std::string http_get(int port, const std::string& path) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::string answer;
  if (::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
    const std::string request = "GET " + path + " HTTP/1.1\r\nHost: test\r\n\r\n";
    if (::send(socket, request.data(), request.size(), MSG_NOSIGNAL) > 0) {
      std::array<char, 4096> part{};
      const auto deadline = Steady::now() + kPatience;
      pollfd readable{socket, POLLIN, 0};
      while (::poll(&readable, 1, milliseconds_until(deadline)) > 0) {
        const ssize_t got = ::read(socket, part.data(), part.size());
        if (got <= 0) break;
        answer.append(part.data(), static_cast<std::size_t>(got));
      }
    }
  }
  ::close(socket);
  return answer;
}

}  // namespace weir::test
