#include "src/app/listen/watcher.hpp"

#include <fmt/format.h>

#include <exception>
#include <utility>

#include "weir/open_driver.hpp"

namespace weir::app {

Watcher::Watcher(DatabaseConfig config, std::optional<RedisConfig> redis,
                 std::shared_ptr<spi::RemoteStore> store, Board& board, Log& log,
                 const Clock& clock)
    : config_{std::move(config)},
      redis_{std::move(redis)},
      store_{std::move(store)},
      board_{board},
      log_{log},
      clock_{clock},
      driver_{open_driver(options_of(config_), clock)},
      listener_{driver_->open_listener()} {
  board_.update(config_.name, [&](DatabaseStatus& status) {
    status.role = Role::kDisconnected;
    status.trouble.clear();
    status.stepped_at = clock_.now();
  });
  if (store_ && redis_) {
    const std::string name = fmt::format("{}:{}", redis_->stream, config_.name);
    publisher_ = std::make_unique<Publisher>(store_->open_stream(name), redis_->keep, clock_);
  }
  thread_ = std::thread{[this] { run(); }};
}

Watcher::~Watcher() {
  stop();
  thread_.join();
}

void Watcher::stop() noexcept {
  stop_.store(true, std::memory_order_release);  // pairs with run's load, after the interruption
  listener_->interrupt();
}

void Watcher::run() {
  constexpr Duration kStep = std::chrono::milliseconds{500};
  while (!stop_.load(std::memory_order_acquire)) {
    try {
      const spi::ListenStep step = listener_->step(spi::Deadline::after(clock_, kStep));
      tell(board_.update(config_.name, [&](DatabaseStatus& status) {
        return note_step(status, step, clock_.now());
      }));
      if (publisher_ && step.leader) publish(step.batches);
    } catch (const std::exception& error) {  // a thread's edge; the listener reconnects by itself
      tell(board_.update(config_.name, [&](DatabaseStatus& status) {
        return note_failure(status, error.what(), clock_.now());
      }));
    }
  }
}

void Watcher::publish(const std::vector<spi::AnnouncedBatch>& batches) {
  const Publisher::Outcome outcome = publisher_->publish(batches);
  const bool news = board_.update(config_.name, [&](DatabaseStatus& status) {
    status.stream_appends += outcome.appended;
    if (outcome.appended > 0 && outcome.failure.empty()) status.stream_failure.clear();
    if (outcome.failure.empty()) return outcome.recovered;
    ++status.stream_errors;
    return std::exchange(status.stream_failure, outcome.failure) != outcome.failure;
  });
  if (!news) return;
  if (outcome.failure.empty()) {
    tell({{LogLevel::kInfo, "stream", {}, "the stream can be written to again", {}}});
  } else {
    tell({{LogLevel::kWarning,
           "stream-failed",
           {},
           fmt::format("the stream cannot be written to: {}", outcome.failure),
           {}}});
  }
}

void Watcher::tell(std::vector<LogEvent> events) {
  for (LogEvent& event : events) {
    event.database = config_.name;
    log_.write(event);
  }
}

}  // namespace weir::app
