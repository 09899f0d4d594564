#include "src/freshness/change_batch.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "src/base/hash.hpp"

namespace weir::detail {
namespace {

using spi::Change;
using spi::ChangeKind;
using ::testing::HasSubstr;

ChangeBatch sample() {
  return {.incarnation = "7300:1:nonce with % and space",
          .from = {.xmin = 10, .xmax = 12, .in_progress = {11}},
          .to = {.xmin = 15, .xmax = 15},
          .changes = {{11, ChangeKind::kRelation, "16384"},
                      {12, ChangeKind::kRows, "16385",
                       "1:42\x1f"
                       "2:a b"},
                      {12, ChangeKind::kRows, "16386", ""},
                      {13, ChangeKind::kTag, "user:42"},
                      {13, ChangeKind::kTagPattern, "us\ner:* \xC3\xA9"},
                      {14, ChangeKind::kEverything, ""}}};
}

void expect_equal(const ChangeBatch& a, const ChangeBatch& b) {
  EXPECT_EQ(a.incarnation, b.incarnation);
  EXPECT_EQ(a.from, b.from);
  EXPECT_EQ(a.to, b.to);
  ASSERT_EQ(a.changes.size(), b.changes.size());
  for (std::size_t i = 0; i < a.changes.size(); ++i) {
    EXPECT_EQ(a.changes[i].id, b.changes[i].id);
    EXPECT_EQ(a.changes[i].kind, b.changes[i].kind);
    EXPECT_EQ(a.changes[i].target, b.changes[i].target);
    EXPECT_EQ(a.changes[i].rows, b.changes[i].rows);
  }
}

/// The text with a right check behind it.
std::string checked(std::string_view text) {
  return fmt::format("{} check={:016x}", text, hash64(text));
}

TEST(ChangeBatchTest, IsOneReadableLine) {
  EXPECT_THAT(
      encode(sample()),
      ::testing::StartsWith(
          "weir1 incarnation=7300:1:nonce%20with%20%25%20and%20space from=10:12:11 to=15:15: "
          "11=relation:16384 12=rows:5:163851:42%1F2:a%20b 12=rows:5:16386 13=tag:user:42 "
          "13=pattern:us%0Aer:*%20\xC3\xA9 14=everything check="));
}

TEST(ChangeBatchTest, SurvivesTheTripThroughItsText) {
  for (const ChangeBatch& batch : {sample(), ChangeBatch{}}) {
    const ParsedChangeBatch parsed = parse_change_batch(encode(batch));
    ASSERT_TRUE(parsed.batch) << parsed.fault;
    expect_equal(*parsed.batch, batch);
  }
}

TEST(ChangeBatchTest, RandomBytesInNamesSurvive) {
  std::mt19937_64 random{11};
  const auto pick = [&](std::size_t n) {
    return std::uniform_int_distribution<std::size_t>{0, n - 1}(random);
  };
  const auto bytes = [&] {
    std::string text(pick(12), '\0');
    for (char& c : text) c = static_cast<char>(pick(256));
    return text;
  };
  for (int round = 0; round < 500; ++round) {
    ChangeBatch batch{.incarnation = bytes(), .to = {.xmin = 7, .xmax = 9, .in_progress = {8}}};
    for (std::size_t i = pick(5); i > 0; --i) {
      const auto kind = static_cast<ChangeKind>(pick(4));
      batch.changes.push_back(
          {1 + pick(1'000'000), kind, kind == ChangeKind::kEverything ? "" : bytes()});
    }
    const ParsedChangeBatch parsed = parse_change_batch(encode(batch));
    ASSERT_TRUE(parsed.batch) << parsed.fault;
    expect_equal(*parsed.batch, batch);
  }
}

TEST(ChangeBatchTest, AnyFlippedByteAndAnyCutIsAFault) {
  const std::string good = encode(sample());
  for (std::size_t i = 0; i < good.size(); ++i) {
    for (const int bit : {0, 3, 7}) {
      std::string bad = good;
      bad[i] = static_cast<char>(bad[i] ^ (1 << bit));
      EXPECT_FALSE(parse_change_batch(bad).batch) << bad;
    }
    const ParsedChangeBatch cut = parse_change_batch(good.substr(0, i));
    EXPECT_FALSE(cut.batch) << i;
    EXPECT_NE(cut.fault, "");
  }
  EXPECT_FALSE(parse_change_batch(good + " ").batch);
}

TEST(ChangeBatchTest, SaysWhatIsWrongAndWhere) {
  const std::string head = "weir1 incarnation=a from=1:1: to=2:2:";
  ASSERT_TRUE(parse_change_batch(checked(head)).batch);
  struct Case {
    std::string text;
    std::string fault;
  };
  for (const auto& [text, fault] : std::vector<Case>{
           {"", "not of the form 'weir1'"},
           {"weir2 incarnation=a", "not of the form 'weir1'"},
           {head, "no 'check='"},
           {checked(head) + "0", "no 'check='"},
           {head + " check=0000000000000000", "damaged"},
           {checked("weir1"), "'incarnation=' expected"},
           {checked("weir1 incarnation=a%2 from=1:1: to=2:2:"), "not allowed at byte 6"},
           {checked("weir1 incarnation=a%41 from=1:1: to=2:2:"), "not allowed at byte 6"},
           {checked("weir1 incarnation=a\t from=1:1: to=2:2:"), "not allowed at byte 6"},
           {checked("weir1 incarnation=a to=2:2:"), "'from=' expected at byte 20"},
           {checked("weir1 incarnation=a from=1:x: to=2:2:"), "'from=': snapshot: a number"},
           {checked("weir1 incarnation=a from=3:3: to=2:2:"), "'to=' before 'from='"},
           {checked(head + " "), "'<id>=<what>', expected at byte 38"},
           {checked(head + " 0=everything"), "'<id>=<what>'"},
           {checked(head + " -1=everything"), "'<id>=<what>'"},
           {checked(head + " 99999999999999999999=everything"), "'<id>=<what>'"},
           {checked(head + " 5=nothing"), "neither 'relation:'"},
           {checked(head + " 5=everything "), "'<id>=<what>'"},
       }) {
    const ParsedChangeBatch parsed = parse_change_batch(text);
    EXPECT_FALSE(parsed.batch) << text;
    EXPECT_THAT(parsed.fault, HasSubstr(fault)) << text;
    EXPECT_THAT(parsed.fault, ::testing::StartsWith("change batch: "));
  }
}

TEST(ChangeBatchTest, OverTheLimitsItOnlySaysThatThereIsMore) {
  ChangeBatch many = sample();
  many.changes.assign(ChangeBatch::kMaxChanges, {13, ChangeKind::kRelation, "1"});
  ASSERT_TRUE(parse_change_batch(encode(many)).batch);
  EXPECT_EQ(parse_change_batch(encode(many)).batch->changes.size(), ChangeBatch::kMaxChanges);
  ChangeBatch long_names = sample();
  long_names.changes.assign(3, {13, ChangeKind::kTag, std::string(400'000, 'x')});
  many.changes.push_back({13, ChangeKind::kRelation, "1"});
  for (const ChangeBatch& large : {many, long_names}) {
    const ParsedChangeBatch parsed = parse_change_batch(encode(large));
    ASSERT_TRUE(parsed.batch) << parsed.fault;
    expect_equal(*parsed.batch,
                 ChangeBatch{.incarnation = large.incarnation, .from = large.to, .to = large.to});
  }
}

TEST(ChangeBatchTest, TextsOverTheLimitsAreNotRead) {
  const std::string head = "weir1 incarnation=a from=1:1: to=2:2:";
  std::string many = head;
  for (std::size_t i = 0; i <= ChangeBatch::kMaxChanges; ++i) many += " 1=everything";
  EXPECT_THAT(parse_change_batch(checked(many)).fault, HasSubstr("more than 10000 changes"));
  const std::string huge = head + " 1=tag:" + std::string(ChangeBatch::kMaxText.value, 'x');
  EXPECT_THAT(parse_change_batch(checked(huge)).fault, HasSubstr("more than 1048576"));
}

TEST(ChangeBatchTest, RowsThatDoNotTellTheirRelationAreRefused) {
  const std::string head = "weir1 incarnation=a from=1:1: to=2:2: 1=rows:";
  EXPECT_TRUE(parse_change_batch(checked(head + "2:71:a")).batch);
  for (const char* bad : {"", "2", "2:", "3:71", "02:71:a", "-1:7", "99999999999999999999:7"})
    EXPECT_FALSE(parse_change_batch(checked(head + bad)).batch) << bad;
}

}  // namespace
}  // namespace weir::detail
