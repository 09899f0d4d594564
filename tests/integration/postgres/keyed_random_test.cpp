// Keys against the database: a write that touches none of a statement's keyed rows may not change
// its result.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "drivers/postgres/keyed_references.hpp"
#include "drivers/postgres/sql_tree.hpp"
#include "tests/integration/postgres/journal_fixture.hpp"

namespace weir::postgres::test {
namespace {

using Row = std::vector<std::string>;

/// Statements over a and b, whose few values meet; joins, sublinks and derived tables of all kinds.
class RandomQuery {
 public:
  explicit RandomQuery(std::uint64_t seed) : random_{seed} {}

  int number(int below) { return std::uniform_int_distribution<int>{0, below - 1}(random_); }
  bool chance(int percent) { return number(100) < percent; }
  std::string value() { return chance(20) ? "NULL" : std::to_string(number(4)); }
  std::string pick(const std::vector<std::string>& from) {
    return from[static_cast<std::size_t>(number(static_cast<int>(from.size())))];
  }

  std::string query() {
    aliases_ = 0;
    if (chance(10)) return fmt::format("{} UNION ALL {}", one_column(), one_column());
    if (chance(10))
      return fmt::format("WITH q AS ({}) SELECT * FROM q WHERE q.k = {}", one_column(), number(4));
    return level(chance(50) ? 3 : 2);
  }

 private:
  struct From {
    std::string text;
    std::vector<std::string> names{};  // of items, all of which have id, k and v
    std::string unqualified{};         // a column that can be named alone
  };

  std::string column(const std::vector<std::string>& names) {
    return pick(names) + '.' + pick({"id", "k", "v"});
  }

  From item(int depth) {
    From from;
    const std::string alias = fmt::format("t{}", aliases_++);
    from.names = {alias};
    if (depth > 0 && chance(30)) {
      from.text = fmt::format("({}) {}", derived(depth - 1), alias);
    } else {
      from.text = fmt::format("{} {}", pick({"a", "b"}), alias);
    }
    return from;
  }

  From source(int depth) {
    if (depth == 0 || chance(40)) return item(depth);
    From left = source(depth - 1);
    const From right = source(depth - 1);
    From from;
    from.names = left.names;
    from.names.insert(from.names.end(), right.names.begin(), right.names.end());
    const std::string type = pick({"JOIN", "LEFT JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"});
    if (left.names.size() == 1 && right.names.size() == 1 && chance(25)) {
      from.unqualified = pick({"id", "k"});
      from.text = chance(20) ? fmt::format("({} NATURAL {} {})", left.text, type, right.text)
                             : fmt::format("({} {} {} USING ({}))", left.text, type, right.text,
                                           from.unqualified);
      if (from.text.find("NATURAL") != std::string::npos) from.unqualified = "k";
      return from;
    }
    std::string on = fmt::format("{} = {}", column(left.names), column(right.names));
    if (chance(50))
      on += " AND " + condition(from, depth > 1 && type != "FULL JOIN" ? 1 : 0, false);
    if (type == "FULL JOIN" && chance(70)) on = on.substr(0, on.find(" AND "));
    from.text = fmt::format("({} {} {} ON {})", left.text, type, right.text, on);
    return from;
  }

  std::string condition(const From& from, int depth, bool sublinks) {
    const auto names = [&] {
      return from.unqualified.empty() || chance(60) ? column(from.names) : from.unqualified;
    };
    const int kind = number(100);
    if (depth > 0 && kind < 45) {
      return fmt::format("({} {} {})", condition(from, depth - 1, sublinks),
                         chance(75) ? "AND" : "OR", condition(from, depth - 1, sublinks));
    }
    if (depth > 0 && kind < 50)
      return fmt::format("NOT ({})", condition(from, depth - 1, sublinks));
    if (kind < 70) return fmt::format("{} = {}", names(), number(4));
    if (kind < 74) return fmt::format("{} IN ({}, {})", names(), number(4), value());
    if (kind < 77) return fmt::format("{} IS NULL", names());
    if (kind < 80) return fmt::format("coalesce({}, {}) = {}", names(), number(4), number(4));
    if (kind < 82) return fmt::format("{} IS NOT DISTINCT FROM {}", names(), value());
    if (kind < 84) return fmt::format("{} <= {}", names(), number(4));
    if (kind < 92 || !sublinks) return fmt::format("{} = {}", names(), names());
    const std::string alias = fmt::format("t{}", aliases_++);
    const std::string inner = fmt::format(
        "SELECT {0}.k FROM {1} {0} WHERE {2}", alias, pick({"a", "b"}),
        chance(50) ? fmt::format("{}.k = {}", alias, number(4))
                   : fmt::format("{} = {}", pick({"only_a", "only_b", "k"}), number(4)));
    if (kind < 96) return fmt::format("{}EXISTS ({})", chance(40) ? "NOT " : "", inner);
    return fmt::format("{} {}IN ({})", names(), chance(40) ? "NOT " : "", inner);
  }

