#include "drivers/redis/slots.hpp"

#include <gtest/gtest.h>

namespace weir::redis {
namespace {

const Endpoint kTeller{.host = "10.0.0.9", .port = 7000};

Reply text(std::string value) { return {.kind = Reply::Kind::kString, .text = std::move(value)}; }
Reply number(std::int64_t value) { return {.kind = Reply::Kind::kInteger, .integer = value}; }
Reply list(std::vector<Reply> items) {
  return {.kind = Reply::Kind::kArray, .items = std::move(items)};
}
Reply error(std::string value) { return {.kind = Reply::Kind::kError, .text = std::move(value)}; }
Reply node(const std::string& host, std::int64_t port) {
  return list({text(host), number(port), text("id")});
}

// Expected numbers: CLUSTER KEYSLOT of Redis 7.0.
TEST(RedisSlotsTest, KeysHaveTheSlotsThatRedisGivesThem) {
  EXPECT_EQ(slot_of("foo"), 12182U);
  EXPECT_EQ(slot_of("123456789"), 12739U);
  EXPECT_EQ(slot_of(""), 0U);
}

TEST(RedisSlotsTest, OnlyTheFirstNonEmptyHashTagCounts) {
  EXPECT_EQ(slot_of("{foo}.a"), slot_of("foo"));
  EXPECT_EQ(slot_of("x{foo}{bar}"), slot_of("foo"));
  EXPECT_EQ(slot_of("{{foo}}"), slot_of("{foo"));
  EXPECT_NE(slot_of("foo{}bar"), slot_of(""));
  EXPECT_NE(slot_of("foo{bar"), slot_of("bar"));
}

TEST(RedisSlotsTest, AMapSaysWhoServesASlot) {
  const auto map = SlotMap::parse(list({list({number(0), number(99), node("a", 1), node("b", 2)}),
                                        list({number(200), number(16383), node("c", 3)})}),
                                  kTeller);
  ASSERT_TRUE(map);
  EXPECT_EQ(to_string(map->find(99)->primary), "a:1");
  EXPECT_EQ(to_string(map->find(99)->replicas.at(0)), "b:2");
  EXPECT_EQ(map->find(100), nullptr);
  EXPECT_EQ(to_string(map->find(16383)->primary), "c:3");
}

TEST(RedisSlotsTest, ANodeWithoutANameIsWhereTheAnswerCameFrom) {
  const auto map =
      SlotMap::parse(list({list({number(0), number(1), node("", 7001)}),
                           list({number(2), number(3), list({Reply{}, number(7002)})})}),
                     kTeller);
  ASSERT_TRUE(map);
  EXPECT_EQ(to_string(map->find(0)->primary), "10.0.0.9:7001");
  EXPECT_EQ(to_string(map->find(3)->primary), "10.0.0.9:7002");
}

TEST(RedisSlotsTest, AnAnswerThatMakesNoSenseIsNoMap) {
  for (const Reply& bad : std::vector<Reply>{Reply{}, list({}), number(3), list({number(1)}),
                                             list({list({number(0), number(1)})}),
                                             list({list({number(-1), number(1), node("a", 1)})}),
                                             list({list({number(0), number(16384), node("a", 1)})}),
                                             list({list({number(5), number(4), node("a", 1)})})}) {
    EXPECT_FALSE(SlotMap::parse(bad, kTeller));
  }
  // A node that cannot be reached leaves its slots to nobody.
  const auto map = SlotMap::parse(list({list({number(0), number(1), node("a", 70'000)}),
                                        list({number(2), number(2), node("?", 1)})}),
                                  kTeller);
  ASSERT_TRUE(map);
  EXPECT_EQ(map->find(0), nullptr);
  EXPECT_EQ(map->find(2), nullptr);
}

TEST(RedisSlotsTest, AMovedSlotIsServedByItsNewOwner) {
  auto map = SlotMap::parse(list({list({number(0), number(9), node("a", 1)})}), kTeller);
  ASSERT_TRUE(map);
  map->move(5, {.host = "b", .port = 2});
  EXPECT_EQ(to_string(map->find(5)->primary), "b:2");
  EXPECT_EQ(to_string(map->find(6)->primary), "a:1");
}

TEST(RedisSlotsTest, RedirectionsAreTakenApart) {
  const auto moved = parse_redirection(error("MOVED 3999 127.0.0.1:6381"), kTeller);
  ASSERT_TRUE(moved);
  EXPECT_TRUE(moved->for_good);
  EXPECT_EQ(moved->slot, 3999U);
  EXPECT_EQ(to_string(moved->target), "127.0.0.1:6381");
  const auto ask = parse_redirection(error("ASK 1 ::1:7000"), kTeller);
  ASSERT_TRUE(ask);
  EXPECT_FALSE(ask->for_good);
  EXPECT_EQ(to_string(ask->target), "[::1]:7000");
  EXPECT_EQ(to_string(parse_redirection(error("MOVED 1 :6381"), kTeller)->target), "10.0.0.9:6381");
  for (const char* const bad : {"MOVED", "MOVED 1", "MOVED x a:1", "MOVED 16384 a:1", "MOVED 1 a",
                                "MOVED 1 a:0", "ERR x"}) {
    EXPECT_FALSE(parse_redirection(error(bad), kTeller)) << bad;
  }
  EXPECT_FALSE(parse_redirection(text("MOVED 1 a:1"), kTeller));
}

}  // namespace
}  // namespace weir::redis
