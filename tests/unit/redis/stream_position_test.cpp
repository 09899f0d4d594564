#include "drivers/redis/stream_position.hpp"

#include <gtest/gtest.h>

#include <utility>

namespace weir::redis {
namespace {

StreamId id(std::uint64_t time) { return {.time = time}; }

StreamPosition at(std::uint64_t time) {
  StreamPosition position;
  position.begin(id(time));
  return position;
}

ReadEntries chain(std::uint64_t before, std::vector<std::uint64_t> times) {
  ReadEntries read;
  for (const std::uint64_t time : times) {
    read.entries.push_back({.id = id(time), .before = id(before), .bytes = std::to_string(time)});
    read.last = id(time);
    before = time;
  }
  return read;
}

Reply text(std::string value) { return {.kind = Reply::Kind::kString, .text = std::move(value)}; }
Reply list(std::vector<Reply> items) {
  return {.kind = Reply::Kind::kArray, .items = std::move(items)};
}
Reply entry(const std::string& entry_id, std::vector<Reply> fields) {
  return list({text(entry_id), list(std::move(fields))});
}

TEST(RedisStreamPositionTest, AnUnbrokenChainHasNoGap) {
  StreamPosition position = at(10);
  const spi::StreamRead read = position.take(chain(10, {11, 12, 15}));
  EXPECT_FALSE(read.gap);
  ASSERT_EQ(read.entries.size(), 3U);
  EXPECT_EQ(read.entries[2].id, "15-0");
  EXPECT_FALSE(position.take(chain(15, {16})).gap);
  EXPECT_FALSE(position.check_end(id(16)));
}

TEST(RedisStreamPositionTest, EntriesTrimmedBeforeTheyWereReadAreAGap) {
  StreamPosition position = at(10);
  EXPECT_TRUE(position.take(chain(12, {13, 14})).gap);
  EXPECT_FALSE(position.take(chain(14, {15})).gap);
}

TEST(RedisStreamPositionTest, AnEntryMissingInTheMiddleIsAGap) {
  StreamPosition position = at(10);
  ReadEntries read = chain(10, {11, 12, 13});
  read.entries.erase(read.entries.begin() + 1);
  EXPECT_TRUE(position.take(std::move(read)).gap);
}

TEST(RedisStreamPositionTest, AStreamMadeAnewIsAGap) {
  StreamPosition position = at(10);
  EXPECT_TRUE(position.take(chain(0, {20})).gap);
}

TEST(RedisStreamPositionTest, AnEndBeforeOursIsAGapAndReadingGoesOnFromThere) {
  StreamPosition position = at(10);
  EXPECT_TRUE(position.check_end(id(7)));
  EXPECT_EQ(position.at(), id(7));
  EXPECT_FALSE(position.take(chain(7, {8})).gap);
  StreamPosition flushed = at(10);
  EXPECT_TRUE(flushed.check_end(StreamId{}));
  EXPECT_FALSE(flushed.take(chain(0, {3})).gap);
}

// The replica that took over had only got as far as 8, and its first own entry has a larger id.
TEST(RedisStreamPositionTest, AFailoverThatLostEntriesIsAGap) {
  StreamPosition position = at(10);
  EXPECT_FALSE(position.check_end(id(12)));
  EXPECT_TRUE(position.take(chain(8, {12})).gap);
}

TEST(RedisStreamPositionTest, ALostConnectionBeforeTheFirstEntryIsAGap) {
  StreamPosition position;
  EXPECT_FALSE(position.reconnected());
  position.begin(StreamId{});
  EXPECT_TRUE(position.reconnected());
  EXPECT_FALSE(position.take(chain(0, {5})).gap);
  EXPECT_FALSE(position.reconnected());
}

TEST(RedisStreamPositionTest, ForeignEntriesAreAGapAndSteppedOver) {
  StreamPosition position = at(10);
  ReadEntries read;
  read.foreign = true;
  read.last = id(12);
  EXPECT_TRUE(position.take(std::move(read)).gap);
  EXPECT_EQ(position.at(), id(12));
}

TEST(RedisStreamPositionTest, AnswersAreTakenApart) {
  const Reply good = list(
      {list({text("s"), list({entry("5-1", {text("before"), text("4-0"), text("data"), text("x")}),
                              entry("6-0", {text("a"), text("b")})})})});
  const auto read = parse_entries(good);
  ASSERT_TRUE(read);
  ASSERT_EQ(read->entries.size(), 1U);
  EXPECT_EQ(read->entries[0].id, (StreamId{.time = 5, .number = 1}));
  EXPECT_EQ(read->entries[0].before, id(4));
  EXPECT_TRUE(read->foreign);
  EXPECT_EQ(read->last, id(6));
  EXPECT_TRUE(parse_entries(Reply{})->entries.empty());
}

TEST(RedisStreamPositionTest, NonsenseIsNothing) {
  const std::vector<Reply> ours{text("before"), text("4-0"), text("data"), text("x")};
  for (const Reply& bad : std::vector<Reply>{
           text("x"), list({}), list({text("s")}), list({list({text("s")})}),
           list({list({text("s"), list({text("x")})})}),
           list({list({text("s"), list({entry("x", ours)})})}),
           list({list({text("s"), list({entry("5", ours)})})}),
           list({list({text("s"), list({entry("-1-0", ours)})})}),
           list({list({text("s"), list({entry("6-0", ours), entry("5-0", ours)})})})}) {
    EXPECT_FALSE(parse_entries(bad));
  }
}

}  // namespace
}  // namespace weir::redis
