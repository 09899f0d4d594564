#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "drivers/postgres/pq.hpp"
#include "weir/session.hpp"

namespace weir::postgres {

/// Whether a setting's value is part of every cache key, because it can change what a query
/// answers. Names are compared without regard to case.
[[nodiscard]] bool is_result_setting(std::string_view name) noexcept;

/// What of a session can change results, as the server tells it in one row each: settings, users,
/// temporary objects, whether the server is a standby.
///
/// Thread safety: distinct objects safe; shared object safe for const calls.
class SessionState {
 public:
  struct Fact {
    std::string name{};
    std::optional<std::string> value{};
    friend bool operator==(const Fact&, const Fact&) = default;
  };

  SessionState() = default;
  /// REQUIRES: the answer of `query`.
  explicit SessionState(const Rows& rows);

  /// The statement that asks for it; its parameters come from `params`. Right under any
  /// search_path.
  [[nodiscard]] static const char* query() noexcept;
  /// `custom` are names of settings to ask for beside the known ones.
  [[nodiscard]] static PqParams params(std::span<const std::string> custom = {});

  [[nodiscard]] std::optional<std::string> value(std::string_view name) const;
  /// REQUIRES: a fact of that name is there.
  void set(std::string_view name, std::string value);
  [[nodiscard]] bool standby() const { return value("standby") == "true"; }
  /// All facts as one text, equal only for equal states; whether it is a standby does not count.
  [[nodiscard]] std::string canonical() const;
  /// Why this state is not `expected`, naming the first fact that differs but no value; empty when
  /// it is. Temporary objects are never expected.
  [[nodiscard]] std::string difference(const SessionState& expected) const;
  /// The settings a session may set whose values are not those of `wanted`, with the values there.
  [[nodiscard]] std::vector<Fact> to_set(const SessionState& wanted) const;

 private:
  std::vector<Fact> facts_;
};

/// Throws `kConfig` naming the setting when weir does not allow to declare it in a session.
void require_declarable(const Session& session);

/// The settings `session` declares, in the order they are to be applied: search_path, then the
/// role.
[[nodiscard]] std::vector<SessionState::Fact> declared_settings(const Session& session);

/// One statement that sets `settings` for the session, and its parameters; empty for none.
struct SetStatement {
  std::string sql{};
  PqParams params{};
};
[[nodiscard]] SetStatement set_statement(std::span<const SessionState::Fact> settings);

/// `values` as a text array's literal.
[[nodiscard]] std::string array_literal(std::span<const std::string> values);

}  // namespace weir::postgres
