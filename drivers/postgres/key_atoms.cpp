#include "drivers/postgres/key_atoms.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "drivers/postgres/key_value.hpp"

namespace weir::postgres {
namespace {

using spi::KeyText;

struct CastType {
  std::string_view type{};  ///< As in `KeyColumn`; empty for any other.
  bool array{false};
};

/// The type a cast names, when it changes no value of that type.
CastType cast_type(const TreeNode* type_name) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kTypes{
      {{"int2", "int"},
       {"int4", "int"},
       {"int8", "int"},
       {"bool", "bool"},
       {"uuid", "uuid"},
       {"text", "text"},
       {"varchar", "text"}}};
  if (type_name == nullptr || type_name->find("typmods") != nullptr ||
      type_name->is_true("setof") || type_name->is_true("pct_type")) {
    return {};
  }
  const std::vector<std::string> names = strings(type_name->find("names"));
  if (names.empty() || names.size() > 2 || (names.size() == 2 && names[0] != "pg_catalog"))
    return {};
  const TreeNode* const bounds = type_name->find("arrayBounds");
  if (bounds != nullptr && bounds->items.size() != 1) return {};
  const auto* const found = std::find_if(
      kTypes.begin(), kTypes.end(), [&names](const auto& t) { return t.first == names.back(); });
  if (found == kTypes.end()) return {};
  return {found->second, bounds != nullptr};
}

std::size_t number_of(const TreeNode& parameter) {
  const std::string_view digits = parameter.text_of("number");
  std::size_t number = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return number;
}

bool is_equals(const TreeNode& expression) {
  const std::vector<std::string> names = strings(expression.find("name"));
  return !names.empty() && names.back() == "=" &&
         (names.size() == 1 || (names.size() == 2 && names[0] == "pg_catalog"));
}

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

bool in_word(char c) noexcept {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '.';
}

/// The column a node is; null when it is anything else.
const ColumnId* column_of(const TreeNode* node, const Scope& scope) {
  const TreeNode* const reference = node == nullptr ? nullptr : node->find("ColumnRef");
  const NamedColumn* const found = reference == nullptr ? nullptr : scope.find(*reference);
  return found == nullptr || !found->column || found->column->column->type.empty()
             ? nullptr
             : &*found->column;
}

}  // namespace

std::string_view AtomReader::use_text(std::string_view sql) noexcept {
  return std::exchange(sql_, sql);
}

void AtomReader::note(const TreeNode& node) {
  for (const TreeNode& item : node.items) note(item);
  for (const auto& [key, member] : node.members) {
    if (key == "ParamRef") {
      parameters_[number_of(member)].uses.try_emplace(&member);
    } else if (key == "TypeCast") {
      const TreeNode* const argument = member.find("arg");
      const TreeNode* const parameter = argument == nullptr ? nullptr : argument->find("ParamRef");
      if (parameter != nullptr) {
        const CastType type = cast_type(member.find("typeName"));
        parameters_[number_of(*parameter)].uses.try_emplace(
            parameter, ParameterUse{std::string{type.type}, type.array});
      }
    }
    note(member);
  }
}

void AtomReader::read(const TreeNode& condition, const Scope& scope, std::vector<Atom>& atoms) {
  if (const TreeNode* fields = condition.find("BoolExpr")) {
    const TreeNode* const arms = fields->find("args");
    if (arms == nullptr) return;
    if (fields->text_of("boolop") == "AND_EXPR") {
      for (const TreeNode& arm : arms->items) read(arm, scope, atoms);
    } else if (fields->text_of("boolop") == "OR_EXPR") {
      if (std::optional<Draft> draft = any_of(*arms, scope)) keep(std::move(*draft), atoms);
    }
  } else if (const TreeNode* expression_fields = condition.find("A_Expr")) {
    if (expression_fields->text_of("kind") == "AEXPR_OP" && is_equals(*expression_fields)) {
      const ColumnId* const left = column_of(expression_fields->find("lexpr"), scope);
      const ColumnId* const right = column_of(expression_fields->find("rexpr"), scope);
      if (left != nullptr && right != nullptr) {
        if (comparable(*left->column, *right->column)) atoms.push_back({*left, *right, {}});
        return;
      }
    }
    if (std::optional<Draft> draft = values_of(condition, scope)) keep(std::move(*draft), atoms);
  }
}

void AtomReader::keep(Draft draft, std::vector<Atom>& atoms) {
  for (auto& [node, use] : draft.uses) parameters_[number_of(*node)].uses[node] = std::move(use);
  if (draft.values.size() > kMaxValues) return;
  atoms.push_back({draft.column, {}, std::move(draft.values)});
}

std::optional<AtomReader::Draft> AtomReader::any_of(const TreeNode& arms,
                                                    const Scope& scope) const {
  std::optional<Draft> all;
  for (const TreeNode& arm : arms.items) {
    std::optional<Draft> draft = values_of(arm, scope);
    if (!draft || (all && all->column != draft->column)) return {};
    if (!all) {
      all = std::move(draft);
      continue;
    }
    all->values.insert(all->values.end(), draft->values.begin(), draft->values.end());
    all->uses.insert(all->uses.end(), draft->uses.begin(), draft->uses.end());
  }
  return all;
}

