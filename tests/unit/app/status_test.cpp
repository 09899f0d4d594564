#include "src/app/listen/status.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>
#include <sstream>

#include "tests/support/fake_clock.hpp"

namespace weir::app {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

const spi::ListenStep kLeads{.leader = true, .wake_ups_arrive = true, .looks = 1, .answered = true};
const spi::ListenStep kStandsBy{.wake_ups_arrive = true, .answered = true};

class ListenStatusTest : public ::testing::Test {
 protected:
  std::vector<std::string> names(const std::vector<LogEvent>& events) {
    std::vector<std::string> all;
    for (const LogEvent& event : events) all.emplace_back(event.event);
    return all;
  }
  std::vector<std::string> step(const spi::ListenStep& step) {
    return names(note_step(status_, step, clock_.now()));
  }
  std::vector<std::string> fail(const std::string& why) {
    return names(note_failure(status_, why, clock_.now()));
  }
  std::vector<std::string> unready() { return app::unready({{"shop", status_}}, clock_.now()); }

  test::FakeClock clock_;
  DatabaseStatus status_;
};

TEST_F(ListenStatusTest, AChangeOfRoleIsToldOnce) {
  EXPECT_THAT(step(kStandsBy), ElementsAre("standby"));
  EXPECT_THAT(step(kStandsBy), IsEmpty());
  EXPECT_THAT(step(kLeads), ElementsAre("leader"));
  EXPECT_EQ(status_.role, Role::kLeader);
  EXPECT_THAT(step(kLeads), IsEmpty());
}

TEST_F(ListenStatusTest, ADeafListenerIsToldWithItsReasonAndIsNotReady) {
  const spi::ListenStep deaf{.answered = true, .deaf_because = "a pooler"};
  const auto events = note_step(status_, deaf, clock_.now());
  ASSERT_THAT(events, SizeIs(1));
  EXPECT_EQ(events[0].level, LogLevel::kWarning);
  EXPECT_THAT(events[0].text, HasSubstr("a pooler"));
  EXPECT_THAT(unready(), ElementsAre("shop: deaf: a pooler"));
  EXPECT_THAT(step(deaf), IsEmpty());
  EXPECT_THAT(step({.answered = true}), IsEmpty());  // it probes again
  EXPECT_EQ(status_.role, Role::kDeaf);
}

TEST_F(ListenStatusTest, AFailureIsToldAtOnceAndTheSameOnceAMinute) {
  step(kLeads);
  EXPECT_THAT(fail("gone"), ElementsAre("disconnected"));
  EXPECT_THAT(fail("gone"), IsEmpty());
  EXPECT_THAT(fail("refused"), ElementsAre("disconnected"));
  clock_.advance(59s);
  EXPECT_THAT(fail("refused"), IsEmpty());
  clock_.advance(1s);
  EXPECT_THAT(fail("refused"), ElementsAre("disconnected"));
  EXPECT_EQ(status_.errors, 5U);
  EXPECT_EQ(status_.reconnects, 1U);
  EXPECT_THAT(unready(), ElementsAre("shop: disconnected: refused"));
  EXPECT_THAT(step(kLeads), ElementsAre("leader"));
  EXPECT_THAT(unready(), IsEmpty());
}

TEST_F(ListenStatusTest, IsReadyOnlyWhileTheDatabaseAnswers) {
  EXPECT_THAT(unready(), ElementsAre("shop: disconnected: not yet connected"));
  step(kStandsBy);
  EXPECT_THAT(unready(), IsEmpty());
  clock_.advance(kReadyWithin);
  step({.wake_ups_arrive = true});  // a step that asked nothing
  EXPECT_THAT(unready(), IsEmpty());
  clock_.advance(1ms);
  EXPECT_THAT(unready(), ElementsAre(HasSubstr("has not answered for 15.001 s")));
}

TEST_F(ListenStatusTest, AThreadWithoutStepsHangs) {
  step(kLeads);
  clock_.advance(kAliveWithin);
  EXPECT_THAT(hanging({{"shop", status_}}, clock_.now()), IsEmpty());
  clock_.advance(1ms);
  EXPECT_THAT(hanging({{"shop", status_}}, clock_.now()), ElementsAre("shop"));
}

TEST_F(ListenStatusTest, BatchesWithChangesAreCountedAndAnElectionsIsNone) {
  spi::ListenStep look = kLeads;
  look.batches.push_back({.from = {5, 5, {}}, .to = {5, 5, {}}});
  step(look);
  EXPECT_EQ(status_.batches, 0U);
  look.announced = 2;
  look.batches[0] = {.from = {5, 5, {}}, .to = {7, 7, {}}, .changes = {{5}, {6}}};
  step(look);
  EXPECT_EQ(status_.batches, 1U);
  EXPECT_EQ(status_.changes, 2U);
}

TEST_F(ListenStatusTest, AFailedPruneIsToldOnceAndCountedEachTime) {
  spi::ListenStep look = kLeads;
  look.prune_failure = "no right";
  EXPECT_THAT(step(look), ElementsAre("leader", "prune-failed"));
  EXPECT_THAT(step(look), IsEmpty());
  EXPECT_EQ(status_.prune_errors, 2U);
  look = kLeads;
  look.pruned = 3;
  EXPECT_THAT(step(look), ElementsAre("pruned"));
  EXPECT_EQ(status_.prune_failure, "");
}

TEST_F(ListenStatusTest, TheMetricsAreWellFormed) {
  step(kLeads);
  status_.untracked = 4;
  clock_.advance(1500ms);
  const std::string text = to_prometheus({{"shop", status_}, {"new", {}}}, 2, clock_.now());
  EXPECT_THAT(text, AllOf(HasSubstr("weir_listen_leader{database=\"shop\"} 1\n"),
                          HasSubstr("weir_listen_leader{database=\"new\"} 0\n"),
                          HasSubstr("weir_listen_looks_total{database=\"shop\"} 1\n"),
                          HasSubstr("weir_listen_untracked_tables{database=\"shop\"} 4\n"),
                          Not(HasSubstr("weir_listen_untracked_tables{database=\"new\"}")),
                          HasSubstr("weir_listen_last_look_age_seconds{database=\"shop\"} 1.500\n"),
                          HasSubstr("weir_listen_reloads_total 2\n")));
  const std::regex line{
      R"(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{[a-z]+="[^"]+"\})? [0-9]+(\.[0-9]+)?)"};
  std::istringstream lines{text};
  for (std::string each; std::getline(lines, each);)
    EXPECT_TRUE(std::regex_match(each, line)) << each;
}

}  // namespace
}  // namespace weir::app
