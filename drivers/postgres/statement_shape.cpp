#include "drivers/postgres/statement_shape.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <utility>

#include "drivers/postgres/sql_tree.hpp"
#include "drivers/postgres/statement_walker.hpp"

namespace weir::postgres {
namespace {

using spi::StatementKind;

/// A statement type that is not a query.
struct Utility {
  std::string_view type{};
  StatementKind kind{StatementKind::kOther};
  std::string_view what{};
};

constexpr std::string_view kDeclare =
    "declare it instead, with Database::with_session({.role = ..., .settings = ...})";
constexpr std::string_view kTransact = "use Database::transact or Database::begin";

// Anything neither here nor by name a schema change is kOther.
constexpr std::array<Utility, 33> kUtilities{{
    {"VariableSetStmt", StatementKind::kSessionChange, "SET"},
    {"DiscardStmt", StatementKind::kSessionChange, "DISCARD"},
    {"ConstraintsSetStmt", StatementKind::kSessionChange, "SET CONSTRAINTS"},
    {"PrepareStmt", StatementKind::kSessionChange, "PREPARE"},
    {"DeallocateStmt", StatementKind::kSessionChange, "DEALLOCATE"},
    {"ListenStmt", StatementKind::kSessionChange, "LISTEN"},
    {"UnlistenStmt", StatementKind::kSessionChange, "UNLISTEN"},
    {"LoadStmt", StatementKind::kSessionChange, "LOAD"},
    {"TransactionStmt", StatementKind::kTransactionControl, "transaction control"},
    {"TruncateStmt", StatementKind::kWrite, "TRUNCATE"},
    {"CallStmt", StatementKind::kWrite, "CALL"},
    {"DoStmt", StatementKind::kWrite, "DO"},
    {"NotifyStmt", StatementKind::kWrite, "NOTIFY"},
    {"LockStmt", StatementKind::kWrite, "LOCK"},
    {"CopyStmt", StatementKind::kWrite, "COPY"},
    {"ExecuteStmt", StatementKind::kWrite, "EXECUTE"},
    {"ExplainStmt", StatementKind::kOther, "EXPLAIN"},
    {"VariableShowStmt", StatementKind::kOther, "SHOW"},
    {"DeclareCursorStmt", StatementKind::kOther, "DECLARE CURSOR"},
    {"FetchStmt", StatementKind::kOther, "FETCH"},
    {"ClosePortalStmt", StatementKind::kOther, "CLOSE"},
    {"VacuumStmt", StatementKind::kOther, "VACUUM or ANALYZE"},
    {"ClusterStmt", StatementKind::kOther, "CLUSTER"},
    {"ReindexStmt", StatementKind::kOther, "REINDEX"},
    {"CheckPointStmt", StatementKind::kOther, "CHECKPOINT"},
    {"AlterSystemStmt", StatementKind::kOther, "ALTER SYSTEM"},
    {"RefreshMatViewStmt", StatementKind::kSchemaChange, "REFRESH MATERIALIZED VIEW"},
    {"GrantStmt", StatementKind::kSchemaChange, "GRANT or REVOKE"},
    {"GrantRoleStmt", StatementKind::kSchemaChange, "GRANT or REVOKE"},
    {"DropOwnedStmt", StatementKind::kSchemaChange, "DROP OWNED"},
    {"ReassignOwnedStmt", StatementKind::kSchemaChange, "REASSIGN OWNED"},
    {"CommentStmt", StatementKind::kSchemaChange, "COMMENT"},
    {"SecLabelStmt", StatementKind::kSchemaChange, "SECURITY LABEL"},
}};

bool is_schema_change(std::string_view type) {
  constexpr std::array<std::string_view, 9> kPrefixes{
      "Create", "Alter", "Drop", "Rename", "Define", "Index", "View", "Import", "Rule"};
  return type == "CompositeTypeStmt" ||
         std::any_of(kPrefixes.begin(), kPrefixes.end(),
                     [type](std::string_view p) { return type.starts_with(p); });
}

/// Tables a utility statement writes.
void read_targets(std::string_view type, const TreeNode& fields, StatementShape& shape) {
  const auto add = [&shape](const TreeNode& range_var) {
    shape.writes.push_back(
        {std::string{range_var.text_of("schemaname")}, std::string{range_var.text_of("relname")}});
  };
  if (type == "TruncateStmt") {
    if (const TreeNode* relations = fields.find("relations")) {
      for (const TreeNode& relation : relations->items) {
        if (const TreeNode* range_var = relation.find("RangeVar")) add(*range_var);
      }
    }
  } else if (type == "CopyStmt" && fields.is_true("is_from")) {
    if (const TreeNode* relation = fields.find("relation")) add(*relation);
  }
}

void read_utility(std::string_view type, const TreeNode& fields, StatementShape& shape) {
  shape.may_change_session = true;
  const auto* known = std::find_if(kUtilities.begin(), kUtilities.end(),
                                   [type](const Utility& entry) { return entry.type == type; });
  std::string_view what = type;
  if (known != kUtilities.end()) {
    shape.kind = known->kind;
    what = known->what;
  } else if (is_schema_change(type)) {
    shape.kind = StatementKind::kSchemaChange;
    what = "a schema change";
  }
  if (type == "VariableSetStmt" && fields.text_of("kind").starts_with("VAR_RESET")) what = "RESET";
  shape.never.push_back(fmt::format("{} is not a query", what));
  if (shape.kind == StatementKind::kSessionChange) {
    shape.refusal = type == "ListenStmt" || type == "UnlistenStmt" || type == "LoadStmt"
                        ? fmt::format("{} is refused on a pooled connection", what)
                        : fmt::format("{} is refused on a pooled connection: {}", what,
                                      type == "VariableSetStmt" || type == "DiscardStmt"
                                          ? kDeclare
                                          : "statements are prepared and sessions kept by weir");
  } else if (shape.kind == StatementKind::kTransactionControl) {
    shape.refusal = fmt::format("{} is refused as a statement: {}", what, kTransact);
  }
  read_targets(type, fields, shape);
}

StatementShape not_analysed(std::string reason) {
  StatementShape shape;
  shape.never.push_back(std::move(reason));
  shape.may_change_session = true;
  return shape;
}

}  // namespace

StatementShape read_statement(std::string_view sql) {
  const SqlTree tree = parse_sql(sql);
  if (!tree.problem.empty()) return not_analysed(tree.problem);
  const TreeNode* statements = tree.root.find("stmts");
  if (statements == nullptr || statements->items.empty())
    return not_analysed("there is no statement");
  if (statements->items.size() > 1) {
    StatementShape shape = not_analysed("there is more than one statement");
    shape.kind = StatementKind::kMultiple;
    shape.refusal = fmt::format(
        "one statement per call: this text has {}; run each by itself, or all in one transaction "
        "with Database::transact",
        statements->items.size());
    return shape;
  }
  const TreeNode* statement = statements->items.front().find("stmt");
  if (statement == nullptr || !statement->wrapped()) return not_analysed("there is no statement");
  const auto& [type, fields] = statement->members.front();
  StatementShape shape;
  if (type == "SelectStmt" || type == "InsertStmt" || type == "UpdateStmt" ||
      type == "DeleteStmt" || type == "MergeStmt") {
    shape.kind = StatementKind::kRead;
    StatementWalker{shape}.visit_as(type, fields);
    // Triggers, rules and defaults run functions nobody named here.
    shape.may_change_session = shape.kind != StatementKind::kRead;
  } else {
    read_utility(type, fields, shape);
  }
  return shape;
}

StatementShape read_function_body(std::string_view create_function) {
  const SqlTree tree = parse_sql(create_function);
  if (!tree.problem.empty()) return not_analysed(tree.problem);
  const TreeNode* statements = tree.root.find("stmts");
  const TreeNode* statement = statements == nullptr || statements->items.empty()
                                  ? nullptr
                                  : statements->items.front().find("stmt");
  const TreeNode* function = statement == nullptr ? nullptr : statement->find("CreateFunctionStmt");
  const TreeNode* body = function == nullptr ? nullptr : function->find("sql_body");
  if (body == nullptr) return not_analysed("the function has no SQL body");
  StatementShape shape;
  shape.kind = StatementKind::kRead;
  StatementWalker walker{shape};
  walker.visit(*body);
  if (const TreeNode* parameters = function->find("parameters")) walker.visit(*parameters);
  shape.may_change_session = shape.kind != StatementKind::kRead;
  return shape;
}

}  // namespace weir::postgres
