#pragma once

#include <map>
#include <string>
#include <string_view>

#include "drivers/postgres/keyed_references.hpp"
#include "drivers/postgres/sql_tree.hpp"

namespace weir::postgres::test {

/// Tables by hand. Everything but `v`, `w` and `price` is told by changes.
///   a (id, k, v, w int, name text, tag varchar-like text of another collation, u uuid, ok bool,
///      price of a type without canonical text)
///   b (id, a_id, k, v, x int, name text), c (id, b_id, k, v, y int)
///   whole: partitioned; loose: nothing known of its columns
inline std::map<std::string, KeyRelation> shop() {
  const auto column = [](const char* number, const char* name, const char* type, bool told) {
    return KeyColumn{number,
                     name,
                     type,
                     std::string_view{type} == "text" ? 100U : 0U,
                     std::string_view{name} == "id",
                     told};
  };
  const auto i = [&](const char* number, const char* name) {
    return column(number, name, "int", std::string_view{name} != "v" && name[0] != 'w');
  };
  std::map<std::string, KeyRelation> tables;
  tables["a"] = {
      "1",
      "public",
      "a",
      {i("1", "id"), i("2", "k"), i("3", "v"), i("4", "w"), column("5", "name", "text", true),
       column("6", "tag", "text", true), column("7", "u", "uuid", true),
       column("8", "ok", "bool", true), column("9", "price", "", false)},
      {},
      {}};
  tables["a"].columns[5].collation = 950;
  tables["b"] = {"2",
                 "public",
                 "b",
                 {i("1", "id"), i("2", "a_id"), i("3", "k"), i("4", "v"), i("5", "x"),
                  column("6", "name", "text", true)},
                 {},
                 {}};
  tables["c"] = {"3", "public",
                 "c", {i("1", "id"), i("2", "b_id"), i("3", "k"), i("4", "v"), i("5", "y")},
                 {},  {}};
  tables["other.a"] = {"4", "other", "a", {i("1", "id"), i("2", "k")}, {}, {}};
  tables["whole"] = {"5", "public", "whole", {i("1", "id")}, {}, "partitioned"};
  tables["loose"] = {"6", "public", "loose", {}, {}, {}};
  return tables;
}

/// What a statement's references are keyed by: `a.id=5|$1`, or `a: why not`.
class KeyedShop {
 public:
  std::map<std::string, KeyRelation> tables{shop()};

  void add_view(const std::string& name, const std::string& definition) {
    tables[name] = {"9", "public", name, {}, definition, {}};
  }
  [[nodiscard]] KeyedReferences read(std::string_view sql) const {
    const SqlTree tree = parse_sql(sql);
    if (!tree.problem.empty()) return {{}, "not parsed: " + tree.problem};
    const TreeNode* const statement = tree.root.find("stmts")->items.front().find("stmt");
    const TreeNode* const select = statement->find("SelectStmt");
    if (select == nullptr) return {{}, "no SELECT"};
    return keyed_references(*select, sql, [this](const ObjectName& name) {
      std::string full = name.to_string();
      if (name.schema == "public") full = name.name;
      const auto found = tables.find(full);
      return found == tables.end() ? nullptr : &found->second;
    });
  }
  [[nodiscard]] std::string keys(std::string_view sql) const {
    const KeyedReferences found = read(sql);
    if (!found.problem.empty()) return "problem: " + found.problem;
    std::string text;
    for (const TableReference& reference : found.references) {
      if (!text.empty()) text += "; ";
      text += reference.relation->name;
      if (!reference.key) {
        text += reference.whole == "no column of it is compared with a value"
                    ? ": whole"
                    : ": " + reference.whole;
        continue;
      }
      text += '.' + reference.key->column_name;
      std::string values;
      for (const spi::KeyValue& value : reference.key->values) {
        if (!values.empty()) values += '|';
        values += value.parameter == 0 ? value.literal : '$' + std::to_string(value.parameter);
        if (value.each_element) values += "[]";
      }
      text += '=' + values;
    }
    return text;
  }
};

}  // namespace weir::postgres::test