  std::string where(const From& from) {
    return chance(85) ? " WHERE " + condition(from, 2, true) : std::string{};
  }

  /// With columns id, k and v.
  std::string derived(int depth) {
    const From from = source(depth);
    const std::string filter = where(from);
    switch (number(8)) {
      case 0:
        return fmt::format("SELECT DISTINCT {} AS id, {} AS k, {} AS v FROM {}{}",
                           column(from.names), column(from.names), column(from.names), from.text,
                           filter);
      case 1:
        return fmt::format(
            "SELECT {} AS id, {} AS k, rank() OVER (ORDER BY {})::int AS v "
            "FROM {}{} ORDER BY 1, 2, 3 LIMIT 2",
            column(from.names), column(from.names), column(from.names), from.text, filter);
      case 2:
        return fmt::format(
            "SELECT {0} AS id, count(*)::int AS k, max({1}) AS v FROM {2}{3} GROUP "
            "BY {0}",
            column(from.names), column(from.names), from.text, filter);
      default:
        return fmt::format("SELECT {} AS id, {} AS k, {} AS v FROM {}{}", column(from.names),
                           column(from.names), column(from.names), from.text, filter);
    }
  }

  std::string one_column() {
    const From from = source(1);
    return fmt::format("SELECT {} AS k FROM {}{}", column(from.names), from.text, where(from));
  }

  std::string level(int depth) {
    const From from = source(depth);
    const std::string filter = where(from);
    switch (number(5)) {
      case 0:
        return fmt::format("SELECT count(*), sum({}) FROM {}{}", column(from.names), from.text,
                           filter);
      case 1:
        return fmt::format("SELECT {0}, count(*) FROM {1}{2} GROUP BY {0} HAVING count(*) > {3}",
                           column(from.names), from.text, filter, number(2));
      case 2:
        return fmt::format("SELECT {0}, {1} FROM {2}{3} ORDER BY 1, 2 LIMIT 2", column(from.names),
                           column(from.names), from.text, filter);
      default: {
        std::string columns;
        for (const std::string& name : from.names)
          columns += fmt::format("{}{}.*", columns.empty() ? "" : ", ", name);
        return fmt::format("SELECT {} FROM {}{}", columns, from.text, filter);
      }
    }
  }

  std::mt19937_64 random_;
  int aliases_{0};
};

class KeyedRandomTest : public JournalTest {
 protected:
  std::vector<Row> rows(const std::string& sql) {
    const Rows found = db().exec(sql, in(std::chrono::seconds{20}));
    std::vector<Row> all(found.size());
    for (std::size_t row = 0; row < found.size(); ++row) {
      for (std::size_t column = 0; column < found.columns(); ++column)
        all[row].push_back(found.is_null(row, column) ? "NULL" : found.string(row, column));
    }
    std::sort(all.begin(), all.end());
    return all;
  }

  static KeyRelation table(const std::string& name) {
    KeyRelation relation{name, "public", name, {}, {}, {}};
    for (const char* column : {"id", "k", "v", "only"}) {
      std::string own{column};
      if (own == "only") own += '_' + name;
      relation.columns.push_back(
          {std::to_string(relation.columns.size()), own, "int", 0, false, own != "v"});
    }
    return relation;
  }

