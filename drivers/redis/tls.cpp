#include <fmt/format.h>

#include "drivers/redis/channel.hpp"
#include "drivers/redis/errors.hpp"
#include "weir/error.hpp"

#ifdef WEIR_REDIS_TLS

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <ctime>
#include <limits>

namespace weir::redis {
namespace {

std::string last_fault() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  if (code == 0) return "the connection was cut";
  std::array<char, 256> text{};
  ERR_error_string_n(code, text.data(), text.size());
  return text.data();
}

using ContextPtr = std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)>;
using SessionPtr = std::unique_ptr<SSL, void (*)(SSL*)>;

class OpenSslContext final : public TlsContext {
 public:
  explicit OpenSslContext(const RedisTlsOptions& options)
      : server_name{options.server_name}, context{SSL_CTX_new(TLS_client_method()), SSL_CTX_free} {
    require(context != nullptr, "tls", "");
    SSL_CTX* const raw = context.get();
    SSL_CTX_set_verify(raw, SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_min_proto_version(raw, TLS1_2_VERSION);
    SSL_CTX_set_mode(raw, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    if (options.ca_file.empty()) {
      require(SSL_CTX_set_default_verify_paths(raw) == 1, "tls.ca_file", options.ca_file);
    } else {
      require(SSL_CTX_load_verify_locations(raw, options.ca_file.c_str(), nullptr) == 1,
              "tls.ca_file", options.ca_file);
    }
    if (!options.cert_file.empty()) {
      require(SSL_CTX_use_certificate_chain_file(raw, options.cert_file.c_str()) == 1,
              "tls.cert_file", options.cert_file);
      require(SSL_CTX_use_PrivateKey_file(raw, options.key_file.c_str(), SSL_FILETYPE_PEM) == 1,
              "tls.key_file", options.key_file);
    }
  }

  const std::string server_name;
  const ContextPtr context;

 private:
  static void require(bool good, std::string_view field, std::string_view value) {
    if (good) return;
    throw Error{ErrorCode::kConfig,
                fmt::format("options: redis.{} is '{}'; must be a readable PEM file that fits: {}",
                            field, value, last_fault())};
  }
};

// OpenSSL writes with write(), which raises SIGPIPE where the peer is gone; a library must not end
// the process for that.
class NoSigpipe {
 public:
  NoSigpipe() {
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    sigset_t pending;
    sigpending(&pending);
    was_pending_ = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  ~NoSigpipe() {
    if (!was_pending_) {
      const timespec none{};
      while (sigtimedwait(&pipe_, nullptr, &none) == -1 && errno == EINTR) {
      }
    }
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  NoSigpipe(const NoSigpipe&) = delete;
  NoSigpipe& operator=(const NoSigpipe&) = delete;

 private:
  sigset_t pipe_{};
  sigset_t before_{};
  bool was_pending_{false};
};

class TlsChannel final : public Channel {
 public:
  TlsChannel(FileDescriptor socket, SessionPtr session)
      : socket_{std::move(socket)}, session_{std::move(session)} {}

  Progress handshake() {
    return run([this] { return SSL_connect(session_.get()); });
  }
  Progress read_some(std::span<char> into) override {
    return run([&] { return SSL_read(session_.get(), into.data(), bounded(into.size())); });
  }
  Progress write_some(std::string_view bytes) override {
    return run([&] { return SSL_write(session_.get(), bytes.data(), bounded(bytes.size())); });
  }
  [[nodiscard]] int descriptor() const noexcept override { return socket_.get(); }

 private:
  static int bounded(std::size_t size) {
    return static_cast<int>(
        std::min(size, static_cast<std::size_t>(std::numeric_limits<int>::max())));
  }

  template <typename Call>
  Progress run(const Call& call) {
    const NoSigpipe guard;
    ERR_clear_error();
    const int done = call();
    if (done > 0) return {.bytes = static_cast<std::size_t>(done)};
    switch (SSL_get_error(session_.get(), done)) {
      case SSL_ERROR_WANT_READ:
        return {.need = Need::kRead};
      case SSL_ERROR_WANT_WRITE:
        return {.need = Need::kWrite};
      case SSL_ERROR_ZERO_RETURN:
        throw Fault{"the server closed the connection"};
      default:
        break;
    }
    const long verdict = SSL_get_verify_result(session_.get());
    if (verdict != X509_V_OK) {
      throw Fault{
          fmt::format("the server's certificate: {}", X509_verify_cert_error_string(verdict))};
    }
    throw Fault{fmt::format("TLS: {}", last_fault())};
  }

  FileDescriptor socket_;
  SessionPtr session_;
};

bool is_address(const std::string& host) {
  std::array<unsigned char, sizeof(in6_addr)> buffer{};
  return inet_pton(AF_INET, host.c_str(), buffer.data()) == 1 ||
         inet_pton(AF_INET6, host.c_str(), buffer.data()) == 1;
}

// The certificate must be for the name we meant to talk to, not just from somebody trusted.
void expect_name(SSL* session, const std::string& name) {
  bool good = true;
  if (is_address(name)) {
    good = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session), name.c_str()) == 1;
  } else {
    good = SSL_set1_host(session, name.c_str()) == 1 &&
           SSL_ctrl(session, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                    const_cast<char*>(name.c_str())) == 1;  // the macro for it has a C cast
  }
  if (!good) throw Channel::Fault{fmt::format("TLS: the name '{}': {}", name, last_fault())};
}

}  // namespace

std::shared_ptr<const TlsContext> make_tls_context(const RedisTlsOptions& options) {
  return std::make_shared<OpenSslContext>(options);
}

std::unique_ptr<Channel> start_tls(FileDescriptor socket, const TlsContext& tls,
                                   const Endpoint& endpoint, spi::Deadline deadline,
                                   const Clock& clock) {
  const auto& context = static_cast<const OpenSslContext&>(tls);
  SessionPtr session{SSL_new(context.context.get()), SSL_free};
  if (!session || SSL_set_fd(session.get(), socket.get()) != 1) {
    throw Channel::Fault{fmt::format("TLS: {}", last_fault())};
  }
  expect_name(session.get(), context.server_name.empty() ? endpoint.host : context.server_name);
  auto channel = std::make_unique<TlsChannel>(std::move(socket), std::move(session));
  for (;;) {
    const Channel::Progress progress = channel->handshake();
    if (progress.bytes > 0) return channel;
    if (wait_for(*channel, progress.need, deadline, clock) == Wait::kTimedOut) {
      throw timed_out("connect", to_string(endpoint), "TLS handshake");
    }
  }
}

}  // namespace weir::redis

#else

namespace weir::redis {

std::shared_ptr<const TlsContext> make_tls_context(const RedisTlsOptions& /*options*/) {
  throw Error{ErrorCode::kConfig,
              "options: redis.url asks for TLS, and this weir was built without it; build it where "
              "OpenSSL 3.0 or later is installed (libssl-dev)"};
}

std::unique_ptr<Channel> start_tls(FileDescriptor /*socket*/, const TlsContext& /*tls*/,
                                   const Endpoint& endpoint, spi::Deadline /*deadline*/,
                                   const Clock& /*clock*/) {
  throw connection_lost("connect", to_string(endpoint), "built without TLS");
}

}  // namespace weir::redis

#endif
