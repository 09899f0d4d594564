#include "weir/explanation.hpp"

#include <fmt/format.h>

#include <iterator>
#include <string_view>

#include "src/base/json.hpp"

namespace weir {
namespace {

std::string_view mode_name(CacheMode mode) {
  switch (mode) {
    case CacheMode::kAuto:
      return "auto";
    case CacheMode::kOff:
      return "off";
    case CacheMode::kCoalesceOnly:
      return "coalesce";
  }
  return "?";
}

/// `f(name, value as text)` for every field of the policy that says something.
template <typename F>
void for_each_field(const Policy& policy, F&& f) {
  if (policy.mode) f("mode", std::string{mode_name(*policy.mode)});
  const auto duration = [&](std::string_view name,
                            const std::optional<std::chrono::milliseconds>& value) {
    if (value) f(name, value->count());
  };
  duration("ttl_ms", policy.ttl);
  duration("max_staleness_ms", policy.max_staleness);
  duration("stale_if_error_ms", policy.stale_if_error);
  duration("stale_while_revalidate_ms", policy.stale_while_revalidate);
  duration("timeout_ms", policy.timeout);
}

std::string value_of(const Explanation::Key& key) {
  if (key.parameter != 0)
    return fmt::format("{}${}", key.each_element ? "any of " : "", key.parameter);
  return key.value ? detail::json_quote(*key.value) : "null, so none";
}

std::string json_of(const Explanation::Key& key) {
  std::string value;
  if (key.parameter != 0) {
    value = fmt::format(R"("parameter":{},"each_element":{})", key.parameter, key.each_element);
  } else {
    value = R"("value":)" + (key.value ? detail::json_quote(*key.value) : std::string{"null"});
  }
  return fmt::format(R"({{"relation":{},"column":{},{}}})", detail::json_quote(key.relation),
                     detail::json_quote(key.column), value);
}

template <typename Range, typename F>
std::string json_list(const Range& range, F&& element) {
  std::string text = "[";
  for (const auto& each : range) {
    if (text.size() > 1) text += ',';
    text += element(each);
  }
  return text += ']';
}

}  // namespace

std::string Explanation::to_string() const {
  std::string text;
  auto out = std::back_inserter(text);
  fmt::format_to(out, "statement  {}\n", normalized);
  fmt::format_to(out, "cacheable  {}\n", cacheable ? "yes" : "no");
  for (const std::string& reason : reasons) fmt::format_to(out, "because    {}\n", reason);
  for (const Relation& relation : relations) {
    fmt::format_to(out, "reads      {} ({}{}{})\n", relation.name,
                   relation.tracked ? "tracked" : "not tracked", relation.note.empty() ? "" : "; ",
                   relation.note);
    if (!relation.whole.empty())
      fmt::format_to(out, "rows       any of {}: {}\n", relation.name, relation.whole);
  }
  for (const Key& key : keys)
    fmt::format_to(out, "rows       of {} where {} = {}\n", key.relation, key.column,
                   value_of(key));
  std::string fields;
  for_each_field(policy, [&](std::string_view name, const auto& value) {
    fmt::format_to(std::back_inserter(fields), "{}{}={}", fields.empty() ? "" : " ", name, value);
  });
  for (const std::string& tag : policy.tags)
    fmt::format_to(std::back_inserter(fields), " tag={}", tag);
  for (const std::string& table : policy.depends_on)
    fmt::format_to(std::back_inserter(fields), " depends_on={}", table);
  fmt::format_to(out, "policy     {}\n", fields);
  for (const std::string& problem : hint_problems)
    fmt::format_to(out, "hint       ignored: {}\n", problem);
  return text;
}

std::string Explanation::to_json() const {
  const auto quote = [](const std::string& text) { return detail::json_quote(text); };
  std::string fields;
  for_each_field(policy, [&](std::string_view name, const auto& value) {
    if constexpr (std::is_same_v<std::decay_t<decltype(value)>, std::string>) {
      fmt::format_to(std::back_inserter(fields), "\"{}\":{},", name, quote(value));
    } else {
      fmt::format_to(std::back_inserter(fields), "\"{}\":{},", name, value);
    }
  });
  std::string tracked;
  for (const Relation& relation : relations) {
    fmt::format_to(std::back_inserter(tracked), "{}{}:{}", tracked.empty() ? "" : ",",
                   quote(relation.name), relation.tracked);
  }
  return fmt::format(
      R"({{"normalized":{},"cacheable":{},"reasons":{},"relations":{},"keys":{},"tracked":{{{}}},"policy":{{{}"tags":{},"depends_on":{}}},"hint_problems":{}}})",
      quote(normalized), cacheable, json_list(reasons, quote),
      json_list(relations, [&](const Relation& relation) { return quote(relation.name); }),
      json_list(keys, json_of), tracked, fields, json_list(policy.tags, quote),
      json_list(policy.depends_on, quote), json_list(hint_problems, quote));
}

}  // namespace weir
