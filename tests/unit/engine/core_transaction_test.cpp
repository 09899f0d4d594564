// How transactions read and write beside the cache.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <future>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/engine/core_fixture.hpp"

namespace weir::detail {
namespace {

using std::chrono::seconds;
using test::FakeCall;
using test::Hold;
using ::testing::HasSubstr;

TEST_F(CoreTest, AReadCommittedTransactionReadsFromTheCacheUntilItWrites) {
  (void)ask("get orders 1");
  auto transaction = begin();
  EXPECT_EQ(transaction->query("get orders 1", nullptr, {}).source(), Source::kMemory);
  (void)transaction->execute("set users 1 bob", {});
  EXPECT_EQ(transaction->query("get orders 1", nullptr, {}).reason_code(),
            ReasonCode::kTransaction);
  transaction->rollback();
}

TEST_F(CoreTest, ATransactionWithASnapshotOfItsOwnBypassesTheCache) {
  (void)ask("get orders 1");
  auto transaction = begin(Isolation::kRepeatableRead);
  EXPECT_EQ(transaction->query("get orders 1", nullptr, {}).reason_code(),
            ReasonCode::kTransaction);
}

TEST_F(CoreTest, ADeclaredQuerysPolicyHoldsInATransactionToo) {
  (void)ask("get orders 1");
  auto transaction = begin();
  const Query off{"get orders 1", {.mode = CacheMode::kOff}};
  EXPECT_EQ(transaction->query(off.sql(), &off, {}).reason_code(), ReasonCode::kOff);
}

TEST_F(CoreTest, NothingReadInATransactionIsKept) {
  auto transaction = begin();
  (void)transaction->query("get orders 1", nullptr, {});
  (void)transaction->execute("set orders 1 eleven", {});
  EXPECT_EQ(value_of(transaction->query("get orders 1", nullptr, {})), "eleven");
  transaction->rollback();
  EXPECT_EQ(core().metrics().entries, 0U);
  EXPECT_EQ(value_of(ask("get orders 1")), "ten");
}

TEST_F(CoreTest, ARolledBackWriteChangesNothing) {
  (void)ask("get orders 1");
  auto transaction = begin();
  (void)transaction->execute("set orders 1 eleven", {});
  transaction->rollback();
  clock_.advance(seconds{5});
  EXPECT_EQ(ask("get orders 1").source(), Source::kMemory);
}

TEST_F(CoreTest, ACommittedTransactionIsSeenByTheNextLookup) {
  options_.policy.max_staleness = std::chrono::hours{1};
  (void)ask("get orders 1");
  auto transaction = begin();
  (void)transaction->execute("set orders 1 eleven", {});
  EXPECT_EQ(value_of(ask("get orders 1")), "ten") << "not committed yet";
  transaction->commit();
  EXPECT_EQ(value_of(ask("get orders 1")), "eleven");
}

TEST_F(CoreTest, ACommitWhoseAnswerWasLostIsLookedFor) {
  options_.policy.max_staleness = std::chrono::hours{1};
  (void)ask("get orders 1");
  auto transaction = begin();
  (void)transaction->execute("set orders 1 eleven", {});
  auto gate = fake_->hold(FakeCall::kCommit, Hold::kAfter);
  auto commit = std::async(std::launch::async, [&] { transaction->commit(); });
  gate->await_arrival();
  clock_.advance(options_.statement_timeout);
  EXPECT_THROW(commit.get(), Error);
  EXPECT_EQ(value_of(ask("get orders 1")), "eleven");
}

TEST_F(CoreTest, ASavepointsNameHas1To63BytesOfCleanText) {
  auto transaction = begin();
  const std::vector<std::pair<std::string, std::string>> wrong{
      {"", "0 bytes long; must be 1 to 63"},
      {std::string(64, 'x'), "64 bytes long; must be 1 to 63"},
      {std::string("a\0b", 3), "NUL byte at byte 1"},
      {"a\xff", "invalid UTF-8 at byte 1"}};
  for (const auto& [name, says] : wrong) {
    for (const auto call : {&Transaction::Impl::savepoint, &Transaction::Impl::rollback_to,
                            &Transaction::Impl::release}) {
      try {
        (transaction.get()->*call)(name);
        ADD_FAILURE() << "accepted: " << says;
      } catch (const Error& e) {
        EXPECT_EQ(e.code(), ErrorCode::kUsage);
        EXPECT_THAT(e.what(), HasSubstr(says));
      }
    }
  }
  EXPECT_EQ(fake_->calls(FakeCall::kSavepoint), 0U);
  transaction->savepoint(std::string(63, 'x'));
  transaction->release(std::string(63, 'x'));
}

TEST_F(CoreTest, AnInvalidationsTargetIsCheckedInATransactionAndOutsideOfOne) {
  auto transaction = begin();
  for (const std::string& wrong : {std::string{}, std::string(201, 'x'), std::string("a\0b", 3)}) {
    for (const auto& call : std::vector<std::function<void()>>{
             [&] { transaction->invalidate(spi::InvalidationKind::kTag, wrong); },
             [&] { core().invalidate(asker_, spi::InvalidationKind::kTag, wrong); }}) {
      try {
        call();
        ADD_FAILURE() << "accepted " << wrong.size() << " bytes";
      } catch (const Error& e) {
        EXPECT_EQ(e.code(), ErrorCode::kUsage);
        EXPECT_THAT(e.what(), HasSubstr("invalidate: the target"));
      }
    }
  }
  EXPECT_EQ(fake_->calls(FakeCall::kInvalidate), 0U);
}

TEST_F(CoreTest, AnEndedTransactionRefusesFurtherCalls) {
  auto transaction = begin();
  transaction->commit();
  EXPECT_THROW((void)transaction->query("get orders 1", nullptr, {}), Error);
  EXPECT_THROW(transaction->commit(), Error);
}

}  // namespace
}  // namespace weir::detail
