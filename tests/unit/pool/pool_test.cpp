#include "src/pool/pool.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/fake_clock.hpp"
#include "tests/support/fake_driver.hpp"

namespace weir::detail {
namespace {

using namespace std::chrono_literals;
using spi::Access;
using test::FakeCall;
using ::testing::HasSubstr;

std::uint64_t closed(const PoolStats& stats, CloseCause cause) {
  return stats.closed[static_cast<std::size_t>(cause)];
}

class PoolTest : public ::testing::Test {
 protected:
  Pool& pool() {
    if (!pool_) pool_.emplace(driver, options, clock);
    return *pool_;
  }
  Lease lease(Access access = Access::kRead, std::uint64_t session = 0) {
    return pool().lease(access, session, {});
  }
  /// The error a lease ends in, its code checked.
  std::string refusal(ErrorCode code, Access access = Access::kRead, spi::Deadline deadline = {}) {
    try {
      static_cast<void>(pool().lease(access, 0, deadline));
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code) << error.what();
      return error.what();
    }
    return "leased";
  }
  std::size_t calls(FakeCall call) const { return database->calls(call); }

  test::FakeClock clock;
  std::shared_ptr<test::FakeDatabase> database = std::make_shared<test::FakeDatabase>();
  test::FakeDriver driver{database, clock};
  PoolOptions options{};
  std::optional<Pool> pool_;
};

TEST_F(PoolTest, OpensNothingBeforeItIsAsked) {
  EXPECT_EQ(pool().stats().open, 0U);
  EXPECT_EQ(calls(FakeCall::kConnect), 0U);
}

TEST_F(PoolTest, AReturnedConnectionIsLeasedAgainUnasked) {
  const spi::Connection* first = nullptr;
  {
    const Lease one = lease();
    first = &*one;
    EXPECT_EQ(pool().stats().leased, 1U);
    EXPECT_EQ(pool().stats().idle, 0U);
  }
  EXPECT_EQ(pool().stats().idle, 1U);
  const Lease again = lease();
  EXPECT_EQ(&*again, first);
  EXPECT_EQ(calls(FakeCall::kConnect), 1U);
  EXPECT_EQ(calls(FakeCall::kPing), 0U);
}

TEST_F(PoolTest, AMovedLeaseGivesBackOnce) {
  Lease one = lease();
  Lease two = std::move(one);
  EXPECT_EQ(pool().stats().leased, 1U);
  two = lease();
  EXPECT_EQ(pool().stats().leased, 1U);
  EXPECT_EQ(pool().stats().idle, 1U);
  two.give_back();
  EXPECT_FALSE(two);
  two.give_back();
  EXPECT_EQ(pool().stats().leased, 0U);
  EXPECT_EQ(pool().stats().idle, 2U);
}

TEST_F(PoolTest, ExhaustionNamesTheSizesAndWhatToRaise) {
  options.max_size = 2;
  options.acquire_timeout = 0ms;
  const Lease one = lease();
  const Lease two = lease();
  const std::string message = refusal(ErrorCode::kPoolExhausted);
  EXPECT_THAT(message, HasSubstr("pool: no connection to fake:memory became free"));
  EXPECT_THAT(message, HasSubstr("pool.acquire_timeout = 0 ms"));
  EXPECT_THAT(message, HasSubstr("all 2 of pool.max_size"));
  EXPECT_THAT(message, HasSubstr("fake:memory"));
  EXPECT_EQ(pool().stats().exhausted, 1U);
  EXPECT_EQ(pool().stats().waiting, 0U);
}

TEST_F(PoolTest, ExhaustionTellsReadersFromTheWriterWhereTheyArePooledApart) {
  database->separate_writer = true;
  database->max_writers = 1;
  options.max_size = 1;
  options.acquire_timeout = 0ms;
  const Lease reader = lease();
  const Lease writer = lease(Access::kWrite);
  EXPECT_THAT(refusal(ErrorCode::kPoolExhausted), HasSubstr("no read connection"));
  EXPECT_THAT(refusal(ErrorCode::kPoolExhausted, Access::kWrite), HasSubstr("no write connection"));
}

TEST_F(PoolTest, ACallersOwnDeadlineIsATimeoutAndNotExhaustion) {
  options.max_size = 1;
  options.acquire_timeout = 1h;
  const Lease one = lease();
  EXPECT_THAT(refusal(ErrorCode::kTimeout, Access::kRead, spi::Deadline{clock.now()}),
              HasSubstr("had passed before"));
}

TEST_F(PoolTest, ZeroAcquireTimeoutStillOpensConnections) {
  options.acquire_timeout = 0ms;
  EXPECT_TRUE(lease());
}

TEST_F(PoolTest, DriversWithFewConnectionsBoundThePoolAndAreNamed) {
  database->max_readers = 1;
  database->max_writers = 1;
  options.acquire_timeout = 0ms;
  const Lease one = lease();
  EXPECT_THAT(refusal(ErrorCode::kPoolExhausted), HasSubstr("all 1 of fake's limit"));
}

TEST_F(PoolTest, ASeparateWriterStandsBesideTheReaders) {
  database->separate_writer = true;
  database->max_writers = 1;
  options.max_size = 1;
  options.acquire_timeout = 0ms;
  Lease reader = lease(Access::kRead);
  Lease writer = lease(Access::kWrite);
  EXPECT_THAT(refusal(ErrorCode::kPoolExhausted, Access::kWrite), HasSubstr("write connection"));
  EXPECT_THAT(refusal(ErrorCode::kPoolExhausted, Access::kRead), HasSubstr("read connection"));
  const spi::Connection* wrote = &*writer;
  writer.give_back();
  reader.give_back();
  EXPECT_EQ(&*lease(Access::kWrite), wrote);
  EXPECT_EQ(pool().stats().open, 2U);
}

TEST_F(PoolTest, WithoutASeparateWriterOneConnectionServesBoth) {
  const spi::Connection* read = &*lease(Access::kRead);
  EXPECT_EQ(&*lease(Access::kWrite), read);
}

TEST_F(PoolTest, TheConnectionInTheWantedSessionIsPreferred) {
  Lease a = lease(Access::kRead, 7);
  Lease b = lease(Access::kRead, 8);
  const spi::Connection* seven = &*a;
  const spi::Connection* eight = &*b;
  a.give_back();
  b.give_back();
  EXPECT_EQ(&*lease(Access::kRead, 7), seven);
  EXPECT_EQ(&*lease(Access::kRead, 8), eight);
  EXPECT_EQ(&*lease(Access::kRead, 7), seven);
  EXPECT_EQ(&*lease(Access::kRead, 9), seven);  // nobody's: the one used last
  EXPECT_EQ(&*lease(Access::kRead, 9), seven);  // and now it is session 9's
}

TEST_F(PoolTest, ALongIdleConnectionIsAskedFirst) {
  lease().give_back();
  clock.advance(kSuspectAfter);
  EXPECT_TRUE(lease());
  EXPECT_EQ(calls(FakeCall::kPing), 1U);
  EXPECT_EQ(calls(FakeCall::kConnect), 1U);
}

TEST_F(PoolTest, ASuspectConnectionIsAskedOnce) {
  Lease one = lease();
  one.suspect();
  one.give_back();
  lease().give_back();
  lease().give_back();
  EXPECT_EQ(calls(FakeCall::kPing), 1U);
}

TEST_F(PoolTest, AnExceptionThroughTheLeasesScopeMakesItSuspect) {
  EXPECT_THROW(
      {
        const Lease one = lease();
        throw Error(ErrorCode::kDatabase, "anything");
      },
      Error);
  lease().give_back();
  EXPECT_EQ(calls(FakeCall::kPing), 1U);
}

TEST_F(PoolTest, ALeaseTakenWhileAnotherExceptionIsInFlightIsNotSuspect) {
  struct LeasesInItsDestructor {
    Pool& pool;
    ~LeasesInItsDestructor() { pool.lease(Access::kRead, 0, {}).give_back(); }
  };
  EXPECT_THROW(
      {
        const LeasesInItsDestructor cleanup{pool()};
        throw Error(ErrorCode::kDatabase, "anything");
      },
      Error);
  lease().give_back();
  EXPECT_EQ(calls(FakeCall::kPing), 0U);
}

TEST_F(PoolTest, DeadConnectionsAreReplacedAndTheirNeighboursAskedFirst) {
  {
    const Lease a = lease();
    const Lease b = lease();
    const Lease c = lease();
  }
  database->lose_connections();
  clock.advance(kSuspectAfter);
  Lease fresh = lease();
  EXPECT_TRUE(fresh->ping({}));
  EXPECT_EQ(closed(pool().stats(), CloseCause::kPing), 1U);
  Lease second = lease();
  EXPECT_TRUE(second->ping({}));
  EXPECT_EQ(closed(pool().stats(), CloseCause::kPing), 2U);
}

TEST_F(PoolTest, ABrokenReturnMakesTheIdleOnesSuspectAtOnce) {
  Lease a = lease();
  Lease b = lease();
  b.give_back();
  database->lose_connections();
  const Params none{};
  EXPECT_THROW(static_cast<void>(a->run({.sql = "scan t", .params = &none})), ConnectionError);
  a.give_back();
  EXPECT_EQ(closed(pool().stats(), CloseCause::kBroken), 1U);
  EXPECT_TRUE(lease()->ping({}));  // no time has passed: without suspicion this were the lost one
  EXPECT_EQ(closed(pool().stats(), CloseCause::kPing), 1U);
}

TEST_F(PoolTest, ADiscardedConnectionIsClosedAndItsPlaceFree) {
  options.max_size = 1;
  options.acquire_timeout = 0ms;
  Lease one = lease();
  one.discard();
  one.give_back();
  EXPECT_EQ(pool().stats().open, 0U);
  EXPECT_EQ(calls(FakeCall::kDisconnect), 1U);
  EXPECT_EQ(closed(pool().stats(), CloseCause::kDiscarded), 1U);
  EXPECT_TRUE(lease());
  EXPECT_EQ(pool().stats().idle, 1U);
}

TEST_F(PoolTest, ATransactionLeftOpenIsRolledBack) {
  {
    const Lease one = lease(Access::kWrite);
    one->begin(spi::Isolation::kReadCommitted, spi::TransactionAccess::kReadWrite, {});
    const Params none{};
    static_cast<void>(one->run({.sql = "set t a 1", .params = &none}));
  }
  EXPECT_EQ(calls(FakeCall::kRollback), 1U);
  EXPECT_TRUE(database->rows("t").empty());
  EXPECT_EQ(pool().stats().idle, 1U);
  EXPECT_EQ(lease()->state(), spi::TransactionState::kIdle);
}

TEST_F(PoolTest, AConnectionThatJustRolledBackIsNotAskedAgain) {
  EXPECT_THROW(
      {
        const Lease one = lease(Access::kWrite);
        one->begin(spi::Isolation::kReadCommitted, spi::TransactionAccess::kReadWrite, {});
        throw Error(ErrorCode::kDatabase, "anything");
      },
      Error);
  lease().give_back();
  EXPECT_EQ(calls(FakeCall::kRollback), 1U);
  EXPECT_EQ(calls(FakeCall::kPing), 0U);
}

TEST_F(PoolTest, ATransactionThatCannotBeRolledBackCostsTheConnection) {
  {
    const Lease one = lease(Access::kWrite);
    one->begin(spi::Isolation::kReadCommitted, spi::TransactionAccess::kReadWrite, {});
    database->fail(FakeCall::kRollback, Error{ErrorCode::kDatabase, "no"});
  }
  EXPECT_EQ(pool().stats().open, 0U);
  EXPECT_EQ(closed(pool().stats(), CloseCause::kBroken), 1U);
}

TEST_F(PoolTest, AnOldConnectionIsClosedWhenItComesBack) {
  Lease one = lease();
  clock.advance(*options.max_lifetime);
  EXPECT_EQ(pool().tick(clock.now()), std::nullopt);  // upkeep leaves leases alone
  EXPECT_EQ(pool().stats().leased, 1U);
  one.give_back();
  EXPECT_EQ(closed(pool().stats(), CloseCause::kLifetime), 1U);
  EXPECT_EQ(pool().stats().open, 0U);
}

TEST_F(PoolTest, AnOldIdleConnectionIsReplacedAtItsNextUse) {
  lease().give_back();
  clock.advance(*options.max_lifetime);
  lease().give_back();
  EXPECT_EQ(closed(pool().stats(), CloseCause::kLifetime), 1U);
  EXPECT_EQ(calls(FakeCall::kConnect), 2U);
}

TEST_F(PoolTest, TickClosesTheIdleDownToTheMinimumLongestIdleFirst) {
  options.min_size = 1;
  options.max_lifetime.reset();
  Lease a = lease();
  Lease b = lease();
  Lease c = lease();
  const spi::Connection* last = &*c;
  a.give_back();
  b.give_back();
  clock.advance(1s);
  c.give_back();
  clock.advance(*options.max_idle - 1s);
  EXPECT_EQ(pool().tick(clock.now()), std::nullopt);
  EXPECT_EQ(pool().stats().idle, 1U);
  EXPECT_EQ(closed(pool().stats(), CloseCause::kIdle), 2U);
  clock.advance(1h);
  EXPECT_EQ(pool().tick(clock.now()), std::nullopt);
  EXPECT_EQ(pool().stats().idle, 1U);
  EXPECT_EQ(&*lease(), last);
}

TEST_F(PoolTest, TickOpensUpToTheMinimum) {
  options.min_size = 3;
  EXPECT_EQ(pool().tick(clock.now()), std::nullopt);
  EXPECT_EQ(pool().stats().idle, 3U);
  EXPECT_EQ(pool().tick(clock.now()), std::nullopt);
  EXPECT_EQ(calls(FakeCall::kConnect), 3U);
}

TEST_F(PoolTest, TickReportsAFailedConnectOncePausesBeforeTheNextAndTellsWhenItWorksAgain) {
  options.min_size = 2;
  database->fail(FakeCall::kConnect, ConnectionError{"connect: refused"}, 2);
  EXPECT_EQ(pool().tick(clock.now()), "connect: refused");
  EXPECT_EQ(pool().stats().connect_failures, 1U);
  EXPECT_EQ(pool().stats().open, 0U);
  EXPECT_EQ(pool().tick(clock.now()), std::nullopt);
  EXPECT_EQ(calls(FakeCall::kConnect), 1U);
  clock.advance(5s);
  EXPECT_EQ(pool().tick(clock.now()), std::nullopt) << "told already";
  EXPECT_EQ(calls(FakeCall::kConnect), 2U);
  clock.advance(5s);
  EXPECT_EQ(pool().tick(clock.now()), "");
  EXPECT_EQ(pool().stats().idle, 2U);
  EXPECT_EQ(pool().tick(clock.now()), std::nullopt);
}

TEST_F(PoolTest, AFailedConnectIsTheCallersErrorAndCostsNoPlace) {
  options.max_size = 1;
  options.acquire_timeout = 0ms;
  database->fail(FakeCall::kConnect, ConnectionError{"connect: refused"}, 3);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(refusal(ErrorCode::kConnection), "connect: refused");
  EXPECT_TRUE(lease());
  EXPECT_EQ(pool().stats().connect_failures, 3U);
  EXPECT_EQ(pool().stats().created, 1U);
}

TEST_F(PoolTest, CloseRefusesNewLeasesAndClosesIdleOnes) {
  lease().give_back();
  EXPECT_EQ(pool().close(spi::Deadline{clock.now()}), 0U);
  EXPECT_THAT(refusal(ErrorCode::kClosed), HasSubstr("fake:memory is closed"));
  EXPECT_EQ(calls(FakeCall::kDisconnect), 1U);
  EXPECT_EQ(pool().tick(clock.now()), std::nullopt);
}

TEST_F(PoolTest, CloseReportsWhatIsStillInUseAndClosesItWhenItComesBack) {
  Lease one = lease();
  EXPECT_EQ(pool().close(spi::Deadline{clock.now()}), 1U);
  one.give_back();
  EXPECT_EQ(pool().stats().open, 0U);
  EXPECT_EQ(closed(pool().stats(), CloseCause::kPoolClosed), 1U);
  EXPECT_EQ(pool().close(spi::Deadline{clock.now()}), 0U);
}

TEST_F(PoolTest, ALeaseMayOutliveThePool) {
  Lease one = lease();
  pool_.reset();
  EXPECT_TRUE(one->ping({}));
  one.give_back();
  EXPECT_EQ(calls(FakeCall::kDisconnect), 1U);
}

}  // namespace
}  // namespace weir::detail
