#include "src/engine/rules.hpp"

#include <fmt/core.h>
#include <toml++/toml.h>

#include <algorithm>
#include <initializer_list>
#include <utility>

#include "src/engine/policy.hpp"
#include "src/sql/duration.hpp"
#include "src/sql/policy_bounds.hpp"
#include "weir/error.hpp"
#include "weir/spi/text.hpp"

namespace weir::detail {
namespace {

constexpr std::size_t kShown = 80;

bool matches_any(const std::vector<std::string>& globs, std::string_view text) {
  return std::any_of(globs.begin(), globs.end(),
                     [text](const std::string& glob) { return spi::matches_glob(text, glob); });
}

bool any_matches(const std::vector<std::string>& globs, const std::vector<std::string>& texts) {
  return std::any_of(texts.begin(), texts.end(),
                     [&globs](const std::string& text) { return matches_any(globs, text); });
}

/// Reads one file's rules; knows where it is for messages.
class RulesParser {
 public:
  explicit RulesParser(const std::string& path) : path_{path} {}

  std::vector<Rule> parse(std::string_view text) {
    try {
      const toml::table root = toml::parse(text, path_);
      std::vector<Rule> rules;
      for (const auto& [key, node] : root) {
        if (key.str() != "rule")
          fail(key.source(), fmt::format("unknown key \"{}\"; must be [[rule]]", key.str()));
        const toml::array* list = node.as_array();
        if (list == nullptr) fail(node.source(), "rule is one table; must be a list: [[rule]]");
        for (const toml::node& element : *list) {
          const toml::table* table = element.as_table();
          if (table == nullptr)
            fail(element.source(), "rule holds something other than tables; must be [[rule]]");
          rules.push_back(parse_rule(*table));
        }
      }
      return rules;
    } catch (const toml::parse_error& error) {
      fail(error.source(), error.description());
    }
  }

 private:
  Rule parse_rule(const toml::table& table) {
    Rule rule;
    for (const auto& [key, node] : table) parse_key(rule, key, node);
    if (rule.names.empty() && rule.tables.empty() && rule.tags.empty() && rule.sqls.empty()) {
      fail(table.source(), "the rule matches nothing; must have one of name, table, tag, sql");
    }
    if (rule.policy == Policy{}) {
      fail(table.source(),
           "the rule says nothing; must have one of mode, ttl, max_staleness, stale_if_error, "
           "stale_while_revalidate, "
           "timeout, tags (which "
           "adds tags; tag matches them), depends_on");
    }
    return rule;
  }

  void parse_key(Rule& rule, const toml::key& key, const toml::node& node) {
    const std::string_view name = key.str();
    if (name == "name") {
      rule.names = globs(name, node);
    } else if (name == "table") {
      rule.tables = globs(name, node);
    } else if (name == "tag") {
      rule.tags = globs(name, node);
    } else if (name == "sql") {
      rule.sqls = globs(name, node);
    } else if (name == "mode") {
      rule.policy.mode = mode(node);
    } else if (name == "ttl") {
      rule.policy.ttl = duration(name, node);
    } else if (name == "max_staleness") {
      rule.policy.max_staleness = duration(name, node);
    } else if (name == "stale_if_error") {
      rule.policy.stale_if_error = duration(name, node);
    } else if (name == "stale_while_revalidate") {
      rule.policy.stale_while_revalidate = duration(name, node);
    } else if (name == "timeout") {
      rule.policy.timeout = duration(name, node);
    } else if (name == "tags") {
      rule.policy.tags = strings(name, node);
    } else if (name == "depends_on") {
      rule.policy.depends_on = strings(name, node);
    } else {
      fail(
          key.source(),
          fmt::format(
              "unknown key \"{}\"; must be one of name, table, tag, sql, mode, ttl, max_staleness, "
              "stale_if_error, stale_while_revalidate, timeout, tags, depends_on",
              name.substr(0, kShown)));
    }
    try {
      check_policy(rule.policy, "");
    } catch (const Error& error) {
      fail(node.source(), error.what());
    }
  }