  /// Whether a change of these rows of `name` may matter.
  static bool touches(const KeyedReferences& found, const std::string& name,
                      const std::vector<Row>& changed) {
    return std::any_of(
        found.references.begin(), found.references.end(), [&](const TableReference& reference) {
          if (reference.relation->name != name) return false;
          if (!reference.key) return true;
          const std::size_t column = std::stoul(reference.key->column);
          return std::any_of(changed.begin(), changed.end(), [&](const Row& row) {
            return std::any_of(
                reference.key->values.begin(), reference.key->values.end(),
                [&](const spi::KeyValue& value) { return value.literal == row[column]; });
          });
        });
  }
};

TEST_F(KeyedRandomTest, WritesToOtherRowsChangeNoResult) {
  std::map<std::string, KeyRelation> tables{{"a", table("a")}, {"b", table("b")}};
  const KeyCatalog catalog = [&tables](const ObjectName& name) {
    const auto found = tables.find(name.name);
    return found == tables.end() ? nullptr : &found->second;
  };
  run("CREATE TABLE a (id int, k int, v int, only_a int)");
  run("CREATE TABLE b (id int, k int, v int, only_b int)");
  std::uint64_t seed = std::random_device{}();
  int statements = 500;
  if (const char* given = std::getenv("WEIR_TEST_SEED")) seed = std::stoull(given);
  if (const char* given = std::getenv("WEIR_TEST_STATEMENTS")) statements = std::stoi(given);
  RecordProperty("seed", std::to_string(seed));
  RandomQuery random{seed};
  int valid = 0;
  int skipped = 0;
  int changes = 0;
  for (int i = 0; i < statements; ++i) {
    run("BEGIN");
    run("DELETE FROM a; DELETE FROM b");
    for (int row = 0; row < 8; ++row) {
      run(fmt::format("INSERT INTO {} VALUES ({}, {}, {}, {})", row % 2 == 0 ? "a" : "b",
                      random.value(), random.value(), random.value(), random.value()));
    }
    const std::string sql = random.query();
    const SqlTree tree = parse_sql(sql);
    ASSERT_EQ(tree.problem, "") << sql;
    const KeyedReferences found = keyed_references(
        *tree.root.find("stmts")->items.front().find("stmt")->find("SelectStmt"), sql, catalog);
    ASSERT_EQ(found.problem, "") << sql;
    std::vector<Row> before;
    bool fine = true;
    try {
      before = rows(sql);
    } catch (const Error&) {  // an ambiguous column; FULL JOIN of what cannot be merged
      fine = false;
    }
    if (fine) ++valid;
    for (int write = 0; fine && write < 4; ++write) {
      const std::string name = random.pick({"a", "b"});
      const std::string target = random.pick({"id", "k", "v", "only_" + name});
      const std::vector<Row> old_rows = rows("SELECT * FROM " + name);
      run("SAVEPOINT here");
      const std::string condition =
          fmt::format("{} IS NOT DISTINCT FROM {} AND k IS NOT DISTINCT FROM {}",
                      random.pick({"id", "k", "v"}), random.value(), random.value());
      switch (random.number(3)) {
        case 0:
          run(fmt::format("INSERT INTO {} VALUES ({}, {}, {}, {})", name, random.value(),
                          random.value(), random.value(), random.value()));
          break;
        case 1:
          run(fmt::format("DELETE FROM {} WHERE {}", name, condition));
          break;
        default:
          run(fmt::format("UPDATE {} SET {} = {} WHERE {}", name, target, random.value(),
                          condition));
      }
      const std::vector<Row> new_rows = rows("SELECT * FROM " + name);
      std::vector<Row> changed;
      std::set_symmetric_difference(old_rows.begin(), old_rows.end(), new_rows.begin(),
                                    new_rows.end(), std::back_inserter(changed));
      const bool differs = rows(sql) != before;
      changes += differs ? 1 : 0;
      if (!touches(found, name, changed)) {
        skipped += changed.empty() ? 0 : 1;
        std::string keys;
        for (const TableReference& reference : found.references) {
          keys += fmt::format(" {}.{}", reference.relation->name,
                              reference.key ? reference.key->column_name : reference.whole);
        }
        ASSERT_FALSE(differs) << "seed " << seed << ", statement " << i << ": " << sql
                              << "\nkeys:" << keys << "\nwrite to " << name;
      }
      run("ROLLBACK TO here");
    }
    run("ROLLBACK");
  }
  // Otherwise nothing was tested.
  EXPECT_GT(valid, statements / 2);
  EXPECT_GT(skipped, statements / 10);
  EXPECT_GT(changes, statements / 10);
  fmt::print("{} statements, {} writes skipped, {} changed a result, seed {}\n", valid, skipped,
             changes, seed);
}

}  // namespace
}  // namespace weir::postgres::test
