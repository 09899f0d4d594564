#include "src/app/patience.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <utility>

#include "src/app/failure.hpp"
#include "weir/clock.hpp"

namespace weir::app {

Patience::Patience(std::string what) : what_{std::move(what)} {
  if (::isatty(STDERR_FILENO) == 1) thread_ = std::thread{[this] { wait(); }};
}

Patience::~Patience() {
  {
    const detail::MutexLock lock{mutex_};
    over_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Patience::wait() {
  const TimePoint deadline = system_clock().now() + std::chrono::seconds{1};
  {
    const detail::MutexLock lock{mutex_};
    while (!over_) {
      if (changed_.wait_until(mutex_, deadline) == std::cv_status::timeout) break;
    }
    if (over_) return;
  }
  complain(fmt::format("weir: {} ...\n", what_));
}

}  // namespace weir::app
