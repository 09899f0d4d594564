#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <shared_mutex>

#include "weir/clock.hpp"

// Clang's thread safety analysis; nothing on other compilers.
#if defined(__clang__)
#define WEIR_THREAD_ATTRIBUTE(x) __attribute__((x))
#else
#define WEIR_THREAD_ATTRIBUTE(x)
#endif
#define WEIR_CAPABILITY(name) WEIR_THREAD_ATTRIBUTE(capability(name))
#define WEIR_SCOPED_CAPABILITY WEIR_THREAD_ATTRIBUTE(scoped_lockable)
#define WEIR_GUARDED_BY(mutex) WEIR_THREAD_ATTRIBUTE(guarded_by(mutex))
#define WEIR_PT_GUARDED_BY(mutex) WEIR_THREAD_ATTRIBUTE(pt_guarded_by(mutex))
#define WEIR_REQUIRES(...) WEIR_THREAD_ATTRIBUTE(requires_capability(__VA_ARGS__))
#define WEIR_REQUIRES_SHARED(...) WEIR_THREAD_ATTRIBUTE(requires_shared_capability(__VA_ARGS__))
#define WEIR_EXCLUDES(...) WEIR_THREAD_ATTRIBUTE(locks_excluded(__VA_ARGS__))
#define WEIR_ACQUIRE(...) WEIR_THREAD_ATTRIBUTE(acquire_capability(__VA_ARGS__))
#define WEIR_ACQUIRE_SHARED(...) WEIR_THREAD_ATTRIBUTE(acquire_shared_capability(__VA_ARGS__))
#define WEIR_TRY_ACQUIRE(...) WEIR_THREAD_ATTRIBUTE(try_acquire_capability(__VA_ARGS__))
#define WEIR_RELEASE(...) WEIR_THREAD_ATTRIBUTE(release_capability(__VA_ARGS__))
#define WEIR_RELEASE_SHARED(...) WEIR_THREAD_ATTRIBUTE(release_shared_capability(__VA_ARGS__))
#define WEIR_RELEASE_GENERIC(...) WEIR_THREAD_ATTRIBUTE(release_generic_capability(__VA_ARGS__))
#define WEIR_ACQUIRED_BEFORE(...) WEIR_THREAD_ATTRIBUTE(acquired_before(__VA_ARGS__))
#define WEIR_ACQUIRED_AFTER(...) WEIR_THREAD_ATTRIBUTE(acquired_after(__VA_ARGS__))
#define WEIR_RETURN_CAPABILITY(mutex) WEIR_THREAD_ATTRIBUTE(lock_returned(mutex))
#define WEIR_NO_THREAD_SAFETY_ANALYSIS WEIR_THREAD_ATTRIBUTE(no_thread_safety_analysis)

namespace weir::detail {

/// `std::mutex` that Clang can analyse. Thread safety: shared object safe.
class WEIR_CAPABILITY("mutex") Mutex {
 public:
  void lock() WEIR_ACQUIRE() { mutex_.lock(); }
  void unlock() WEIR_RELEASE() { mutex_.unlock(); }
  [[nodiscard]] bool try_lock() WEIR_TRY_ACQUIRE(true) { return mutex_.try_lock(); }

 private:
  friend class CondVar;
  std::mutex mutex_;
};

/// Holds a `Mutex` for a scope; may let go of it and take it again in between.
class [[nodiscard]] WEIR_SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) WEIR_ACQUIRE(mutex) : mutex_{mutex} { mutex_.lock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;
  ~MutexLock() WEIR_RELEASE() {
    if (held_) mutex_.unlock();
  }
  void unlock() WEIR_RELEASE() {
    held_ = false;
    mutex_.unlock();
  }
  void lock() WEIR_ACQUIRE() {
    mutex_.lock();
    held_ = true;
  }

 private:
  Mutex& mutex_;
  bool held_{true};
};

/// A condition to wait for, in a loop that tests it:
/// `while (!ready_) if (changed_.wait_until(mutex_, deadline, clock) == std::cv_status::timeout)
/// return …;` Thread safety: shared object safe.
class CondVar {
 public:
  void notify_one() noexcept { condition_.notify_one(); }
  void notify_all() noexcept { condition_.notify_all(); }

  void wait(Mutex& mutex) WEIR_REQUIRES(mutex) {
    std::unique_lock<std::mutex> lock{mutex.mutex_, std::adopt_lock};
    condition_.wait(lock);
    static_cast<void>(lock.release());
  }

  /// Waits for a notification, and returns `timeout` once `clock` says that `deadline` has passed.
  /// May wake without either. A clock that does not run with the machine's is looked at every
  /// millisecond.
  std::cv_status wait_until(Mutex& mutex, TimePoint deadline, const Clock& clock = system_clock())
      WEIR_REQUIRES(mutex) {
    const TimePoint now = clock.now();
    if (now >= deadline) return std::cv_status::timeout;
    const Duration longest = &clock == &system_clock() ? Duration{std::chrono::hours{1}}
                                                       : Duration{std::chrono::milliseconds{1}};
    std::unique_lock<std::mutex> lock{mutex.mutex_, std::adopt_lock};
    condition_.wait_for(lock, std::min(deadline - now, longest));
    static_cast<void>(lock.release());
    return clock.now() >= deadline ? std::cv_status::timeout : std::cv_status::no_timeout;
  }

 private:
  std::condition_variable condition_;
};

/// `std::shared_mutex` that Clang can analyse. Thread safety: shared object safe.
class WEIR_CAPABILITY("shared mutex") SharedMutex {
 public:
  void lock() WEIR_ACQUIRE() { mutex_.lock(); }
  void unlock() WEIR_RELEASE() { mutex_.unlock(); }
  [[nodiscard]] bool try_lock() WEIR_TRY_ACQUIRE(true) { return mutex_.try_lock(); }
  void lock_shared() WEIR_ACQUIRE_SHARED() { mutex_.lock_shared(); }
  void unlock_shared() WEIR_RELEASE_SHARED() { mutex_.unlock_shared(); }

 private:
  std::shared_mutex mutex_;
};

/// Holds a `SharedMutex` exclusively for a scope.
class [[nodiscard]] WEIR_SCOPED_CAPABILITY WriteLock {
 public:
  explicit WriteLock(SharedMutex& mutex) WEIR_ACQUIRE(mutex) : mutex_{mutex} { mutex_.lock(); }
  WriteLock(const WriteLock&) = delete;
  WriteLock& operator=(const WriteLock&) = delete;
  ~WriteLock() WEIR_RELEASE() { mutex_.unlock(); }

 private:
  SharedMutex& mutex_;
};

/// Holds a `SharedMutex` together with other readers for a scope.
class [[nodiscard]] WEIR_SCOPED_CAPABILITY ReadLock {
 public:
  explicit ReadLock(SharedMutex& mutex) WEIR_ACQUIRE_SHARED(mutex) : mutex_{mutex} {
    mutex_.lock_shared();
  }
  ReadLock(const ReadLock&) = delete;
  ReadLock& operator=(const ReadLock&) = delete;
  ~ReadLock() WEIR_RELEASE_GENERIC() { mutex_.unlock_shared(); }

 private:
  SharedMutex& mutex_;
};

}  // namespace weir::detail