  std::vector<std::string> strings(std::string_view key, const toml::node& node) {
    std::vector<std::string> list;
    if (const auto* text = node.as_string()) {
      list.push_back(text->get());
    } else if (const toml::array* array = node.as_array()) {
      for (const toml::node& element : *array) {
        const auto* item = element.as_string();
        if (item == nullptr)
          fail(element.source(),
               fmt::format("{} holds {}; must hold strings", key, type_of(element)));
        list.push_back(item->get());
      }
      if (list.empty())
        fail(node.source(), fmt::format("{} is an empty list; must hold strings", key));
    } else {
      fail(node.source(),
           fmt::format("{} is {}; must be a string or a list of strings", key, type_of(node)));
    }
    return list;
  }

  std::vector<std::string> globs(std::string_view key, const toml::node& node) {
    std::vector<std::string> list = strings(key, node);
    for (const std::string& glob : list) {
      if (glob.empty() || glob.size() > Rules::kLongestGlob) {
        fail(node.source(), fmt::format("{} has a glob {} bytes long; must be 1 to {}", key,
                                        glob.size(), Rules::kLongestGlob));
      }
    }
    return list;
  }

  CacheMode mode(const toml::node& node) {
    const std::string text = one_string("mode", node, "\"auto\", \"off\" or \"coalesce\"");
    if (text == "auto") return CacheMode::kAuto;
    if (text == "off") return CacheMode::kOff;
    if (text == "coalesce") return CacheMode::kCoalesceOnly;
    fail(node.source(), fmt::format("mode is \"{}\"; must be \"auto\", \"off\" or \"coalesce\"",
                                    text.substr(0, kShown)));
  }

  std::chrono::milliseconds duration(std::string_view key, const toml::node& node) {
    const std::string bound =
        fmt::format("a duration such as \"250ms\", \"30s\", \"5m\", \"1h\" or \"1d\", at most {}",
                    format_duration(kLongestDuration));
    if (const auto* number = node.as_integer(); number != nullptr && number->get() == 0) return {};
    const std::string text = one_string(key, node, bound);
    const auto parsed = parse_duration(text);
    if (!parsed)
      fail(node.source(),
           fmt::format("{} is \"{}\"; must be {}", key, text.substr(0, kShown), bound));
    return *parsed;
  }

  std::string one_string(std::string_view key, const toml::node& node, std::string_view bound) {
    const auto* text = node.as_string();
    if (text == nullptr)
      fail(node.source(), fmt::format("{} is {}; must be {}", key, type_of(node), bound));
    return text->get();
  }

  static std::string type_of(const toml::node& node) {
    if (const auto* number = node.as_integer()) return fmt::format("the integer {}", number->get());
    switch (node.type()) {
      case toml::node_type::table:
        return "a table";
      case toml::node_type::array:
        return "a list";
      case toml::node_type::boolean:
        return *node.as_boolean() ? "true" : "false";
      case toml::node_type::floating_point:
        return fmt::format("the number {}", node.as_floating_point()->get());
      case toml::node_type::string:
        return "a string";
      default:
        return "a date or time";
    }
  }

  [[noreturn]] void fail(const toml::source_region& where, std::string_view what) const {
    throw Error{ErrorCode::kConfig, fmt::format("rules: {}:{}: {}", path_, where.begin.line, what)};
  }

  const std::string& path_;
};

}  // namespace

bool Rule::matches(const RuleSubject& subject) const {
  return (names.empty() || matches_any(names, subject.name)) &&
         (tables.empty() || any_matches(tables, subject.tables)) &&
         (tags.empty() || any_matches(tags, subject.tags)) &&
         (sqls.empty() || matches_any(sqls, subject.sql));
}

Rules Rules::parse(std::string_view toml, const std::string& path) {
  if (toml.size() > kLongestFile) {
    throw Error{ErrorCode::kConfig,
                fmt::format("rules: {}: the file is over {} bytes long; must be at most that", path,
                            kLongestFile)};
  }
  Rules rules;
  rules.rules_ = RulesParser{path}.parse(toml);
  return rules;
}

Policy Rules::policy_for(const RuleSubject& subject) const {
  Policy policy;
  for (const Rule& rule : rules_) {
    if (rule.matches(subject)) policy = overlay(std::move(policy), rule.policy);
  }
  return policy;
}

}  // namespace weir::detail
