// What the memory tier keeps, on made-up traffic with fixed seeds, against an LRU of the same
// bytes.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <list>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

#include "src/cache/memory_tier.hpp"
#include "tests/unit/cache/fixtures.hpp"

namespace weir::detail {
namespace {

using std::chrono::duration_cast;
using std::chrono::microseconds;
using std::chrono::nanoseconds;

/// A query: its result's text of so many bytes, and what it costs to ask the database.
struct Object {
  std::size_t bytes{300};
  nanoseconds cost{microseconds{100}};
};

struct Traffic {
  std::vector<Object> objects;
  std::vector<std::uint32_t> requests;
  double noise{0.3};  // costs measured vary by this: standard deviation of the logarithm
};

struct Outcome {
  double misses{};  // share of the requests
  double cost{};    // share of the database time left
};

class Zipf {
 public:
  Zipf(std::size_t objects, double skew, std::uint64_t seed) : random_{seed} {
    double sum = 0;
    for (std::size_t i = 0; i < objects; ++i) {
      sums_.push_back(sum += 1 / std::pow(static_cast<double>(i + 1), skew));
    }
  }
  std::uint32_t operator()() {
    const double at = std::uniform_real_distribution<double>{0, sums_.back()}(random_);
    return static_cast<std::uint32_t>(std::lower_bound(sums_.begin(), sums_.end(), at) -
                                      sums_.begin());
  }

 private:
  std::mt19937_64 random_;
  std::vector<double> sums_;
};

class Tally {
 public:
  void request(const Object& object, bool hit) {
    ++requests_;
    cost_ += static_cast<double>(object.cost.count());
    if (hit) return;
    ++misses_;
    missed_cost_ += static_cast<double>(object.cost.count());
  }
  [[nodiscard]] Outcome outcome() const { return {misses_ / requests_, missed_cost_ / cost_}; }

