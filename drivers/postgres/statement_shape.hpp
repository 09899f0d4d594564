#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "weir/spi/analysis.hpp"

namespace weir::postgres {

/// A name as written: no schema means "by the search path".
struct ObjectName {
  std::string schema{};
  std::string name{};
  friend bool operator==(const ObjectName&, const ObjectName&) = default;
  [[nodiscard]] std::string to_string() const {
    return schema.empty() ? name : schema + '.' + name;
  }
};

/// A call, in any of its disguises.
struct FunctionUse {
  enum class Form {
    kCall,           ///< `f(a, b)`; candidates by number of arguments.
    kAnyArguments,   ///< VARIADIC or WITHIN GROUP: the number does not select.
    kAttribute,      ///< `t.f`, which is `f(t)` when `t` has no column `f`; or `(x).f`.
    kCustomSetting,  ///< `current_setting('app.user')`: part of a declared session.
  };
  ObjectName name{};
  std::size_t arguments{0};
  Form form{Form::kCall};
  std::string qualifier{};  ///< kAttribute: the `t`; empty for `(x).f`.
};

struct OperatorUse {
  ObjectName name{};
  std::size_t operands{2};
};

/// A cast, or a name that may turn out to be one: `date(x)`.
struct CastUse {
  ObjectName type{};
  /// What is cast may be text from a row, and text may say 'now'.
  bool of_unknown{false};
  /// Columns that must not be text for the cast to be constant.
  std::vector<std::string> columns{};
  bool function_style{false};
};

/// What the text of a statement says by itself: names still to be looked up, and everything that
/// needs no catalog.
struct StatementShape {
  spi::StatementKind kind{spi::StatementKind::kOther};
  std::vector<std::string> never{};     ///< Reasons for `kNever`.
  std::vector<std::string> ttl_only{};  ///< Reasons for `kTtlOnly`.
  std::vector<ObjectName> relations{};
  std::vector<ObjectName> writes{};
  std::vector<FunctionUse> functions{};
  std::vector<OperatorUse> operators{};
  std::vector<CastUse> casts{};
  std::vector<std::string> column_aliases{};  ///< Names the statement gives to columns of its own.
  std::vector<std::string>
      function_aliases{};  ///< Names of FROM items that are functions: maybe scalars.
  std::vector<std::string> record_aliases{};  ///< Names of FROM items whose rows are of no table.
  bool records{false};  ///< Rows of no table occur: each may become a row of any type.
  std::size_t parameters{0};
  bool may_change_session{false};
  std::string refusal{};
};

/// Reads a whole statement. Never throws for a statement that is wrong: that is `kOther`.
/// Thread safety: safe.
[[nodiscard]] StatementShape read_statement(std::string_view sql);

/// Reads the body of a `BEGIN ATOMIC` or `RETURN` function from its definition, as one read.
[[nodiscard]] StatementShape read_function_body(std::string_view create_function);

}  // namespace weir::postgres
