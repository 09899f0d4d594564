#include "drivers/postgres/cast_source.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "drivers/postgres/statement_walker.hpp"

namespace weir::postgres {
namespace {

template <std::size_t N>
bool contains(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// Builtin functions that never return text.
constexpr std::array<std::string_view, 22> kNeverText{
    "now",
    "date_trunc",
    "to_timestamp",
    "to_date",
    "make_date",
    "make_time",
    "make_timestamp",
    "make_timestamptz",
    "make_interval",
    "timezone",
    "date_bin",
    "extract",
    "date_part",
    "age",
    "clock_timestamp",
    "count",
    "sum",
    "transaction_timestamp",
    "length",
    "statement_timestamp",
    "justify_hours",
    "generate_series",
};

/// Builtin functions that return one of their arguments.
constexpr std::array<std::string_view, 10> kPassThrough{
    "max",        "min",       "lag",       "lead", "first_value",
    "last_value", "nth_value", "any_value", "mode", "array_agg"};

constexpr std::array<std::string_view, 5> kArithmetic{"+", "-", "*", "/", "%"};

constexpr std::array<std::string_view, 16> kNotTextTypes{
    "date", "timestamp", "timestamptz", "time",    "timetz", "interval", "int2", "int4",
    "int8", "float4",    "float8",      "numeric", "bool",   "uuid",     "oid",  "daterange"};

void merge(CastSource& into, const TreeNode* node);

void merge_all(CastSource& into, const TreeNode* list) {
  if (list == nullptr) return;
  for (const TreeNode& item : list->items) merge(into, &item);
}

void merge(CastSource& into, const TreeNode* node) {
  if (node == nullptr) return;
  CastSource source = cast_source(*node);
  into.unknown = into.unknown || source.unknown;
  into.columns.insert(into.columns.end(), source.columns.begin(), source.columns.end());
}

CastSource unknown() { return {true, {}}; }

CastSource column_source(const TreeNode& fields) {
  const TreeNode* names = fields.find("fields");
  if (names == nullptr || names->items.empty() || names->items.back().find("String") == nullptr)
    return unknown();
  return {false, {std::string{names->items.back().find("String")->text_of("sval")}}};
}

CastSource function_source(const TreeNode& fields) {
  const ObjectName name = object_name(fields.find("funcname"));
  if (contains(kNeverText, name.name)) return {};
  if (!contains(kPassThrough, name.name)) return unknown();
  CastSource source;
  merge_all(source, fields.find("args"));
  merge_all(source, fields.find("agg_order"));
  return source;
}

}  // namespace

bool decides_cast_source(std::string_view name) {
  return contains(kNeverText, name) || contains(kPassThrough, name) || contains(kArithmetic, name);
}

CastSource cast_source(const TreeNode& argument) {
  if (!argument.wrapped()) return unknown();
  const auto& [type, fields] = argument.members.front();
  CastSource source;
  if (type == "A_Const" || type == "ParamRef" || type == "SQLValueFunction") return source;
  if (type == "ColumnRef") return column_source(fields);
  if (type == "FuncCall") return function_source(fields);
  if (type == "TypeCast") {
    const TreeNode* type_name = fields.find("typeName");
    if (type_name != nullptr && type_name->find("arrayBounds") == nullptr &&
        contains(kNotTextTypes, object_name(type_name->find("names")).name)) {
      return source;
    }
    const TreeNode* inner = fields.find("arg");
    if (inner == nullptr || inner->find("A_Expr") != nullptr) return unknown();
    merge(source, inner);
    return source;
  }
  if (type == "A_Expr") {
    return fields.text_of("kind") == "AEXPR_OP" &&
                   contains(kArithmetic, object_name(fields.find("name")).name)
               ? source
               : unknown();
  }
  if (type == "CoalesceExpr" || type == "MinMaxExpr") {
    merge_all(source, fields.find("args"));
    return source;
  }
  if (type == "A_ArrayExpr") {
    merge_all(source, fields.find("elements"));
    return source;
  }
  if (type == "CaseExpr") {
    merge(source, fields.find("defresult"));
    if (const TreeNode* whens = fields.find("args")) {
      for (const TreeNode& when : whens->items) {
        if (const TreeNode* branch = when.find("CaseWhen")) merge(source, branch->find("result"));
      }
    }
    return source;
  }
  return unknown();
}

}  // namespace weir::postgres
