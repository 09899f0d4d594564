// The checker itself: it must let good histories pass and name what is wrong with bad ones.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/history.hpp"

namespace weir::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::StartsWith;

TimePoint at(int tick) { return TimePoint{} + std::chrono::seconds{tick}; }

WriteRecord write(int key, std::int64_t version, int begin, int end, int process = 0,
                  WriteOutcome outcome = WriteOutcome::kCommitted) {
  return {key, version, process, at(begin), at(end), outcome};
}

ReadRecord read(int begin, int end, int bound, std::vector<SeenVersion> seen, int process = 9) {
  return {process, at(begin), at(end), std::chrono::seconds{bound}, std::move(seen)};
}

/// Key 1: version 1 in 10…12, version 2 in 20…22, both by process 0.
const std::vector<WriteRecord> kWrites{write(1, 1, 10, 12), write(1, 2, 20, 22)};

TEST(HistoryCheckerTest, CurrentConcurrentAndBoundedStaleReadsPass) {
  EXPECT_THAT(
      impossible_reads(kWrites, {read(1, 2, 0, {{1, 0, 0}}),    // nothing written yet
                                 read(13, 14, 0, {{1, 1, 1}}),  // current
                                 read(11, 13, 0, {{1, 0, 0}}),  // while it commits: old
                                 read(11, 13, 0, {{1, 1, 1}}),  // or new
                                 read(25, 26, 4, {{1, 1, 1}}),  // three ticks stale, four allowed
                                 read(25, 26, 0, {{1, 2, 2}}, 0)}),  // own
      IsEmpty());
}

TEST(HistoryCheckerTest, ATornReadIsImpossible) {
  EXPECT_THAT(impossible_reads(kWrites, {read(13, 14, 100, {{1, 1, 0}})}),
              ElementsAre(StartsWith("torn")));
}

TEST(HistoryCheckerTest, ARolledBackOrUnheardOfVersionIsImpossible) {
  const std::vector<WriteRecord> writes{write(1, 1, 10, 12, 0, WriteOutcome::kRolledBack)};
  EXPECT_THAT(
      impossible_reads(writes, {read(13, 14, 100, {{1, 1, 1}}), read(13, 14, 100, {{2, 7, 7}})}),
      ElementsAre(StartsWith("never committed"), StartsWith("never committed")));
}

TEST(HistoryCheckerTest, AVersionWrittenAfterTheReadEndedIsImpossible) {
  EXPECT_THAT(impossible_reads(kWrites, {read(13, 19, 100, {{1, 2, 2}})}),
              ElementsAre(StartsWith("from the future")));
}

TEST(HistoryCheckerTest, MissingAWriteOfTheSameProcessIsImpossibleWhateverTheBound) {
  EXPECT_THAT(impossible_reads(kWrites, {read(22, 23, 100, {{1, 1, 1}}, 0)}),
              ElementsAre(StartsWith("own write missing")));
}

TEST(HistoryCheckerTest, MissingAWriteOlderThanTheBoundIsImpossible) {
  EXPECT_THAT(
      impossible_reads(kWrites, {read(23, 24, 0, {{1, 1, 1}}), read(27, 28, 5, {{1, 1, 1}})}),
      ElementsAre(StartsWith("staler than its bound"), StartsWith("staler than its bound")));
}

TEST(HistoryCheckerTest, VersionsThatNeverStoodTogetherAreImpossible) {
  // Key 2 got version 1 only after key 1 had long had version 2.
  std::vector<WriteRecord> writes = kWrites;
  writes.push_back(write(2, 1, 30, 31));
  EXPECT_THAT(impossible_reads(writes, {read(32, 33, 100, {{1, 1, 1}, {2, 1, 1}})}),
              ElementsAre(StartsWith("not of one moment")));
}

TEST(HistoryCheckerTest, AWriteOfUnknownOutcomeMayBeSeenOrMissed) {
  const std::vector<WriteRecord> writes{write(1, 1, 10, 12, 0, WriteOutcome::kUnknown)};
  EXPECT_THAT(
      impossible_reads(writes, {read(13, 14, 0, {{1, 1, 1}}), read(13, 14, 0, {{1, 0, 0}}, 0)}),
      IsEmpty());
}

}  // namespace
}  // namespace weir::test
