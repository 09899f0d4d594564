#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "src/pool/pool.hpp"
#include "tests/support/fake_clock.hpp"
#include "tests/support/fake_driver.hpp"

namespace weir::detail {
namespace {

using namespace std::chrono_literals;
using spi::Access;
using test::FakeCall;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class PoolThreadsTest : public ::testing::Test {
 protected:
  Pool& make(const PoolOptions& options) { return pool_.emplace(driver, options, clock); }
  /// Waits, at most 20 s, until so many callers wait in the pool.
  void await_waiting(std::size_t count) {
    await([&] { return pool_->stats().waiting == count; });
  }
  template <typename F>
  void await(F&& condition) {
    const TimePoint limit = system_clock().now() + 20s;
    while (!condition()) {
      if (system_clock().now() > limit) {
        ADD_FAILURE() << "the condition did not come true within 20 s";
        return;
      }
      std::this_thread::yield();
    }
  }

  test::FakeClock clock;
  std::shared_ptr<test::FakeDatabase> database = std::make_shared<test::FakeDatabase>();
  test::FakeDriver driver{database, clock};
  std::optional<Pool> pool_;
};

TEST_F(PoolThreadsTest, WhoAskedFirstIsServedFirst) {
  Pool& pool = make({.max_size = 1, .acquire_timeout = 1h});
  Lease held = pool.lease(Access::kRead, 0, {});
  std::mutex mutex;
  std::vector<int> order;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      const Lease mine = pool.lease(Access::kRead, 0, {});
      const std::lock_guard lock{mutex};
      order.push_back(i);
    });
    await_waiting(static_cast<std::size_t>(i) + 1);
  }
  held.give_back();
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(order, ElementsAre(0, 1, 2, 3));
  EXPECT_EQ(pool.stats().waits, 4U);
  EXPECT_EQ(pool.stats().created, 1U);
}

TEST_F(PoolThreadsTest, AWaiterGivesUpAtAcquireTimeoutAndLosesNoPlace) {
  Pool& pool = make({.max_size = 1, .acquire_timeout = 2s});
  Lease held = pool.lease(Access::kRead, 0, {});
  std::string message;
  std::thread waiter{[&] {
    try {
      static_cast<void>(pool.lease(Access::kRead, 0, {}));
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kPoolExhausted);
      message = error.what();
    }
  }};
  await_waiting(1);
  clock.advance(1999ms);
  EXPECT_EQ(pool.stats().waiting, 1U);
  clock.advance(1ms);
  waiter.join();
  EXPECT_THAT(message, HasSubstr("2000 ms"));
  EXPECT_GE(pool.stats().wait_time, 2s);
  held.give_back();
  EXPECT_TRUE(pool.lease(Access::kRead, 0, {}));
}

TEST_F(PoolThreadsTest, AWaitersOwnDeadlineHolds) {
  Pool& pool = make({.max_size = 1, .acquire_timeout = 1h});
  const Lease held = pool.lease(Access::kRead, 0, {});
  std::string message;
  std::thread waiter{[&] {
    try {
      static_cast<void>(pool.lease(Access::kRead, 0, spi::Deadline::after(clock, 1s)));
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kTimeout);
      message = error.what();
    }
  }};
  await_waiting(1);
  clock.advance(1s);
  waiter.join();
  EXPECT_THAT(message, HasSubstr("deadline passed after 1000 ms"));
  EXPECT_THAT(message, HasSubstr("all 1 of pool.max_size"));
}

TEST_F(PoolThreadsTest, ADiscardLetsTheFirstWaiterOpenAnother) {
  Pool& pool = make({.max_size = 1, .acquire_timeout = 1h});
  Lease held = pool.lease(Access::kRead, 0, {});
  std::thread waiter{[&] { EXPECT_TRUE(pool.lease(Access::kRead, 0, {})->usable()); }};
  await_waiting(1);
  held.discard();
  held.give_back();
  waiter.join();
  EXPECT_EQ(pool.stats().created, 2U);
  EXPECT_EQ(pool.stats().open, 1U);
}

TEST_F(PoolThreadsTest, AWaitersFailedConnectIsItsOwnAndTheNextOneTries) {
  Pool& pool = make({.max_size = 1, .acquire_timeout = 1h});
  Lease held = pool.lease(Access::kRead, 0, {});
  std::string message;
  std::thread first{[&] {
    try {
      static_cast<void>(pool.lease(Access::kRead, 0, {}));
    } catch (const Error& error) {
      message = error.what();
    }
  }};
  await_waiting(1);
  std::atomic<bool> served{false};
  std::thread second{[&] { served = static_cast<bool>(pool.lease(Access::kRead, 0, {})); }};
  await_waiting(2);
  database->fail(FakeCall::kConnect, ConnectionError{"connect: refused"});
  held.discard();
  held.give_back();
  first.join();
  second.join();
  EXPECT_EQ(message, "connect: refused");
  EXPECT_TRUE(served.load());
}

TEST_F(PoolThreadsTest, ConnectionsAreOpenedInParallelAndHoldUpNobodyElse) {
  Pool& pool = make({.max_size = 3});
  const auto slow_gate = database->hold(FakeCall::kConnect);
  std::thread slow{[&] { EXPECT_TRUE(pool.lease(Access::kRead, 0, {})); }};
  slow_gate->await_arrival();
  EXPECT_EQ(pool.stats().opening, 1U);
  Lease quick = pool.lease(Access::kRead, 0, {});  // opens its own meanwhile
  quick.give_back();
  EXPECT_TRUE(pool.lease(Access::kRead, 0, {}));
  slow_gate->open();
  slow.join();
  EXPECT_EQ(pool.stats().idle, 2U);
}

