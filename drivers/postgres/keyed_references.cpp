#include "drivers/postgres/keyed_references.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "drivers/postgres/picked_columns.hpp"

namespace weir::postgres {
namespace {

constexpr std::size_t kMaxReferences = 128;  // views of views multiply
constexpr std::size_t kMaxViews = 128;

/// Node types of expressions and clauses; tables are in none of them but by a SelectStmt.
constexpr std::array<std::string_view, 53> kKnown{"A_ArrayExpr",
                                                  "A_Const",
                                                  "A_Expr",
                                                  "A_Indices",
                                                  "A_Indirection",
                                                  "A_Star",
                                                  "Alias",
                                                  "BitString",
                                                  "BoolExpr",
                                                  "Boolean",
                                                  "BooleanTest",
                                                  "CTECycleClause",
                                                  "CTESearchClause",
                                                  "CaseExpr",
                                                  "CaseWhen",
                                                  "CoalesceExpr",
                                                  "CollateClause",
                                                  "ColumnDef",
                                                  "ColumnRef",
                                                  "CommonTableExpr",
                                                  "Float",
                                                  "FuncCall",
                                                  "GroupingFunc",
                                                  "GroupingSet",
                                                  "Integer",
                                                  "JoinExpr",
                                                  "List",
                                                  "LockingClause",
                                                  "MinMaxExpr",
                                                  "NamedArgExpr",
                                                  "NullTest",
                                                  "ParamRef",
                                                  "RangeFunction",
                                                  "RangeSubselect",
                                                  "RangeTableFunc",
                                                  "RangeTableFuncCol",
                                                  "RangeTableSample",
                                                  "RangeVar",
                                                  "ResTarget",
                                                  "RowExpr",
                                                  "SQLValueFunction",
                                                  "SelectStmt",
                                                  "SetToDefault",
                                                  "SortBy",
                                                  "String",
                                                  "SubLink",
                                                  "TypeCast",
                                                  "TypeName",
                                                  "WindowDef",
                                                  "WithClause",
                                                  "XmlExpr",
                                                  "XmlSerialize",
                                                  "A_Null"};

/// What makes a SELECT more than columns picked and rows filtered.
constexpr std::array<std::string_view, 10> kNotPlain{
    "groupClause", "havingClause", "windowClause", "distinctClause", "limitCount",
    "limitOffset", "sortClause",   "valuesLists",  "lockingClause",  "withClause"};

struct Plain {
  JoinNode tree{};
  std::vector<NamedColumn> columns{};
  bool known{false};  ///< It is part of the level around it, with these columns.
};

class ReferenceWalker {
 public:
  ReferenceWalker(const TreeNode& statement, std::string_view sql, const KeyCatalog& catalog)
      : catalog_{&catalog}, reader_{statement, sql} {}

  KeyedReferences run(const TreeNode& statement) {
    select(statement);
    if (result_.problem.empty()) {
      for (const JoinNode& level : levels_) choose_keys(level, reader_, result_.references);
      limit_keys(result_.references, AtomReader::kMaxValues);
    }
    return std::move(result_);
  }

 private:
  using Names = std::vector<std::string>;

  void problem(std::string text) {
    if (result_.problem.empty()) result_.problem = std::move(text);
  }

  void visit(const TreeNode& node);
  void visit_members(const TreeNode& fields, const std::vector<std::string_view>& skipped);
  void select(const TreeNode& fields);
  void with_clause(const TreeNode& clause);
  JoinNode level(const TreeNode& fields, Scope& scope);
  void finish(JoinNode level) { levels_.push_back(std::move(level)); }
  JoinNode from_item(const TreeNode& node, Scope& scope);
  JoinNode table(const TreeNode& fields, Scope& scope);
  JoinNode view(const KeyRelation& relation, ScopeItem item, bool renamed, Scope& scope);
  JoinNode derived_table(const TreeNode& fields, Scope& scope);
  JoinNode join(const TreeNode& fields, Scope& scope);
  Plain plain(const TreeNode& fields);
  void not_in_from(const TreeNode& fields);
  std::size_t add_reference(const KeyRelation* relation);
  [[nodiscard]] bool is_cte(const TreeNode& range_var) const;

