#include "src/app/listen/publisher.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/freshness/change_batch.hpp"
#include "tests/support/fake_clock.hpp"
#include "weir/error.hpp"

namespace weir::app {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::SizeIs;

struct Appended {
  std::vector<detail::ChangeBatch> batches{};
  std::size_t keep{0};
  std::size_t tries{0};
  bool dead{false};
};

class FakeStream final : public spi::ChangeStream {
 public:
  explicit FakeStream(Appended& appended) : appended_{appended} {}
  void append(std::string_view bytes, std::size_t keep, spi::Deadline) override {
    ++appended_.tries;
    if (appended_.dead) throw ConnectionError{"redis is gone"};
    auto parsed = detail::parse_change_batch(bytes);
    ASSERT_TRUE(parsed.batch) << parsed.fault;
    appended_.batches.push_back(std::move(*parsed.batch));
    appended_.keep = keep;
  }
  spi::StreamRead read(spi::Deadline) override { return {}; }
  void interrupt() noexcept override {}

 private:
  Appended& appended_;
};

class PublisherTest : public ::testing::Test {
 protected:
  static spi::AnnouncedBatch batch(spi::ChangeId from, spi::ChangeId to) {
    return {"life", {from, from, {}}, {to, to, {}}, {{from, spi::ChangeKind::kRelation, "16384"}}};
  }
  Appended stream_;
  test::FakeClock clock_;
  Publisher publisher_{std::make_unique<FakeStream>(stream_), 500, clock_};
};

TEST_F(PublisherTest, EachBatchIsAppendedAsItIs) {
  const auto outcome = publisher_.publish({batch(5, 6), batch(6, 8)});
  EXPECT_EQ(outcome.appended, 2U);
  EXPECT_EQ(outcome.failure, "");
  ASSERT_THAT(stream_.batches, SizeIs(2));
  EXPECT_EQ(stream_.batches[1].from.xmax, 6U);
  EXPECT_EQ(stream_.batches[1].to.xmax, 8U);
  EXPECT_EQ(stream_.batches[1].changes[0].target, "16384");
  EXPECT_EQ(stream_.keep, 500U);
}

TEST_F(PublisherTest, AfterAFailureItOwesABatchThatAsksForAPull) {
  stream_.dead = true;
  const auto failed = publisher_.publish({batch(5, 6), batch(6, 8)});
  EXPECT_THAT(failed.failure, HasSubstr("redis is gone"));
  EXPECT_EQ(stream_.tries, 1U);
  (void)publisher_.publish({batch(8, 9)});  // not yet due: a dead stream costs a branch
  EXPECT_EQ(stream_.tries, 1U);
  stream_.dead = false;
  clock_.advance(Publisher::kFirstRetry);
  const auto recovered = publisher_.publish({});
  EXPECT_TRUE(recovered.recovered);
  ASSERT_THAT(stream_.batches, SizeIs(1));
  EXPECT_EQ(stream_.batches[0].from.xmax, 9U);
  EXPECT_EQ(stream_.batches[0].from, stream_.batches[0].to);
  EXPECT_THAT(stream_.batches[0].changes, SizeIs(0));
  EXPECT_FALSE(publisher_.publish({batch(9, 10)}).recovered);
  EXPECT_THAT(stream_.batches, SizeIs(2));
}

TEST_F(PublisherTest, ABatchOfAServerWithoutIncarnationIsNotTold) {
  spi::AnnouncedBatch nameless = batch(5, 6);
  nameless.incarnation.clear();
  EXPECT_EQ(publisher_.publish({nameless}).appended, 0U);
  EXPECT_EQ(stream_.tries, 0U);
}

}  // namespace
}  // namespace weir::app
