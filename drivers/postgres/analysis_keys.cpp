#include <algorithm>
#include <iterator>
#include <utility>

#include "drivers/postgres/analysis_run.hpp"
#include "drivers/postgres/keyed_references.hpp"
#include "drivers/postgres/sql_tree.hpp"

// The part of an analysis that tells which rows matter.

namespace weir::postgres {
namespace {

using spi::StatementKind;

template <typename T>
bool contains(const std::vector<T>& items, const T& item) {
  return std::find(items.begin(), items.end(), item) != items.end();
}

/// The only statement's SelectStmt; null when it is none.
const TreeNode* select_of(const SqlTree& tree) {
  if (!tree.problem.empty()) return nullptr;
  const TreeNode* const statements = tree.root.find("stmts");
  if (statements == nullptr || statements->items.size() != 1) return nullptr;
  const TreeNode* const statement = statements->items.front().find("stmt");
  return statement == nullptr ? nullptr : statement->find("SelectStmt");
}

}  // namespace

void AnalysisRun::remember(const ObjectName& name, const CatalogRelation& relation) {
  for (Known& known : known_) {
    if (known.name != name) continue;
    // As another role reads it: what applies to one is taken to apply to all.
    known.relation.row_security = known.relation.row_security || relation.row_security;
    return;
  }
  known_.push_back({name, relation, {}});
}

const AnalysisRun::Known* AnalysisRun::find_known(const ObjectName& name) const {
  const auto found = std::find_if(known_.begin(), known_.end(),
                                  [&name](const Known& known) { return known.name == name; });
  return found == known_.end() ? nullptr : &*found;
}

bool AnalysisRun::has_own_equality() const {
  return std::any_of(candidates_.begin(), candidates_.end(),
                     [this](const CatalogCandidate& candidate) {
                       return candidate.part == CatalogCandidate::Part::kOperator &&
                              candidate.trust != CatalogCandidate::Trust::kBuiltin &&
                              candidate.index < names_.operators.size() &&
                              names_.operators[candidate.index].name.name == "=";
                     });
}

std::vector<std::uint64_t> AnalysisRun::read_elsewhere() const {
  std::vector<std::uint64_t> ids;
  std::vector<ObjectName> names = elsewhere_;
  for (std::size_t i = 0; i < names.size(); ++i) {  // grows by what views read
    const ObjectName name = names[i];
    const Known* const known = find_known(name);
    if (known == nullptr) continue;
    if (!contains(ids, known->relation.id)) ids.push_back(known->relation.id);
    for (const ObjectName& read : known->reads) {
      if (!contains(names, read)) names.push_back(read);
    }
  }
  return ids;
}

std::string AnalysisRun::whole_reason(const CatalogRelation& relation) const {
  if (relation.kind == 'm') return "a materialized view";
  if (relation.kind != 'r') return "partitioned";
  if (relation.family.size() != 1) return "a partition, or in an inheritance tree";
  const bool secured = std::any_of(known_.begin(), known_.end(), [&relation](const Known& known) {
    return known.relation.id == relation.id && known.relation.row_security;
  });
  if (secured) return "row security applies to it";
  if (builtins_ != Builtins::kFirst) return "pg_catalog is not first in the search_path";
  if (!relation.may_tell_keys) return "not tracked by key columns: run weir migrate up";
  return {};
}

std::vector<KeyRelation> AnalysisRun::key_relations() {
  std::vector<std::uint64_t> tables;
  std::vector<std::uint64_t> telling;
  std::vector<KeyRelation> relations;
  const std::vector<std::uint64_t> elsewhere = read_elsewhere();
  for (const Known& known : known_) {
    const CatalogRelation& relation = known.relation;
    KeyRelation& key = relations.emplace_back();
    key = {std::to_string(relation.id), relation.schema, relation.name, {}, {}, {}};
    if (relation.kind == 'v') key.definition = relation.definition;
    if (relation.kind != 'r' || relation.system) continue;
    key.whole = whole_reason(relation);
    if (key.whole.empty() && contains(elsewhere, relation.id))
      key.whole = "also read by a function, policy or domain check";
    tables.push_back(relation.id);
    if (key.whole.empty() && contains(result_.dependencies, key.id)) telling.push_back(relation.id);
  }
  if (telling.empty()) return relations;  // nothing of the columns matters
  const bool own_equality = has_own_equality();
  for (CatalogColumn& column : catalog_->columns(tables, telling)) {
    if (own_equality && column.varchar) column.column.type.clear();
    if (column.column.type.empty()) column.column.told = false;
    const std::string id = std::to_string(column.relation);
    for (KeyRelation& relation : relations) {
      if (relation.id == id) relation.columns.push_back(column.column);
    }
  }
  for (KeyRelation& relation : relations) {
    if (relation.whole.empty() && std::none_of(relation.columns.begin(), relation.columns.end(),
                                               [](const KeyColumn& column) { return column.told; }))
      relation.whole = "not tracked by key columns: run weir track again";
  }
  return relations;
}

void AnalysisRun::add_keys(std::string_view sql) {
  std::vector<std::pair<std::string, std::string>> whole;  // by relation id
  read_keys(sql, whole);
  for (spi::RelationUse& use : result_.relations) {
    if (!contains(result_.dependencies, use.id)) continue;
    const auto found = std::find_if(whole.begin(), whole.end(),
                                    [&use](const auto& reason) { return reason.first == use.id; });
    if (found != whole.end()) use.whole = found->second;
  }
}

void AnalysisRun::read_keys(std::string_view sql,
                            std::vector<std::pair<std::string, std::string>>& whole) {
  const auto all_whole = [&](const std::string& reason) {
    for (const std::string& id : result_.dependencies) whole.emplace_back(id, reason);
  };
  if (result_.kind != StatementKind::kRead || !never_.empty()) return all_whole("never cached");
  if (!opaque_.empty()) return all_whole("functions with unknown bodies may read it too");
  for (const Known& known : known_) {
    const std::string reason = whole_reason(known.relation);
    if (reason.empty()) continue;
    for (const std::string& member : known.relation.family) whole.emplace_back(member, reason);
  }
  const bool hopeless = std::all_of(
      result_.dependencies.begin(), result_.dependencies.end(), [&whole](const std::string& id) {
        return std::any_of(whole.begin(), whole.end(),
                           [&id](const auto& reason) { return reason.first == id; });
      });
  if (hopeless) return;
  const SqlTree tree = parse_sql(sql);
  const TreeNode* const select = select_of(tree);
  const std::vector<KeyRelation> relations = key_relations();
  if (select == nullptr) return all_whole("the statement is not understood");
  const KeyedReferences found =
      keyed_references(*select, sql, [this, &relations](const ObjectName& name) {
        const Known* const known = find_known(name);
        return known == nullptr ? nullptr
                                : &relations[static_cast<std::size_t>(known - known_.data())];
      });
  if (!found.problem.empty()) return all_whole(found.problem);
  for (const std::string& id : result_.dependencies) {
    std::vector<spi::KeyedReference> keys;
    std::string reason;
    for (const TableReference& reference : found.references) {
      if (reference.relation->id != id) continue;
      if (reference.key) {
        keys.push_back(*reference.key);
      } else if (reason.empty()) {
        reason = reference.whole;
      }
    }
    if (reason.empty() && keys.empty()) reason = "read by a function, policy or domain check";
    if (reason.empty()) {
      std::move(keys.begin(), keys.end(), std::back_inserter(result_.keys));
    } else {
      whole.emplace_back(id, std::move(reason));
    }
  }
}

}  // namespace weir::postgres