  const KeyCatalog* catalog_;
  AtomReader reader_;
  KeyedReferences result_{};
  std::vector<JoinNode> levels_{};
  std::vector<Names> ctes_{};
  std::size_t views_{0};
};

bool has_columns(const TreeNode* alias) {
  return alias != nullptr && alias->find("colnames") != nullptr;
}

ObjectName name_of(const TreeNode& range_var) {
  return {std::string{range_var.text_of("schemaname")}, std::string{range_var.text_of("relname")}};
}

void ReferenceWalker::visit(const TreeNode& node) {
  if (!result_.problem.empty()) return;
  if (node.kind == TreeNode::Kind::kArray) {
    for (const TreeNode& item : node.items) visit(item);
  } else if (node.wrapped()) {
    const auto& [type, fields] = node.members.front();
    if (std::find(kKnown.begin(), kKnown.end(), type) == kKnown.end())
      return problem(fmt::format("{} is not understood", type));
    if (type == "SelectStmt") return select(fields);
    visit_members(fields, {});
  } else {
    visit_members(node, {});
  }
}

void ReferenceWalker::visit_members(const TreeNode& fields,
                                    const std::vector<std::string_view>& skipped) {
  if (fields.find("relname") != nullptr) not_in_from(fields);
  for (const auto& [key, member] : fields.members) {
    if (std::find(skipped.begin(), skipped.end(), key) == skipped.end()) visit(member);
  }
}

/// A table where no condition is known to be about it.
void ReferenceWalker::not_in_from(const TreeNode& fields) {
  if (is_cte(fields)) return;
  const KeyRelation* const relation = (*catalog_)(name_of(fields));
  if (relation != nullptr && !relation->definition.empty())
    return problem("a view is read in a way that is not understood");
  const std::size_t reference = add_reference(relation);
  if (result_.problem.empty())
    result_.references[reference].whole = "it is read in a way that is not understood";
}

std::size_t ReferenceWalker::add_reference(const KeyRelation* relation) {
  if (relation == nullptr) problem("a name is not known");
  if (result_.references.size() == kMaxReferences) problem("it names too many tables");
  if (!result_.problem.empty()) return 0;
  result_.references.push_back({relation, {}, relation->whole});
  return result_.references.size() - 1;
}

bool ReferenceWalker::is_cte(const TreeNode& range_var) const {
  if (!range_var.text_of("schemaname").empty()) return false;
  const std::string_view name = range_var.text_of("relname");
  return std::any_of(ctes_.begin(), ctes_.end(), [name](const Names& names) {
    return std::find(names.begin(), names.end(), name) != names.end();
  });
}

void ReferenceWalker::select(const TreeNode& fields) {
  const std::size_t outer = ctes_.size();
  if (const TreeNode* clause = fields.find("withClause")) with_clause(*clause);
  const std::string_view operation = fields.text_of("op");
  if (operation.empty() || operation == "SETOP_NONE") {
    Scope scope;
    finish(level(fields, scope));
    visit_members(fields, {"withClause", "fromClause", "whereClause"});
  } else {
    for (const char* branch : {"larg", "rarg"}) {
      const TreeNode* const side = fields.find(branch);
      if (side == nullptr) return problem("a set operation without branches");
      select(*side);
    }
    visit_members(fields, {"withClause", "larg", "rarg"});
  }
  ctes_.resize(outer);
}

void ReferenceWalker::with_clause(const TreeNode& clause) {
  const TreeNode* const queries = clause.find("ctes");
  if (queries == nullptr) return problem("WITH is not understood");
  ctes_.emplace_back();
  const std::size_t scope = ctes_.size() - 1;
  const auto declare = [&](const TreeNode& query) {
    const TreeNode* const fields = query.find("CommonTableExpr");
    if (fields == nullptr) return problem("WITH is not understood");
    ctes_[scope].emplace_back(fields->text_of("ctename"));
  };
  const bool recursive = clause.is_true("recursive");
  if (recursive) std::for_each(queries->items.begin(), queries->items.end(), declare);
  for (const TreeNode& query : queries->items) {
    visit(query);
    if (!recursive) declare(query);
  }
}

/// FROM and WHERE, with the sublinks in their conditions as levels of their own.
JoinNode ReferenceWalker::level(const TreeNode& fields, Scope& scope) {
  JoinNode node;
  if (const TreeNode* from = fields.find("fromClause")) {
    for (const TreeNode& item : from->items) node.children.push_back(from_item(item, scope));
  }
  if (const TreeNode* where = fields.find("whereClause")) {
    reader_.read(*where, scope, node.conditions);
    visit(*where);
  }
  return node;
}

JoinNode ReferenceWalker::from_item(const TreeNode& node, Scope& scope) {
  if (!result_.problem.empty()) return {};
  if (const TreeNode* fields = node.find("RangeVar")) return table(*fields, scope);
  if (const TreeNode* fields = node.find("JoinExpr")) return join(*fields, scope);
  if (const TreeNode* fields = node.find("RangeSubselect")) return derived_table(*fields, scope);
  visit(node);
  if (node.wrapped()) {  // a function, a sample: its name hides others'
    const TreeNode* const alias = node.members.front().value.find("alias");
    if (alias != nullptr) scope.add({std::string{alias->text_of("aliasname")}, {}, {}});
  }
  return {};
}

JoinNode ReferenceWalker::table(const TreeNode& fields, Scope& scope) {
  const TreeNode* const alias = fields.find("alias");
  ScopeItem item{
      std::string{alias == nullptr ? fields.text_of("relname") : alias->text_of("aliasname")},
      {},
      {}};
  if (is_cte(fields)) {
    scope.add(std::move(item));
    return {};
  }
  const KeyRelation* const relation = (*catalog_)(name_of(fields));
  if (relation != nullptr && alias == nullptr) item.schema = relation->schema;
  if (relation != nullptr && !relation->definition.empty())
    return view(*relation, std::move(item), has_columns(alias), scope);
  JoinNode node;
  node.kind = JoinNode::Kind::kTable;
  node.reference = add_reference(relation);
  if (!result_.problem.empty()) return {};
  if (!has_columns(alias)) {
    for (const KeyColumn& column : relation->columns)
      item.columns.push_back({column.name, ColumnId{node.reference, &column}});
  }
  scope.add(std::move(item));
  return node;
}

JoinNode ReferenceWalker::view(const KeyRelation& relation, ScopeItem item, bool renamed,
                               Scope& scope) {
  if (++views_ > kMaxViews) {
    problem("it names too many views");
    return {};
  }
  const SqlTree tree = parse_sql(relation.definition);
  const TreeNode* const statements = tree.root.find("stmts");
  const TreeNode* const statement =
      !tree.problem.empty() || statements == nullptr || statements->items.size() != 1
          ? nullptr
          : statements->items.front().find("stmt");
  const TreeNode* const query = statement == nullptr ? nullptr : statement->find("SelectStmt");
  if (query == nullptr) {
    problem("a view is not understood");
    return {};
  }
  const std::vector<Names> outside = std::exchange(ctes_, {});
  const std::string_view text = reader_.use_text(relation.definition);
  Plain inner = plain(*query);
  static_cast<void>(reader_.use_text(text));
  ctes_ = outside;
  if (inner.known && !renamed) item.columns = std::move(inner.columns);
  scope.add(std::move(item));
  return std::move(inner.tree);
}

JoinNode ReferenceWalker::derived_table(const TreeNode& fields, Scope& scope) {
  const TreeNode* const subquery = fields.find("subquery");
  const TreeNode* const query = subquery == nullptr ? nullptr : subquery->find("SelectStmt");
  const TreeNode* const alias = fields.find("alias");
  if (query == nullptr) {
    problem("a derived table is not understood");
    return {};
  }
  Plain inner;
  if (fields.is_true("lateral")) {
    select(*query);
  } else {
    inner = plain(*query);
  }
  ScopeItem item;
  if (alias != nullptr) item.name = alias->text_of("aliasname");
  if (inner.known && !has_columns(alias)) item.columns = std::move(inner.columns);
  scope.add(std::move(item));
  return std::move(inner.tree);
}

Plain ReferenceWalker::plain(const TreeNode& fields) {
  Plain result;
  const std::string_view operation = fields.text_of("op");
  const bool more = (!operation.empty() && operation != "SETOP_NONE") ||
                    std::any_of(kNotPlain.begin(), kNotPlain.end(),
                                [&fields](auto clause) { return fields.find(clause) != nullptr; });
  if (more) {
    select(fields);
    return result;
  }
  Scope scope;
  JoinNode tree = level(fields, scope);
  visit_members(fields, {"fromClause", "whereClause"});
  std::optional<std::vector<NamedColumn>> picked = picked_columns(fields.find("targetList"), scope);
  result.known = picked.has_value();
  if (picked) result.columns = std::move(*picked);
  if (result.known) {
    result.tree = std::move(tree);
  } else {
    finish(std::move(tree));
  }
  return result;
}

JoinNode ReferenceWalker::join(const TreeNode& fields, Scope& scope) {
  const TreeNode* const larg = fields.find("larg");
  const TreeNode* const rarg = fields.find("rarg");
  if (larg == nullptr || rarg == nullptr) {
    problem("a join is not understood");
    return {};
  }
  Scope left;
  Scope right;
  JoinNode node;
  node.children.push_back(from_item(*larg, left));
  node.children.push_back(from_item(*rarg, right));
  const std::string_view type = fields.text_of("jointype");
  Merged merged = Merged::kOfEither;
  if (type == "JOIN_LEFT" || type == "JOIN_RIGHT") {
    node.kind = JoinNode::Kind::kLeft;
    merged = type == "JOIN_LEFT" ? Merged::kOfLeft : Merged::kOfRight;
    if (type == "JOIN_RIGHT") std::swap(node.children[0], node.children[1]);
  } else if (type == "JOIN_FULL") {
    node.kind = JoinNode::Kind::kFull;
    merged = Merged::kOfNeither;
  } else if (type != "JOIN_INNER" && !type.empty()) {
    problem(fmt::format("{} is not understood", type));
  }
  if (const TreeNode* condition = fields.find("quals")) {
    reader_.read(*condition, both(left, right), node.conditions);  // siblings are not in sight
    visit(*condition);
  }
  const std::vector<std::string> common = strings(fields.find("usingClause"));
  for (const std::string& name : common) {
    const NamedColumn* const l = only(left.columns, name);
    const NamedColumn* const r = only(right.columns, name);
    if (l != nullptr && r != nullptr && l->column && r->column &&
        comparable(*l->column->column, *r->column->column)) {
      node.conditions.push_back({*l->column, r->column, {}});
    }
  }
  Scope outside = merge(left, right, common, merged);
  if (fields.is_true("isNatural")) {  // which columns are common is not asked
    for (NamedColumn& column : outside.columns) column.column.reset();
  }
  if (const TreeNode* alias = fields.find("alias")) {
    outside = {};
    outside.add({std::string{alias->text_of("aliasname")}, {}, {}});
  }
  for (const char* name : {"join_using_alias", "joinUsingAlias"}) {
    if (const TreeNode* alias = fields.find(name))
      outside.add({std::string{alias->text_of("aliasname")}, {}, {}});
  }
  scope = both(scope, outside);
  return node;
}

}  // namespace

KeyedReferences keyed_references(const TreeNode& statement, std::string_view sql,
                                 const KeyCatalog& catalog) {
  return ReferenceWalker{statement, sql, catalog}.run(statement);
}

}  // namespace weir::postgres
