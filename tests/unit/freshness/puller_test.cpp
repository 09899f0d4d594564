#include "src/freshness/puller.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "tests/support/fake_clock.hpp"
#include "weir/error.hpp"

namespace weir::detail {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// A feed that answers as told and counts.
class ScriptedFeed final : public spi::ChangeFeed {
 public:
  struct Script {
    std::atomic<int> pulls{0};
    std::function<spi::Pull(int)> answer{[](int n) {
      spi::Pull pull;
      const auto next = static_cast<spi::ChangeId>(n + 1);
      pull.snapshot = spi::Snapshot{next, next, {}, false};
      pull.incarnation = "a";
      return pull;
    }};
  };
  explicit ScriptedFeed(Script& script) : script_{script} {}
  spi::Pull pull(spi::Deadline) override { return script_.answer(++script_.pulls); }

 private:
  Script& script_;
};

class PullerTest : public ::testing::Test {
 protected:
  test::FakeClock clock_;
  Freshness freshness_;
  ScriptedFeed::Script script_;
  Puller puller_{std::make_unique<ScriptedFeed>(script_), freshness_, clock_, seconds{2}};

  PullNeed within(Duration bound) { return {clock_.now() - bound, puller_.required()}; }
  spi::Deadline soon() { return {clock_.now() + seconds{10}}; }
};

TEST_F(PullerTest, PullsOnceForLookupsInsideTheBound) {
  EXPECT_FALSE(puller_.satisfied(within(seconds{1})));
  EXPECT_EQ(puller_.ensure(within(seconds{1}), soon()), PullOutcome::kDone);
  clock_.advance(seconds{1});
  EXPECT_EQ(puller_.ensure(within(seconds{1}), soon()), PullOutcome::kDone);
  EXPECT_EQ(script_.pulls, 1);
  clock_.advance(milliseconds{1});
  EXPECT_FALSE(puller_.satisfied(within(seconds{1})));
  EXPECT_EQ(puller_.ensure(within(seconds{1}), soon()), PullOutcome::kDone);
  EXPECT_EQ(script_.pulls, 2);
}

TEST_F(PullerTest, AnOwnWriteMakesTheNextLookupPullWhateverTheBound) {
  (void)puller_.ensure(within(seconds{1}), soon());
  puller_.require_after_now();
  EXPECT_FALSE(puller_.satisfied(within(std::chrono::hours{1})));
  EXPECT_EQ(puller_.ensure(within(std::chrono::hours{1}), soon()), PullOutcome::kDone);
  EXPECT_EQ(script_.pulls, 2);
}

TEST_F(PullerTest, AFailureIsToldAndNotTriedAgainBeforeTheBackoff) {
  script_.answer = [](int) -> spi::Pull { throw ConnectionError("gone"); };
  EXPECT_EQ(puller_.ensure(within(seconds{1}), soon()), PullOutcome::kFailed);
  EXPECT_EQ(puller_.ensure(within(seconds{1}), soon()), PullOutcome::kFailed);
  EXPECT_EQ(script_.pulls, 1);
  EXPECT_EQ(puller_.last_failure(), "gone");
  clock_.advance(pull_backoff(1));
  EXPECT_EQ(puller_.ensure(within(seconds{1}), soon()), PullOutcome::kFailed);
  EXPECT_EQ(script_.pulls, 2);
}

TEST_F(PullerTest, RecoversAfterAFailure) {
  const auto good = script_.answer;
  script_.answer = [](int) -> spi::Pull { throw ConnectionError("gone"); };
  (void)puller_.ensure(within(seconds{1}), soon());
  script_.answer = good;
  clock_.advance(pull_backoff(1));
  EXPECT_EQ(puller_.ensure(within(seconds{1}), soon()), PullOutcome::kDone);
  EXPECT_EQ(puller_.last_failure(), "");
}

TEST_F(PullerTest, ALookupInsideTheBoundIsServedThoughALaterPullFailed) {
  (void)puller_.ensure(within(seconds{1}), soon());
  script_.answer = [](int) -> spi::Pull { throw ConnectionError("gone"); };
  clock_.advance(milliseconds{500});
  EXPECT_EQ(puller_.ensure(within(milliseconds{100}), soon()), PullOutcome::kFailed);
  EXPECT_EQ(puller_.ensure(within(seconds{1}), soon()), PullOutcome::kDone);
}

TEST_F(PullerTest, ATokenIsWaitedFor) {
  (void)puller_.ensure(within(seconds{1}), soon());  // snapshot 2:2
  puller_.require(Token{spi::Snapshot{3, 3, {}, false}, "a"});
  EXPECT_FALSE(puller_.satisfied(within(seconds{1})));
  EXPECT_EQ(puller_.ensure(within(seconds{1}), soon()), PullOutcome::kDone);  // snapshot 3:3
  EXPECT_EQ(script_.pulls, 2);
}

TEST_F(PullerTest, ATokenThatAPullDoesNotCoverKeepsTheCacheClosed) {
  (void)puller_.ensure(within(seconds{1}), soon());
  puller_.require(Token{spi::Snapshot{100, 100, {}, false}, "a"});
  EXPECT_EQ(puller_.ensure(within(seconds{1}), soon()), PullOutcome::kFailed);
  EXPECT_EQ(script_.pulls, 2);
}

TEST_F(PullerTest, ATokenOfAnotherIncarnationHoldsNothingUp) {
  (void)puller_.ensure(within(seconds{1}), soon());
  puller_.require(Token{spi::Snapshot{100, 100, {}, false}, "before the failover"});
  EXPECT_TRUE(puller_.satisfied(within(seconds{1})));
}

TEST_F(PullerTest, TheCatalogIsForgottenBeforeTheNewLabelIsPublished) {
  std::vector<LabelRef> label_when_forgotten;
  Puller puller{std::make_unique<ScriptedFeed>(script_), freshness_, clock_, seconds{2},
                [&] { label_when_forgotten.push_back(freshness_.label()); }};
  const auto good = script_.answer;
  (void)puller.ensure(within(Duration{0}), soon());
  const LabelRef before = freshness_.label();
  script_.answer = [&](int n) {
    spi::Pull pull = good(n);
    pull.changes.push_back({static_cast<spi::ChangeId>(n), spi::ChangeKind::kEverything, ""});
    return pull;
  };
  clock_.advance(seconds{1});
  (void)puller.ensure(within(Duration{0}), soon());
  ASSERT_EQ(label_when_forgotten.size(), 2U);
  EXPECT_EQ(label_when_forgotten[0], nullptr);  // the first pull: the journal may be new
  EXPECT_EQ(label_when_forgotten[1], before);
}

TEST(PullBackoffTest, GrowsToASecond) {
  EXPECT_EQ(pull_backoff(0), Duration{0});
  EXPECT_EQ(pull_backoff(1), milliseconds{50});
  EXPECT_EQ(pull_backoff(2), milliseconds{100});
  EXPECT_EQ(pull_backoff(1000), seconds{1});
}

// Strict readers (bound 0) may share a pull only if it started after they came.
TEST(PullerThreadsTest, AStrictLookupNeverUsesAPullThatStartedBeforeIt) {
  Freshness freshness;
  ScriptedFeed::Script script;
  std::atomic<spi::ChangeId> committed{1};
  script.answer = [&](int) {
    spi::Pull pull;
    const spi::ChangeId next = committed.load() + 1;
    pull.snapshot = spi::Snapshot{next, next, {}, false};
    pull.incarnation = "a";
    return pull;
  };
  Puller puller{std::make_unique<ScriptedFeed>(script), freshness, system_clock(), seconds{2}};
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 3'000; ++i) {
        const spi::ChangeId mine = committed.fetch_add(1) + 1;
        const PullNeed need{system_clock().now(), puller.required()};
        if (puller.ensure(need, spi::Deadline::after(system_clock(), seconds{10})) !=
                PullOutcome::kDone ||
            !freshness.label()->snapshot.sees(mine)) {
          ++wrong;
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_LE(script.pulls, 12'001);
}

}  // namespace
}  // namespace weir::detail
