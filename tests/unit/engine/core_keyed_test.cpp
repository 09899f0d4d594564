// Results that depend on some rows of a table only.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/unit/engine/core_fixture.hpp"
#include "tests/unit/engine/shared_fixture.hpp"

namespace weir::detail {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

class CoreKeyedTest : public CoreTest {
 protected:
  void SetUp() override {
    CoreTest::SetUp();
    fake_->keyed.insert("orders");
    options_.policy.max_staleness = milliseconds{0};
  }
  /// Whether the second of two lookups around `write` came from the cache.
  template <typename F>
  bool survives(std::string_view sql, const Params& params, F&& write) {
    (void)ask(sql, params);
    write();
    return ask_later(sql, params).source() == Source::kMemory;
  }
  Result ask_later(std::string_view sql, const Params& params = {}) {
    clock_.advance(milliseconds{1});
    return ask(sql, params);
  }
};

TEST_F(CoreKeyedTest, AWriteToAnotherRowLeavesAResultCached) {
  EXPECT_TRUE(
      survives("get orders $1", Params::of("1"), [&] { fake_->write("orders", "2", "x"); }));
}

TEST_F(CoreKeyedTest, AWriteToTheRowVoidsIt) {
  EXPECT_FALSE(
      survives("get orders $1", Params::of("1"), [&] { fake_->write("orders", "1", "x"); }));
  EXPECT_EQ(value_of(ask("get orders $1", Params::of("1"))), "x");
}

TEST_F(CoreKeyedTest, AnOwnWriteToTheRowVoidsItAndOneToAnotherRowDoesNot) {
  EXPECT_TRUE(survives("get orders 1", {},
                       [&] { (void)core_->execute(asker_, "set orders 2 x", Params{}); }));
  EXPECT_FALSE(survives("get orders 1", {},
                        [&] { (void)core_->execute(asker_, "set orders 1 y", Params{}); }));
}

TEST_F(CoreKeyedTest, AValueIsComparedInItsCanonicalForm) {
  EXPECT_FALSE(survives("get orders $1", Params::of(1), [&] { fake_->write("orders", "1", "x"); }));
  EXPECT_TRUE(survives("get orders $1", Params::of(2), [&] { fake_->write("orders", "1", "y"); }));
}

TEST_F(CoreKeyedTest, AParameterWithoutACanonicalFormMakesTheWholeTableCount) {
  EXPECT_FALSE(
      survives("get orders $1", Params::of(true), [&] { fake_->write("orders", "2", "x"); }));
}

TEST_F(CoreKeyedTest, NullMatchesNoRowButWhatTellsNoRowsStillCounts) {
  const Params null = Params::of(std::optional<std::string>{});
  EXPECT_TRUE(survives("get orders $1", null, [&] { fake_->write("orders", "2", "x"); }));
  EXPECT_FALSE(survives("get orders $1", null, [&] {
    fake_->commit(fake_->begin_change(), {}, {{0, spi::ChangeKind::kRelation, "orders", {}}});
  }));
}

TEST_F(CoreKeyedTest, AChangeThatTellsNoRowsVoidsEveryRow) {
  EXPECT_FALSE(survives("get orders 1", {}, [&] {
    fake_->commit(fake_->begin_change(), {}, {{0, spi::ChangeKind::kRelation, "orders", {}}});
  }));
}

TEST_F(CoreKeyedTest, AResultOfTheWholeTableIsVoidedByAnyRow) {
  EXPECT_FALSE(survives("scan orders", {}, [&] { fake_->write("orders", "2", "x"); }));
}

TEST_F(CoreKeyedTest, RowsThatAreNotAsTheyShouldBeVoidTheTable) {
  EXPECT_FALSE(survives("get orders 1", {}, [&] {
    fake_->commit(fake_->begin_change(), {},
                  {{0, spi::ChangeKind::kRows, "orders", "k:9\x1fnonsense"}});
  }));
}

TEST_F(CoreKeyedTest, EachOfSeveralReferencesCounts) {
  spi::Analysis both;
  both.kind = spi::StatementKind::kRead;
  both.cacheability = spi::Cacheability::kProvable;
  both.relations = {{"orders", "main.orders", true, {}, {}}};
  both.dependencies = {"orders"};
  both.keys = {
      {"orders", "k", "text", "main.orders", "k", {{0, false, "1", {}}}},
      {"orders", "k", "text", "main.orders", "k", {{0, false, "2", {}}, {0, false, "3", {}}}}};
  fake_->analyses["scan orders"] = both;
  for (const char* key : {"1", "2", "3"})
    EXPECT_FALSE(survives("scan orders", {}, [&] { fake_->write("orders", key, "x"); })) << key;
  EXPECT_TRUE(survives("scan orders", {}, [&] { fake_->write("orders", "4", "x"); }));
}

TEST_F(CoreKeyedTest, TheElementsOfAnArrayAreValues) {
  spi::Analysis any;
  any.kind = spi::StatementKind::kRead;
  any.cacheability = spi::Cacheability::kProvable;
  any.relations = {{"orders", "main.orders", true, {}, {}}};
  any.dependencies = {"orders"};
  any.keys = {{"orders", "k", "text", "main.orders", "k", {{1, true, {}, {}}}}};
  const auto elements = [&](std::vector<std::int64_t> values) {
    spi::Driver* const driver = driver_;
    return key_hashes(any, "orders", Params::of(values), *driver);
  };
  core();
  EXPECT_EQ(elements({1, 2, 2})->size(), 2U);
  EXPECT_EQ(elements({})->size(), 0U);
  EXPECT_EQ(elements({1})->front(), KeyStripes::hash("orders", "k:1"));
  EXPECT_EQ(elements(std::vector<std::int64_t>(kMostKeyValues + 1, 7)), std::nullopt)
      << "looking at so many costs more than a miss";
  EXPECT_EQ(key_hashes(any, "orders", Params::of("{1,2}"), *driver_), std::nullopt)
      << "an array as text";
  EXPECT_EQ(key_hashes(any, "orders", Params{}, *driver_), std::nullopt) << "no such parameter";
}

TEST_F(CoreKeyedTest, TheReasonNamesTheRowsAndTheTable) {
  (void)ask("get orders 1");
  fake_->write("orders", "1", "x");
  EXPECT_EQ(ask_later("get orders 1").reason(), "stale: rows of main.orders changed");
  fake_->commit(fake_->begin_change(), {}, {{0, spi::ChangeKind::kRelation, "orders", {}}});
  EXPECT_EQ(ask_later("get orders 1").reason(), "stale: main.orders changed");
}

TEST_F(CoreKeyedTest, ValuesThatShareAPlaceCostAMissAndAreCounted) {
  options_.memory.key_stripes = 64;
  (void)ask("get orders 1");
  const std::uint64_t mine = KeyStripes::hash("orders", "k:1");
  int other = 2;
  while ((KeyStripes::hash("orders", "k:" + std::to_string(other)) & 63U) != (mine & 63U)) ++other;
  fake_->write("orders", std::to_string(other), "x");
  EXPECT_EQ(ask_later("get orders 1").reason_code(), ReasonCode::kStale);
  EXPECT_EQ(core().metrics().key_collisions_total, 1U);
  fake_->write("orders", "1", "y");
  EXPECT_EQ(ask_later("get orders 1").reason_code(), ReasonCode::kStale);
  EXPECT_EQ(core().metrics().key_collisions_total, 1U) << "that one was no collision";
}

TEST_F(CoreKeyedTest, MetricsTellPerStatementWhatItsTablesSawAndWhatTouchedIt) {
  (void)ask("get orders $1", Params::of("1"));
  for (const char* key : {"2", "3", "1"}) {
    fake_->write("orders", key, "x");
    (void)ask_later("get orders $1", Params::of("1"));
  }
  fake_->write("users", "1", "x");
  (void)ask_later("get orders $1", Params::of("1"));
  const Metrics metrics = core().metrics();
  ASSERT_EQ(metrics.statement_changes.size(), 1U);
  EXPECT_EQ(metrics.statement_changes[0].statement, "get orders $1");
  EXPECT_EQ(metrics.statement_changes[0].table_changes, 3U);
  EXPECT_EQ(metrics.statement_changes[0].touched, 1U);
  EXPECT_NE(metrics.to_prometheus().find(R"(,statement="get orders $1"} 3)"), std::string::npos);
}

TEST_F(CoreKeyedTest, ExplainShowsTheKeys) {
  const Explanation explanation = [&] {
    core();
    return core_->explain(asker_, "get orders $1");
  }();
  ASSERT_EQ(explanation.keys.size(), 1U);
  EXPECT_EQ(explanation.keys[0].parameter, 1U);
  EXPECT_THAT(explanation.to_string(), HasSubstr("rows       of main.orders where k = $1\n"));
  EXPECT_THAT(explanation.to_json(),
              HasSubstr(R"("keys":[{"relation":"main.orders","column":"k","parameter":1)"));
}

TEST_F(SharedTest, AnotherProcessJudgesASharedEntryByItsRows) {
  fake_->keyed.insert("orders");
  const Process writer = process();
  const Process reader = process();
  (void)writer.ask("get orders $1", {}, Params::of("1"));
  fake_->write("orders", "2", "x");
  EXPECT_EQ(reader.ask("get orders $1", {}, Params::of("1")).source(), Source::kRedis);
  fake_->write("orders", "1", "y");
  const Process newcomer = process();
  EXPECT_EQ(newcomer.ask("get orders $1", {}, Params::of("1")).reason_code(), ReasonCode::kStale);
  EXPECT_EQ(value_of(reader.ask("get orders $1", {}, Params::of("1"))), "y");
}

}  // namespace
}  // namespace weir::detail
