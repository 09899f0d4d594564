#include "drivers/redis/reply.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace weir::redis {
namespace {

constexpr std::size_t kLimit = 4096;

void feed(ReplyReader& reader, std::string_view bytes) {
  reader.feed({bytes.data(), bytes.size()});
}

Reply read_one(std::string_view bytes) {
  ReplyReader reader{kLimit};
  feed(reader, bytes);
  auto reply = reader.next();
  EXPECT_TRUE(reply) << bytes;
  return reply.value_or(Reply{});
}

TEST(RedisReplyTest, EveryKindIsUnderstood) {
  EXPECT_EQ(read_one("+OK\r\n").text, "OK");
  EXPECT_TRUE(read_one("+OK\r\n").is(Reply::Kind::kStatus));
  EXPECT_EQ(read_one(":-42\r\n").integer, -42);
  EXPECT_EQ(read_one("-MOVED 1 a:1\r\n").error_word(), "MOVED");
  EXPECT_EQ(read_one("-ERR\r\n").error_word(), "ERR");
  EXPECT_TRUE(read_one("$-1\r\n").is(Reply::Kind::kNil));
  EXPECT_TRUE(read_one("*-1\r\n").is(Reply::Kind::kNil));
  EXPECT_EQ(read_one(std::string_view{"$4\r\na\0\r\n\r\n", 10}).text, std::string("a\0\r\n", 4));
  EXPECT_EQ(read_one("+OK\r\n").error_word(), "");
}

TEST(RedisReplyTest, ListsNest) {
  const Reply reply = read_one("*3\r\n:1\r\n*2\r\n$1\r\nx\r\n$-1\r\n*0\r\n");
  ASSERT_EQ(reply.items.size(), 3U);
  EXPECT_EQ(reply.items[1].items[0].text, "x");
  EXPECT_TRUE(reply.items[1].items[1].is(Reply::Kind::kNil));
  EXPECT_TRUE(reply.items[2].items.empty());
}

TEST(RedisReplyTest, BytesMayComeOneByOneAndRepliesTogether) {
  ReplyReader reader{kLimit};
  const std::string bytes = "*2\r\n$5\r\nhello\r\n:7\r\n+OK\r\n";
  std::size_t replies = 0;
  for (const char c : bytes) {
    feed(reader, {&c, 1});
    while (reader.next()) ++replies;
  }
  EXPECT_EQ(replies, 2U);
  feed(reader, "+a\r\n+b\r\n");
  EXPECT_EQ(reader.next()->text, "a");
  EXPECT_EQ(reader.next()->text, "b");
  EXPECT_FALSE(reader.next());
}

TEST(RedisReplyTest, WhatIsTooLargeIsRefusedBeforeItIsThere) {
  for (const std::string& bytes :
       {"$5000\r\n" + std::string(4500, 'x'), "+" + std::string(5000, 'x'),
        std::string{"*1000000\r\n"}, std::string{"*2147483647\r\n"},
        std::string{"*200000\r\n*200000\r\n"},
        "*2\r\n$3000\r\n" + std::string(3000, 'x') + "\r\n$3000\r\n" + std::string(3000, 'x') +
            "\r\n"}) {
    ReplyReader reader{kLimit};
    feed(reader, bytes);
    EXPECT_THROW((void)reader.next(), ReplyReader::ProtocolFault) << bytes.substr(0, 20);
  }
}

TEST(RedisReplyTest, TheLimitIsForEachReplyNotForAll) {
  ReplyReader reader{kLimit};
  for (int i = 0; i < 10; ++i) {
    feed(reader, "$4000\r\n" + std::string(4000, 'x') + "\r\n");
    ASSERT_TRUE(reader.next());
  }
}

TEST(RedisReplyTest, NonsenseIsAFault) {
  for (const char* const bytes :
       {"HTTP/1.1 200 OK\r\n", "\r\n", "$-5\r\n", "*-7\r\n", "$x\r\n", "*y\r\n", ":z\r\n",
        "$99999999999999999999\r\n", "*99999999999999999999\r\n", "\xFF\xFE\r\n",
        "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n"}) {
    ReplyReader reader{kLimit};
    feed(reader, bytes);
    EXPECT_THROW((void)reader.next(), ReplyReader::ProtocolFault) << bytes;
  }
}

// Random bytes and random damage to good replies: a reply, more to come, or a fault; never a crash.
TEST(RedisReplyTest, NoBytesBreakTheReader) {
  std::mt19937 random{20'26};
  const std::string good = "*3\r\n$5\r\nhello\r\n*2\r\n:1\r\n+OK\r\n$-1\r\n-ERR no\r\n";
  const std::string letters = "*$+-:0123456789\r\nx_#,%~>|";
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes = good;
    for (int change = 0; change < 3; ++change) {
      bytes[random() % bytes.size()] = letters[random() % letters.size()];
    }
    if (round % 3 == 0) bytes.resize(random() % bytes.size());
    ReplyReader reader{kLimit};
    try {
      for (std::size_t at = 0; at < bytes.size(); at += 7) {
        feed(reader, std::string_view{bytes}.substr(at, 7));
        while (reader.next()) {
        }
      }
    } catch (const ReplyReader::ProtocolFault&) {
      continue;
    }
  }
}

TEST(RedisReplyTest, CommandsGoOutAsTheProtocolHasThem) {
  std::string wire;
  append_command(wire, {"SET", "k", std::string_view{"a\0b", 3}});
  append_command(wire, {"GET", std::string_view{}});
  EXPECT_EQ(wire, std::string("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$3\r\na\0b\r\n", 29) +
                      "*2\r\n$3\r\nGET\r\n$0\r\n\r\n");
}

}  // namespace
}  // namespace weir::redis
