#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "drivers/postgres/catalog.hpp"
#include "drivers/postgres/statement_shape.hpp"
#include "weir/spi/analysis.hpp"

namespace weir::postgres {

/// One analysis under way: follows names into the catalog until nothing new turns up, then judges.
///
/// Thread safety: distinct objects safe; shared object unsafe.
class AnalysisRun {
 public:
  /// What must be known of names beyond what they resolve to.
  enum class Builtins { kFirst, kMaybeHidden };

  AnalysisRun(Catalog& catalog, Builtins builtins) noexcept
      : catalog_{&catalog}, builtins_{builtins} {}

  /// `sql` is what `statement` was read from.
  [[nodiscard]] spi::Analysis run(const StatementShape& statement, std::string_view sql);

 private:
  /// Where names were written, for reasons: empty for the statement itself.
  struct Place {
    std::string text{};
    std::uint64_t role{0};
    bool walked{true};  ///< `keyed_references` comes here too: the statement, a view.
  };
  /// A relation under the name it was found by, and what a view names.
  struct Known {
    ObjectName name{};
    CatalogRelation relation{};
    std::vector<ObjectName> reads{};
  };

  void absorb(const StatementShape& shape, const Place& place);
  void request(const ObjectName& name, const Place& place);
  void resolve_relations();
  void resolve_writes(const std::vector<ObjectName>& writes);
  /// True when bodies were read that name new things.
  [[nodiscard]] bool resolve_names();
  [[nodiscard]] bool read_body(const CatalogCandidate& candidate);
  void judge_relation(const CatalogRelation& relation, const Place& place);
  void judge_stored(const CatalogRelation& relation, const Place& place);
  void judge_functions();
  void judge_builtin_function(const CatalogCandidate& candidate, const FunctionUse& use,
                              const std::string& place);
  void judge_operators();
  void judge_casts();
  void judge_cast(const CastUse& cast, const CatalogCandidate& type, const std::string& place);
  void judge_users(const CatalogCandidate& candidate, const char* what, const std::string& place);
  /// Whether a user's function stands where `cast_source` took it for the builtin one.
  [[nodiscard]] bool odd_cast_source() const;
  [[nodiscard]] bool never_text(const std::string& column) const;
  [[nodiscard]] bool has_candidate(CatalogCandidate::Part part, std::size_t index) const;

  void remember(const ObjectName& name, const CatalogRelation& relation);
  /// Fills in `keys`, and `whole` of every tracked relation.
  void add_keys(std::string_view sql);
  void read_keys(std::string_view sql, std::vector<std::pair<std::string, std::string>>& whole);
  /// Why no reference to it can be keyed, by itself.
  [[nodiscard]] std::string whole_reason(const CatalogRelation& relation) const;
  [[nodiscard]] std::vector<KeyRelation> key_relations();
  /// The ids of what is read where `keyed_references` does not come.
  [[nodiscard]] std::vector<std::uint64_t> read_elsewhere() const;
  [[nodiscard]] const Known* find_known(const ObjectName& name) const;
  /// Users have an operator `=` that may be meant where no builtin one fits exactly.
  [[nodiscard]] bool has_own_equality() const;

  void never(std::string reason, const std::string& place);
  void ttl_only(std::string reason, const std::string& place);
  void opaque(std::string reason, const std::string& place);
  void missing(std::string reason);

  Catalog* catalog_;
  Builtins builtins_;
  spi::Analysis result_{};
  std::vector<RelationRequest> requested_{};
  std::vector<RelationRequest> pending_{};
  std::vector<Place> pending_places_{};
  NamesRequest names_{};
  std::vector<std::string> function_places_{};
  std::vector<std::string> operator_places_{};
  std::vector<std::string> cast_places_{};
  std::vector<std::string> column_aliases_{};
  std::vector<CatalogCandidate> candidates_{};
  std::vector<std::string> bodies_{};
  std::vector<std::string> never_{};
  std::vector<std::string> ttl_only_{};
  std::vector<std::string> opaque_{};
  bool missing_{false};
  std::vector<Known> known_{};
  std::vector<ObjectName> elsewhere_{};
};

}  // namespace weir::postgres
