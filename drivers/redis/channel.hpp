#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "drivers/redis/location.hpp"
#include "weir/clock.hpp"
#include "weir/options.hpp"
#include "weir/spi/deadline.hpp"

namespace weir::redis {

/// A file descriptor that closes itself.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int number) noexcept : number_{number} {}
  ~FileDescriptor();
  FileDescriptor(FileDescriptor&& other) noexcept : number_{std::exchange(other.number_, -1)} {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }

  [[nodiscard]] int get() const noexcept { return number_; }

 private:
  int number_{-1};
};

/// The certificates and rules all TLS connections of a store share. Thread safety: shared object
/// safe.
class TlsContext {
 public:
  virtual ~TlsContext() = default;
};

/// Reads the files. Errors: `kConfig` naming the field; also when this build has no TLS.
[[nodiscard]] std::shared_ptr<const TlsContext> make_tls_context(const RedisTlsOptions& options);

/// A byte stream to one server, plain or TLS, that never blocks: whoever uses it waits with `wait`.
///
/// Thread safety: unsafe.
class Channel {
 public:
  Channel() = default;
  virtual ~Channel() = default;
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  /// What could not be done at once needs the socket to become readable or writable first.
  enum class Need { kNothing, kRead, kWrite };
  struct Progress {
    std::size_t bytes{0};  ///< 0: see `need`.
    Need need{Need::kNothing};
  };

  /// Thrown when the channel is of no use any more.
  struct Fault {
    std::string what;
  };

  [[nodiscard]] virtual Progress read_some(std::span<char> into) = 0;
  [[nodiscard]] virtual Progress write_some(std::string_view bytes) = 0;
  [[nodiscard]] virtual int descriptor() const noexcept = 0;
};

enum class Wait { kReady, kWoken, kTimedOut };

/// Waits until the socket is ready for `need`. `wake`, when not negative, is a second descriptor
/// that ends the wait by becoming readable.
[[nodiscard]] Wait wait_for(const Channel& channel, Channel::Need need, spi::Deadline deadline,
                            const Clock& clock, int wake = -1);

/// Connects to one of the endpoint's addresses, one after the other, and does the TLS handshake
/// where `tls` is given. Resolving a name is the C library's and may take longer than the deadline.
/// Errors: `ConnectionError`, `kTimeout`.
[[nodiscard]] std::unique_ptr<Channel> open_channel(const Endpoint& endpoint, const TlsContext* tls,
                                                    spi::Deadline deadline, const Clock& clock);

/// The TLS client side over a connected socket. Errors: `Channel::Fault`, `kTimeout`.
[[nodiscard]] std::unique_ptr<Channel> start_tls(FileDescriptor socket, const TlsContext& tls,
                                                 const Endpoint& endpoint, spi::Deadline deadline,
                                                 const Clock& clock);

}  // namespace weir::redis
