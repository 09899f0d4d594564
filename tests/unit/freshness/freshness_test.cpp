#include "src/freshness/freshness.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <iterator>
#include <random>
#include <set>
#include <thread>
#include <vector>

namespace weir::detail {
namespace {

using spi::Change;
using spi::ChangeKind;

spi::Pull pull_at(spi::ChangeId next, std::vector<Change> changes = {},
                  std::string incarnation = "a") {
  spi::Pull pull;
  pull.snapshot = spi::Snapshot{next, next, {}, false};
  pull.incarnation = std::move(incarnation);
  pull.changes = std::move(changes);
  return pull;
}

TEST(FreshnessTest, HasNoLabelBeforeTheFirstPull) {
  const Freshness freshness;
  EXPECT_EQ(freshness.label(), nullptr);
  EXPECT_EQ(freshness.pulled().number, 0U);
}

TEST(FreshnessTest, AnEntryIsFreshUntilADependencyChanges) {
  Freshness freshness;
  const std::array<const Cell*, 1> orders{freshness.cells().relation("orders")};
  const std::array<const Cell*, 1> users{freshness.cells().relation("users")};
  (void)freshness.apply(pull_at(10), 1, TimePoint{});
  const LabelRef label = freshness.label();
  EXPECT_EQ(freshness.judge(*label, {orders, {}}), Verdict::kFresh);
  (void)freshness.apply(pull_at(11, {{10, ChangeKind::kRelation, "orders"}}), 2, TimePoint{});
  EXPECT_EQ(freshness.judge(*label, {orders, {}}), Verdict::kChanged);
  EXPECT_EQ(freshness.judge(*label, {users, {}}), Verdict::kFresh);
  EXPECT_EQ(freshness.judge(*freshness.label(), {orders, {}}), Verdict::kFresh);
}

// The fill race: a read that began before the change, stored after it was learned.
TEST(FreshnessTest, ALateFillUnderAnOldLabelIsStaleAtItsFirstLookup) {
  Freshness freshness;
  const std::array<const Cell*, 1> orders{freshness.cells().relation("orders")};
  (void)freshness.apply(pull_at(10), 1, TimePoint{});
  const LabelRef slow_read = freshness.label();
  (void)freshness.apply(pull_at(11, {{10, ChangeKind::kRelation, "orders"}}), 2, TimePoint{});
  EXPECT_EQ(freshness.judge(*slow_read, {orders, {}}), Verdict::kChanged);
}

TEST(FreshnessTest, DdlStalesEveryEntryAndAnalysis) {
  Freshness freshness;
  (void)freshness.apply(pull_at(10), 1, TimePoint{});
  const LabelRef label = freshness.label();
  const auto applied =
      freshness.apply(pull_at(11, {{10, ChangeKind::kEverything, ""}}), 2, TimePoint{});
  EXPECT_TRUE(applied.everything);
  EXPECT_EQ(freshness.judge_analysis(*label), Verdict::kChanged);
}

TEST(FreshnessTest, AnotherIncarnationVoidsWhatIdsWouldCallFresh) {
  Freshness freshness;
  (void)freshness.apply(pull_at(10), 1, TimePoint{});
  const LabelRef label = freshness.label();
  const auto applied = freshness.apply(pull_at(10, {}, "b"), 2, TimePoint{});
  EXPECT_FALSE(applied.reset.empty());
  EXPECT_EQ(freshness.judge(*label, {}), Verdict::kVoid);
  EXPECT_EQ(freshness.judge(*freshness.label(), {}), Verdict::kFresh);
}

TEST(FreshnessTest, AResetVoidsWhatWasReadBefore) {
  Freshness freshness;
  (void)freshness.apply(pull_at(10), 1, TimePoint{});
  const LabelRef label = freshness.label();
  spi::Pull pull = pull_at(12);
  pull.reset = "the journal was pruned past the last pull";
  EXPECT_EQ(freshness.apply(pull, 2, TimePoint{}).reset, pull.reset);
  EXPECT_EQ(freshness.judge(*label, {}), Verdict::kVoid);
}

TEST(FreshnessTest, VoidAllVoidsReadsUnderWayToo) {
  Freshness freshness;
  (void)freshness.apply(pull_at(10), 1, TimePoint{});
  const LabelRef reading = freshness.label();
  freshness.void_all();
  EXPECT_EQ(freshness.judge(*reading, {}), Verdict::kVoid);
  EXPECT_EQ(freshness.judge(*freshness.label(), {}), Verdict::kFresh);
}

// Marking takes a while here, so that a label published before it would be caught.
TEST(FreshnessTest, WhoeverSeesAPullSeesAllItsMarks) {
  constexpr spi::ChangeId kRounds = 20;
  constexpr std::size_t kOthers = 50'000;
  Freshness freshness;
  const std::array<const Cell*, 1> orders{freshness.cells().relation("orders")};
  (void)freshness.apply(pull_at(1), 1, TimePoint{});
  std::atomic<spi::ChangeId> ready{0};
  std::atomic<int> wrong{0};
  std::thread reader{[&] {
    for (spi::ChangeId round = 1; round <= kRounds; ++round) {
      const LabelRef before = freshness.label();
      ready = round;
      while (freshness.label() == before && freshness.pulled().number <= round) {
      }
      if (freshness.judge(*before, {orders, {}}) == Verdict::kFresh) ++wrong;
    }
  }};
  std::vector<Change> changes(kOthers, {0, ChangeKind::kRelation, "some other table"});
  changes.push_back({0, ChangeKind::kRelation, "orders"});
  for (spi::ChangeId round = 1; round <= kRounds; ++round) {
    while (ready != round) {
    }
    for (Change& change : changes) change.id = round;
    (void)freshness.apply(pull_at(round + 1, changes), round + 1, TimePoint{});
  }
  reader.join();
  EXPECT_EQ(wrong, 0);
}

// A relation first asked for while pulls arrive: whatever label is taken afterwards, no change may
// slip between.
TEST(FreshnessTest, ACellMadeWhilePullsArriveMissesNothing) {
  constexpr spi::ChangeId kLast = 20'000;
  Freshness freshness;
  (void)freshness.apply(pull_at(1), 1, TimePoint{});
  std::atomic<bool> done{false};
  std::thread puller{[&] {
    for (spi::ChangeId id = 1; id <= kLast; ++id) {
      (void)freshness.apply(
          pull_at(id + 1, {{id, ChangeKind::kRelation, std::to_string(id % 1'000)}}), id + 1,
          TimePoint{});
    }
    done = true;
  }};
  // As a reader does: the cell first, then the label. Then every change the label has not seen must
  // show.
  std::vector<std::pair<const Cell*, LabelRef>> read;
  for (int name = 0; !done || name < 1'000; ++name) {
    const Cell* cell = freshness.cells().relation(std::to_string(name % 1'000));
    if (read.size() < 200'000) read.emplace_back(cell, freshness.label());
    if (done && name >= 1'000) break;
  }
  puller.join();
  for (std::size_t i = 0; i < read.size(); ++i) {
    const spi::ChangeId name = i % 1'000;
    const spi::ChangeId next = read[i].second->snapshot.xmax;  // first id not seen
    spi::ChangeId hit = next + (1'000 + name - next % 1'000) % 1'000;
    if (hit == 0) hit += 1'000;
    if (hit > kLast) continue;
    const std::array<const Cell*, 1> cells{read[i].first};
    ASSERT_EQ(freshness.judge(*read[i].second, {cells, {}}), Verdict::kChanged)
        << "relation " << name << " read at " << next << " changed by " << hit;
  }
}

// --- What other processes read
// -------------------------------------------------------------------------------------------

spi::Snapshot at(spi::ChangeId next) { return spi::Snapshot{next, next, {}, false}; }

spi::Pull first_pull(spi::ChangeId next, spi::ChangeId complete_from, std::vector<Change> past) {
  spi::Pull pull = pull_at(next);
  pull.history = spi::History{at(complete_from), std::move(past)};
  return pull;
}

TEST(FreshnessTest, WithoutHistoryNothingFromBeforeTheFirstPullCanBeJudged) {
  Freshness freshness{Coverage::kChanged};
  (void)freshness.apply(pull_at(20), 1, TimePoint{});
  EXPECT_EQ(freshness.adopt(*freshness.label(), at(19)), nullptr);
  EXPECT_NE(freshness.adopt(*freshness.label(), at(20)), nullptr);
}

TEST(FreshnessTest, WithHistoryWhatOthersReadIsJudgedAsFarBackAsItGoes) {
  Freshness freshness{Coverage::kChanged};
  (void)freshness.apply(first_pull(20, 10, {{15, ChangeKind::kRelation, "orders"}}), 1,
                        TimePoint{});
  const std::array<const Cell*, 1> orders{freshness.cells().relation("orders")};
  const std::array<const Cell*, 1> users{freshness.cells().relation("users")};
  const LabelRef newest = freshness.label();
  EXPECT_EQ(freshness.adopt(*newest, at(9)), nullptr) << "what it has not seen may be pruned";
  const LabelRef before = freshness.adopt(*newest, at(12));
  ASSERT_NE(before, nullptr);
  EXPECT_EQ(before->snapshot, at(12));
  EXPECT_EQ(freshness.judge(*before, {orders, {}}), Verdict::kChanged);
  EXPECT_EQ(freshness.judge(*before, {users, {}}), Verdict::kFresh);
  EXPECT_EQ(freshness.judge(*freshness.adopt(*newest, at(16)), {orders, {}}), Verdict::kFresh);
}

TEST(FreshnessTest, TheFloorStaysWhilePullsGoOn) {
  Freshness freshness{Coverage::kChanged};
  (void)freshness.apply(first_pull(20, 10, {}), 1, TimePoint{});
  (void)freshness.apply(pull_at(30, {{25, ChangeKind::kRelation, "orders"}}), 2, TimePoint{});
  const std::array<const Cell*, 1> orders{freshness.cells().relation("orders")};
  const LabelRef label = freshness.adopt(*freshness.label(), at(22));
  ASSERT_NE(label, nullptr);
  EXPECT_EQ(freshness.judge(*label, {orders, {}}), Verdict::kChanged)
      << "nobody had asked for its cell";
}

TEST(FreshnessTest, AResetSetsTheFloorAnew) {
  Freshness freshness{Coverage::kChanged};
  (void)freshness.apply(first_pull(20, 10, {}), 1, TimePoint{});
  const LabelRef adopted = freshness.adopt(*freshness.label(), at(15));
  spi::Pull reset = pull_at(30);
  reset.reset = "pruned";
  (void)freshness.apply(reset, 2, TimePoint{});
  EXPECT_EQ(freshness.adopt(*freshness.label(), at(29)), nullptr);
  EXPECT_EQ(freshness.judge(*adopted, {}), Verdict::kVoid);
  reset = first_pull(40, 35, {});
  reset.reset = "pruned";
  (void)freshness.apply(reset, 3, TimePoint{});
  EXPECT_NE(freshness.adopt(*freshness.label(), at(35)), nullptr);
}

TEST(FreshnessTest, WhatWasAdoptedBeforeEverythingWasVoidedIsVoid) {
  Freshness freshness{Coverage::kChanged};
  (void)freshness.apply(first_pull(20, 10, {}), 1, TimePoint{});
  const LabelRef newest = freshness.label();
  freshness.void_all();
  EXPECT_EQ(freshness.judge(*freshness.adopt(*newest, at(20)), {}), Verdict::kVoid);
}

TEST(FreshnessTest, TheLabelTellsTheEpoch) {
  Freshness freshness;
  spi::Pull pull = pull_at(10);
  pull.epoch = "loaded at noon";
  (void)freshness.apply(pull, 1, TimePoint{});
  EXPECT_EQ(freshness.label()->epoch, "loaded at noon");
}

// --- Steps
// ----------------------------------------------------------------------------------------------------

spi::Pull pull_beside(spi::ChangeId running, spi::ChangeId next, std::vector<Change> changes) {
  spi::Pull pull = pull_at(next, std::move(changes));
  pull.snapshot.xmin = running;
  pull.snapshot.in_progress = {running};
  return pull;
}

TEST(FreshnessTest, ManyChangesSeenBesideALongTransactionLeaveAnEntryFresh) {
  Freshness freshness;
  const std::array<const Cell*, 1> orders{freshness.cells().relation("orders")};
  (void)freshness.apply(pull_beside(10, 11, {}), 1, TimePoint{});
  std::vector<Change> many;
  for (spi::ChangeId id = 11; id < 40; ++id) many.push_back({id, ChangeKind::kRelation, "orders"});
  (void)freshness.apply(pull_beside(10, 40, many), 2, TimePoint{});
  const LabelRef label = freshness.label();
  EXPECT_EQ(freshness.judge(*label, {orders, {}}), Verdict::kFresh);
  // The same snapshot in another process's entry: nobody knows what that one had learned.
  const LabelRef adopted = freshness.adopt(*label, label->snapshot);
  ASSERT_NE(adopted, nullptr);
  EXPECT_EQ(freshness.judge(*adopted, {orders, {}}), Verdict::kChanged);
  // The long one commits.
  (void)freshness.apply(pull_at(41, {{10, ChangeKind::kRelation, "orders"}}), 3, TimePoint{});
  EXPECT_EQ(freshness.judge(*label, {orders, {}}), Verdict::kChanged);
  EXPECT_EQ(freshness.judge(*freshness.label(), {orders, {}}), Verdict::kFresh);
}

TEST(FreshnessTest, ALabelThatDoesNotSeeWhatWasLearnedBeforeHasNoStep) {
  Freshness freshness;
  const std::array<const Cell*, 1> orders{freshness.cells().relation("orders")};
  (void)freshness.apply(pull_at(10), 1, TimePoint{});
  (void)freshness.apply(pull_at(20, {{15, ChangeKind::kRelation, "orders"}}), 2, TimePoint{});
  // From a server that is behind, or one that says so later than it looked.
  (void)freshness.apply(pull_at(12), 3, TimePoint{});
  EXPECT_EQ(freshness.judge(*freshness.label(), {orders, {}}), Verdict::kChanged);
  (void)freshness.apply(pull_at(14), 4, TimePoint{});
  EXPECT_EQ(freshness.judge(*freshness.label(), {orders, {}}), Verdict::kChanged);
  (void)freshness.apply(pull_at(21), 5, TimePoint{});
  EXPECT_EQ(freshness.judge(*freshness.label(), {orders, {}}), Verdict::kFresh);
}

TEST(FreshnessTest, AChangeThatItsOwnPullDoesNotSeeIsNotTakenForSeen) {
  Freshness freshness;
  const std::array<const Cell*, 1> orders{freshness.cells().relation("orders")};
  (void)freshness.apply(pull_at(10), 1, TimePoint{});
  (void)freshness.apply(pull_at(20, {{25, ChangeKind::kRelation, "orders"}}), 2, TimePoint{});
  EXPECT_EQ(freshness.judge(*freshness.label(), {orders, {}}), Verdict::kChanged);
}

/// A database whose transactions commit in any order, and a process that learns of them by pulls
/// and by batches that come late, twice and beside its pulls.
class RandomLearning {
 public:
  explicit RandomLearning(std::uint64_t seed) : random_{seed} {
    (void)freshness_.apply(look(), ++pulls_, TimePoint{});
  }
  void step() {
    switch (random_() % 6) {
      case 0:
      case 1:
        running_.insert(next_++);
        break;
      case 2:
        if (!running_.empty()) commit();
        break;
      case 3:
        (void)freshness_.apply(look(), ++pulls_, TimePoint{});
        break;
      case 4: {  // the leader's look, told at some time
        const spi::Snapshot now = snapshot();
        batches_.push_back({"a", told_, now, between(told_, now)});
        told_ = now;
        break;
      }
      default:
        if (!batches_.empty()) (void)freshness_.learn(batches_[random_() % batches_.size()]);
    }
    keep_label();
  }
  /// Of every label so far: fresh only if it saw every change learned.
  void check() {
    for (const auto& label : labels_) {
      bool saw_all = true;
      for (const spi::ChangeId id : touching_) saw_all = saw_all && label->snapshot.sees(id);
      const bool fresh = freshness_.judge(*label, {cells_, {}}) == Verdict::kFresh;
      // What was committed and not learned yet is nobody's fault: only what is learned counts.
      if (label == labels_.back()) continue;
      ASSERT_FALSE(fresh && !saw_all && learned_all(*freshness_.label()))
          << label->snapshot.to_string() << " at step " << label->step;
    }
    // The newest label is of everything learned: exact, whatever keeps xmin low.
    EXPECT_EQ(freshness_.judge(*freshness_.label(), {cells_, {}}), Verdict::kFresh);
  }

 private:
  void commit() {
    auto chosen = running_.begin();
    std::advance(chosen, static_cast<std::ptrdiff_t>(random_() % running_.size()));
    if (random_() % 2 == 0) touching_.push_back(*chosen);
    running_.erase(chosen);
  }
  [[nodiscard]] spi::Snapshot snapshot() const {
    return {running_.empty() ? next_ : *running_.begin(),
            next_,
            {running_.begin(), running_.end()},
            false};
  }
  [[nodiscard]] std::vector<Change> between(const spi::Snapshot& from,
                                            const spi::Snapshot& to) const {
    std::vector<Change> changes;
    for (const spi::ChangeId id : touching_) {
      if (to.sees(id) && !from.sees(id)) changes.push_back({id, ChangeKind::kRelation, "orders"});
    }
    return changes;
  }
  [[nodiscard]] spi::Pull look() {
    spi::Pull pull;
    pull.snapshot = snapshot();
    pull.incarnation = "a";
    pull.changes = between(pulled_, pull.snapshot);
    pulled_ = pull.snapshot;
    return pull;
  }
  [[nodiscard]] bool learned_all(const Label& newest) const {
    return std::all_of(touching_.begin(), touching_.end(),
                       [&](spi::ChangeId id) { return newest.snapshot.sees(id); });
  }
  void keep_label() {
    if (labels_.empty() || labels_.back() != freshness_.label())
      labels_.push_back(freshness_.label());
  }

  std::mt19937_64 random_;
  Freshness freshness_{};
  const std::array<const Cell*, 1> cells_{freshness_.cells().relation("orders")};
  spi::ChangeId next_{10};
  std::set<spi::ChangeId> running_{};
  std::vector<spi::ChangeId> touching_{};
  std::uint64_t pulls_{0};
  spi::Snapshot pulled_{10, 10, {}, false};
  spi::Snapshot told_{10, 10, {}, false};
  std::vector<ChangeBatch> batches_{};
  std::vector<LabelRef> labels_{};
};

TEST(FreshnessTest, HoweverChangesAreLearnedALabelIsFreshOnlyIfItSawThem) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    RandomLearning world{seed};
    for (int i = 0; i < 120; ++i) {
      world.step();
      ASSERT_NO_FATAL_FAILURE(world.check()) << "seed " << seed << ", step " << i;
      ASSERT_FALSE(::testing::Test::HasFailure()) << "seed " << seed << ", step " << i;
    }
  }
}

}  // namespace
}  // namespace weir::detail
