#include "src/engine/policy.hpp"

#include <algorithm>
#include <utility>

#include "src/sql/policy_bounds.hpp"

namespace weir {
void Policy::validate() const { detail::check_policy(*this, "options: policy."); }

Query::Query(std::string sql, Policy policy, std::string name)
    : sql_{std::move(sql)}, policy_{std::move(policy)}, name_{std::move(name)} {
  policy_.validate();
  detail::check_query_name(name_, "options: query.");
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
  fill(strong.stale_while_revalidate, weak.stale_while_revalidate);
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
          .stale_while_revalidate = policy.stale_while_revalidate,
          .timeout = policy.timeout,
          .tags = each_once(std::move(policy.tags)),
          .depends_on = each_once(std::move(policy.depends_on))};
}

}  // namespace detail
}  // namespace weir
