#include "src/engine/fork_guard.hpp"

#include <pthread.h>

#include <atomic>

namespace weir::detail {
namespace {

std::atomic<std::uint64_t> forks{0};

void count_fork() { forks.fetch_add(1, std::memory_order_relaxed); }  // the child has one thread

}  // namespace

std::uint64_t fork_generation() noexcept {
  static const int registered = ::pthread_atfork(nullptr, nullptr, &count_fork);
  static_cast<void>(registered);
  return forks.load(std::memory_order_relaxed);
}

}  // namespace weir::detail
