#include "tests/support/random_sql.hpp"

#include <fmt/format.h>

namespace weir::test {
namespace {

constexpr int kIds = 30;

}  // namespace

std::string RandomSql::value(int null_percent) {
  return chance(null_percent) ? "NULL" : std::to_string(number(5));
}

std::string RandomSql::text() { return pick({"NULL", "''", "'x'", "'y'", "'xy'"}); }

std::string RandomSql::column(std::string_view alias) {
  return fmt::format("{}.{}", alias, pick({"id", "a", "b"}));
}

std::string RandomSql::row(int id) {
  return fmt::format("({}, {}, {}, {})", id, value(), value(), text());
}

std::vector<std::string> RandomSql::schema() {
  std::vector<std::string> statements;
  const int count = 3 + number(3);
  for (int i = 0; i < count; ++i) {
    const std::string name = fmt::format("t{}", i);
    std::string parent;
    if (i > 0 && chance(60)) {
      parent = fmt::format(" REFERENCES t{}(id) ON DELETE {} ON UPDATE CASCADE", number(i),
                           pick({"CASCADE", "SET NULL"}));
    }
    const bool without_rowid = engine_ == Engine::kSqlite && chance(30);
    statements.push_back(
        fmt::format("CREATE TABLE {} (id INT PRIMARY KEY, a INT, b INT{}, c TEXT){}", name, parent,
                    without_rowid ? " WITHOUT ROWID" : ""));
    tables_.push_back(name);
  }
  if (engine_ == Engine::kPostgres) {
    for (const char* statement :
         {"CREATE TABLE part (id INT PRIMARY KEY, a INT, b INT, c TEXT) PARTITION BY RANGE (id)",
          "CREATE TABLE part_0 PARTITION OF part FOR VALUES FROM (0) TO (10)",
          "CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM (10) TO (20)",
          "CREATE TABLE part_d PARTITION OF part DEFAULT",
          "CREATE TABLE part_s (id INT PRIMARY KEY, a INT, b INT, c TEXT)",
          "CREATE TABLE kid (PRIMARY KEY (id)) INHERITS (t0)",
          "CREATE TABLE bulk (id INT, a INT, b INT, c TEXT)",
          "CREATE TABLE late (id INT, a INT, b INT, c TEXT)"})
      statements.emplace_back(statement);
    for (const char* table : {"part", "part_1", "part_s", "kid"}) tables_.emplace_back(table);
  }
  relations_ = tables_;
  for (const std::string& table : tables_) {
    for (int i = 0; i < 6; ++i) {
      statements.push_back(
          fmt::format("INSERT INTO {} (id, a, b, c) VALUES {} ON CONFLICT DO NOTHING", table,
                      fmt::format("({0}, {1}, NULL, {2})", table == "part_1" ? 10 + i : i * 3,
                                  value(), text())));
    }
  }
  if (engine_ == Engine::kPostgres) {
    for (const char* relation : {"part_0", "part_d", "bulk", "late", "late", "ONLY t0"})
      relations_.emplace_back(relation);
  }
  for (int i = 0; i < 3; ++i) {
    std::string text;
    if (chance(50)) {
      text = fmt::format("SELECT x.id, x.a, y.b, x.c FROM {} x LEFT JOIN {} y ON y.id = x.a",
                         relation(), relation());
    } else {
      text = fmt::format(
          "SELECT min(x.id) AS id, x.a, count(*) AS b, max(x.c) AS c FROM {} x "
          "GROUP BY x.a",
          relation());
    }
    statements.push_back(fmt::format("CREATE VIEW v{} AS {}", i, text));
    view_texts_.push_back(text);
    relations_.push_back(fmt::format("v{}", i));
  }
  return statements;
}

std::string RandomSql::condition(std::string_view alias, int depth) {
  switch (number(depth > 0 ? 9 : 5)) {
    case 0:
      return fmt::format("{} = {}", column(alias), number(5));
    case 1:
      return fmt::format("{} IS {}NULL", column(alias), pick({"", "NOT "}));
    case 2:
      return fmt::format("{} IN ({}, {})", column(alias), number(5), value());
    case 3:
      return fmt::format("{}.c LIKE 'x%'", alias);
    case 4:
      return fmt::format("{} {} {}", column(alias), pick({"<", ">=", "<>"}), number(12));
    case 5:
      return fmt::format("({} {} {})", condition(alias, depth - 1), pick({"AND", "OR"}),
                         condition(alias, depth - 1));
    case 6:
      return fmt::format("NOT ({})", condition(alias, depth - 1));
    case 7:
      return fmt::format("{} {}IN (SELECT s.b FROM {} s WHERE {})", column(alias),
                         pick({"", "NOT "}), relation(), condition("s", 0));
    default:
      return fmt::format("{}EXISTS (SELECT 1 FROM {} e WHERE e.a = {} AND {})", pick({"", "NOT "}),
                         relation(), column(alias), condition("e", 0));
  }
}

/// A FROM clause of the aliases j0, j1, …
std::string RandomSql::joined(int& aliases) {
  std::string from = fmt::format("{} j0", relation());
  aliases = 1 + number(3);
  for (int i = 1; i < aliases; ++i) {
    const std::string kind = pick({"JOIN", "JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"});
    // PostgreSQL joins fully only by what can be merged or hashed: a bare equality.
    from += fmt::format(" {} {} j{} ON j{}.{} = j{}.{}", kind, relation(), i, i,
                        pick({"id", "a", "b"}), number(i), pick({"id", "a", "b"}));
    if (kind != "FULL JOIN" && chance(30)) from += " AND " + condition(fmt::format("j{}", i), 0);
  }
  return from;
}

std::string RandomSql::query() {
  int aliases = 1;
  const std::string from = joined(aliases);
  const auto alias = [&] { return fmt::format("j{}", number(aliases)); };
  const std::string where = chance(70) ? " WHERE " + condition(alias(), 2) : "";
  switch (number(11)) {
    case 0:
      return fmt::format("SELECT {}, {}, j0.c FROM {}{}", column(alias()), column(alias()), from,
                         where);
    case 1:
      return fmt::format(
          "SELECT j0.a, count(*), sum({}), min({}.c) FROM {}{} GROUP BY j0.a HAVING count(*) > {}",
          column(alias()), alias(), from, where, number(3));
    case 2:
      return fmt::format(
          "SELECT j0.id, rank() OVER (PARTITION BY j0.a ORDER BY {}), count(*) OVER (PARTITION BY "
          "{}) FROM {}{}",
          column(alias()), column(alias()), from, where);
    case 3:  // sorted by all it shows, so that the limit cuts in one place
      return fmt::format("SELECT {}, {} FROM {}{} ORDER BY 1, 2 LIMIT {} OFFSET {}",
                         column(alias()), column(alias()), from, where, 1 + number(6), number(4));
    case 4: {
      const std::string second =
          fmt::format("SELECT x.a, x.c FROM {} x WHERE {}", relation(), condition("x", 1));
      return fmt::format("SELECT {}, j0.c FROM {}{} {} {}", column(alias()), from, where,
                         pick({"UNION", "UNION ALL", "INTERSECT", "EXCEPT"}), second);
    }
    case 5: {
      // The CTE may bear a table's name and hide it.
      const std::string name = chance(40) ? "t1" : "w";
      return fmt::format(
          "WITH {0} AS (SELECT x.id, x.a, x.b, x.c FROM {1} x WHERE {2}) SELECT {0}.id, {0}.c, "
          "y.b FROM {0} LEFT JOIN {3} y ON y.a = {0}.b",
          name, relation() == "t1" ? "t0" : tables_.front(), condition("x", 1), relation());
    }
    case 6:
      return fmt::format(
          "SELECT (SELECT count(*) FROM {} x WHERE {}) AS n, (SELECT max(y.a) FROM {} y) AS m",
          relation(), condition("x", 1), relation());
    case 7:
      return fmt::format("SELECT * FROM {} x WHERE {}", relation(), condition("x", 1));
    case 8:
      return fmt::format(
          "WITH RECURSIVE w(id, depth) AS (SELECT x.id, 0 FROM {} x WHERE {} UNION SELECT y.id, "
          "w.depth + 1 FROM {} y JOIN w ON y.b = w.id WHERE w.depth < 3) SELECT count(*), "
          "max(depth) FROM w",
          relation(), condition("x", 0), relation());
    case 9:
      return fmt::format("SELECT DISTINCT {}, j0.c FROM {}{}", column(alias()), from, where);
    default:
      return fmt::format(
          "SELECT d.a, d.n, y.c FROM (SELECT x.a, count(*) AS n FROM {} x GROUP BY x.a) d "
          "LEFT JOIN {} y ON y.id = d.n WHERE {}",
          relation(), relation(),
          condition("d", 0).find("d.id") == std::string::npos ? "d.n > 0" : "d.n < 9");
  }
}

std::string RandomSql::write() {
  const std::string table = pick(tables_);
  const bool postgres = engine_ == Engine::kPostgres;
  switch (number(postgres ? 10 : 9)) {
    case 0:
    case 1: {
      std::string rows = row(number(kIds));
      for (int more = number(4); more > 0; --more) rows += ", " + row(number(kIds));
      return fmt::format("INSERT INTO {} (id, a, b, c) VALUES {} ON CONFLICT DO NOTHING", table,
                         rows);
    }
    case 2:
      return fmt::format(
          "INSERT INTO {} (id, a, b, c) VALUES {} ON CONFLICT (id) DO UPDATE SET a = excluded.a, "
          "c = excluded.c",
          table, row(number(kIds)));
    case 3:
    case 4:
      return fmt::format("UPDATE {} AS x SET {} WHERE {}", table,
                         pick({"a = " + value(), "b = " + value(80), "c = " + text(), "a = b"}),
                         condition("x", 1));
    case 5:
      return fmt::format("UPDATE {} SET id = {} WHERE id = {}", table, number(kIds), number(kIds));
    case 6:
      return fmt::format("DELETE FROM {} AS x WHERE {} AND {}", table, condition("x", 1),
                         condition("x", 0));
    case 7:
      return fmt::format(
          "INSERT INTO {} (id, a, b, c) SELECT x.id + {}, x.a, NULL, x.c FROM {} x WHERE {} ON "
          "CONFLICT DO NOTHING",
          table, number(9), pick(tables_), condition("x", 0));
    case 8:
      if (!postgres && chance(50))
        return fmt::format("REPLACE INTO {} (id, a, b, c) VALUES {}", table, row(number(kIds)));
      if (!postgres && chance(30)) return "DELETE FROM " + table;  // the truncate optimisation
      return fmt::format("UPDATE {} SET c = 'xy' WHERE id = {}", table, number(kIds));
    default:
      if (chance(30)) return fmt::format("TRUNCATE {} CASCADE", table);
      return fmt::format(
          "WITH gone AS (DELETE FROM {} x WHERE {} RETURNING x.id, x.a, x.c) INSERT INTO {} (id, "
          "a, "
          "c) SELECT id, a, c FROM gone ON CONFLICT DO NOTHING",
          table, condition("x", 0), pick(tables_));
  }
}

std::string RandomSql::ddl() {
  const std::string table = pick(tables_);
  const int view = number(static_cast<int>(view_texts_.size()));
  switch (number(engine_ == Engine::kPostgres ? 8 : 5)) {
    case 0:
      return fmt::format("ALTER TABLE {} ADD COLUMN extra{} INT DEFAULT {}",
                         table.starts_with("part") ? "t0" : table, ++added_columns_, number(5));
    case 1: {  // columns change their meaning and keep their names
      const std::string target = table.starts_with("part") || table == "kid" ? "t0" : table;
      return fmt::format(
          "ALTER TABLE {0} RENAME COLUMN a TO z; ALTER TABLE {0} RENAME COLUMN b TO "
          "a; ALTER TABLE {0} RENAME COLUMN z TO b",
          target);
    }
    case 2:
      return fmt::format(
          "DROP VIEW IF EXISTS v{0}{1}; CREATE VIEW v{0} AS SELECT x.id, x.a, x.b, "
          "x.c FROM {2} x WHERE {3}",
          view, engine_ == Engine::kPostgres ? " CASCADE" : "", pick(tables_), condition("x", 0));
    case 3:
      return fmt::format("CREATE INDEX IF NOT EXISTS i_{0} ON {0} (a)", table);
    case 4:  // another table under the same name
      if (engine_ == Engine::kPostgres)
        return "ALTER TABLE bulk RENAME TO bulk_old; ALTER TABLE late RENAME TO bulk; ALTER TABLE "
               "bulk_old RENAME TO late";
      return fmt::format(
          "CREATE TRIGGER IF NOT EXISTS mirror_{0} AFTER UPDATE ON {0} WHEN new.a = 1 "
          "BEGIN UPDATE {1} SET c = 'x' WHERE id = new.id; END",
          table, pick(tables_));
    case 5:
      return "DELETE FROM part WHERE id BETWEEN 20 AND 29; DELETE FROM part_s WHERE id NOT BETWEEN "
             "20 AND 29; ALTER TABLE part ATTACH PARTITION part_s FOR VALUES FROM (20) TO (30)";
    case 6:
      return "ALTER TABLE part DETACH PARTITION part_s";
    default:
      return chance(50) ? "ALTER TABLE kid NO INHERIT t0" : "ALTER TABLE kid INHERIT t0";
  }
}

std::string RandomSql::copy_lines() {
  std::string lines;
  for (int i = number(4); i >= 0; --i)
    lines += fmt::format("{}\t{}\t\\N\tx\n", number(kIds), number(5));
  return lines;
}

}  // namespace weir::test
