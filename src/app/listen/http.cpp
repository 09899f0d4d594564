#include "src/app/listen/http.hpp"

#include <fmt/format.h>
#include <httplib.h>

#include <atomic>
#include <chrono>
#include <deque>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "src/base/mutex.hpp"
#include "weir/error.hpp"

namespace weir::app {
namespace {

constexpr std::size_t kThreads = 16;  // so many may be slow before others wait
constexpr std::size_t kWaiting = 16;  // accepted and not yet served; the rest waits in the kernel
constexpr std::size_t kLongestBody = 4096;
constexpr std::chrono::seconds kPatience{1};

/// The server's threads. Accepting waits while too many connections wait already.
class BoundedQueue final : public httplib::TaskQueue {
 public:
  // void before cpp-httplib 0.15
  using Enqueued = decltype(std::declval<httplib::TaskQueue&>().enqueue(std::function<void()>{}));

  BoundedQueue() {
    for (std::size_t i = 0; i < kThreads; ++i) threads_.emplace_back([this] { work(); });
  }

  Enqueued enqueue(std::function<void()> task) override {
    {
      const detail::MutexLock lock{mutex_};
      while (!stop_ && tasks_.size() >= kWaiting) changed_.wait(mutex_);
      tasks_.push_back(std::move(task));
    }
    changed_.notify_all();
    return static_cast<Enqueued>(true);
  }

  /// What waits is still served: a task that never runs would leave its socket open.
  void shutdown() override {
    {
      const detail::MutexLock lock{mutex_};
      stop_ = true;
    }
    changed_.notify_all();
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

 private:
  void work() {
    while (true) {
      std::function<void()> task;
      {
        const detail::MutexLock lock{mutex_};
        while (!stop_ && tasks_.empty()) changed_.wait(mutex_);
        if (tasks_.empty()) return;
        task = std::move(tasks_.front());
        tasks_.pop_front();
      }
      changed_.notify_all();
      task();
    }
  }

  detail::Mutex mutex_;
  detail::CondVar changed_;
  std::deque<std::function<void()>> tasks_ WEIR_GUARDED_BY(mutex_);
  bool stop_ WEIR_GUARDED_BY(mutex_){false};
  std::vector<std::thread> threads_;
};

void answer(const std::function<HttpAnswer()>& page, const char* type,
            httplib::Response& response) {
  const HttpAnswer text = page();
  response.status = text.good ? 200 : 503;
  response.set_header("Cache-Control", "no-store");
  response.set_content(text.body, type);
}

}  // namespace

class HttpServer::Impl {
 public:
  Impl(const HttpConfig& config, HttpPages pages) : pages_{std::move(pages)} {
    server_.new_task_queue = [] { return new BoundedQueue; };  // the server owns it
    // Not SO_REUSEPORT, the library's own choice: a second listener must not share the port.
    server_.set_socket_options([](auto socket) {
      const int yes = 1;
      ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    });
    server_.set_keep_alive_max_count(1);
    server_.set_read_timeout(kPatience);
    server_.set_write_timeout(kPatience);
    server_.set_payload_max_length(kLongestBody);
    constexpr const char* kPlain = "text/plain; charset=utf-8";
    server_.Get("/metrics", [this](const httplib::Request&, httplib::Response& response) {
      answer(pages_.metrics, "text/plain; version=0.0.4; charset=utf-8", response);
    });
    server_.Get("/healthz", [this](const httplib::Request&, httplib::Response& response) {
      answer(pages_.alive, kPlain, response);
    });
    server_.Get("/readyz", [this](const httplib::Request&, httplib::Response& response) {
      answer(pages_.ready, kPlain, response);
    });
    int port = config.port;
    const bool bound = port == 0 ? (port = server_.bind_to_any_port(config.host)) > 0
                                 : server_.bind_to_port(config.host, port);
    if (!bound) {
      throw Error{ErrorCode::kRefused,
                  fmt::format("listen: http.listen {}:{} cannot be bound: it is in use, or no "
                              "address of this machine",
                              config.host, config.port)};
    }
    port_ = static_cast<std::uint16_t>(port);
    thread_ = std::thread{[this] {
      server_.listen_after_bind();
      over_.store(true);
    }};
  }

  ~Impl() {
    stop();
    thread_.join();
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }

 private:
  /// `httplib::Server::stop` does nothing while its thread has not begun to listen.
  void stop() {
    while (!server_.is_running() && !over_.load()) std::this_thread::yield();
    server_.stop();
  }

  HttpPages pages_;
  httplib::Server server_;
  std::uint16_t port_{0};
  std::atomic<bool> over_{false};
  std::thread thread_;
};

HttpServer::HttpServer(const HttpConfig& config, HttpPages pages)
    : impl_{std::make_unique<Impl>(config, std::move(pages))} {}
HttpServer::~HttpServer() = default;

std::uint16_t HttpServer::port() const noexcept { return impl_->port(); }

}  // namespace weir::app
