#include "src/freshness/cells.hpp"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <string>
#include <vector>

namespace weir::detail {
namespace {

using spi::Change;
using spi::ChangeKind;
using spi::Snapshot;

Snapshot snapshot(spi::ChangeId xmin, spi::ChangeId xmax,
                  std::vector<spi::ChangeId> in_progress = {}) {
  return Snapshot{xmin, xmax, std::move(in_progress), false};
}

TEST(CellTest, AnUntouchedCellIsSeenByEverySnapshot) {
  const Cell cell;
  EXPECT_TRUE(cell.seen_by(snapshot(1, 1)));
}

TEST(CellTest, AChangeBelowXminIsSeen) {
  Cell cell;
  cell.mark(9, 1);
  EXPECT_TRUE(cell.seen_by(snapshot(10, 10)));
}

TEST(CellTest, AChangeAtXmaxIsNotSeen) {
  Cell cell;
  cell.mark(10, 1);
  EXPECT_FALSE(cell.seen_by(snapshot(10, 10)));
}

TEST(CellTest, AFinishedChangeAboveXminIsSeenWhileALongTransactionHoldsXmin) {
  Cell cell;
  cell.mark(50, 1);
  EXPECT_TRUE(cell.seen_by(snapshot(10, 60, {10})));
  EXPECT_FALSE(cell.seen_by(snapshot(10, 60, {10, 50})));
}

TEST(CellTest, AStandbySnapshotIsTrustedOnlyBelowXmin) {
  Cell cell;
  cell.mark(50, 1);
  EXPECT_FALSE(cell.seen_by(Snapshot{10, 60, {}, true}));
}

TEST(CellTest, AChangeLearnedLateCounts) {
  Cell cell;
  cell.mark(50, 1);
  cell.mark(20, 1);
  EXPECT_FALSE(cell.seen_by(snapshot(20, 60, {20})));
}

TEST(CellTest, ForgottenChangesErrTowardsStale) {
  Cell cell;
  for (spi::ChangeId id = 20; id < 40; ++id) cell.mark(id, 1);
  EXPECT_FALSE(cell.seen_by(snapshot(10, 60, {10})));
  EXPECT_TRUE(cell.seen_by(snapshot(40, 60, {45})));
}

// Against the definition: a cell must never say "seen" when one of its changes is not.
TEST(CellTest, NeverSaysSeenWhenAnyMarkedChangeIsNot) {
  std::mt19937_64 random{20'261'122};
  std::uint64_t exact = 0;
  for (int round = 0; round < 20'000; ++round) {
    Cell cell;
    std::set<spi::ChangeId> marked;
    const std::uint64_t marks = random() % 10;
    for (std::uint64_t i = 0; i < marks; ++i) {
      const spi::ChangeId id = 1 + random() % 40;
      cell.mark(id, 1);
      marked.insert(id);
    }
    const spi::ChangeId xmin = 1 + random() % 40;
    const spi::ChangeId xmax = xmin + random() % 10;
    std::vector<spi::ChangeId> in_progress;
    for (spi::ChangeId id = xmin; id < xmax; ++id) {
      if (random() % 3 == 0) in_progress.push_back(id);
    }
    const Snapshot at = snapshot(xmin, xmax, in_progress);
    bool all_seen = true;
    for (const spi::ChangeId id : marked) all_seen = all_seen && at.sees(id);
    if (cell.seen_by(at)) {
      ASSERT_TRUE(all_seen) << "round " << round << ", snapshot " << at.to_string();
    }
    if (cell.seen_by(at) == all_seen) ++exact;
  }
  EXPECT_GT(exact, 15'000U);  // and it is rarely more careful than needed
}

TEST(CellTableTest, ARelationWithoutACellIsNotMarkedAndOneWithACellIs) {
  CellTable table;
  const Cell* orders = table.relation("16385");
  const std::vector<Change> changes{{10, ChangeKind::kRelation, "16385"},
                                    {11, ChangeKind::kRelation, "16390"}};
  table.apply(changes, {}, [](bool, std::uint64_t) {});
  EXPECT_EQ(orders->newest(), 10U);
  EXPECT_EQ(table.relation("16390")->newest(), 0U);
  EXPECT_EQ(table.relation("16385"), orders);
  EXPECT_EQ(table.relations(), 2U);
}

// Whoever takes the label that `publish` makes known must find every change it has seen marked.
TEST(CellTableTest, EveryChangeIsMarkedWhenTheLabelIsPublished) {
  CellTable table;
  const Cell* orders = table.relation("orders");
  const std::vector<std::string> tags{"user:42"};
  const Snapshot before = snapshot(10, 10);
  const std::vector<Change> changes{{10, ChangeKind::kRelation, "orders"},
                                    {10, ChangeKind::kTag, "front-page"},
                                    {10, ChangeKind::kTagPattern, "user:*"},
                                    {10, ChangeKind::kEverything, ""}};
  bool published = false;
  table.apply(changes, {}, [&](bool, std::uint64_t) {
    published = true;
    EXPECT_FALSE(orders->seen_by(before));
    EXPECT_FALSE(table.tag("front-page")->seen_by(before));
    EXPECT_FALSE(table.everything()->seen_by(before));
  });
  EXPECT_TRUE(published);
  EXPECT_FALSE(table.patterns_seen_by(before, tags));
}

TEST(CellTableTest, WithFullCoverageAChangeMakesTheCellItNames) {
  CellTable table{Coverage::kChanged};
  const std::vector<Change> past{{9, ChangeKind::kRelation, "16385"}};
  const std::vector<Change> changes{{10, ChangeKind::kRelation, "16390"}};
  bool all = false;
  table.apply(changes, past, [&](bool complete, std::uint64_t) { all = complete; });
  EXPECT_TRUE(all);
  EXPECT_EQ(table.relation("16385")->newest(), 9U);
  EXPECT_EQ(table.relation("16390")->newest(), 10U);
}

TEST(CellTableTest, ChangesMakeABoundedNumberOfCellsAndSayWhenOneIsMissing) {
  CellTable table{Coverage::kChanged, 1};
  bool all = false;
  const auto apply = [&](const Change& change) {
    table.apply({&change, 1}, {}, [&](bool complete, std::uint64_t) { all = complete; });
    return all;
  };
  EXPECT_TRUE(apply({10, ChangeKind::kRelation, "1"}));
  EXPECT_FALSE(apply({11, ChangeKind::kRelation, "2"}));
  EXPECT_TRUE(apply({12, ChangeKind::kRelation, "1"}));
  (void)table.relation("2");  // who asks gets one all the same
  EXPECT_TRUE(apply({13, ChangeKind::kRelation, "2"}));
}

// What the journal's history leaves out, the newest ones make forgotten.
TEST(CellTest, TheNewestFewMarksJudgeAsAllOfThemDo) {
  std::mt19937_64 random{20'261'122};
  for (int round = 0; round < 5'000; ++round) {
    std::set<spi::ChangeId> ids;
    for (std::uint64_t i = random() % 20; i > 0; --i) ids.insert(1 + random() % 40);
    Cell all;
    Cell newest;
    for (const spi::ChangeId id : ids) all.mark(id, 1);
    std::size_t left = spi::History::kNewest;
    for (auto id = ids.rbegin(); id != ids.rend() && left > 0; ++id, --left) newest.mark(*id, 1);
    for (spi::ChangeId xmin = 1; xmin < 45; ++xmin) {
      const Snapshot at = snapshot(xmin, xmin + 6, {xmin, xmin + 3});
      ASSERT_EQ(all.seen_by(at), newest.seen_by(at)) << "round " << round << ", xmin " << xmin;
    }
  }
}

TEST(CellTableTest, AMatchingPatternStalesTaggedEntriesOnly) {
  CellTable table;
  const std::vector<Change> changes{{10, ChangeKind::kTagPattern, "user:*"}};
  table.apply(changes, {}, [](bool, std::uint64_t) {});
  const std::vector<std::string> user{"front-page", "user:42"};
  const std::vector<std::string> other{"front-page"};
  EXPECT_FALSE(table.patterns_seen_by(snapshot(10, 10), user));
  EXPECT_TRUE(table.patterns_seen_by(snapshot(11, 11), user));
  EXPECT_TRUE(table.patterns_seen_by(snapshot(10, 10), other));
  EXPECT_TRUE(table.patterns_seen_by(snapshot(10, 10), {}));
}

TEST(CellTableTest, ForgottenPatternsErrTowardsStale) {
  CellTable table;
  std::vector<Change> changes;
  for (spi::ChangeId id = 1; id <= CellTable::kPatterns + 1; ++id)
    changes.push_back({id, ChangeKind::kTagPattern, "x"});
  table.apply(changes, {}, [](bool, std::uint64_t) {});
  const std::vector<std::string> tags{"y"};
  EXPECT_FALSE(table.patterns_seen_by(snapshot(1, 1), tags));
  EXPECT_TRUE(table.patterns_seen_by(snapshot(2, 2), tags));
}

TEST(CellTableTest, ATagIsMarkedByName) {
  CellTable table;
  const std::vector<Change> changes{{7, ChangeKind::kTag, "front-page"}};
  table.apply(changes, {}, [](bool, std::uint64_t) {});
  EXPECT_EQ(table.tag("front-page")->newest(), 7U);
  EXPECT_EQ(table.tag("another")->newest(), 0U);
}

Change rows(spi::ChangeId id, std::string relation, std::string items) {
  return {id, ChangeKind::kRows, std::move(relation), std::move(items)};
}

TEST(CellTableTest, AChangeOfRowsMarksTheRelationAndTheRowsButNotTheWhole) {
  CellTable table;
  const RelationCells* const cells = table.relation_cells("7");
  const KeyStripes& keys = table.keys();
  table.apply(std::vector{rows(5, "7",
                               "1:a\x1f"
                               "2:b:c")},
              {}, [](bool, std::uint64_t) {});
  const Snapshot before = snapshot(5, 5);
  EXPECT_FALSE(cells->any.seen_by(before));
  EXPECT_TRUE(cells->whole.seen_by(before));
  EXPECT_FALSE(keys.at(KeyStripes::hash("7", "1:a"))->seen_by(before));
  EXPECT_FALSE(keys.at(KeyStripes::hash("7", "2:b:c"))->seen_by(before));
  EXPECT_TRUE(keys.at(KeyStripes::hash("7", "1:b"))->seen_by(before));
  EXPECT_TRUE(keys.at(KeyStripes::hash("8", "1:a"))->seen_by(before)) << "another relation's";
  EXPECT_EQ(cells->changes.load(), 1U);
}

TEST(CellTableTest, AChangeOfTheWholeRelationMarksBothItsCells) {
  CellTable table;
  const RelationCells* const cells = table.relation_cells("7");
  table.apply(std::vector{Change{5, ChangeKind::kRelation, "7", {}}}, {},
              [](bool, std::uint64_t) {});
  EXPECT_FALSE(cells->any.seen_by(snapshot(5, 5)));
  EXPECT_FALSE(cells->whole.seen_by(snapshot(5, 5)));
}

TEST(CellTableTest, RowsOfThePastAreMarkedWhereNobodyAskedYet) {
  CellTable table{Coverage::kChanged};
  table.apply({}, std::vector{rows(5, "7", "1:a")},
              [](bool complete, std::uint64_t) { EXPECT_TRUE(complete); });
  EXPECT_FALSE(table.keys().at(KeyStripes::hash("7", "1:a"))->seen_by(snapshot(5, 5)));
  EXPECT_FALSE(table.relation("7")->seen_by(snapshot(5, 5)));
}

TEST(CellTableTest, RowsWithoutAColumnMarkTheWhole) {
  CellTable table;
  const RelationCells* const cells = table.relation_cells("7");
  table.apply(std::vector{rows(5, "7", "1:a\x1f\x1f")}, {}, [](bool, std::uint64_t) {});
  EXPECT_FALSE(cells->whole.seen_by(snapshot(5, 5)));
}

TEST(CellTableTest, ARowWithoutAnyKeyMarksTheRelationOnly) {
  CellTable table;
  const RelationCells* const cells = table.relation_cells("7");
  table.apply(std::vector{rows(5, "7", "")}, {}, [](bool, std::uint64_t) {});
  EXPECT_FALSE(cells->any.seen_by(snapshot(5, 5)));
  EXPECT_TRUE(cells->whole.seen_by(snapshot(5, 5)));
}

}  // namespace
}  // namespace weir::detail
