#include "drivers/redis/channel.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "drivers/redis/errors.hpp"

namespace weir::redis {
namespace {

std::string text_of(int fault) { return std::generic_category().message(fault); }

class PlainChannel final : public Channel {
 public:
  explicit PlainChannel(FileDescriptor socket) : socket_{std::move(socket)} {}

  Progress read_some(std::span<char> into) override {
    for (;;) {
      const ssize_t got = ::recv(socket_.get(), into.data(), into.size(), 0);
      if (got > 0) return {.bytes = static_cast<std::size_t>(got)};
      if (got == 0) throw Fault{"the server closed the connection"};
      if (errno == EAGAIN) return {.need = Need::kRead};
      if (errno != EINTR) throw Fault{text_of(errno)};
    }
  }

  Progress write_some(std::string_view bytes) override {
    for (;;) {
      const ssize_t sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent >= 0) return {.bytes = static_cast<std::size_t>(sent)};
      if (errno == EAGAIN) return {.need = Need::kWrite};
      if (errno != EINTR) throw Fault{text_of(errno)};
    }
  }

  [[nodiscard]] int descriptor() const noexcept override { return socket_.get(); }

 private:
  FileDescriptor socket_;
};

enum class Ready { kYes, kTimedOut };

Ready poll_one(int descriptor, short events, spi::Deadline deadline, const Clock& clock) {
  for (;;) {
    pollfd entry{.fd = descriptor, .events = events, .revents = 0};
    const int ready = ::poll(&entry, 1, static_cast<int>(deadline.left(clock).count()));
    if (ready > 0) return Ready::kYes;
    if (ready == 0 && deadline.passed(clock)) return Ready::kTimedOut;
    if (ready < 0 && errno != EINTR) throw Channel::Fault{text_of(errno)};
  }
}

// Connects one socket. Errors: `Channel::Fault`; a timeout is told by the return value.
Ready connect_socket(const FileDescriptor& socket, const sockaddr* address, socklen_t length,
                     spi::Deadline deadline, const Clock& clock) {
  if (socket.get() < 0) throw Channel::Fault{text_of(errno)};
  if (::connect(socket.get(), address, length) == 0) return Ready::kYes;
  if (errno != EINPROGRESS && errno != EINTR) throw Channel::Fault{text_of(errno)};
  if (poll_one(socket.get(), POLLOUT, deadline, clock) == Ready::kTimedOut) {
    return Ready::kTimedOut;
  }
  int fault = 0;
  socklen_t size = sizeof fault;
  ::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &fault, &size);
  if (fault != 0) throw Channel::Fault{text_of(fault)};
  return Ready::kYes;
}

FileDescriptor make_socket(int family) {
  return FileDescriptor{::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
}

FileDescriptor connect_unix(const Endpoint& endpoint, spi::Deadline deadline, const Clock& clock) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  endpoint.path.copy(address.sun_path, sizeof address.sun_path - 1);
  FileDescriptor socket = make_socket(AF_UNIX);
  const auto* const generic = reinterpret_cast<const sockaddr*>(&address);
  if (connect_socket(socket, generic, sizeof address, deadline, clock) == Ready::kTimedOut) {
    throw timed_out("connect", to_string(endpoint), "connection");
  }
  return socket;
}

void tune(const FileDescriptor& socket) {
  const int on = 1;
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::setsockopt(socket.get(), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
}

FileDescriptor connect_tcp(const Endpoint& endpoint, spi::Deadline deadline, const Clock& clock) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const std::string port = std::to_string(endpoint.port);
  const int fault = ::getaddrinfo(endpoint.host.c_str(), port.c_str(), &hints, &found);
  if (fault != 0) throw Channel::Fault{fmt::format("the name: {}", ::gai_strerror(fault))};
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner{found, ::freeaddrinfo};

  std::size_t left = 0;
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) ++left;
  std::string last_fault = "no address";
  bool out_of_time = false;
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next, --left) {
    // An address that does not answer must leave time for the others.
    const Duration share = deadline.left(clock) / static_cast<std::int64_t>(left);
    const spi::Deadline until = deadline.earlier(spi::Deadline::after(clock, share));
    try {
      FileDescriptor socket = make_socket(one->ai_family);
      if (connect_socket(socket, one->ai_addr, one->ai_addrlen, until, clock) == Ready::kYes) {
        tune(socket);
        return socket;
      }
      out_of_time = true;
    } catch (const Channel::Fault& refused) {
      last_fault = refused.what;
    }
  }
  if (out_of_time) throw timed_out("connect", to_string(endpoint), "connection");
  throw Channel::Fault{last_fault};
}

}  // namespace

FileDescriptor::~FileDescriptor() {
  if (number_ >= 0) ::close(number_);
}

Wait wait_for(const Channel& channel, Channel::Need need, spi::Deadline deadline,
              const Clock& clock, int wake) {
  for (;;) {
    const short events = need == Channel::Need::kWrite ? POLLOUT : POLLIN;
    std::array<pollfd, 2> entries{{{.fd = channel.descriptor(), .events = events, .revents = 0},
                                   {.fd = wake, .events = POLLIN, .revents = 0}}};
    const int ready =
        ::poll(entries.data(), entries.size(), static_cast<int>(deadline.left(clock).count()));
    if (ready > 0) return entries[1].revents != 0 ? Wait::kWoken : Wait::kReady;
    if (ready == 0 && deadline.passed(clock)) return Wait::kTimedOut;
    if (ready < 0 && errno != EINTR) throw Channel::Fault{text_of(errno)};
  }
}

std::unique_ptr<Channel> open_channel(const Endpoint& endpoint, const TlsContext* tls,
                                      spi::Deadline deadline, const Clock& clock) {
  try {
    FileDescriptor socket = endpoint.path.empty() ? connect_tcp(endpoint, deadline, clock)
                                                  : connect_unix(endpoint, deadline, clock);
    if (tls != nullptr) return start_tls(std::move(socket), *tls, endpoint, deadline, clock);
    return std::make_unique<PlainChannel>(std::move(socket));
  } catch (const Channel::Fault& fault) {
    throw connection_lost("connect", to_string(endpoint), fault.what);
  }
}

}  // namespace weir::redis