 private:
  double requests_{0};
  double misses_{0};
  double cost_{0};
  double missed_cost_{0};
};

/// What one object takes: the same for both caches, but that LRU's index is free.
std::uint64_t charge_of(const Object& object) {
  return Entry::charge_for(Key{0, "00000000"}, test::draft_of(test::result_of(object.bytes))).value;
}

Outcome run_lru(const Traffic& traffic, Bytes capacity, std::size_t from = 0) {
  std::list<std::uint32_t> order;
  std::unordered_map<std::uint32_t, std::list<std::uint32_t>::iterator> where;
  std::vector<std::uint64_t> charges;
  for (const Object& object : traffic.objects) charges.push_back(charge_of(object));
  std::uint64_t used = 0;
  Tally tally;
  for (std::size_t i = 0; i < traffic.requests.size(); ++i) {
    const std::uint32_t id = traffic.requests[i];
    const auto found = where.find(id);
    if (i >= from) tally.request(traffic.objects[id], found != where.end());
    if (found != where.end()) {
      order.splice(order.begin(), order, found->second);
      continue;
    }
    while (used + charges[id] > capacity.value) {
      used -= charges[order.back()];
      where.erase(order.back());
      order.pop_back();
    }
    used += charges[id];
    order.push_front(id);
    where[id] = order.begin();
  }
  return tally.outcome();
}

Outcome run_tier(const Traffic& traffic, Bytes capacity, std::size_t from = 0) {
  MemoryOptions options;
  options.capacity = capacity;
  options.max_entry = capacity;
  options.shards = 16;
  MemoryTier tier{options};
  std::mt19937_64 random{11};
  std::lognormal_distribution<double> noise{0, traffic.noise};
  std::vector<spi::ResultRef> results(traffic.objects.size());
  Tally tally;
  for (std::size_t i = 0; i < traffic.requests.size(); ++i) {
    const std::uint32_t id = traffic.requests[i];
    const Object& object = traffic.objects[id];
    std::string bytes = std::to_string(id);
    bytes.resize(8, '.');
    const Key key = test::key_of(bytes);
    const bool hit = static_cast<bool>(tier.find(key));
    if (i >= from) tally.request(object, hit);
    if (hit) continue;
    if (!results[id]) results[id] = test::result_of(object.bytes);
    const double measured = static_cast<double>(object.cost.count()) * noise(random);
    tier.put(key, test::draft_of(results[id], nanoseconds{static_cast<std::int64_t>(measured)}));
  }
  return tally.outcome();
}

Bytes share_of(const Traffic& traffic, double share) {
  double sum = 0;
  for (const Object& object : traffic.objects) sum += static_cast<double>(charge_of(object));
  return Bytes{static_cast<std::uint64_t>(sum * share)};
}

std::string figures(Outcome outcome) {
  return std::to_string(outcome.misses) + " misses, " + std::to_string(outcome.cost) + " cost";
}

constexpr std::size_t kObjects = 10'000;
constexpr std::size_t kRequests = 80'000;

Traffic zipf(double skew) {
  Traffic traffic{std::vector<Object>(kObjects), {}};
  Zipf draw{kObjects, skew, 1};
  while (traffic.requests.size() < kRequests) traffic.requests.push_back(draw());
  return traffic;
}

/// A fifth of the requests are scans, 500 long, over things hardly ever asked for again.
Traffic zipf_with_scans() {
  Traffic traffic{std::vector<Object>(3 * kObjects), {}};
  Zipf draw{kObjects, 0.99, 2};
  std::mt19937 random{3};
  while (traffic.requests.size() < kRequests) {
    for (int i = 0; i < 2000; ++i) traffic.requests.push_back(draw());
    const auto start = static_cast<std::uint32_t>(random() % (2 * kObjects));
    for (std::uint32_t i = 0; i < 500; ++i) {
      traffic.requests.push_back(
          static_cast<std::uint32_t>(kObjects + (start + i) % (2 * kObjects)));
    }
  }
  return traffic;
}

/// Every 8,000 requests other objects are the popular ones.
Traffic drifting() {
  Traffic traffic{std::vector<Object>(kObjects), {}};
  Zipf draw{kObjects, 0.99, 4};
  for (std::size_t i = 0; i < kRequests; ++i) {
    traffic.requests.push_back(static_cast<std::uint32_t>((draw() + i / 8'000 * 7919) % kObjects));
  }
  return traffic;
}

/// Sizes and costs as in the performance report: lognormal, independent, medians 2 KB and 150 µs.
Traffic unequal() {
  Traffic traffic;
  std::mt19937_64 random{7};
  std::normal_distribution<double> normal;
  for (std::size_t i = 0; i < kObjects; ++i) {
    Object object;
    object.bytes =
        static_cast<std::size_t>(std::clamp(2048 * std::exp(1.5 * normal(random)), 100.0, 100e3));
    object.cost = duration_cast<nanoseconds>(std::chrono::duration<double, std::micro>{
        std::clamp(150 * std::exp(1.5 * normal(random)), 20.0, 20e3)});
    traffic.objects.push_back(object);
  }
  Zipf draw{kObjects, 0.9, 5};
  std::vector<std::uint32_t> shuffled(kObjects);
  for (std::uint32_t i = 0; i < kObjects; ++i) shuffled[i] = i;
  std::shuffle(shuffled.begin(), shuffled.end(), random);
  while (traffic.requests.size() < kRequests) traffic.requests.push_back(shuffled[draw()]);
  return traffic;
}

class EqualCostTest : public ::testing::TestWithParam<double> {};

TEST_P(EqualCostTest, MissesNoMoreThanLruOnSkewedTraffic) {
  const Traffic traffic = zipf(0.99);
  const Bytes capacity = share_of(traffic, GetParam());
  const Outcome lru = run_lru(traffic, capacity);
  const Outcome ours = run_tier(traffic, capacity);
  RecordProperty("lru", figures(lru));
  RecordProperty("tier", figures(ours));
  EXPECT_LE(ours.misses, 0.95 * lru.misses) << figures(lru) << " / " << figures(ours);
}

TEST_P(EqualCostTest, MissesNoMoreThanLruWhenScansGoThrough) {
  const Traffic traffic = zipf_with_scans();
  const Bytes capacity = share_of(traffic, GetParam() / 3);
  const Outcome lru = run_lru(traffic, capacity);
  const Outcome ours = run_tier(traffic, capacity);
  RecordProperty("lru", figures(lru));
  RecordProperty("tier", figures(ours));
  EXPECT_LE(ours.misses, 0.97 * lru.misses) << figures(lru) << " / " << figures(ours);
}

TEST_P(EqualCostTest, FollowsMovingPopularity) {
  const Traffic traffic = drifting();
  const Bytes capacity = share_of(traffic, GetParam());
  const Outcome lru = run_lru(traffic, capacity);
  const Outcome ours = run_tier(traffic, capacity);
  RecordProperty("lru", figures(lru));
  RecordProperty("tier", figures(ours));
  EXPECT_LE(ours.misses, 1.10 * lru.misses) << figures(lru) << " / " << figures(ours);
}

INSTANTIATE_TEST_SUITE_P(ShareOfAllBytes, EqualCostTest, ::testing::Values(0.02, 0.1));

TEST(UnequalCostTest, SavesFarMoreDatabaseTimeThanLruWithTheSameBytes) {
  const Traffic traffic = unequal();
  for (const double share : {0.02, 0.1}) {
    SCOPED_TRACE(share);
    const Bytes capacity = share_of(traffic, share);
    const Outcome lru = run_lru(traffic, capacity);
    const Outcome ours = run_tier(traffic, capacity);
    RecordProperty("lru_" + std::to_string(share).substr(0, 4), figures(lru));
    RecordProperty("tier_" + std::to_string(share).substr(0, 4), figures(ours));
    EXPECT_LE(ours.cost, 0.72 * lru.cost) << figures(lru) << " / " << figures(ours);
    EXPECT_LE(ours.misses, lru.misses) << figures(lru) << " / " << figures(ours);
  }
}

// The worst for a policy that counts cost: results of slow queries, all popular once, are never
// asked for again, and everybody wants cheap ones.
TEST(AgingTest, WhatWasPreciousIsOvertakenOnceNobodyAsksForIt) {
  Traffic traffic;
  constexpr std::size_t kPrecious = 2'500;
  constexpr std::size_t kCheap = 1'000;
  traffic.objects.assign(kPrecious, Object{300, std::chrono::seconds{1}});
  traffic.objects.insert(traffic.objects.end(), kCheap, Object{300, microseconds{100}});
  const Bytes capacity{charge_of(Object{}) * 1'500};
  std::mt19937 random{9};
  for (int i = 0; i < 30'000; ++i) {
    traffic.requests.push_back(static_cast<std::uint32_t>(random() % kPrecious));
  }
  const auto popular = [&](int requests) {
    for (int i = 0; i < requests; ++i) {
      traffic.requests.push_back(static_cast<std::uint32_t>(kPrecious + random() % kCheap));
    }
  };
  popular(75'000);
  const std::size_t measured_from = traffic.requests.size();
  popular(10'000);
  EXPECT_LE(run_tier(traffic, capacity, measured_from).misses, 0.05);
}

}  // namespace
}  // namespace weir::detail
