#include "src/engine/background.hpp"

#include <algorithm>
#include <exception>
#include <utility>

#include "src/engine/core.hpp"

namespace weir::detail {

bool pull_is_due(const PullSchedule& schedule) noexcept {
  return schedule.asked && schedule.bound > Duration{0} &&
         schedule.since_pull * 2 >= schedule.bound;
}

Duration look_interval(Duration bound) noexcept {
  return std::clamp<Duration>(bound / 4, std::chrono::milliseconds{5},
                              std::chrono::milliseconds{500});
}

Background::Background(Core& core, std::unique_ptr<spi::Listener> listener, Duration default_bound,
                       const Clock& clock)
    : core_{core}, listener_{std::move(listener)}, default_bound_{default_bound}, clock_{clock} {
  looker_ = std::thread{[this] {
    look();
    leave();
  }};
  if (!listener_) return;
  listener_thread_ = std::thread{[this] {
    listen();
    leave();
  }};
}

Background::~Background() {
  stop();
  const MutexLock lock{mutex_};
  for (std::thread* thread : {&looker_, &listener_thread_, &refresher_}) {
    if (thread->joinable()) thread->detach();  // the heir, which ends right after this
  }
}

bool Background::on_own_thread() const noexcept {
  const std::thread::id self = std::this_thread::get_id();
  const MutexLock lock{mutex_};
  return self == refresher_.get_id() || self == looker_.get_id() ||
         self == listener_thread_.get_id();
}

void Background::hand_over(std::unique_ptr<Core> core) {
  const MutexLock lock{mutex_};
  taken_over_ = std::move(core);
  heir_ = std::this_thread::get_id();
  stop_ = true;
  stopped_.notify_all();
  wanted_.notify_all();
}

void Background::refresh_later(std::string key, std::function<void()> refresh) {
  const MutexLock lock{mutex_};
  if (stop_ || refreshing_.size() >= kMostRefreshes || !refreshing_.insert(key).second) return;
  refreshes_.emplace_back(std::move(key), std::move(refresh));
  wanted_.notify_one();
  if (refresher_.joinable()) return;
  refresher_ = std::thread{[this] {
    this->refresh();
    leave();
  }};
}

void Background::refresh() {
  for (;;) {
    std::pair<std::string, std::function<void()>> next;
    {
      const MutexLock lock{mutex_};
      while (!stop_ && refreshes_.empty()) wanted_.wait(mutex_);
      if (stop_) return;
      next = std::move(refreshes_.front());
      refreshes_.pop_front();
    }
    try {
      next.second();
    } catch (const std::exception&) {  // a thread's edge: counted; the next caller asks again
    }
    const MutexLock lock{mutex_};
    refreshing_.erase(next.first);
  }
}

void Background::leave() {
  std::unique_ptr<Core> core;  // outlives the lock, which is in it
  {
    const MutexLock lock{mutex_};
    if (heir_ == std::this_thread::get_id()) core = std::move(taken_over_);
  }
}

void Background::stop() {
  std::thread refresher;
  {
    const MutexLock lock{mutex_};
    stop_ = true;
    stopped_.notify_all();
    wanted_.notify_all();
    refresher.swap(refresher_);  // none is started any more
  }
  if (listener_) listener_->interrupt();
  for (std::thread* thread : {&looker_, &listener_thread_, &refresher}) {
    if (thread->joinable() && thread->get_id() != std::this_thread::get_id()) thread->join();
  }
  if (!refresher.joinable()) return;
  const MutexLock lock{mutex_};
  refresher_ = std::move(refresher);  // it is the one that calls this
}

bool Background::rest(Duration duration) {
  const TimePoint until = clock_.now() + duration;
  const MutexLock lock{mutex_};
  while (!stop_) {
    if (stopped_.wait_until(mutex_, until, clock_) == std::cv_status::timeout) break;
  }
  return !stop_;
}

void Background::look() {
  bool failing = false;
  while (rest(look_interval(default_bound_))) {
    try {
      core_.tick();
      if (std::exchange(failing, false)) core_.events().degraded.emit({"upkeep", ""});
    } catch (const std::exception& e) {  // a thread's edge: upkeep that fails is tried again
      if (!std::exchange(failing, true)) core_.events().degraded.emit({"upkeep", e.what()});
    }
  }
}

void Background::listen() {
  constexpr Duration kStep = std::chrono::milliseconds{500};
  constexpr Duration kPause = std::chrono::seconds{1};
  bool failing = false;
  while (rest(Duration{0})) {
    try {
      const spi::ListenStep step = listener_->step(spi::Deadline::after(clock_, kStep));
      listening_.store(step.wake_ups_arrive, std::memory_order_relaxed);
      leading_.store(step.leader, std::memory_order_relaxed);
      if (std::exchange(failing, false)) core_.events().degraded.emit({"listener", ""});
      if (step.woken) {
        core_.counters_.wake_ups.add();
        const PullNeed need{clock_.now(), core_.puller_.required()};
        (void)core_.puller_.ensure(need, spi::Deadline::after(clock_, core_.options_.pull_timeout));
      }
    } catch (const std::exception& e) {  // a thread's edge: the bound holds without wake-ups
      listening_.store(false, std::memory_order_relaxed);
      leading_.store(false, std::memory_order_relaxed);
      if (!std::exchange(failing, true)) core_.events().degraded.emit({"listener", e.what()});
      if (!rest(kPause)) return;
    }
  }
}

}  // namespace weir::detail
