#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "drivers/postgres/key_scope.hpp"
#include "drivers/postgres/sql_tree.hpp"
#include "weir/spi/analysis.hpp"

namespace weir::postgres {

/// What a condition says of a row for which it is true: that a column equals another one, or one of
/// some values.
struct Atom {
  ColumnId left{};
  std::optional<ColumnId> right{};
  std::vector<spi::KeyValue> values{};  ///< Without `right`. None: it is never true.
};

/// Reads conditions of one statement into atoms.
///
/// Purpose: keep only what is certain. `=`, IN and ANY of a column and constants, and `=` of two
/// columns, joined by AND; an OR of such about one column. Everything else may be true of any row.
/// A parameter is believed to be of the column's type only when all its uses say so: elsewhere the
/// first one decides, and `bigint = double` is no equality of texts. `= NULL` says nothing because
/// transform_null_equals may turn it into IS NULL.
/// Thread safety: distinct objects safe; shared object unsafe. Lifetime: the tree outlives it.
class AtomReader {
 public:
  static constexpr std::size_t kMaxValues = 64;

  /// `sql` is what `statement` was parsed from.
  AtomReader(const TreeNode& statement, std::string_view sql) : sql_{sql} { note(statement); }

  /// Appends what is true of every row for which `condition` is true.
  void read(const TreeNode& condition, const Scope& scope, std::vector<Atom>& atoms);
  /// Whether a column of `type` is compared with every parameter among the values as its own type.
  /// Only when all conditions were read.
  [[nodiscard]] bool believed(const std::vector<spi::KeyValue>& values,
                              std::string_view type) const;
  /// From here on conditions are of another text, which has no parameters; returns the one before.
  std::string_view use_text(std::string_view sql) noexcept;

 private:
  /// A parameter as written once, and what it is there; no type: not known.
  struct ParameterUse {
    std::string type{};
    bool array{false};
    friend bool operator==(const ParameterUse&, const ParameterUse&) = default;
  };
  struct Parameter {
    std::map<const TreeNode*, ParameterUse> uses{};  // by the ParamRef's fields
  };
  struct Draft {
    ColumnId column{};
    std::vector<spi::KeyValue> values{};
    std::vector<std::pair<const TreeNode*, ParameterUse>> uses{};
  };

  void note(const TreeNode& node);
  void expression(const TreeNode& fields, const Scope& scope, std::vector<Atom>& atoms);
  void keep(Draft draft, std::vector<Atom>& atoms);
  [[nodiscard]] std::optional<Draft> values_of(const TreeNode& condition, const Scope& scope) const;
  [[nodiscard]] std::optional<Draft> any_of(const TreeNode& arms, const Scope& scope) const;
  [[nodiscard]] bool constant(const TreeNode& node, Draft& draft) const;
  [[nodiscard]] bool constants(const TreeNode* list, Draft& draft) const;
  [[nodiscard]] bool array(const TreeNode& node, Draft& draft) const;
  [[nodiscard]] bool parameter(const TreeNode& fields, bool is_array, Draft& draft) const;
  [[nodiscard]] bool literal(const TreeNode& fields, bool cast, Draft& draft) const;
  [[nodiscard]] std::string integer(const TreeNode& fields) const;

  std::string_view sql_;
  std::map<std::size_t, Parameter> parameters_{};
};

}  // namespace weir::postgres
