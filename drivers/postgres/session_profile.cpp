#include "drivers/postgres/session_profile.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <utility>

#include "weir/error.hpp"
#include "weir/spi/text.hpp"

namespace weir::postgres {
namespace {

// Settings any user can change that were seen to change results, or can by their documentation
// (TimeZone "date '2024-03-05'::timestamptz", transform_null_equals "x = NULL", …).
// default_transaction_isolation is here because a read above READ COMMITTED may be labelled
// wrongly.
constexpr std::array<std::string_view, 25> kSettable{
    "array_nulls",
    "backslash_quote",
    "bytea_output",
    "client_encoding",
    "DateStyle",
    "default_text_search_config",
    "default_transaction_isolation",
    "extra_float_digits",
    "gin_fuzzy_search_limit",
    "IntervalStyle",
    "lc_monetary",
    "lc_numeric",
    "lc_time",
    "quote_all_identifiers",
    "restrict_nonsystem_relation_kind",
    "row_security",
    "search_path",
    "session_replication_role",
    "standard_conforming_strings",
    "synchronize_seqscans",
    "TimeZone",
    "timezone_abbreviations",
    "transform_null_equals",
    "xmlbinary",
    "xmloption",
};
// Asked for, but set by nobody or by other means.
constexpr std::array<std::string_view, 5> kFixed{"role", "server_version", "server_encoding",
                                                 "lc_collate", "lc_ctype"};
constexpr std::string_view kTemporary = "temporary objects";
constexpr std::string_view kStandby = "standby";

bool equal_names(std::string_view a, std::string_view b) noexcept {
  const auto lower = [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  };
  return std::ranges::equal(a, b, {}, lower, lower);
}

bool settable(std::string_view name) noexcept {
  return std::ranges::any_of(kSettable,
                             [&](std::string_view known) { return equal_names(known, name); });
}

[[noreturn]] void refuse(std::string_view name, std::string_view why) {
  throw Error{ErrorCode::kConfig,
              fmt::format("session: setting \"{}\" cannot be declared: {}", name, why),
              {.backend = "postgresql"}};
}

}  // namespace

bool is_result_setting(std::string_view name) noexcept {
  return settable(name) || std::ranges::any_of(kFixed, [&](std::string_view known) {
           return equal_names(known, name);
         });
}

const char* SessionState::query() noexcept {
  // Everything is named with its schema: this runs under whatever search_path the session has.
  return "SELECT n, pg_catalog.current_setting(n, true) FROM "
         "pg_catalog.unnest($1::pg_catalog.text[]) AS u (n) "
         "UNION ALL SELECT 'session user', SESSION_USER::pg_catalog.text "
         "UNION ALL SELECT 'current user', CURRENT_USER::pg_catalog.text "
         "UNION ALL SELECT 'database', pg_catalog.current_database()::pg_catalog.text "
         "UNION ALL SELECT 'temporary objects', CASE "
         "WHEN pg_catalog.pg_my_temp_schema() OPERATOR(pg_catalog.=) 0::pg_catalog.oid THEN 'none' "
         "WHEN EXISTS (SELECT FROM pg_catalog.pg_class c "
         "WHERE c.relnamespace OPERATOR(pg_catalog.=) pg_catalog.pg_my_temp_schema()) "
         "OR EXISTS (SELECT FROM pg_catalog.pg_type t "
         "WHERE t.typnamespace OPERATOR(pg_catalog.=) pg_catalog.pg_my_temp_schema()) THEN 'some' "
         "ELSE 'none' END "
         "UNION ALL SELECT 'standby', pg_catalog.pg_is_in_recovery()::pg_catalog.text";
}

PqParams SessionState::params(std::span<const std::string> custom) {
  std::vector<std::string> names;
  names.reserve(kSettable.size() + kFixed.size() + custom.size());
  for (const std::string_view name : kSettable) names.emplace_back(name);
  for (const std::string_view name : kFixed) names.emplace_back(name);
  for (const std::string& name : custom) {
    if (!is_result_setting(name)) names.push_back(name);
  }
  return PqParams{array_literal(names)};
}

SessionState::SessionState(const Rows& rows) {
  facts_.reserve(rows.size());
  for (std::size_t row = 0; row < rows.size(); ++row) {
    facts_.push_back({.name = rows.string(row, 0), .value = rows.optional(row, 1)});
  }
}

std::optional<std::string> SessionState::value(std::string_view name) const {
  const auto found = std::ranges::find(facts_, name, &Fact::name);
  return found == facts_.end() ? std::nullopt : found->value;
}

void SessionState::set(std::string_view name, std::string value) {
  const auto found = std::ranges::find(facts_, name, &Fact::name);
  assert(found != facts_.end());
  found->value = std::move(value);
}

std::string SessionState::canonical() const {
  std::string text;
  for (const Fact& fact : facts_) {
    if (fact.name == kStandby) continue;
    // The length keeps a value from looking like the next line.
    text += fact.value ? fmt::format("{}={}:{}\n", fact.name, fact.value->size(), *fact.value)
                       : fmt::format("{}\n", fact.name);
  }
  return text;
}

std::string SessionState::difference(const SessionState& expected) const {
  for (const Fact& fact : facts_) {
    if (fact.name == kTemporary) {
      if (fact.value != "none") return "the session has temporary objects";
    } else if (fact.value != expected.value(fact.name)) {
      return fmt::format("the session's {} is not the declared one", fact.name);
    }
  }
  if (facts_.size() != expected.facts_.size())
    return "the session's settings are not the declared ones";
  return {};
}

std::vector<SessionState::Fact> SessionState::to_set(const SessionState& wanted) const {
  std::vector<Fact> settings;
  for (const Fact& fact : facts_) {
    const std::optional<std::string> value = wanted.value(fact.name);
    if (settable(fact.name) && value && value != fact.value)
      settings.push_back({.name = fact.name, .value = value});
  }
  return settings;
}

void require_declarable(const Session& session) {
  const auto require_clean = [](std::string_view text, std::string_view what) {
    const auto fault = spi::find_text_fault(text);
    if (!fault) return;
    throw Error{ErrorCode::kConfig,
                fmt::format("session: {} has a {} at byte {}", what, fault->what, fault->offset),
                {.backend = "postgresql"}};
  };
  require_clean(session.role.value_or(""), "the role");
  require_clean(session.search_path.value_or(""), "the search_path");
  for (const auto& setting : session.settings) {
    require_clean(setting.first, "a setting's name");
    require_clean(setting.second, fmt::format("setting \"{}\"", setting.first));
  }
  for (const auto& setting : session.settings) {
    const std::string& name = setting.first;
    if (equal_names(name, "role")) refuse(name, "use Session::role");
    if (equal_names(name, "session_authorization"))
      refuse(name, "connect as that user, or use Session::role");
    if (equal_names(name, "search_path") && session.search_path)
      refuse(name, "Session::search_path is set as well");
    if (equal_names(name, "client_encoding")) refuse(name, "weir reads and writes UTF-8");
    if (equal_names(name, "default_transaction_isolation") ||
        equal_names(name, "transaction_isolation") || equal_names(name, "transaction_read_only") ||
        equal_names(name, "transaction_deferrable")) {
      refuse(name, "it belongs to a transaction; use Isolation when beginning one");
    }
  }
}

std::vector<SessionState::Fact> declared_settings(const Session& session) {
  std::vector<SessionState::Fact> settings;
  for (const auto& setting : session.settings)
    settings.push_back({.name = setting.first, .value = setting.second});
  if (session.search_path)
    settings.push_back({.name = "search_path", .value = session.search_path});
  // Last: the login role may have rights to settings the session's role has not.
  if (session.role) settings.push_back({.name = "role", .value = session.role});
  return settings;
}

SetStatement set_statement(std::span<const SessionState::Fact> settings) {
  SetStatement statement;
  statement.params.reserve(2 * settings.size());
  for (std::size_t i = 0; i < settings.size(); ++i) {
    statement.sql += fmt::format("{} pg_catalog.set_config(${}, ${}, false)",
                                 i == 0 ? "SELECT" : ",", 2 * i + 1, 2 * i + 2);
    statement.params.add_text(settings[i].name);
    statement.params.add_text(settings[i].value.value_or(""));
  }
  return statement;
}

std::string array_literal(std::span<const std::string> values) {
  std::string out = "{";
  for (const std::string& value : values) {
    if (out.size() > 1) out += ',';
    out += '"';
    for (const char c : value) {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
    out += '"';
  }
  return out + "}";
}

}  // namespace weir::postgres
