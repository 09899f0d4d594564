#include "weir/spi/snapshot.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "tests/support/error_of.hpp"

namespace weir::spi {
namespace {

using ::testing::HasSubstr;

TEST(SnapshotTest, SeesWhatWasFinishedAndNothingElse) {
  const Snapshot snapshot{.xmin = 10, .xmax = 20, .in_progress = {10, 15, 19}};
  for (const ChangeId seen : {1U, 9U, 11U, 14U, 16U, 18U}) EXPECT_TRUE(snapshot.sees(seen)) << seen;
  for (const ChangeId unseen : {10U, 15U, 19U, 20U, 21U})
    EXPECT_FALSE(snapshot.sees(unseen)) << unseen;
  EXPECT_FALSE(snapshot.sees(UINT64_MAX));
}

TEST(SnapshotTest, TheFirstSnapshotSeesNoChange) { EXPECT_FALSE(Snapshot{}.sees(1)); }

// PostgreSQL's standbys leave in-progress ids out of their snapshots, so between xmin and xmax
// nothing is known.
TEST(SnapshotTest, OfAStandbySeesOnlyWhatIsBelowXmin) {
  const Snapshot standby{.xmin = 671, .xmax = 675, .in_progress = {}, .standby = true};
  EXPECT_TRUE(standby.sees(670));
  for (ChangeId id = 671; id <= 675; ++id) EXPECT_FALSE(standby.sees(id)) << id;
}

TEST(SnapshotTest, CoversItselfAndWhatIsOlder) {
  const Snapshot older{.xmin = 10, .xmax = 20, .in_progress = {10, 15}};
  EXPECT_TRUE(older.covers(older));
  EXPECT_TRUE((Snapshot{.xmin = 15, .xmax = 30, .in_progress = {15, 25}}.covers(older)));
  EXPECT_FALSE(older.covers(Snapshot{.xmin = 15, .xmax = 30, .in_progress = {15, 25}}));
  EXPECT_FALSE(
      (Snapshot{.xmin = 10, .xmax = 30, .in_progress = {10, 16}}.covers(older)));  // older saw 16
}

TEST(SnapshotTest, OfAStandbyCoversUpToItsXmin) {
  const Snapshot standby{.xmin = 20, .xmax = 25, .in_progress = {}, .standby = true};
  EXPECT_TRUE(standby.covers(Snapshot{.xmin = 10, .xmax = 20, .in_progress = {10}}));
  EXPECT_FALSE(standby.covers(Snapshot{.xmin = 10, .xmax = 21, .in_progress = {10}}));
  EXPECT_TRUE(standby.covers(standby));
  EXPECT_TRUE((Snapshot{.xmin = 12, .xmax = 21, .in_progress = {12, 20}}.covers(
      Snapshot{.xmin = 12, .xmax = 25, .in_progress = {}, .standby = true})));
}

TEST(SnapshotTest, CoversOnlyWhenEverySeenChangeIsSeen) {
  std::mt19937 random{4711};
  const auto draw = [&](ChangeId low, ChangeId high) {
    return std::uniform_int_distribution<ChangeId>{low, high}(random);
  };
  const auto draw_snapshot = [&] {
    Snapshot snapshot;
    snapshot.xmin = draw(1, 12);
    snapshot.xmax = snapshot.xmin + draw(0, 6);
    snapshot.standby = draw(0, 3) == 0;
    for (ChangeId id = snapshot.xmin; id < snapshot.xmax; ++id) {
      if (draw(0, 2) == 0) snapshot.in_progress.push_back(id);
    }
    return snapshot;
  };
  int covered = 0;
  for (int round = 0; round < 50'000; ++round) {
    const Snapshot newer = draw_snapshot();
    const Snapshot older = draw_snapshot();
    bool all_seen = true;
    for (ChangeId id = 1; id < 30; ++id) all_seen = all_seen && (!older.sees(id) || newer.sees(id));
    const bool covers = newer.covers(older);
    covered += covers ? 1 : 0;
    ASSERT_LE(covers, all_seen) << newer.to_string() << " covers " << older.to_string();
    // PostgreSQL's xmax is the id behind the last finished one; of such snapshots it is known
    // exactly.
    const bool real = older.standby || older.xmax == older.xmin || older.in_progress.empty() ||
                      older.in_progress.back() != older.xmax - 1;
    if (real && !older.standby && !newer.standby && older.xmax <= newer.xmax) {
      ASSERT_EQ(covers, all_seen) << newer.to_string() << " covers " << older.to_string();
    }
  }
  EXPECT_GT(covered, 5000);
}

TEST(SnapshotTest, TextFormComesBack) {
  for (const char* const text :
       {"1:1:", "671:675:671", "10:20:10,14,15", "s671:675:", "s5:9:6",
        "18446744073709551614:18446744073709551615:18446744073709551614"}) {
    EXPECT_EQ(Snapshot::parse(text).to_string(), text);
  }
  const Snapshot parsed = Snapshot::parse("s671:675:");
  EXPECT_EQ(parsed, (Snapshot{.xmin = 671, .xmax = 675, .in_progress = {}, .standby = true}));
}

struct BadText {
  const char* text;
  const char* complaint;
};

class SnapshotTextTest : public ::testing::TestWithParam<BadText> {};

TEST_P(SnapshotTextTest, IsRefusedSayingWhatIsWrong) {
  const std::string message = test::error_of(
      ErrorCode::kUsage, [] { static_cast<void>(Snapshot::parse(GetParam().text)); });
  EXPECT_THAT(message, HasSubstr(GetParam().complaint));
}

INSTANTIATE_TEST_SUITE_P(
    Cases, SnapshotTextTest,
    ::testing::Values(
        BadText{"", "a number expected at byte 0"}, BadText{"x", "a number expected at byte 0"},
        BadText{"s", "a number expected at byte 1"},
        BadText{"ss1:2:", "a number expected at byte 1"}, BadText{"1", "':' expected at byte 1"},
        BadText{"1:", "a number expected at byte 2"}, BadText{"1:2", "':' expected at byte 3"},
        BadText{"0:2:", "xmin is 0"}, BadText{"5:4:", "xmax is below xmin"},
        BadText{"-1:4:", "a number expected"}, BadText{"+1:4:", "a number expected"},
        BadText{" 1:4:", "a number expected"},
        BadText{"1:18446744073709551616:", "a number over 64 bits"},
        BadText{"10:20:9", "not in [xmin, xmax)"}, BadText{"10:20:20", "not in [xmin, xmax)"},
        BadText{"10:20:12,11", "out of order"}, BadText{"10:20:11,11", "out of order"},
        BadText{"10:20:11,", "a number expected at byte 9"},
        BadText{"10:20:,11", "a number expected"}, BadText{"10:20:11;12", "',' expected at byte 8"},
        BadText{"10:10:10", "not in [xmin, xmax)"}, BadText{"1:2: ", "a number expected at byte 4"},
        BadText{"10:20:19,20", "not in [xmin, xmax)"}));

TEST(SnapshotTest, RandomTextIsReadBackOrRefused) {
  std::mt19937 random{99};
  const std::string_view letters = "0123456789::,,s-";
  int accepted = 0;
  for (int round = 0; round < 200'000; ++round) {
    std::string text = round % 2 == 0 ? "3:9:" : "";
    for (auto left = std::uniform_int_distribution<int>{0, 10}(random); left > 0; --left) {
      text += letters[std::uniform_int_distribution<std::size_t>{0, letters.size() - 1}(random)];
    }
    try {
      const Snapshot snapshot = Snapshot::parse(text);
      ++accepted;
      ASSERT_EQ(Snapshot::parse(snapshot.to_string()), snapshot) << text;
    } catch (const Error& error) {
      ASSERT_EQ(error.code(), ErrorCode::kUsage);
    }
  }
  EXPECT_GT(accepted, 100);
}

}  // namespace
}  // namespace weir::spi