std::optional<AtomReader::Draft> AtomReader::values_of(const TreeNode& condition,
                                                       const Scope& scope) const {
  const TreeNode* const fields = condition.find("A_Expr");
  if (fields == nullptr || !is_equals(*fields)) return {};
  const TreeNode* const left = fields->find("lexpr");
  const TreeNode* const right = fields->find("rexpr");
  if (left == nullptr || right == nullptr) return {};
  const std::string_view kind = fields->text_of("kind");
  const ColumnId* column = column_of(left, scope);
  Draft draft;
  bool understood = false;
  if (kind == "AEXPR_OP") {
    const TreeNode* other = right;
    if (column == nullptr) {
      column = column_of(right, scope);
      other = left;
    }
    if (column == nullptr) return {};
    draft.column = *column;
    const TreeNode* const bare = other->find("A_Const");
    if (bare != nullptr && bare->is_true("isnull")) return {};
    understood = constant(*other, draft);
  } else if (column != nullptr && kind == "AEXPR_IN") {
    draft.column = *column;
    const TreeNode* const list = right->find("List");
    understood = list != nullptr && constants(list->find("items"), draft);
  } else if (column != nullptr && kind == "AEXPR_OP_ANY") {
    draft.column = *column;
    understood = array(*right, draft);
  }
  if (!understood) return {};
  return draft;
}

bool AtomReader::constants(const TreeNode* list, Draft& draft) const {
  return list != nullptr && !list->items.empty() &&
         std::all_of(list->items.begin(), list->items.end(),
                     [&](const TreeNode& item) { return constant(item, draft); });
}

bool AtomReader::array(const TreeNode& node, Draft& draft) const {
  if (const TreeNode* fields = node.find("ParamRef")) return parameter(*fields, true, draft);
  if (const TreeNode* fields = node.find("A_ArrayExpr"))
    return constants(fields->find("elements"), draft);
  const TreeNode* const cast = node.find("TypeCast");
  const TreeNode* const argument = cast == nullptr ? nullptr : cast->find("arg");
  if (argument == nullptr) return false;
  const CastType type = cast_type(cast->find("typeName"));
  if (!type.array || type.type != draft.column.column->type) return false;
  if (const TreeNode* fields = argument->find("ParamRef")) return parameter(*fields, true, draft);
  const TreeNode* const elements = argument->find("A_ArrayExpr");
  return elements != nullptr && constants(elements->find("elements"), draft);
}

bool AtomReader::constant(const TreeNode& node, Draft& draft) const {
  if (const TreeNode* fields = node.find("ParamRef")) return parameter(*fields, false, draft);
  if (const TreeNode* fields = node.find("A_Const")) return literal(*fields, false, draft);
  const TreeNode* const cast = node.find("TypeCast");
  const TreeNode* const argument = cast == nullptr ? nullptr : cast->find("arg");
  if (argument == nullptr) return false;
  const CastType type = cast_type(cast->find("typeName"));
  if (type.array || type.type != draft.column.column->type) return false;
  if (const TreeNode* fields = argument->find("ParamRef")) return parameter(*fields, false, draft);
  const TreeNode* const fields = argument->find("A_Const");
  return fields != nullptr && literal(*fields, true, draft);
}

bool AtomReader::parameter(const TreeNode& fields, bool is_array, Draft& draft) const {
  const std::size_t number = number_of(fields);
  const auto found = parameters_.find(number);
  if (number == 0 || found == parameters_.end()) return false;
  const auto use = found->second.uses.find(&fields);
  if (use == found->second.uses.end()) return false;  // of another text
  draft.values.push_back({number, is_array, {}});
  if (use->second.type.empty())
    draft.uses.emplace_back(&fields, ParameterUse{draft.column.column->type, is_array});
  return true;
}

bool AtomReader::literal(const TreeNode& fields, bool cast, Draft& draft) const {
  if (fields.is_true("isnull")) return true;  // equal to nothing
  const std::string_view type = draft.column.column->type;
  KeyText text;
  if (const TreeNode* string = fields.find("sval")) {
    text = key_text(type, string->text_of("sval"));
  } else if (const TreeNode* boolean = fields.find("boolval")) {
    if (type == "bool") text = key_text(type, boolean->is_true("boolval") ? "true" : "false");
  } else if (type == "int" || (type == "text" && cast)) {
    text = key_text("int", integer(fields));
  }
  if (text.form != KeyText::Form::kValue) return false;
  draft.values.push_back({0, false, std::move(text.text)});
  return true;
}

/// libpg_query 15 writes neither zero nor a negative number: those are read where they stand.
std::string AtomReader::integer(const TreeNode& fields) const {
  if (const TreeNode* large = fields.find("fval")) {  // beyond int4, or no integer at all
    const std::string_view digits = large->text_of("fval");
    return std::string{digits};
  }
  const TreeNode* const small = fields.find("ival");
  if (small == nullptr) return {};
  if (const std::string_view digits = small->text_of("ival"); !digits.empty())
    return std::string{digits};
  const std::string_view location = fields.text_of("location");
  std::size_t at = 0;
  std::from_chars(location.data(), location.data() + location.size(), at);
  if (at >= sql_.size()) return {};
  if (sql_[at] == '0') return "0";
  if (sql_[at] != '-') return {};
  at = std::min(sql_.find_first_not_of(' ', at + 1), sql_.size());
  const std::size_t begin = at;
  while (at < sql_.size() && is_digit(sql_[at])) ++at;
  if (at == begin || (at < sql_.size() && in_word(sql_[at]))) return {};
  return "-" + std::string{sql_.substr(begin, at - begin)};
}

bool AtomReader::believed(const std::vector<spi::KeyValue>& values, std::string_view type) const {
  return std::all_of(values.begin(), values.end(), [&](const spi::KeyValue& value) {
    if (value.parameter == 0) return true;
    const auto found = parameters_.find(value.parameter);
    const ParameterUse wanted{std::string{type}, value.each_element};
    return found != parameters_.end() &&
           std::all_of(found->second.uses.begin(), found->second.uses.end(),
                       [&wanted](const auto& use) { return use.second == wanted; });
  });
}

}  // namespace weir::postgres
