#include "drivers/postgres/key_choice.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <tuple>
#include <utility>

namespace weir::postgres {
namespace {

using Group = std::vector<const Atom*>;

constexpr std::size_t kGuessedArray = 16;  // elements of an array parameter

/// Appends what is true of every row of `node`.
void conditions_of(const JoinNode& node, Group& group) {
  switch (node.kind) {
    case JoinNode::Kind::kTable:
    case JoinNode::Kind::kFull:
      return;
    case JoinNode::Kind::kLeft:
      return conditions_of(node.children.front(), group);
    case JoinNode::Kind::kInner:
      for (const Atom& atom : node.conditions) group.push_back(&atom);
      for (const JoinNode& child : node.children) conditions_of(child, group);
      return;
  }
}

std::size_t weight(const std::vector<spi::KeyValue>& values) {
  return std::accumulate(values.begin(), values.end(), std::size_t{0},
                         [](std::size_t sum, const spi::KeyValue& value) {
                           return sum + (value.each_element ? kGuessedArray : 1);
                         });
}

/// Columns that are equal within a group, with the values they are compared with.
class Classes {
 public:
  Classes(const Group& group, const AtomReader& reader) {
    for (const Atom* atom : group) {
      if (atom->right) parents_[root(atom->left)] = root(*atom->right);
    }
    for (std::size_t i = 0; i < group.size(); ++i) {
      const Atom& atom = *group[i];
      if (atom.right || !reader.believed(atom.values, atom.left.column->type)) continue;
      const auto [known, fresh] = values_.try_emplace(root(atom.left), &atom, i);
      if (!fresh && weight(atom.values) < weight(known->second.first->values))
        known->second = {&atom, i};
    }
  }

  void choose(std::size_t reference, TableReference& table) {
    std::optional<std::tuple<bool, std::size_t, std::size_t>> best;
    std::set<std::string> others;
    for (const KeyColumn& column : table.relation->columns) {
      const ColumnId id{reference, &column};
      if (parents_.find(id) == parents_.end() && values_.find(id) == values_.end()) continue;
      const auto found = values_.find(root(id));
      if (found == values_.end()) continue;
      if (!column.told) {
        others.insert(column.name);
        continue;
      }
      const auto& [atom, place] = found->second;
      const std::tuple rank{!column.unique, weight(atom->values), place};
      if (best && *best <= rank) continue;
      best = rank;
      table.key =
          spi::KeyedReference{.relation = table.relation->id,
                              .column = column.number,
                              .type = column.type,
                              .relation_name = table.relation->schema + '.' + table.relation->name,
                              .column_name = column.name,
                              .values = atom->values};
    }
    if (best) return;
    table.whole = others.empty()
                      ? "no column of it is compared with a value"
                      : fmt::format("compared only by {}, no key column of it: weir track --keys",
                                    fmt::join(others, ", "));
  }

 private:
  ColumnId root(ColumnId id) {
    for (auto next = parents_.try_emplace(id, id).first->second; next != id;
         next = parents_.find(id)->second) {
      id = next;
    }
    return id;
  }

  std::map<ColumnId, ColumnId> parents_{};
  std::map<ColumnId, std::pair<const Atom*, std::size_t>> values_{};  // by root
};

void assign(const JoinNode& node, const Group& group, const AtomReader& reader,
            std::vector<TableReference>& references) {
  switch (node.kind) {
    case JoinNode::Kind::kTable: {
      TableReference& table = references[node.reference];
      if (table.whole.empty()) Classes{group, reader}.choose(node.reference, table);
      return;
    }
    case JoinNode::Kind::kInner:
      for (const JoinNode& child : node.children) assign(child, group, reader, references);
      return;
    case JoinNode::Kind::kLeft: {
      assign(node.children[0], group, reader, references);
      Group nullable = group;
      for (const Atom& atom : node.conditions) nullable.push_back(&atom);
      conditions_of(node.children[1], nullable);
      return assign(node.children[1], nullable, reader, references);
    }
    case JoinNode::Kind::kFull:
      for (const JoinNode& child : node.children) {
        Group side = group;
        conditions_of(child, side);
        assign(child, side, reader, references);
      }
  }
}

}  // namespace

void choose_keys(const JoinNode& level, const AtomReader& reader,
                 std::vector<TableReference>& references) {
  Group group;
  conditions_of(level, group);
  assign(level, group, reader, references);
}

void limit_keys(std::vector<TableReference>& references, std::size_t most) {
  std::size_t values = 0;
  for (TableReference& table : references) {
    if (!table.key) continue;
    values += table.key->values.size();
    if (values <= most) continue;
    table.key.reset();
    table.whole = fmt::format("the statement compares with more than {} values", most);
  }
}

}  // namespace weir::postgres
