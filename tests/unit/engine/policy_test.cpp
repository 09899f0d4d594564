#include "src/engine/policy.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "weir/error.hpp"

namespace weir::detail {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(PolicyTest, NothingSaidMeansTheDocumentedDefaults) {
  const EffectivePolicy policy = resolve({});
  EXPECT_EQ(policy.mode, CacheMode::kAuto);
  EXPECT_EQ(policy.ttl, std::nullopt);
  EXPECT_EQ(policy.max_staleness, 1s);
  EXPECT_EQ(policy.stale_if_error, std::nullopt);
  EXPECT_EQ(policy.timeout, std::nullopt);
  EXPECT_THAT(policy.tags, IsEmpty());
  EXPECT_THAT(policy.depends_on, IsEmpty());
}

/// Sets one field to a value of its own for each strength.
struct Field {
  std::string name;
  std::function<void(Policy&, int)> set;
  std::function<int(const EffectivePolicy&)> get;
};
std::vector<Field> fields() {
  const auto ms = [](const std::optional<std::chrono::milliseconds>& value) {
    return static_cast<int>(value.value_or(-1ms).count());
  };
  return {
      {"mode", [](Policy& p, int v) { p.mode = static_cast<CacheMode>(v % 3); },
       [](const EffectivePolicy& p) { return static_cast<int>(p.mode); }},
      {"ttl", [](Policy& p, int v) { p.ttl = std::chrono::milliseconds{v}; },
       [ms](const EffectivePolicy& p) { return ms(p.ttl); }},
      {"max_staleness", [](Policy& p, int v) { p.max_staleness = std::chrono::milliseconds{v}; },
       [ms](const EffectivePolicy& p) { return ms(p.max_staleness); }},
      {"stale_while_revalidate",
       [](Policy& p, int v) { p.stale_while_revalidate = std::chrono::milliseconds{v}; },
       [ms](const EffectivePolicy& p) { return ms(p.stale_while_revalidate); }},
      {"stale_if_error", [](Policy& p, int v) { p.stale_if_error = std::chrono::milliseconds{v}; },
       [ms](const EffectivePolicy& p) { return ms(p.stale_if_error); }},
      {"timeout", [](Policy& p, int v) { p.timeout = std::chrono::milliseconds{v}; },
       [ms](const EffectivePolicy& p) { return ms(p.timeout); }},
  };
}

TEST(PolicyTest, TheStrongerSourceDecidesFieldByField) {
  for (const Field& field : fields()) {
    Policy strong;
    Policy middle;
    Policy weak;
    field.set(middle, 1);
    field.set(weak, 2);
    EXPECT_EQ(field.get(resolve(overlay(overlay(strong, middle), weak))), 1) << field.name;
    EXPECT_EQ(field.get(resolve(overlay(strong, weak))), 2) << field.name;
    field.set(strong, 0);
    EXPECT_EQ(field.get(resolve(overlay(overlay(strong, middle), weak))), 0) << field.name;
  }
}

TEST(PolicyTest, GroupingDoesNotMatter) {
  const Policy strong{.ttl = 1s, .tags = {"a"}};
  const Policy middle{.mode = CacheMode::kOff, .ttl = 2s, .tags = {"b"}};
  const Policy weak{.mode = CacheMode::kAuto, .ttl = 3s, .timeout = 4s, .tags = {"c"}};
  EXPECT_EQ(overlay(overlay(strong, middle), weak), overlay(strong, overlay(middle, weak)));
}

TEST(PolicyTest, ZeroIsAValueAndNotNothing) {
  const Policy strong{.max_staleness = 0ms};
  const Policy weak{.max_staleness = 5s};
  EXPECT_EQ(resolve(overlay(strong, weak)).max_staleness, 0ms);
}

TEST(PolicyTest, TagsAndTablesAddUpEachOnce) {
  const Policy strong{.tags = {"b", "a"}, .depends_on = {"s.t"}};
  const Policy weak{.tags = {"a", "c"}, .depends_on = {"s.t", "s.u"}};
  const EffectivePolicy policy = resolve(overlay(strong, weak));
  EXPECT_THAT(policy.tags, ElementsAre("a", "b", "c"));
  EXPECT_THAT(policy.depends_on, ElementsAre("s.t", "s.u"));
}

struct BadPolicy {
  Policy policy;
  std::string field;
  std::string value;
  std::string bound;
};

TEST(PolicyTest, EveryBadFieldIsRefusedNamingFieldValueAndBound) {
  const std::vector<BadPolicy> rows{
      {{.mode = static_cast<CacheMode>(9)}, "policy.mode", "9", "kCoalesceOnly"},
      {{.ttl = 0ms}, "policy.ttl", "0 ms", "1ms to 3650d"},
      {{.ttl = std::chrono::hours{24 * 3651}}, "policy.ttl", "315446400000 ms", "1ms to 3650d"},
      {{.max_staleness = -1ms}, "policy.max_staleness", "-1 ms", "0 to 3650d"},
      {{.stale_if_error = -1ms}, "policy.stale_if_error", "-1 ms", "0 to 3650d"},
      {{.stale_while_revalidate = -1ms}, "policy.stale_while_revalidate", "-1 ms", "0 to 3650d"},
      {{.timeout = 0ms}, "policy.timeout", "0 ms", "1ms to 3650d"},
      {{.tags = {"fine", ""}}, "policy.tags", "0 bytes", "1 to 200"},
      {{.tags = {std::string(201, 't')}}, "policy.tags", "201 bytes", "1 to 200"},
      {{.tags = {std::string{"a\0b", 3}}}, "policy.tags", "NUL", "byte 1"},
      {{.depends_on = {"orders"}}, "policy.depends_on", "orders", "schema.name"},
      {{.depends_on = {".orders"}}, "policy.depends_on", ".orders", "schema.name"},
      {{.depends_on = {"public."}}, "policy.depends_on", "public.", "schema.name"},
  };
  for (const BadPolicy& row : rows) {
    try {
      row.policy.validate();
      ADD_FAILURE() << "accepted a bad " << row.field;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kConfig);
      EXPECT_THAT(error.what(), HasSubstr(row.field));
      EXPECT_THAT(error.what(), HasSubstr(row.value)) << row.field;
      EXPECT_THAT(error.what(), HasSubstr(row.bound)) << row.field;
    }
  }
}

TEST(QueryTest, HoldsWhatItWasDeclaredWithAndRefusesABadPolicyAtOnce) {
  const Query query{"SELECT 1", {.ttl = 5min, .tags = {"front"}}, "user:profile"};
  EXPECT_EQ(query.sql(), "SELECT 1");
  EXPECT_EQ(query.policy().ttl, 5min);
  EXPECT_EQ(query.name(), "user:profile");
  EXPECT_THROW((Query{"SELECT 1", {.ttl = 0ms}}), Error);
  EXPECT_THROW((Query{"SELECT 1", {}, std::string(201, 'n')}), Error);
}

}  // namespace
}  // namespace weir::detail
