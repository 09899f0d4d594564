#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace weir::test {

/// A TCP server on the loopback interface that answers what a test tells it to, right or wrong.
///
/// Each connection has a thread of its own, which runs the script until that returns.
class ScriptedServer {
 public:
  /// One connection, seen from the server.
  class Peer {
   public:
    Peer(int descriptor, const std::atomic<bool>& stopping)
        : descriptor_{descriptor}, stopping_{stopping} {}

    /// What the client sent, some of it at least; empty when it has closed or the test is over.
    std::string receive() {
      while (!stopping_) {
        pollfd entry{.fd = descriptor_, .events = POLLIN, .revents = 0};
        if (::poll(&entry, 1, 10) <= 0) continue;
        std::array<char, 65'536> buffer{};
        const ssize_t got = ::recv(descriptor_, buffer.data(), buffer.size(), 0);
        return got > 0 ? std::string{buffer.data(), static_cast<std::size_t>(got)} : std::string{};
      }
      return {};
    }
    /// False when the client has gone.
    bool send(std::string_view bytes) {
      while (!bytes.empty()) {
        const ssize_t sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent <= 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(sent));
      }
      return true;
    }
    [[nodiscard]] bool over() const { return stopping_; }

   private:
    const int descriptor_;
    const std::atomic<bool>& stopping_;
  };
  using Script = std::function<void(Peer& peer)>;

  explicit ScriptedServer(Script script)
      : script_{std::move(script)}, listener_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    if (::bind(listener_, generic, length) != 0 || ::listen(listener_, 64) != 0 ||
        ::getsockname(listener_, generic, &length) != 0) {
      throw std::runtime_error{"a scripted server cannot listen"};
    }
    port_ = ntohs(address.sin_port);
    acceptor_ = std::thread{[this] { accept_all(); }};
  }
  ~ScriptedServer() {
    stopping_ = true;
    acceptor_.join();
    for (std::thread& thread : threads_) thread.join();
    ::close(listener_);
  }
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  [[nodiscard]] int port() const { return port_; }
  [[nodiscard]] std::string url() const { return "redis://127.0.0.1:" + std::to_string(port_); }
  [[nodiscard]] int connections() const { return connections_; }

  /// A script that answers each thing received with the same bytes.
  static Script always(std::string answer) {
    return [answer = std::move(answer)](Peer& peer) {
      while (!peer.receive().empty()) {
        if (!peer.send(answer)) return;
      }
    };
  }

 private:
  void accept_all() {
    while (!stopping_) {
      pollfd entry{.fd = listener_, .events = POLLIN, .revents = 0};
      if (::poll(&entry, 1, 10) <= 0) continue;
      const int descriptor = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (descriptor < 0) continue;
      ++connections_;
      threads_.emplace_back([this, descriptor] {
        Peer peer{descriptor, stopping_};
        script_(peer);
        ::close(descriptor);
      });
    }
  }

  const Script script_;
  const int listener_;
  int port_{0};
  std::atomic<bool> stopping_{false};
  std::atomic<int> connections_{0};
  std::vector<std::thread> threads_;  // the acceptor's
  std::thread acceptor_;
};

}  // namespace weir::test
