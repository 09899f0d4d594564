#include "src/engine/stream_listener.hpp"

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "src/freshness/change_batch.hpp"
#include "tests/support/fake_clock.hpp"
#include "tests/support/fake_remote_store.hpp"

namespace weir::detail {
namespace {

using spi::Change;
using spi::ChangeKind;

class StreamListenerTest : public ::testing::Test {
 protected:
  StreamListenerTest() {
    spi::Pull first;
    first.snapshot = {10, 10, {}, false};
    first.incarnation = "a";
    (void)freshness_.apply(first, 1, TimePoint{});
    (void)step();  // from here on
  }
  spi::ListenStep step() { return listener_.step(spi::Deadline{clock_.now()}); }
  void append(spi::ChangeId from, spi::ChangeId to, std::vector<Change> changes,
              std::string incarnation = "a") {
    append(encode(ChangeBatch{
        std::move(incarnation), {from, from, {}, false}, {to, to, {}, false}, std::move(changes)}));
  }
  void append(const std::string& bytes, std::size_t keep = 100) {
    store_.open_stream("s")->append(bytes, keep, {});
  }
  [[nodiscard]] bool fresh() const {
    const std::array<const Cell*, 1> cells{orders_};
    return freshness_.judge(*read_under_, {cells, {}}) == Verdict::kFresh;
  }

  test::FakeClock clock_;
  test::FakeRemoteStore store_{clock_};
  Freshness freshness_;
  const Cell* orders_{freshness_.cells().relation("orders")};
  StreamListener listener_{store_.open_stream("s"), freshness_};
  LabelRef read_under_;
};

TEST_F(StreamListenerTest, ABatchThatJoinsWhatIsKnownIsLearnedWithoutAPull) {
  read_under_ = freshness_.label();
  append(10, 12, {{11, ChangeKind::kRelation, "orders"}});
  EXPECT_FALSE(step().woken);
  EXPECT_FALSE(fresh());
  read_under_ = freshness_.label();
  EXPECT_EQ(read_under_->snapshot.xmax, 12U);
  EXPECT_TRUE(fresh()) << "read after the change was learned";
  append(12, 13, {{12, ChangeKind::kRelation, "orders"}});
  EXPECT_FALSE(step().woken);
  EXPECT_FALSE(fresh());
}

TEST_F(StreamListenerTest, ABatchIsNoPull) {
  append(10, 12, {{11, ChangeKind::kRelation, "orders"}});
  (void)step();
  EXPECT_EQ(freshness_.pulled().number, 1U);
  EXPECT_EQ(freshness_.label()->pull, 1U);
}

TEST_F(StreamListenerTest, AMissingBatchDdlAnotherServerAndNonsenseAskForAPull) {
  append(11, 12, {{11, ChangeKind::kRelation, "orders"}});  // 10 to 11 is missing
  EXPECT_TRUE(step().woken);
  append(10, 12, {{11, ChangeKind::kEverything, ""}});
  EXPECT_TRUE(step().woken);
  append(10, 12, {{11, ChangeKind::kRelation, "orders"}}, "b");
  EXPECT_TRUE(step().woken);
  append("nonsense");
  EXPECT_TRUE(step().woken);
  append(20, 20, {});  // an election, or too many changes to tell
  EXPECT_TRUE(step().woken);
  EXPECT_EQ(freshness_.label()->snapshot.xmax, 10U);
}

TEST_F(StreamListenerTest, WhatIsKnownAlreadyIsNoReasonToPull) {
  append(8, 10, {{9, ChangeKind::kRelation, "orders"}});
  append(9, 9, {});
  EXPECT_FALSE(step().woken);
  EXPECT_EQ(freshness_.label()->snapshot.xmax, 10U);
}

TEST_F(StreamListenerTest, AGapAsksForAPull) {
  append("x", 1);
  append("y", 1);
  append("z", 1);  // only this one is kept
  EXPECT_TRUE(step().woken);
  store_.flush();
  EXPECT_TRUE(step().woken);
}

TEST_F(StreamListenerTest, NothingNewIsNoWakeUp) {
  EXPECT_FALSE(step().woken);
  EXPECT_TRUE(step().wake_ups_arrive);
}

}  // namespace
}  // namespace weir::detail
