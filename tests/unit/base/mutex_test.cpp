#include "src/base/mutex.hpp"

#include <gtest/gtest.h>

#include <array>
#include <deque>
#include <latch>
#include <thread>

#include "tests/support/fake_clock.hpp"

namespace weir::detail {
namespace {

using namespace std::chrono_literals;

class Queue {
 public:
  void push(int item) WEIR_EXCLUDES(mutex_) {
    const MutexLock lock{mutex_};
    items_.push_back(item);
    ready_.notify_one();
  }
  int pop() WEIR_EXCLUDES(mutex_) {
    const MutexLock lock{mutex_};
    while (items_.empty()) ready_.wait(mutex_);
    const int item = items_.front();
    items_.pop_front();
    return item;
  }
  /// -1 after the deadline.
  int pop_until(TimePoint deadline, const Clock& clock) WEIR_EXCLUDES(mutex_) {
    const MutexLock lock{mutex_};
    while (items_.empty()) {
      if (ready_.wait_until(mutex_, deadline, clock) == std::cv_status::timeout) return -1;
    }
    const int item = items_.front();
    items_.pop_front();
    return item;
  }

 private:
  Mutex mutex_;
  CondVar ready_;
  std::deque<int> items_ WEIR_GUARDED_BY(mutex_);
};

TEST(MutexTest, HandsOverEveryItemOnce) {
  constexpr int kItems = 2000;
  Queue queue;
  std::array<long, 4> sums{};
  {
    std::array<std::jthread, 4> takers;
    for (std::size_t i = 0; i < takers.size(); ++i) {
      takers.at(i) = std::jthread{[&queue, &sum = sums.at(i)] {
        for (int item = queue.pop(); item != 0; item = queue.pop()) sum += item;
      }};
    }
    for (int item = 1; item <= kItems; ++item) queue.push(item);
    for (std::size_t i = 0; i < takers.size(); ++i) queue.push(0);
  }
  EXPECT_EQ(sums[0] + sums[1] + sums[2] + sums[3], long{kItems} * (kItems + 1) / 2);
}

TEST(MutexTest, LockCanBeLetGoAndTakenAgain) {
  Mutex mutex;
  const auto others_can_lock = [&mutex] {
    bool can = false;
    std::thread{[&mutex, &can] {
      if (mutex.try_lock()) {
        can = true;
        mutex.unlock();
      }
    }}.join();
    return can;
  };
  MutexLock lock{mutex};
  EXPECT_FALSE(others_can_lock());
  lock.unlock();
  EXPECT_TRUE(others_can_lock());
  lock.lock();
  EXPECT_FALSE(others_can_lock());
}

TEST(CondVarTest, TimesOutAtOnceWhenTheDeadlineHasPassed) {
  const test::FakeClock clock;
  Queue queue;
  EXPECT_EQ(queue.pop_until(clock.now(), clock), -1);
  EXPECT_EQ(queue.pop_until(system_clock().now(), system_clock()), -1);
}

TEST(CondVarTest, TimesOutOnTheMachinesClock) {
  Queue queue;
  const TimePoint deadline = system_clock().now() + 5ms;
  EXPECT_EQ(queue.pop_until(deadline, system_clock()), -1);
  EXPECT_GE(system_clock().now(), deadline);
}

TEST(CondVarTest, WakesWhenTheTestMovesTheClock) {
  test::FakeClock clock;
  Queue queue;
  std::latch started{1};
  int item = 0;
  std::jthread waiter{[&] {
    const TimePoint deadline = clock.now() + 1h;
    started.count_down();
    item = queue.pop_until(deadline, clock);
  }};
  started.wait();
  clock.advance(1h);
  waiter.join();
  EXPECT_EQ(item, -1);
}

TEST(CondVarTest, WaitsForeverWithoutADeadline) {
  Queue queue;
  int item = 0;
  std::jthread waiter{[&] { item = queue.pop_until(TimePoint::max(), system_clock()); }};
  queue.push(7);
  waiter.join();
  EXPECT_EQ(item, 7);
}

TEST(SharedMutexTest, LetsReadersInTogetherAndWritersAlone) {
  struct Pair {
    void grow() {
      const WriteLock lock{mutex};
      ++a;
      ++b;
    }
    bool equal() {
      const ReadLock lock{mutex};
      return a == b;
    }
    int total() {
      const ReadLock lock{mutex};
      return a + b;
    }
    SharedMutex mutex;
    int a WEIR_GUARDED_BY(mutex){};
    int b WEIR_GUARDED_BY(mutex){};
  } pair;
  std::atomic<int> torn{0};
  {
    std::array<std::jthread, 4> threads;
    for (std::size_t i = 0; i < threads.size(); ++i) {
      threads.at(i) = std::jthread{[&pair, &torn, writes = i % 2 == 0] {
        for (int round = 0; round < 1000; ++round) {
          if (writes) {
            pair.grow();
          } else if (!pair.equal()) {
            ++torn;
          }
        }
      }};
    }
  }
  EXPECT_EQ(torn, 0);
  EXPECT_EQ(pair.total(), 4000);
}

}  // namespace
}  // namespace weir::detail
