#include "src/sql/hint.hpp"

#include <fmt/core.h>

#include <optional>
#include <string_view>
#include <utility>

#include "src/sql/duration.hpp"
#include "src/sql/policy_bounds.hpp"
#include "weir/error.hpp"

namespace weir::detail {
namespace {

constexpr std::string_view kBlanks = " \t\r\n\f\v";
// A longer word is shown only up to here: a hint can hold anything, and problems go to logs.
constexpr std::size_t kShown = 40;

std::string shown(std::string_view word) {
  if (word.size() <= kShown) return fmt::format("\"{}\"", word);
  std::size_t end = kShown;
  while ((static_cast<unsigned char>(word[end]) & 0xC0U) == 0x80U) --end;  // not inside a character
  return fmt::format("\"{}…\"", word.substr(0, end));
}

class HintParser {
 public:
  void word(std::string_view word) {
    const std::size_t equals = word.find('=');
    if (equals == std::string_view::npos) {
      flag(word);
    } else {
      pair(word.substr(0, equals), word.substr(equals + 1));
    }
  }

  Hint finish() {
    if (hint_.problems.empty()) check_bounds();
    if (!hint_.problems.empty()) {
      hint_.policy = Policy{};
      hint_.name.clear();
    }
    return std::move(hint_);
  }

 private:
  void flag(std::string_view word) {
    if (word == "auto") {
      set("mode", hint_.policy.mode, CacheMode::kAuto);
    } else if (word == "off") {
      set("mode", hint_.policy.mode, CacheMode::kOff);
    } else if (word == "coalesce") {
      set("mode", hint_.policy.mode, CacheMode::kCoalesceOnly);
    } else {
      problem(fmt::format("unknown word {}; known: auto, off, coalesce, key=value", shown(word)));
    }
  }

  void pair(std::string_view key, std::string_view value) {
    if (key == "ttl") {
      duration(key, hint_.policy.ttl, value);
    } else if (key == "max_staleness") {
      duration(key, hint_.policy.max_staleness, value);
    } else if (key == "stale_if_error") {
      duration(key, hint_.policy.stale_if_error, value);
    } else if (key == "stale_while_revalidate") {
      duration(key, hint_.policy.stale_while_revalidate, value);
    } else if (key == "timeout") {
      duration(key, hint_.policy.timeout, value);
    } else if (key == "tag") {
      hint_.policy.tags.emplace_back(value);
    } else if (key == "depends_on") {
      hint_.policy.depends_on.emplace_back(value);
    } else if (key == "name") {
      if (!hint_.name.empty()) problem("name is given twice");
      if (value.empty()) problem("name is empty");
      hint_.name = value;
    } else {
      problem(
          fmt::format("unknown key {}; known: ttl, max_staleness, stale_if_error, "
                      "stale_while_revalidate, timeout, name, tag, "
                      "depends_on",
                      shown(key)));
    }
  }

  void duration(std::string_view key, std::optional<std::chrono::milliseconds>& field,
                std::string_view value) {
    const auto parsed = parse_duration(value);
    if (parsed) {
      set(key, field, *parsed);
    } else {
      problem(
          fmt::format("{} is {}; must be a duration such as 250ms, 30s, 5m, 1h or 1d, at most {}",
                      key, shown(value), format_duration(kLongestDuration)));
    }
  }

  template <typename T>
  void set(std::string_view key, std::optional<T>& field, T value) {
    if (field) problem(fmt::format("{} is given twice", key));
    field = value;
  }

  void check_bounds() {
    try {
      check_policy(hint_.policy, "");
      check_query_name(hint_.name, "");
    } catch (const Error& error) {
      problem(error.what());
    }
  }

  void problem(std::string text) { hint_.problems.push_back(std::move(text)); }

  Hint hint_;
};

}  // namespace

Hint parse_hint(std::span<const std::string> bodies) {
  HintParser parser;
  for (const std::string_view body : bodies) {
    for (std::size_t begin = body.find_first_not_of(kBlanks); begin != std::string_view::npos;) {
      const std::size_t end = body.find_first_of(kBlanks, begin);
      parser.word(body.substr(begin, end - begin));
      begin = body.find_first_not_of(kBlanks, end);
    }
  }
  return parser.finish();
}

}  // namespace weir::detail
