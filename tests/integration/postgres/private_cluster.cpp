#include "tests/integration/postgres/private_cluster.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <exception>
#include <stdexcept>

#include "tests/integration/postgres/journal_fixture.hpp"

namespace weir::postgres::test {

namespace {

constexpr const char* kServers = WEIR_SOURCE_DIR "/tests/support/servers.sh";

std::string as_server(const std::string& command) {
  return ::geteuid() == 0 ? fmt::format("cd / && runuser -u postgres -- {}", command) : command;
}

std::string between(const std::string& text, const std::string& from, const std::string& to) {
  const std::size_t begin = text.find(from);
  if (begin == std::string::npos) throw std::runtime_error{"no " + from + " in: " + text};
  const std::size_t start = begin + from.size();
  return text.substr(start, text.find(to, start) - start);
}

std::string free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  auto* any = reinterpret_cast<sockaddr*>(&address);
  const bool bound = ::bind(fd, any, length) == 0 && ::getsockname(fd, any, &length) == 0;
  ::close(fd);
  if (!bound) throw std::runtime_error{"no free port"};
  return fmt::to_string(ntohs(address.sin_port));
}

std::string trimmed(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

}  // namespace

PrivateCluster::PrivateCluster() {
  const std::string variables = shell(fmt::format("{} start", kServers));
  folder_ = between(variables, "WEIR_TEST_SERVERS_DIR='", "'");
  dsn_ = between(variables, "WEIR_TEST_POSTGRES_DSN='", "'");
  bin_ = trimmed(shell("ls -d /usr/lib/postgresql/*/bin | sort -V | tail -1"));
  Pq connection = connect(dsn_);
  port_ = value(connection, "SHOW port");
  // The superuser is called weir, so that "$user" in its search_path would be our schema.
  value(connection, "ALTER DATABASE postgres SET search_path = public");
}

PrivateCluster::~PrivateCluster() {
  try {
    if (has_standby_) {
      shell(as_server(
          fmt::format("{}/pg_ctl -D {}/standby -m immediate -w stop || true", bin_, folder_)));
    }
    shell(fmt::format("WEIR_TEST_SERVERS_DIR={} {} stop", folder_, kServers));
  } catch (const std::exception& error) {
    ADD_FAILURE() << error.what();
  }
}

void PrivateCluster::start() {
  // The dead postmaster's children may still be leaving.
  const std::string command =
      as_server(fmt::format("{}/pg_ctl -D {}/data -w -t 60 -l {}/postgres.log -o '-p {}' start",
                            bin_, folder_, folder_, port_));
  for (int attempt = 0;; ++attempt) {
    try {
      shell(command + " </dev/null >/dev/null 2>&1");
      return;
    } catch (const std::runtime_error&) {
      if (attempt == 10) throw;
    }
  }
}

void PrivateCluster::crash_and_restart() {
  shell(
      fmt::format("pid=$(head -1 {}/data/postmaster.pid); children=$(pgrep -P $pid); "
                  "kill -9 $pid $children; "
                  "for i in $(seq 100); do kill -0 $children 2>/dev/null || break; sleep 0.1; done",
                  folder_));
  start();
}

void PrivateCluster::restart() {
  shell(as_server(fmt::format("{}/pg_ctl -D {}/data -m fast -w stop", bin_, folder_)) +
        " >/dev/null");
  start();
}

std::string PrivateCluster::start_standby() {
  const std::string port = free_port();
  shell(as_server(
      fmt::format("{}/pg_basebackup -d \"{}\" -D {}/standby -R -X stream -c fast --no-sync", bin_,
                  dsn_, folder_)));
  has_standby_ = true;
  shell(as_server(fmt::format("{}/pg_ctl -D {}/standby -w -t 60 -l {}/standby.log -o '-p {}' start",
                              bin_, folder_, folder_, port)) +
        " </dev/null >/dev/null 2>&1");
  return with(dsn_, {{"port", port}});
}

void PrivateCluster::promote_standby() {
  shell(as_server(fmt::format("{}/pg_ctl -D {}/standby -w promote", bin_, folder_)) +
        " >/dev/null");
}

}  // namespace weir::postgres::test
