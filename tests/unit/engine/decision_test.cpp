#include "src/engine/decision.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace weir::detail {
namespace {

using spi::Cacheability;
using spi::StatementKind;
using std::chrono::seconds;

spi::Analysis read(Cacheability cacheability) {
  spi::Analysis analysis;
  analysis.kind = StatementKind::kRead;
  analysis.cacheability = cacheability;
  analysis.reasons = {"the reason"};
  return analysis;
}

DecisionInput with_ttl() {
  DecisionInput input;
  input.ruling.ttl = seconds{1};
  return input;
}

TEST(DecisionTest, WhatIsProvenIsKept) {
  const Decision decision = decide(read(Cacheability::kProvable), {});
  EXPECT_TRUE(decision.keep);
  EXPECT_TRUE(decision.proven);
}

TEST(DecisionTest, WhatIsNotProvenNeedsATtlAndStaysUnproven) {
  const Decision without = decide(read(Cacheability::kTtlOnly), {});
  EXPECT_FALSE(without.keep);
  EXPECT_FALSE(without.share);
  EXPECT_EQ(without.code, ReasonCode::kNotCacheable);
  EXPECT_THAT(without.reason, ::testing::HasSubstr("the reason"));
  const Decision with = decide(read(Cacheability::kTtlOnly), with_ttl());
  EXPECT_TRUE(with.keep);
  EXPECT_FALSE(with.proven);
}

TEST(DecisionTest, NoTtlMakesNeverAMaybe) {
  EXPECT_FALSE(decide(read(Cacheability::kNever), with_ttl()).keep);
}

TEST(DecisionTest, WhatIsNotAReadIsNeverKept) {
  for (const StatementKind kind :
       {StatementKind::kWrite, StatementKind::kSchemaChange, StatementKind::kSessionChange,
        StatementKind::kTransactionControl, StatementKind::kMultiple, StatementKind::kOther}) {
    spi::Analysis analysis = read(Cacheability::kProvable);
    analysis.kind = kind;
    const Decision decision = decide(analysis, with_ttl());
    EXPECT_FALSE(decision.keep || decision.share) << static_cast<int>(kind);
  }
}

TEST(DecisionTest, DeclaredReadsProveOpaqueFunctionsAndNothingElse) {
  DecisionInput declared;
  declared.declares_reads = true;
  spi::Analysis opaque = read(Cacheability::kTtlOnly);
  EXPECT_FALSE(decide(opaque, declared).keep);
  opaque.opaque_only = true;
  EXPECT_TRUE(decide(opaque, declared).proven);
  EXPECT_FALSE(decide(opaque, {}).keep);
}

TEST(DecisionTest, RowSecurityNeedsADeclaredSessionWhateverTheTtl) {
  spi::Analysis secured = read(Cacheability::kProvable);
  secured.needs_declared_session = true;
  EXPECT_EQ(decide(secured, with_ttl()).code, ReasonCode::kSession);
  DecisionInput declared;
  declared.declared_session = true;
  EXPECT_TRUE(decide(secured, declared).keep);
}

TEST(DecisionTest, OffKeepsAndSharesNothingAndCoalesceOnlyShares) {
  DecisionInput input;
  input.ruling.mode = CacheMode::kOff;
  EXPECT_FALSE(decide(read(Cacheability::kProvable), input).share);
  input.ruling.mode = CacheMode::kCoalesceOnly;
  const Decision decision = decide(read(Cacheability::kTtlOnly), input);
  EXPECT_TRUE(decision.share);
  EXPECT_FALSE(decision.keep);
}

TEST(ExpiredTest, TheStoredDeadlineAndTheCallersTtlBothHold) {
  const TimePoint start{seconds{100}};
  EXPECT_FALSE(expired({start + seconds{5}, start, TimePoint::max(), {}}));
  EXPECT_TRUE(expired({start + seconds{5}, start, start + seconds{5}, {}}));
  EXPECT_TRUE(expired({start + seconds{5}, start, TimePoint::max(), seconds{5}}));
  EXPECT_FALSE(expired({start + seconds{5}, start, TimePoint::max(), seconds{6}}));
}

TEST(TimeWordTest, IsFoundAsAWordAloneInTextsAndArrays) {
  EXPECT_TRUE(may_name_current_time(Params::of(1, "[today,tomorrow)")));
  EXPECT_TRUE(may_name_current_time(Params::of("yesterday 10:00")));
  EXPECT_TRUE(may_name_current_time(Params::of(std::vector<std::string>{"x", "NOW"})));
  EXPECT_TRUE(may_name_current_time(Params::of("{n\\ow}")));
  EXPECT_FALSE(may_name_current_time(Params::of("know", "nowhere", "todays", "2024-01-01", 7)));
}

}  // namespace
}  // namespace weir::detail
