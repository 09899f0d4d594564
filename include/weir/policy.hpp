#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace weir {

/// Whether and how a query's results are kept.
enum class CacheMode : std::uint8_t {
  kAuto,          ///< Kept when proven, or when a TTL is annotated.
  kOff,           ///< Always asks the database.
  kCoalesceOnly,  ///< Shares an answer under way with concurrent callers, keeps nothing.
};

/// How one query is to be cached. An empty field says nothing: the next source in order decides.
///
/// Order, strongest first: the call (`Database::with`), the declared `Query`, the hint in the SQL,
/// the rules file (first matching rule that sets the field), `Options::policy`, the built-in
/// defaults. Tags and `depends_on` add up.
/// No duration may be longer than 3650 days.
struct Policy {
  std::optional<CacheMode> mode{};  ///< Default `kAuto`.
  std::optional<std::chrono::milliseconds>
      ttl{};  ///< Longest age served; at least 1 ms. Default: no limit.
  std::optional<std::chrono::milliseconds>
      max_staleness{};  ///< Bound on staleness; 0 validates every hit. Default 1 s.
  /// While the journal or the database cannot be reached, serve an entry that was fresh this long
  /// ago or less. Default: never.
  std::optional<std::chrono::milliseconds> stale_if_error{};
  /// Serve an entry that is known to have changed, and ask the database again in the background,
  /// while it was proven fresh this long ago or less. Never after a write of this process, after
  /// DDL or a reset, inside a transaction, or past `ttl`. Default: never.
  std::optional<std::chrono::milliseconds> stale_while_revalidate{};
  std::optional<std::chrono::milliseconds> timeout{};  ///< Limit for the whole call; at least 1 ms.
  std::vector<std::string> tags{};  ///< Handles for `invalidate_tag`; 1 to 200 bytes each.
  /// Tables (`schema.name`) that functions in the statement read: with this its opaque functions
  /// are trusted to read nothing else and to depend on nothing but their arguments.
  std::vector<std::string> depends_on{};

  friend bool operator==(const Policy&, const Policy&) = default;
  /// Throws Error(kConfig) naming the field, the value and the bound.
  void validate() const;
};

/// A statement declared once, with its policy.
///
/// Thread safety: shared object safe for const calls.
class Query {
 public:
  /// `name` is what rules and metrics call it, e.g. `user:profile`. Errors: `kConfig`, see
  /// `Policy::validate`.
  explicit Query(std::string sql, Policy policy = {}, std::string name = {});

  [[nodiscard]] const std::string& sql() const noexcept { return sql_; }
  [[nodiscard]] const Policy& policy() const noexcept { return policy_; }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }

 private:
  std::string sql_;
  Policy policy_;
  std::string name_;
};

}  // namespace weir
