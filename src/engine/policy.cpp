#include "src/engine/policy.hpp"

#include <algorithm>
#include <utility>

#include "src/engine/options_bounds.hpp"

namespace weir {
namespace {

using detail::require_duration;
using detail::require_option;
using detail::require_text;

constexpr std::size_t kLongestTag = 200;
constexpr std::size_t kLongestRelation = 2 * 63 + 1;
constexpr std::size_t kLongestQueryName = 200;

}  // namespace

void Policy::validate() const {
  constexpr std::chrono::milliseconds kNone{0};
  constexpr std::chrono::milliseconds kOne{1};
  require_option(!mode || *mode <= CacheMode::kCoalesceOnly, "policy.mode",
                 mode ? static_cast<int>(*mode) : 0, "kAuto, kOff or kCoalesceOnly");
  if (ttl) require_duration("policy.ttl", *ttl, kOne);
  if (max_staleness) require_duration("policy.max_staleness", *max_staleness, kNone);
  if (stale_if_error) require_duration("policy.stale_if_error", *stale_if_error, kNone);
  if (timeout) require_duration("policy.timeout", *timeout, kOne);
  for (const std::string& tag : tags) require_text("policy.tags: a tag", tag, 1, kLongestTag);
  for (const std::string& table : depends_on) {
    require_text("policy.depends_on: a table", table, 1, kLongestRelation);
    const std::size_t dot = table.find('.');
    require_option(dot != std::string::npos && dot > 0 && dot + 1 < table.size(),
                   "policy.depends_on: a table", table, "schema.name");
  }
}

Query::Query(std::string sql, Policy policy, std::string name)
    : sql_{std::move(sql)}, policy_{std::move(policy)}, name_{std::move(name)} {
  policy_.validate();
  require_text("query.name", name_, 0, kLongestQueryName);
}

namespace detail {
namespace {

template <typename T>
void fill(std::optional<T>& field, const std::optional<T>& weaker) {
  if (!field) field = weaker;
}

void append(std::vector<std::string>& list, const std::vector<std::string>& weaker) {
  list.insert(list.end(), weaker.begin(), weaker.end());
}

std::vector<std::string> each_once(std::vector<std::string> list) {
  std::sort(list.begin(), list.end());
  list.erase(std::unique(list.begin(), list.end()), list.end());
  return list;
}

}  // namespace

Policy overlay(Policy strong, const Policy& weak) {
  fill(strong.mode, weak.mode);
  fill(strong.ttl, weak.ttl);
  fill(strong.max_staleness, weak.max_staleness);
  fill(strong.stale_if_error, weak.stale_if_error);
  fill(strong.timeout, weak.timeout);
  append(strong.tags, weak.tags);
  append(strong.depends_on, weak.depends_on);
  return strong;
}

EffectivePolicy resolve(Policy policy) {
  return {.mode = policy.mode.value_or(CacheMode::kAuto),
          .ttl = policy.ttl,
          .max_staleness = policy.max_staleness.value_or(EffectivePolicy::kDefaultStaleness),
          .stale_if_error = policy.stale_if_error,
          .timeout = policy.timeout,
          .tags = each_once(std::move(policy.tags)),
          .depends_on = each_once(std::move(policy.depends_on))};
}

}  // namespace detail
}  // namespace weir
