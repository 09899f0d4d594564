#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "src/app/listen/config.hpp"

namespace weir::app {

/// What a page answers.
struct HttpAnswer {
  bool good{true};  ///< 200, or 503.
  std::string body{};
};

/// What is served. The functions are called on the server's threads.
struct HttpPages {
  std::function<HttpAnswer()> metrics{};
  std::function<HttpAnswer()> alive{};
  std::function<HttpAnswer()> ready{};
};

/// `/metrics`, `/healthz` and `/readyz`. A few connections at a time, each short.
///
/// Lifetime: runs from construction to destruction, which waits for the answers under way.
class HttpServer {
 public:
  /// Errors: `kRefused` when the address cannot be bound.
  HttpServer(const HttpConfig& config, HttpPages pages);
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;
  ~HttpServer();

  [[nodiscard]] std::uint16_t port() const noexcept;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace weir::app
