#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "drivers/postgres/key_catalog.hpp"
#include "drivers/postgres/pq.hpp"
#include "drivers/postgres/statement_shape.hpp"
#include "weir/spi/deadline.hpp"

namespace weir::postgres {

/// A relation to look up: by name, as the connection's search path finds it.
struct RelationRequest {
  ObjectName name{};
  std::uint64_t role{
      0};  ///< Whose row security applies: the owner of the view it was found in; 0 is the caller.
  friend bool operator==(const RelationRequest&, const RelationRequest&) = default;
};

/// What the catalog knows about a relation.
struct CatalogRelation {
  bool exists{false};
  std::uint64_t id{0};
  std::string schema{};
  std::string name{};
  char kind{'r'};         ///< pg_class.relkind.
  bool temporary{false};  ///< It or a descendant is a temporary table of this session.
  bool system{false};
  bool foreign{false};      ///< It or a descendant is a foreign table.
  bool installed{false};    ///< weir's schema is there.
  std::string untracked{};  ///< The first member of its family without weir's trigger; empty when
                            ///< there is none.
  std::vector<std::string> family{};    ///< Ids of itself, its ancestors and its descendants.
  bool row_security{false};             ///< Its policies apply to the role asked for.
  std::vector<std::string> policies{};  ///< Their expressions, when they apply.
  std::string definition{};             ///< Of a view.
  std::uint64_t view_role{0};           ///< Whose rights apply below a view; 0 is the caller's.
  std::string
      unwatched_role{};       ///< Decides whether row security applies, and may be altered unseen.
  bool may_tell_keys{false};  ///< weir's schema can say which columns changes tell.
  [[nodiscard]] std::string full_name() const { return schema + '.' + name; }
};

/// Names other than relations to look up, and what limits the candidates.
struct NamesRequest {
  std::vector<FunctionUse> functions{};
  std::vector<OperatorUse> operators{};
  std::vector<CastUse> casts{};
  std::vector<std::string> function_aliases{};
  std::vector<std::string> record_aliases{};
  bool records{false};
  std::vector<std::uint64_t> relations{};  ///< Everything read: its columns' types can occur.
};

/// One thing a name may mean.
struct CatalogCandidate {
  enum class Part {
    kFunction,  ///< For `functions[index]`.
    kOperator,  ///< For `operators[index]`.
    kType,      ///< For `casts[index]`.
    kCast,      ///< A user's cast function that may run unnamed.
    kCheck,     ///< A domain's check that may run unnamed: `body` is the expression.
    kSupport,   ///< A user's function of an operator class or range type: sorting, grouping.
    kMoving,    ///< A column, `name`, whose type, `body`, has no constant meaning (timetz) or text
                ///< (what shows role names).
    kColumn,    ///< A column some cast reads: `name`, and `trusted` when it is never text.
  };
  enum class Trust {
    kOpaque,   ///< Its body is unknown.
    kBuiltin,  ///< In pg_catalog.
    kTrusted,  ///< Of a known extension, in C and immutable.
    kBody,     ///< Its body is `body`.
  };
  Part part{Part::kFunction};
  std::size_t index{0};
  Trust trust{Trust::kOpaque};
  std::string name{};  ///< `schema.name` for users' objects, the bare name for builtin ones.
  char volatility{'v'};
  std::string body{};  ///< kBody: the definition; kType: builtin types a user's type is made of.
};

/// A column of a table, for comparisons with it.
struct CatalogColumn {
  std::uint64_t relation{0};
  KeyColumn column{};
  bool varchar{false};
};

/// Catalog questions of the analysis, asked on the connection itself: under its search path, with
/// no more rights than PUBLIC has on pg_catalog.
///
/// Thread safety: distinct objects safe; shared object unsafe. Lifetime: the connection outlives
/// it.
class Catalog {
 public:
  Catalog(Pq& connection, spi::Deadline deadline) noexcept
      : connection_{&connection}, deadline_{deadline} {}

  struct Context {
    /// A text that differs whenever names may resolve otherwise; empty when what names mean can
    /// change without it (a temporary schema exists).
    std::string key{};
    /// Users' operators come before the builtin ones of the same operands. The questions below use
    /// operators too: they may not be asked.
    bool overridden{false};
    /// pg_catalog is the first schema: nothing hides a builtin type or operator.
    bool builtin_first{false};
    /// The role that reads, when changes to it are not noticed; else empty.
    std::string unwatched_role{};
  };
  [[nodiscard]] Context context();
  /// One answer per request. One round trip.
  [[nodiscard]] std::vector<CatalogRelation> relations(
      const std::vector<RelationRequest>& requests);
  /// One round trip.
  [[nodiscard]] std::vector<CatalogCandidate> names(const NamesRequest& request);
  /// All columns of `relations`, by number, and which of them changes tell for `telling`, of which
  /// every one `may_tell_keys`. One round trip.
  [[nodiscard]] std::vector<CatalogColumn> columns(const std::vector<std::uint64_t>& relations,
                                                   const std::vector<std::uint64_t>& telling);

 private:
  Pq* connection_;
  spi::Deadline deadline_;
};

}  // namespace weir::postgres
