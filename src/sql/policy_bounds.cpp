#include "src/sql/policy_bounds.hpp"

#include <string>

#include "src/sql/bounds.hpp"

namespace weir::detail {
namespace {

constexpr std::size_t kLongestTag = 200;
constexpr std::size_t kLongestRelation = 2 * 63 + 1;
constexpr std::size_t kLongestQueryName = 200;

}  // namespace

void check_policy(const Policy& policy, std::string_view where) {
  constexpr std::chrono::milliseconds kNone{0};
  constexpr std::chrono::milliseconds kOne{1};
  const auto duration = [&](std::string_view field,
                            const std::optional<std::chrono::milliseconds>& value,
                            std::chrono::milliseconds least) {
    if (value) require_duration(field, *value, least, kLongestDuration, where);
  };
  require_option(!policy.mode || *policy.mode <= CacheMode::kCoalesceOnly, "mode",
                 policy.mode ? static_cast<int>(*policy.mode) : 0, "kAuto, kOff or kCoalesceOnly",
                 where);
  duration("ttl", policy.ttl, kOne);
  duration("max_staleness", policy.max_staleness, kNone);
  duration("stale_if_error", policy.stale_if_error, kNone);
  duration("stale_while_revalidate", policy.stale_while_revalidate, kNone);
  duration("timeout", policy.timeout, kOne);
  for (const std::string& tag : policy.tags) {
    require_text("tags: a tag", tag, 1, kLongestTag, where);
  }
  for (const std::string& table : policy.depends_on) {
    constexpr std::string_view kField = "depends_on: a table";
    require_text(kField, table, 1, kLongestRelation, where);
    const std::size_t dot = table.find('.');
    require_option(dot != std::string::npos && dot > 0 && dot + 1 < table.size(), kField, table,
                   "schema.name", where);
  }
}

void check_query_name(std::string_view name, std::string_view where) {
  require_text("name", name, 0, kLongestQueryName, where);
}

}  // namespace weir::detail
