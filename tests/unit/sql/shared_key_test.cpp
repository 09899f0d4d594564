#include "src/sql/shared_key.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace weir::detail {
namespace {

/// A key's parts, owned.
struct Parts {
  std::string backend{"postgresql"};
  std::string incarnation{"7-5-1-a"};
  std::string epoch{"loaded 1"};
  std::string environment{"TimeZone=UTC"};
  Session session{};
  std::vector<std::string> depends_on{};
  std::string normalized{"select * from orders where id = $1"};
  Params params{Params::of(1)};

  [[nodiscard]] SharedKey key() const {
    return shared_key("weir", {backend, incarnation, epoch, environment, &session, depends_on,
                               normalized, &params});
  }
};

TEST(SharedKeyTest, EqualPartsMakeEqualKeys) {
  EXPECT_EQ(Parts{}.key().name, Parts{}.key().name);
  EXPECT_EQ(Parts{}.key().bytes, Parts{}.key().bytes);
}

TEST(SharedKeyTest, AnyPartThatDiffersMakesAnotherKey) {
  std::vector<Parts> all(14);
  all[1].backend = "sqlite";
  all[2].incarnation = "7-5-1-b";
  all[3].epoch = "loaded 2";
  all[4].environment = "TimeZone=CET";
  all[5].session.role = "alice";
  all[6].session.search_path = "alice";
  all[7].session.settings["app.user"] = "1";
  all[8].session.settings["app.user"] = "2";
  all[9].depends_on = {"orders"};
  all[10].normalized = "select * from orders where id = $2";
  all[11].params = Params::of(2);
  all[12].params = Params::of("1");
  all[13].session.role = "";
  std::set<std::string> names;
  std::set<std::string> bytes;
  for (const Parts& parts : all) {
    names.insert(parts.key().name);
    bytes.insert(parts.key().bytes);
  }
  EXPECT_EQ(names.size(), all.size());
  EXPECT_EQ(bytes.size(), all.size());
}

TEST(SharedKeyTest, WhatMovesFromOnePartToTheNextMakesAnotherKey) {
  Parts one;
  one.incarnation = "a1:b";
  one.epoch = "c";
  Parts other;
  other.incarnation = "a";
  other.epoch = "1:bc";
  EXPECT_NE(one.key().bytes, other.key().bytes);
}

TEST(SharedKeyTest, TheNameIsShortAndItsLeaseIsInTheSameSlot) {
  Parts parts;
  parts.normalized.assign(10'000, 'x');
  const SharedKey key = parts.key();
  EXPECT_EQ(key.name.size(), std::string{"weir:{"}.size() + 32 + 1);
  EXPECT_TRUE(key.name.starts_with("weir:{"));
  EXPECT_TRUE(lease_name(key).starts_with(key.name));
  EXPECT_NE(lease_name(key), key.name);
}

}  // namespace
}  // namespace weir::detail
