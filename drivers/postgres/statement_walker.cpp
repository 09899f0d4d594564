#include "drivers/postgres/statement_walker.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <initializer_list>
#include <utility>

#include "drivers/postgres/cast_source.hpp"
#include "drivers/postgres/time_words.hpp"

namespace weir::postgres {
namespace {

template <std::size_t N>
bool contains(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// Node types whose members say everything.
constexpr std::array<std::string_view, 33> kPlain{
    "A_ArrayExpr",     "A_Indices",     "A_Star",         "BitString",        "BoolExpr",
    "Boolean",         "BooleanTest",   "CTECycleClause", "CTESearchClause",  "CaseWhen",
    "CoalesceExpr",    "CollateClause", "Float",          "GroupingFunc",     "GroupingSet",
    "InferClause",     "Integer",       "List",           "MergeWhenClause",  "MinMaxExpr",
    "MultiAssignRef",  "NamedArgExpr",  "NullTest",       "OnConflictClause", "ReturnStmt",
    "SetToDefault",    "String",        "WindowDef",      "XmlSerialize",     "RangeTableFuncCol",
    "CommonTableExpr", "XmlExpr",       "IndexElem"};

/// Members that hold one node of a known type without its name.
constexpr std::array<std::pair<std::string_view, std::string_view>, 14> kUnwrapped{{
    {"larg", "SelectStmt"},
    {"rarg", "SelectStmt"},
    {"relation", "RangeVar"},
    {"rel", "RangeVar"},
    {"typeName", "TypeName"},
    {"over", "WindowDef"},
    {"alias", "Alias"},
    {"join_using_alias", "Alias"},
    {"joinUsingAlias", "Alias"},
    {"intoClause", "IntoClause"},
    {"onConflictClause", "OnConflictClause"},
    {"infer", "InferClause"},
    {"search_clause", "CTESearchClause"},
    {"cycle_clause", "CTECycleClause"},
}};

/// What an unqualified ColumnRef or alias can never be in a user's table.
constexpr std::array<std::string_view, 6> kSystemColumns{"ctid", "xmin", "xmax",
                                                         "cmin", "cmax", "tableoid"};

constexpr std::array<std::string_view, 5> kDateFunctions{"date", "timestamp", "timestamptz", "time",
                                                         "timetz"};

void add_reason(std::vector<std::string>& reasons, std::string reason) {
  if (std::find(reasons.begin(), reasons.end(), reason) == reasons.end())
    reasons.push_back(std::move(reason));
}

std::string_view string_in(const TreeNode& node) {
  const TreeNode* string = node.find("String");
  if (string == nullptr) return {};
  return string->text_of("sval");
}

std::size_t list_size(const TreeNode* list) { return list == nullptr ? 0 : list->items.size(); }

std::size_t number(std::string_view digits) {
  std::size_t value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

}  // namespace

ObjectName object_name(const TreeNode* names) {
  ObjectName name;
  if (names == nullptr || names->items.empty()) return name;
  name.name = string_in(names->items.back());
  if (names->items.size() > 1) name.schema = string_in(names->items[names->items.size() - 2]);
  return name;
}

void StatementWalker::not_understood(std::string_view what) {
  add_reason(shape_->never, fmt::format("{} is not understood", what));
}

void StatementWalker::visit(const TreeNode& node) {
  if (node.kind == TreeNode::Kind::kArray) {
    for (const TreeNode& item : node.items) visit(item);
  } else if (node.wrapped()) {
    visit_as(node.members.front().key, node.members.front().value);
  } else if (node.kind == TreeNode::Kind::kObject && !node.members.empty()) {
    not_understood("a node without a type");
  }
}

void StatementWalker::visit_members(std::string_view type, const TreeNode& fields,
                                    std::initializer_list<std::string_view> skipped) {
  for (const auto& [key, member] : fields.members) {
    if (std::find(skipped.begin(), skipped.end(), key) != skipped.end()) continue;
    if (member.kind != TreeNode::Kind::kObject || member.wrapped()) {
      visit(member);
      continue;
    }
    const std::string_view name = key;
    const auto* known = std::find_if(kUnwrapped.begin(), kUnwrapped.end(),
                                     [name](const auto& entry) { return entry.first == name; });
    if (known == kUnwrapped.end()) {
      if (!member.members.empty()) not_understood(fmt::format("{}.{}", type, key));
    } else {
      visit_as(known->second, member);
    }
  }
}

void StatementWalker::visit_as(std::string_view type, const TreeNode& fields) {
  if (type == "SelectStmt") return with_scope(type, fields);
  if (type == "InsertStmt" || type == "UpdateStmt" || type == "DeleteStmt" || type == "MergeStmt") {
    return with_scope(type, fields);
  }
  if (type == "ResTarget") {
    if (select_depth_ > 1)
      add_alias(fields.text_of("name"));  // the outermost names can be cast nowhere
    return visit_members(type, fields);
  }
  if (type == "ColumnRef") return column(fields);
  if (type == "A_Const") return constant(fields);
  if (type == "A_Expr") return expression(fields);
  if (type == "FuncCall") return function(fields);
  if (type == "RangeVar") return range_var(fields);
  if (type == "TypeCast") return type_cast(fields);
  if (type == "ParamRef") return parameter(fields);
  if (type == "SQLValueFunction") return value_function(fields);
  if (type == "SubLink") return sublink(fields);
  if (type == "JoinExpr") return join(fields);
  if (type == "Alias") return alias(fields);
  if (type == "A_Indirection") return indirection(fields);
  if (type == "RangeFunction") return range_function(fields);
  if (type == "RowExpr" || type == "RangeSubselect") {
    add_record(fields);
    return visit_members(type, fields);
  }
  if (type == "SortBy") {
    if (const TreeNode* names = fields.find("useOp")) add_operator(object_name(names), 2);
    return visit_members(type, fields, {"useOp"});
  }
  if (type == "FunctionParameter") {  // the caller evaluates the default
    if (const TreeNode* value = fields.find("defexpr")) visit(*value);
    return;
  }
  if (type == "TypeName") {
    shape_->casts.push_back({object_name(fields.find("names")), false, {}, false});
    return;
  }
  if (type == "CaseExpr") {
    if (fields.find("arg") != nullptr) add_comparisons();
    return visit_members(type, fields);
  }
  if (type ==
      "ColumnDef") {  // a column of a function's row type: read with its type's input function
    add_alias(fields.text_of("colname"));
    if (const TreeNode* name = fields.find("typeName")) {
      shape_->casts.push_back({object_name(name->find("names")), true, {}, false});
    }
    return;
  }
  if (type == "RangeTableSample") {
    add_reason(shape_->ttl_only, "TABLESAMPLE picks other rows each time");
    return visit_members(type, fields);
  }
  if (type == "RangeTableFunc") {
    add_reason(shape_->ttl_only, "XMLTABLE reads typed columns from text");
    return visit_members(type, fields);
  }
  if (type == "LockingClause") {
    shape_->kind = spi::StatementKind::kWrite;
    return add_reason(shape_->never, "FOR UPDATE or FOR SHARE locks rows");
  }
  if (type == "IntoClause") {
    shape_->kind = spi::StatementKind::kWrite;
    if (const TreeNode* target = fields.find("rel")) {
      shape_->writes.push_back(
          {std::string{target->text_of("schemaname")}, std::string{target->text_of("relname")}});
    }
    return add_reason(shape_->never, "SELECT INTO creates a table");
  }
  if (contains(kPlain, type)) return visit_members(type, fields);
  not_understood(type);
}

void StatementWalker::with_scope(std::string_view type, const TreeNode& fields) {
  const std::size_t outer = scopes_.size();
  ++select_depth_;
  if (const TreeNode* clause = fields.find("withClause")) with_clause(*clause);
  if (type == "SelectStmt") {
    select(fields);
  } else {
    modify(type, fields);
  }
  --select_depth_;
  scopes_.resize(outer);
}

void StatementWalker::with_clause(const TreeNode& clause) {
  const TreeNode* ctes = clause.find("ctes");
  if (ctes == nullptr) return not_understood("WithClause");
  scopes_.emplace_back();
  const std::size_t scope = scopes_.size() - 1;
  const auto declare = [&](const TreeNode& cte) {
    if (const TreeNode* fields = cte.find("CommonTableExpr")) {
      scopes_[scope].emplace_back(fields->text_of("ctename"));
      if (const TreeNode* columns = fields->find("aliascolnames")) {
        for (const TreeNode& column : columns->items) add_alias(string_in(column));
      }
    }
  };
  const bool recursive = clause.is_true("recursive");
  if (recursive) std::for_each(ctes->items.begin(), ctes->items.end(), declare);
  for (const TreeNode& cte : ctes->items) {
    visit(cte);
    if (!recursive) declare(cte);
  }
}

void StatementWalker::select(const TreeNode& fields) {
  const std::string_view operation = fields.text_of("op");
  if (!operation.empty() && operation != "SETOP_NONE") add_comparisons();
  visit_members("SelectStmt", fields, {"withClause"});
}

void StatementWalker::modify(std::string_view type, const TreeNode& fields) {
  shape_->kind = spi::StatementKind::kWrite;
  if (const TreeNode* target = fields.find("relation")) {
    ObjectName name{std::string{target->text_of("schemaname")},
                    std::string{target->text_of("relname")}};
    add_reason(shape_->never, fmt::format("it writes {}", name.to_string()));
    shape_->writes.push_back(std::move(name));
  }
  visit_members(type, fields, {"withClause", "relation"});
}

void StatementWalker::range_var(const TreeNode& fields) {
  ObjectName name{std::string{fields.text_of("schemaname")},
                  std::string{fields.text_of("relname")}};
  if (const TreeNode* names = fields.find("alias")) alias(*names);
  if (name.schema.empty()) {
    const auto declares = [&name](const Names& scope) {
      return std::find(scope.begin(), scope.end(), name.name) != scope.end();
    };
    if (std::any_of(scopes_.begin(), scopes_.end(), declares)) {
      if (fields.find("alias") == nullptr) shape_->record_aliases.push_back(name.name);
      return add_record(fields);
    }
  }
  if (std::find(shape_->relations.begin(), shape_->relations.end(), name) ==
      shape_->relations.end()) {
    shape_->relations.push_back(std::move(name));
  }
}

void StatementWalker::function(const TreeNode& fields) {
  FunctionUse use;
  use.name = object_name(fields.find("funcname"));
  const TreeNode* arguments = fields.find("args");
  use.arguments = list_size(arguments);
  if (fields.is_true("func_variadic") || fields.is_true("agg_within_group")) {
    use.form = FunctionUse::Form::kAnyArguments;
  }
  if (use.name.name == "current_setting" && use.arguments > 0) {
    const TreeNode* first = arguments->items.front().find("A_Const");
    if (const TreeNode* cast =
            arguments->items.front().find("TypeCast")) {  // 'app.user'::text, as views print it
      const TreeNode* inner = cast->find("arg");
      first = inner == nullptr ? nullptr : inner->find("A_Const");
    }
    const TreeNode* text = first == nullptr ? nullptr : first->find("sval");
    if (text != nullptr && text->text_of("sval").find('.') != std::string_view::npos) {
      use.form = FunctionUse::Form::kCustomSetting;
    }
  }
  if (use.arguments == 1) {  // date(x) is x::date when no function fits
    CastUse cast{use.name, false, {}, true};
    if (contains(kDateFunctions, use.name.name)) {
      CastSource source = cast_source(arguments->items.front());
      cast.of_unknown = source.unknown;
      cast.columns = std::move(source.columns);
    } else {
      cast.of_unknown = true;
    }
    shape_->casts.push_back(std::move(cast));
  }
  if (use.name == ObjectName{{}, "unnest"}) use.arguments = 1;  // several arrays are several calls
  add_alias(use.name.name);
  shape_->functions.push_back(std::move(use));
  visit_members("FuncCall", fields, {"funcname"});
}

void StatementWalker::expression(const TreeNode& fields) {
  const std::string_view kind = fields.text_of("kind");
  const std::size_t operands = fields.find("lexpr") == nullptr ? 1 : 2;
  if (kind.starts_with("AEXPR_BETWEEN") || kind.starts_with("AEXPR_NOT_BETWEEN")) {
    add_comparisons();
  } else {
    add_operator(object_name(fields.find("name")), operands);
    if (kind != "AEXPR_OP") add_comparisons();
  }
  visit_members("A_Expr", fields, {"name"});
}

void StatementWalker::type_cast(const TreeNode& fields) {
  const TreeNode* type = fields.find("typeName");
  const TreeNode* argument = fields.find("arg");
  if (type == nullptr || argument == nullptr) return not_understood("TypeCast");
  CastSource source = cast_source(*argument);
  shape_->casts.push_back(
      {object_name(type->find("names")), source.unknown, std::move(source.columns), false});
  visit_members("TypeCast", fields, {"typeName"});
}

void StatementWalker::column(const TreeNode& fields) {
  const TreeNode* names = fields.find("fields");
  if (names == nullptr || names->items.empty()) return not_understood("ColumnRef");
  const std::string name{string_in(names->items.back())};
  if (contains(kSystemColumns, name)) {
    add_reason(shape_->ttl_only, fmt::format("system column {} changes without a trace", name));
  }
  if (names->items.size() > 1 && !name.empty()) {
    attribute(std::string{string_in(names->items[names->items.size() - 2])}, name);
  }
}

void StatementWalker::attribute(std::string qualifier, std::string name) {
  shape_->functions.push_back(
      {{{}, std::move(name)}, 1, FunctionUse::Form::kAttribute, std::move(qualifier)});
}

void StatementWalker::range_function(const TreeNode& fields) {
  shape_->records = true;
  if (const TreeNode* names = fields.find("alias")) {
    shape_->function_aliases.emplace_back(names->text_of("aliasname"));
  } else if (const TreeNode* functions = fields.find("functions")) {
    for (const TreeNode& function :
         functions->items) {  // each a pair: the call, its column definitions
      const TreeNode* pair = function.find("List");
      const TreeNode* items = pair == nullptr ? nullptr : pair->find("items");
      if (items == nullptr || items->items.empty()) continue;
      if (const TreeNode* call = items->items.front().find("FuncCall")) {
        shape_->function_aliases.push_back(object_name(call->find("funcname")).name);
      }
    }
  }
  visit_members("RangeFunction", fields);
}

void StatementWalker::indirection(const TreeNode& fields) {
  if (const TreeNode* steps = fields.find("indirection")) {
    for (const TreeNode& step : steps->items) {
      if (const std::string name{string_in(step)}; !name.empty()) {
        attribute({}, name);
        add_alias(name);
      }
    }
  }
  visit_members("A_Indirection", fields);
}

void StatementWalker::constant(const TreeNode& fields) {
  const TreeNode* text = fields.find("sval");
  if (text == nullptr) return;
  if (const std::string_view word = time_word(text->text_of("sval")); !word.empty()) {
    add_reason(shape_->ttl_only, fmt::format("a constant says '{}', which may mean a time", word));
  }
}

void StatementWalker::parameter(const TreeNode& fields) {
  const std::size_t index = number(fields.text_of("number"));
  if (index == 0) return not_understood("a parameter without number");
  shape_->parameters = std::max(shape_->parameters, index);
}

void StatementWalker::value_function(const TreeNode& fields) {
  const std::string_view function = fields.text_of("op");
  constexpr std::array<std::string_view, 5> kInTheKey{"SVFOP_CURRENT_ROLE", "SVFOP_CURRENT_USER",
                                                      "SVFOP_USER", "SVFOP_SESSION_USER",
                                                      "SVFOP_CURRENT_CATALOG"};
  if (contains(kInTheKey, function)) return;
  std::string name{function.substr(std::min(function.size(), std::string_view{"SVFOP_"}.size()))};
  std::transform(name.begin(), name.end(), name.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  if (name.size() > 2 && name.ends_with("_n")) name.resize(name.size() - 2);
  add_reason(shape_->ttl_only, fmt::format("{} is not constant", name));
}

void StatementWalker::sublink(const TreeNode& fields) {
  if (const TreeNode* names = fields.find("operName")) {
    add_operator(object_name(names), 2);
  } else {
    add_comparisons();
  }
  visit_members("SubLink", fields, {"operName"});
}

void StatementWalker::join(const TreeNode& fields) {
  if (fields.find("usingClause") != nullptr || fields.is_true("isNatural")) add_comparisons();
  for (const char* name : {"alias", "join_using_alias", "joinUsingAlias"}) {
    if (const TreeNode* names = fields.find(name)) add_record_alias(*names);
  }
  visit_members("JoinExpr", fields);
}

void StatementWalker::alias(const TreeNode& fields) {
  add_alias(fields.text_of("aliasname"));
  if (const TreeNode* columns = fields.find("colnames")) {
    for (const TreeNode& column : columns->items) add_alias(string_in(column));
  }
}

void StatementWalker::add_record(const TreeNode& from_item) {
  shape_->records = true;
  if (const TreeNode* names = from_item.find("alias")) add_record_alias(*names);
}

void StatementWalker::add_record_alias(const TreeNode& alias) {
  shape_->records = true;
  add_reason(shape_->record_aliases, std::string{alias.text_of("aliasname")});
}

void StatementWalker::add_alias(std::string_view name) {
  if (!name.empty()) add_reason(shape_->column_aliases, std::string{name});
}

void StatementWalker::add_operator(ObjectName name, std::size_t operands) {
  if (name.schema.empty() && name.name == "!=") name.name = "<>";
  const auto same = [&](const OperatorUse& use) {
    return use.operands == operands && use.name == name;
  };
  if (std::none_of(shape_->operators.begin(), shape_->operators.end(), same)) {
    shape_->operators.push_back({std::move(name), operands});
  }
}

void StatementWalker::add_comparisons() {
  for (const char* name : {"=", "<>", "<", ">", "<=", ">="}) add_operator({{}, name}, 2);
}

}  // namespace weir::postgres