TEST_F(PoolThreadsTest, ASlowConnectEndsAtConnectTimeoutAndFreesItsPlace) {
  Pool& pool = make({.max_size = 1, .connect_timeout = 3s});
  const auto gate = database->hold(FakeCall::kConnect);
  std::optional<ErrorCode> code;
  std::thread slow{[&] {
    try {
      static_cast<void>(pool.lease(Access::kRead, 0, {}));
    } catch (const Error& error) {
      code = error.code();
    }
  }};
  gate->await_arrival();
  clock.advance(3s);
  slow.join();
  EXPECT_EQ(code, ErrorCode::kTimeout);
  EXPECT_TRUE(pool.lease(Access::kRead, 0, {}));
}

TEST_F(PoolThreadsTest, ASlowPingEndsAtItsLimitAndTheConnectionIsReplaced) {
  Pool& pool = make({.max_size = 1});
  pool.lease(Access::kRead, 0, {}).give_back();
  clock.advance(kSuspectAfter);
  const auto gate = database->hold(FakeCall::kPing);
  std::thread user{[&] { EXPECT_TRUE(pool.lease(Access::kRead, 0, {})->usable()); }};
  gate->await_arrival();
  clock.advance(1s);
  user.join();
  EXPECT_EQ(pool.stats().created, 2U);
}

TEST_F(PoolThreadsTest, CloseWakesThoseWhoWaitAndWaitsForLeases) {
  Pool& pool = make({.max_size = 1, .acquire_timeout = 1h});
  Lease held = pool.lease(Access::kRead, 0, {});
  std::optional<ErrorCode> code;
  std::thread waiter{[&] {
    try {
      static_cast<void>(pool.lease(Access::kRead, 0, {}));
    } catch (const Error& error) {
      code = error.code();
    }
  }};
  await_waiting(1);
  std::atomic<bool> closed{false};
  std::thread closer{[&] {
    EXPECT_EQ(pool.close({}), 0U);
    closed = true;
  }};
  waiter.join();
  EXPECT_EQ(code, ErrorCode::kClosed);
  EXPECT_FALSE(closed.load());
  held.give_back();
  closer.join();
  EXPECT_EQ(pool.stats().open, 0U);
}

TEST_F(PoolThreadsTest, AConnectionOpenedWhileThePoolClosesIsClosedToo) {
  Pool& pool = make({.max_size = 1});
  const auto gate = database->hold(FakeCall::kConnect);
  std::optional<ErrorCode> code;
  std::thread slow{[&] {
    try {
      static_cast<void>(pool.lease(Access::kRead, 0, {}));
    } catch (const Error& error) {
      code = error.code();
    }
  }};
  gate->await_arrival();
  EXPECT_EQ(pool.close(spi::Deadline{clock.now()}), 1U);
  gate->open();
  slow.join();
  EXPECT_EQ(code, ErrorCode::kClosed);
  EXPECT_EQ(pool.close({}), 0U);
  EXPECT_EQ(database->calls(FakeCall::kDisconnect), 1U);
}

/// Many threads lease, break, discard and leave transactions open while upkeep runs and the
/// database loses all connections now and then: never more connections than allowed, none leaked,
/// nobody stuck.
TEST_F(PoolThreadsTest, ManyThreadsNeverPassTheBoundAndLeakNothing) {
  constexpr std::size_t kMax = 3;
  constexpr int kThreads = 6;
  constexpr int kRounds = 400;
  Pool& pool = make({.min_size = 1, .max_size = kMax, .acquire_timeout = 1h});
  std::atomic<std::size_t> out{0};
  std::atomic<std::size_t> most{0};
  std::atomic<int> leases{0};
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < kRounds; ++i) {
        try {
          Lease mine = pool.lease(i % 2 == 0 ? Access::kRead : Access::kWrite,
                                  static_cast<std::uint64_t>(i % 3), {});
          const std::size_t now_out = ++out;
          std::size_t seen = most.load();
          while (now_out > seen && !most.compare_exchange_weak(seen, now_out)) {
          }
          ++leases;
          switch ((i + thread) % 7) {
            case 0:
              mine.discard();
              break;
            case 1:
              mine.suspect();
              break;
            case 2:
              mine->begin(spi::Isolation::kReadCommitted, spi::TransactionAccess::kReadWrite, {});
              break;
            default:
              break;
          }
          --out;
        } catch (const ConnectionError&) {  // lost between lease and use
          --out;
        }
        if (thread == 0 && i % 50 == 0) database->lose_connections();
        if (thread == 1) static_cast<void>(pool.tick(clock.now()));
        clock.advance(1ms);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(most.load(), kMax);
  EXPECT_EQ(leases.load(), kThreads * kRounds);
  const PoolStats stats = pool.stats();
  EXPECT_EQ(stats.leased, 0U);
  EXPECT_EQ(stats.waiting, 0U);
  EXPECT_LE(stats.open, kMax);
  EXPECT_EQ(pool.close(spi::Deadline{clock.now()}), 0U);
  EXPECT_EQ(database->calls(FakeCall::kConnect), database->calls(FakeCall::kDisconnect));
}

}  // namespace
}  // namespace weir::detail
