#include "tests/support/random_rows.hpp"

#include <fmt/format.h>

#include <optional>
#include <utility>

namespace weir::test {
namespace {

constexpr int kIds = 40;

}  // namespace

std::string RandomRows::text() { return pick({"'x'", "'X'", "'x '", "'y'", "'é'", "''", "'5'"}); }

std::string RandomRows::row(int id) {
  const auto maybe = [&](std::string value) { return chance(15) ? "NULL" : std::move(value); };
  return fmt::format("({}, {}, {}, {}, {}, {}, {})", id, maybe(integer()), maybe(integer()),
                     maybe(text()), maybe(text()),
                     maybe(pick({"1", "1.0", "2.50", "2.5", "5", "0"})), maybe(text()));
}

std::vector<std::string> RandomRows::schema() const {
  const std::string columns =
      postgres_
          ? "id bigint PRIMARY KEY{}, k int, s smallint, t text, ch char(4), nu numeric, "
            "nc text COLLATE any_case"
          : "id INTEGER PRIMARY KEY{}, k INT, s NUMERIC, t TEXT, ch TEXT COLLATE NOCASE, nu REAL, "
            "nc";
  std::vector<std::string> statements;
  if (postgres_)
    statements.emplace_back(
        "CREATE COLLATION any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = "
        "false)");
  const auto make = [&](const char* table, const char* reference) {
    statements.push_back(
        fmt::format("CREATE TABLE {} ({})", table, fmt::format(fmt::runtime(columns), reference)));
  };
  make("a", "");
  make("b", " REFERENCES a(id) ON DELETE CASCADE ON UPDATE CASCADE");
  make("c", "");
  if (postgres_)
    statements.emplace_back(
        "ALTER TABLE c ADD FOREIGN KEY (k) REFERENCES b(id) ON DELETE SET NULL ON UPDATE CASCADE "
        "NOT VALID");
  for (const char* table : {"a", "b", "c"}) {
    for (int id = 0; id < kIds; id += 2) {
      statements.push_back(
          fmt::format("INSERT INTO {0} VALUES ({1}, {2}, {3}, '{4}', '{4}', {2}, '{4}')", table, id,
                      id % 6, id % 5,
                      id % 3 == 0   ? "x"
                      : id % 3 == 1 ? "X"
                                    : "5"));
    }
  }
  statements.emplace_back(
      "CREATE VIEW v_some AS SELECT id, k, s, t, ch, nu, nc FROM a WHERE s < 4");
  statements.emplace_back(
      "CREATE VIEW v_join AS SELECT x.id, y.k, x.s, y.t, x.ch, y.nu, x.nc FROM a x LEFT JOIN b y "
      "ON "
      "y.id = x.k");
  statements.emplace_back(
      "CREATE VIEW v_top AS SELECT max(id) AS id, k, max(s) AS s, max(t) AS t, max(t) AS ch, "
      "sum(nu) AS nu, max(t) AS nc FROM c GROUP BY k");
  return statements;
}

// --- Values and columns
// -----------------------------------------------------------------------------------------------

std::string RandomRows::key() { return pick({"id", "k", "s", "t", "id", "k"}); }

std::string RandomRows::name(const std::string& alias, const std::string& column) {
  return chance(8) ? column : fmt::format("{}.{}", alias, column);
}

std::string RandomRows::parameter_of(const std::string& column) {
  const auto add = [&](const auto& value, std::string shown) {
    bound_.params.add(value);
    bound_.shown += fmt::format(" {}", shown);
  };
  if (chance(6)) {
    add(std::nullopt, "NULL");
  } else if (column == "t" || column == "ch" || column == "nc") {
    std::string value = text();
    value = value.substr(1, value.size() - 2);
    add(value, "'" + value + "'");
  } else if (column == "nu") {
    add(std::string_view{"2.5"}, "'2.5'");
  } else if (chance(60)) {
    const int value = number(8);
    add(value, std::to_string(value));
  } else {
    const std::string value = pick({"5", "05", " 5", "+5", "1", "-0", "2"});
    add(value, "'" + value + "'");
  }
  return postgres_ ? fmt::format("${}", bound_.params.size()) : "?";
}

std::string RandomRows::constant(const std::string& column) {
  if (chance(35)) return parameter_of(column);
  if (chance(4)) return "NULL";
  if (column == "t" || column == "ch" || column == "nc") return text();
  if (column == "nu") return pick({"1", "2.5", "5.0"});
  if (chance(10)) return pick({"'5'", "5.0", "-1", "1e0"});
  return integer();
}

// --- Conditions
// -------------------------------------------------------------------------------------------------------

std::string RandomRows::atom(const std::string& alias) {
  const std::string column = chance(85) ? key() : pick({"ch", "nu", "nc"});
  const std::string left = name(alias, column);
  switch (number(6)) {
    case 0:
      return fmt::format("{} IN ({}, {})", left, constant(column), constant(column));
    case 1:
      if (postgres_ && (column == "k" || column == "id")) {
        const std::vector<std::int64_t> values{number(6), number(40)};
        bound_.params.add(values);
        bound_.shown += fmt::format(" {{{},{}}}", values[0], values[1]);
        return fmt::format("{} = ANY(${})", left, bound_.params.size());
      }
      return fmt::format("{} = {}", constant(column), left);
    default:
      return fmt::format("{} = {}", left, constant(column));
  }
}

/// What looks like an equality that restricts the rows, and does not, or not to what it says.
std::string RandomRows::trap(const std::string& alias, int depth) {
  const std::string column = key();
  const std::string left = name(alias, column);
  switch (number(16)) {
    case 0:
      return fmt::format("NOT ({})", atom(alias));
    case 1:
      return fmt::format("{} IS NULL", left);
    case 2:
      return fmt::format("({} OR {})", condition(alias, 0), condition(alias, 0));
    case 3:
      return fmt::format("coalesce({}, {}) = {}", left, integer(), integer());
    case 4:
      return fmt::format("{} BETWEEN {} AND {}", alias + ".k", integer(), integer());
    case 5:
      return fmt::format("{}.k BETWEEN 0 AND 40 = ({})", alias, atom(alias));
    case 6:
      return fmt::format("CASE WHEN {} THEN {} ELSE {} END", atom(alias), atom(alias), atom(alias));
    case 7:
      return fmt::format("({}) IS NOT TRUE", atom(alias));
    case 8:
      return fmt::format("{} + 0 = {}", alias + ".k", integer());
    case 9:
      return fmt::format("({0}.k, {0}.s) = ({1}, {2})", alias, integer(), integer());
    case 10:
      return fmt::format("lower({}.t) = 'x'", alias);
    case 11:
      return fmt::format("{} <> {}", left, constant(column));
    case 12:
      return postgres_ ? fmt::format("{}.t = 'x' COLLATE \"C\"", alias)
                       : fmt::format("{}.t = 'x' COLLATE NOCASE", alias);
    case 13:
      return postgres_ ? fmt::format("{} IS NOT DISTINCT FROM NULL", left)
                       : fmt::format("{} IS NULL", left);
    default: {
      if (depth <= 0) return fmt::format("{} < {}", alias + ".k", integer());
      const std::string sub = fmt::format("z{}", depth);
      const std::string inner = fmt::format(
          "SELECT {} FROM {} {} WHERE {}{}", pick({"1", sub + ".k", sub + ".id"}), relation(), sub,
          condition(sub, depth - 1),
          chance(60)
              ? fmt::format(" AND {}.{} = {}.{}", sub, pick({"id", "k"}), alias, pick({"id", "k"}))
              : "");
      switch (number(3)) {
        case 0:
          return fmt::format("{}EXISTS ({})", pick({"", "NOT "}), inner);
        case 1:
          return fmt::format("{}.k {}IN (SELECT {}.k FROM {} {} WHERE {})", alias,
                             pick({"", "NOT "}), sub, relation(), sub, condition(sub, depth - 1));
        default:
          return fmt::format("(SELECT count(*) FROM {} {} WHERE {}) > {}", relation(), sub,
                             condition(sub, depth - 1), number(3));
      }
    }
  }
}

std::string RandomRows::condition(const std::string& alias, int depth) {
  std::string text = chance(75) ? atom(alias) : trap(alias, depth);
  if (chance(15)) text = fmt::format("({})", text);
  if (depth > 0 && chance(35)) text += " AND " + condition(alias, depth - 1);
  return text;
}

// --- FROM
// -----------------------------------------------------------------------------------------------------------

std::string RandomRows::item(const std::string& alias, int depth) {
  if (depth <= 0 || chance(70)) return fmt::format("{} {}", relation(), alias);
  const std::string in = "y" + std::to_string(depth);
  const std::string all = fmt::format("{0}.id, {0}.k, {0}.s, {0}.t, {0}.ch, {0}.nu, {0}.nc", in);
  const std::string where = chance(60) ? " WHERE " + condition(in, depth - 1) : "";
  switch (number(6)) {
    case 0:
      return fmt::format("(SELECT DISTINCT {} FROM {} {}{}) {}", all, relation(), in, where, alias);
    case 1:
      return fmt::format("(SELECT {} FROM {} {}{} ORDER BY 1 DESC, 2, 3, 4, 5, 6, 7 LIMIT {}) {}",
                         all, relation(), in, where, 1 + number(4), alias);
    case 2:
      return fmt::format(
          "(SELECT {0}.id, {0}.k, row_number() OVER (PARTITION BY {0}.k ORDER BY {0}.id, {0}.s, "
          "{0}.t) AS s, {0}.t, {0}.ch, {0}.nu, {0}.nc FROM {1} {0}{2}) {3}",
          in, table(), where, alias);
    case 3:
      return fmt::format(
          "(SELECT max({0}.id) AS id, {0}.k, count(*) AS s, max({0}.t) AS t, max({0}.t) AS ch, "
          "sum({0}.nu) AS nu, max({0}.t) AS nc FROM {1} {0}{2} GROUP BY {0}.k) {3}",
          in, relation(), where, alias);
    case 4:
      return fmt::format("(SELECT {0} FROM {1} {2}{3} UNION ALL SELECT {0} FROM {4} {2}) {5}", all,
                         relation(), in, where, relation(), alias);
    default:
      return fmt::format("(SELECT {} FROM {} {}{}) {}", all, relation(), in, where, alias);
  }
}

/// A FROM clause of the aliases j0, j1, …
std::string RandomRows::from(int& items, int depth) {
  items = 1 + (chance(60) ? number(3) : 0);
  std::string text = item("j0", depth);
  for (int i = 1; i < items; ++i) {
    const std::string alias = fmt::format("j{}", i);
    const std::string other = fmt::format("j{}", number(i));
    const std::string kind = pick(
        {"JOIN", "JOIN", "LEFT JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "CROSS JOIN", ","});
    if (kind == "," || kind == "CROSS JOIN") {
      text += fmt::format(" CROSS JOIN {}", item(alias, depth));
      continue;
    }
    text += fmt::format(" {} {}", kind, item(alias, depth));
    if (chance(10)) {
      text += fmt::format(" USING ({})", pick({"id", "k"}));
      continue;
    }
    text += fmt::format(" ON {}.{} = {}.{}", alias, pick({"id", "k", "s"}), other,
                        pick({"id", "k", "k"}));
    // PostgreSQL joins fully only by what can be merged or hashed.
    if (chance(35) && (kind != "FULL JOIN" || !postgres_))
      text += " AND " + condition(chance(50) ? alias : other, 0);
    if (chance(35) && kind == "FULL JOIN") text += " AND " + atom(chance(50) ? alias : other);
  }
  return text;
}

std::string RandomRows::select_of(int depth) {
  int items = 1;
  const std::string source = from(items, depth);
  const auto alias = [&] { return fmt::format("j{}", number(items)); };
  std::string where;
  if (chance(85)) {
    where = " WHERE " + condition(alias(), depth);
    if (items > 1 && chance(40))
      where +=
          fmt::format(" AND {}.{} = {}.{}", alias(), pick({"id", "k"}), alias(), pick({"id", "k"}));
    if (chance(30)) where += pick({" AND ", " AND ", " OR "}) + condition(alias(), 0);
  }
  const std::string a = alias();
  const std::string b = alias();
  switch (number(8)) {
    case 0:
      return fmt::format("SELECT {}.k, count(*), sum({}.id), max({}.t) FROM {}{} GROUP BY {}.k{}",
                         a, b, b, source, where, a, chance(30) ? " HAVING count(*) > 1" : "");
    case 1:
      return fmt::format("SELECT count(*), min({}.id), sum({}.nu) FROM {}{}", a, b, source, where);
    case 2:
      return fmt::format("SELECT DISTINCT {}.k, {}.t FROM {}{}", a, b, source, where);
    case 3:
      return fmt::format(
          "SELECT {0}.id, {1}.k, count(*) OVER (PARTITION BY {0}.k), rank() OVER (ORDER BY {0}.id) "
          "FROM {2}{3}",
          a, b, source, where);
    case 4:
      return fmt::format(
          "SELECT {0}.id, {0}.k, {1}.id, {1}.t FROM {2}{3} ORDER BY 1, 2, 3, 4 LIMIT {4}", a, b,
          source, where, 1 + number(5));
    case 5:
      return fmt::format(
          "SELECT {0}.id, (SELECT count(*) FROM {1} w WHERE w.k = {0}.k AND {2}) AS n FROM {3}{4}",
          a, relation(), condition("w", 0), source, where);
    default:
      return fmt::format("SELECT {}.id, {}.k, {}.t, {}.nu FROM {}{}", a, b, b, a, source, where);
  }
}

/// The smallest statements in which each tempting shortcut goes wrong.
std::string RandomRows::classic() {
  const std::string t = table();
  const std::string u = table();
  const std::string column = pick({"k", "k", "s", "id"});
  const std::string value = constant(column);
  switch (number(11)) {
    case 0:  // the preserved side's rows stay, whatever ON says of them
      return fmt::format(
          "SELECT x.id, x.k, x.s, y.id FROM {} x LEFT JOIN {} y ON y.k = x.id AND x.{} = {}", t, u,
          column, value);
    case 1:
      return fmt::format(
          "SELECT x.id, x.k, y.id, y.k, y.s FROM {} x FULL JOIN {} y ON y.id = x.id AND y.{} = {}",
          t, u, column, value);
    case 2:  // two references of one table
      return fmt::format(
          "SELECT count(*), sum(y.k), sum(y.s) FROM {0} x JOIN {0} y ON y.id > x.id WHERE x.{1} = "
          "{2}",
          t, column, value);
    case 3:
      return fmt::format(
          "SELECT count(*), sum(x.k), sum(y.k) FROM {0} x CROSS JOIN {0} y WHERE x.{1} = {2} AND "
          "y.{1} = {3}",
          t, column, value, constant(column));
    case 4:
      return fmt::format("SELECT id, k, s FROM {} WHERE NOT ({} = {})", t, column, value);
    case 5:
      return fmt::format("SELECT id, k, s FROM {} WHERE {} = {} OR s = {}", t, column, value,
                         number(6));
    case 6:  // the subquery reads rows of its own
      return chance(50)
                 ? fmt::format(
                       "SELECT x.id, x.t FROM {0} x WHERE x.{1} = {2} AND {3}EXISTS (SELECT 1 FROM "
                       "{0} y WHERE y.id = x.s)",
                       t, column, value, pick({"", "NOT "}))
                 : fmt::format(
                       "SELECT x.id, (SELECT count(*) FROM {0} y WHERE y.s = x.s) AS n FROM {0} x "
                       "WHERE x.{1} = {2}",
                       t, column, value);
    case 7:  // rows without a partner
      return fmt::format(
          "SELECT x.id, y.id FROM {} x LEFT JOIN {} y ON y.id = x.k WHERE y.{} IS NULL", t, u,
          pick({"id", "k"}));
    case 8:  // equal, and not of one text
      return fmt::format(
          "SELECT count(*), sum(y.k), sum(y.s) FROM {} x JOIN {} y ON y.{} = x.t WHERE x.t = {}", t,
          u, pick({"ch", "nc"}), text());
    case 9:  // what a limit or a window lets through depends on the other rows
      return fmt::format(
          "SELECT d.id, d.k FROM (SELECT z.id, z.k FROM {} z ORDER BY z.id DESC LIMIT {}) d WHERE "
          "d.k = {}",
          t, 2 + number(4), number(6));
    default:
      return fmt::format(
          "SELECT d.id, d.n FROM (SELECT z.id, z.k, row_number() OVER (ORDER BY z.id) AS n FROM {} "
          "z) d WHERE d.k = {}",
          t, number(6));
  }
}

BoundQuery RandomRows::query() {
  bound_ = {};
  if (chance(30)) {
    bound_.sql = classic();
    return std::exchange(bound_, {});
  }
  switch (number(10)) {
    case 0: {
      const auto part = [&] {
        return fmt::format("SELECT x.id, x.k, x.t FROM {} x WHERE {}", relation(),
                           condition("x", 1));
      };
      const std::string first = part();
      bound_.sql = fmt::format("{} {} {}", first,
                               pick({"UNION", "UNION ALL", "INTERSECT", "EXCEPT"}), part());
      break;
    }
    case 1: {
      const std::string hidden = chance(50) ? "b" : "w";  // a CTE may hide a table
      std::string cte = fmt::format("SELECT x.id, x.k, x.s, x.t FROM {} x WHERE {}",
                                    chance(50) ? "a" : "c", condition("x", 1));
      bound_.sql = fmt::format(
          "WITH {0} AS ({1}) SELECT {0}.id, {0}.t, y.k FROM {0} LEFT JOIN {2} y ON y.k = {0}.id "
          "WHERE {3}",
          hidden, cte, pick({"a", "c"}), atom(hidden));
      break;
    }
    case 2:
      bound_.sql = fmt::format(
          "WITH RECURSIVE w(id, depth) AS (SELECT x.id, 0 FROM {0} x WHERE {1} UNION SELECT y.k, "
          "w.depth + 1 FROM {2} y JOIN w ON y.id = w.id WHERE w.depth < 3) SELECT count(*), "
          "max(w.depth) FROM w",
          table(), condition("x", 0), table());
      break;
    default:
      bound_.sql = select_of(2);
  }
  return std::exchange(bound_, {});
}

// --- Writes
// ---------------------------------------------------------------------------------------------------------

std::string RandomRows::write() {
  bound_ = {};
  const std::string table = this->table();
  const auto set = [&] {
    const std::string column = pick({"k", "s", "t", "nu", "nc", "ch", "k"});
    const bool text_column = column == "t" || column == "nc" || column == "ch";
    return fmt::format("{} = {}", column,
                       chance(10)       ? "NULL"
                       : text_column    ? text()
                       : column == "nu" ? pick({"1", "1.0", "2.5", "5"})
                                        : integer());
  };
  const auto where = [&] {
    return fmt::format("{} = {}", pick({"id", "id", "id", "k", "s"}), integer());
  };
  switch (number(postgres_ ? 14 : 13)) {
    case 0:
    case 1: {
      std::string rows = row(number(kIds));
      for (int more = number(3); more > 0; --more) rows += ", " + row(number(kIds));
      return fmt::format("INSERT INTO {} VALUES {} ON CONFLICT DO NOTHING", table, rows);
    }
    case 2:
      return fmt::format(
          "INSERT INTO {} VALUES {}, {} ON CONFLICT (id) DO UPDATE SET k = excluded.k, t = "
          "excluded.t",
          table, row(number(kIds / 2)), row(kIds / 2 + number(kIds / 2)));
    case 3:
    case 4:
    case 5:
      return fmt::format("UPDATE {} SET {} WHERE {}", table, set(), where());
    case 6:
      return fmt::format("UPDATE {} SET k = s, s = k WHERE {}", table, where());
    case 7:
      return fmt::format("UPDATE {} SET id = {} WHERE id = {}", table, number(kIds), number(kIds));
    case 8:
    case 9:
      return fmt::format("DELETE FROM {} WHERE id = {}", table, number(kIds));
    case 10:
      return fmt::format("DELETE FROM {} WHERE k = {} AND id > {}", table, number(6), number(kIds));
    case 11:
      return fmt::format(
          "INSERT INTO {0} SELECT id + 1, k, s, t, ch, nu, nc FROM {0} WHERE k = {1} ON "
          "CONFLICT DO NOTHING",
          table, number(6));
    case 12:
      if (!postgres_) {
        if (chance(40))
          return fmt::format("UPDATE OR REPLACE {} SET id = {} WHERE id = {}", table, number(kIds),
                             number(kIds));
        return fmt::format("REPLACE INTO {} VALUES {}", table, row(number(kIds)));
      }
      return fmt::format(
          "MERGE INTO {0} m USING (SELECT {1} AS id, {2} AS k) n ON m.id = n.id WHEN MATCHED AND "
          "m.k = n.k THEN DELETE WHEN MATCHED THEN UPDATE SET k = n.k WHEN NOT MATCHED THEN INSERT "
          "(id, k) VALUES (n.id, n.k)",
          table, number(kIds), number(6));
    default:
      if (chance(15)) return fmt::format("TRUNCATE {} CASCADE", table);
      return fmt::format(
          "WITH gone AS (DELETE FROM {} WHERE {} RETURNING id, k, s, t, ch, nu, nc) INSERT INTO {} "
          "SELECT id, k, s, t, ch, nu, nc FROM gone ON CONFLICT DO NOTHING",
          table, where(), this->table());
  }
}

}  // namespace weir::test
