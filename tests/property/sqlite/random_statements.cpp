#include "tests/property/sqlite/random_statements.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <utility>

namespace weir::test {
namespace {

struct Table {
  const char* name;
  std::vector<std::string> columns;
};

const std::vector<Table>& tables() {
  static const std::vector<Table> kTables{{"a", {"id", "k", "t", "n", "v"}},
                                          {"b", {"id", "aid", "k", "t", "v"}},
                                          {"c", {"p", "q", "k", "v"}}};
  return kTables;
}

}  // namespace

const char* const kKeysSchema =
    "CREATE TABLE a (id INTEGER PRIMARY KEY, k INTEGER, t TEXT UNIQUE, n NUMERIC, v);"
    "CREATE TABLE b (id INTEGER PRIMARY KEY, aid INTEGER REFERENCES a (id) ON DELETE CASCADE ON "
    "UPDATE CASCADE, k INT, t TEXT, v REAL, UNIQUE (k, t));"
    "CREATE TABLE c (p INTEGER, q TEXT, k INT, v UNIQUE ON CONFLICT REPLACE, PRIMARY KEY (p, q)) "
    "WITHOUT ROWID;"
    "CREATE TABLE log (what);"
    "CREATE TRIGGER ta AFTER UPDATE OF k ON a WHEN new.k = 3 BEGIN "
    "UPDATE b SET k = 2 WHERE aid = new.id; DELETE FROM c WHERE k = 3; END;";

// Words in any case, and comments between tokens.
std::string RandomStatements::spelled(std::string word) {
  if (one_in(4)) {
    std::transform(word.begin(), word.end(), word.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  }
  return one_in(12) ? word + " /* x = 1 AND OR */" : word;
}

std::string RandomStatements::constant() {
  if (one_in(3)) {
    if (parameters_ == 0 || one_in(2)) ++parameters_;
    return fmt::format("?{}", 1 + below(parameters_));
  }
  switch (below(9)) {
    case 0:
      return "NULL";
    case 1:
      return fmt::format("'{}'", below(5));
    case 2:
      return one_of({"'x'", "'y'", "'it''s'", "' 1'", "'1e0'", "'01'", "''"});
    case 3:
      return one_of({"1.0", "-1", "- 2", "0x2", "(3)", "1e0"});
    default:
      return std::to_string(below(5));
  }
}

std::string RandomStatements::value() {
  switch (below(14)) {
    case 0:
      return "NULL";
    case 1:
      return one_of({"'x'", "'y'", "'it''s'", "''"});
    case 2:
      return one_of({"1.5", "'1e0'", "2.0", "x'31'", "'03'", "-1"});
    case 3:
      return fmt::format("'{}'", below(5));
    default:
      return std::to_string(below(5));
  }
}

std::string RandomStatements::column(const std::vector<Source>& sources) {
  const Source& source = sources[below(sources.size())];
  const std::string& name = source.columns[below(source.columns.size())];
  if (one_in(5)) return name;
  if (one_in(8)) return fmt::format("\"{}\".[{}]", source.alias, name);
  if (one_in(12) && source.columns.front() == "id") return source.alias + ".rowid";
  return fmt::format("{}.{}", source.alias, name);
}

std::string RandomStatements::conjunct(const std::vector<Source>& sources, std::size_t depth) {
  const std::string a = column(sources);
  switch (below(22)) {
    case 0:
      return fmt::format("{} {} ({}, {})", a, spelled("IN"), constant(), constant());
    case 1:
      return fmt::format("{} NOT IN ({}, {})", a, constant(), constant());
    case 2:
      if (one_in(2)) {
        return fmt::format("{} BETWEEN 0 AND {} = {}", a, column(sources), constant());
      }
      return fmt::format("{} BETWEEN {} {} {}", a, constant(), spelled("AND"), constant());
    case 3:
      return fmt::format("({} {} {})", conjunct(sources, depth), spelled("OR"),
                         conjunct(sources, depth));
    case 4:
      return fmt::format("NOT {} = {}", a, constant());
    case 5:
      return fmt::format("CASE WHEN {} = {} AND {} = {} THEN {} ELSE {} END", a, constant(),
                         column(sources), constant(), constant(), constant());
    case 6:
      return fmt::format("{} IS {}", a, one_in(2) ? "NULL" : constant());
    case 7:
      return fmt::format("{} {} {}", a, one_of({"<", ">=", "<>", "!=", "<="}), constant());
    case 8:
      return fmt::format("({} AND {})", conjunct(sources, depth), conjunct(sources, depth));
    case 9:
      return fmt::format("coalesce({}, 1) = {}", a, constant());
    case 10:
      if (depth == 0) return a + " = " + constant();
      return fmt::format("{} {} (SELECT {} FROM {} AS z WHERE z.k = {} AND {} = {})", a,
                         one_of({"IN", "NOT IN", "="}), "max(z.k)",
                         tables()[below(tables().size())].name, constant(), column(sources),
                         constant());
    case 11:
      if (depth == 0) return a + " = " + constant();
      return fmt::format("{} ({})", one_of({"EXISTS", "NOT EXISTS"}), level(depth - 1));
    case 12:
    case 13:
    case 14:
      return fmt::format("{} {} {}", a, one_of({"=", "==", "="}), column(sources));
    case 15:
      return fmt::format("{} = {}", constant(), a);
    case 16:
      return fmt::format("({}) = ({})", a, constant());
    default:
      return fmt::format("{} = {}", a, constant());
  }
}

std::string RandomStatements::condition(const std::vector<Source>& sources, std::size_t depth) {
  std::string all = conjunct(sources, depth);
  for (std::size_t more = below(3); more > 0; --more) {
    all += fmt::format(" {} {}", spelled(one_in(8) ? "OR" : "AND"), conjunct(sources, depth));
  }
  return all;
}

std::string RandomStatements::source(std::size_t depth, std::vector<Source>& sources) {
  const Table& table = tables()[below(tables().size())];
  if (depth > 0 && one_in(7)) {
    const std::string alias = fmt::format("d{}", ++aliases_);
    std::vector<Source> inner{{"i", table.columns}};
    std::string sql =
        fmt::format("(SELECT * FROM {} i WHERE {}{}) {}", table.name, condition(inner, depth - 1),
                    one_in(3) ? " ORDER BY 1, 2, 3, 4 LIMIT 2" : "", alias);
    sources.push_back({alias, table.columns});
    return sql;
  }
  const bool bare = one_in(3) && std::none_of(sources.begin(), sources.end(),
                                              [&](const auto& s) { return s.alias == table.name; });
  const std::string alias = bare ? table.name : fmt::format("{}{}", table.name, ++aliases_);
  sources.push_back({alias, table.columns});
  if (bare) return one_in(4) ? fmt::format("main.{}", table.name) : table.name;
  return fmt::format("{} {}{}", one_in(5) ? fmt::format("\"{}\"", table.name) : table.name,
                     one_in(2) ? "AS " : "", alias);
}

std::string RandomStatements::from(std::size_t depth, std::vector<Source>& sources,
                                   bool& shared_names) {
  std::string sql = source(depth, sources);
  for (std::size_t more = below(3); more > 0; --more) {
    const std::string join = one_of({",", "JOIN", "INNER JOIN", "CROSS JOIN", "LEFT JOIN",
                                     "LEFT JOIN", "LEFT OUTER JOIN", "RIGHT JOIN", "FULL JOIN",
                                     "LEFT JOIN", "JOIN", "FULL JOIN", "FULL JOIN"});
    sql += fmt::format(" {} {}", join == "," ? join : spelled(join), source(depth, sources));
    if (one_in(12)) {
      sql += " USING (k)";
      shared_names = true;
    } else if (!one_in(4)) {
      sql += fmt::format(" {} {}", spelled("ON"), condition(sources, depth == 0 ? 0 : depth - 1));
    }
  }
  return sql;
}

std::string RandomStatements::level(std::size_t depth) {
  std::vector<Source> sources;
  bool shared_names = false;
  const std::string clause = from(depth, sources, shared_names);
  const std::string where =
      one_in(10) ? "" : fmt::format(" {} {}", spelled("WHERE"), condition(sources, depth));
  const std::string some = sources.front().alias + ".k";
  switch (below(8)) {
    case 0:
      return fmt::format("SELECT count(*), sum({}) FROM {}{}", some, clause, where);
    case 1:
      return fmt::format("SELECT {0}, count(*) FROM {1}{2} GROUP BY {0} HAVING count(*) > {3}",
                         some, clause, where, below(2));
    case 2:
      return fmt::format("SELECT DISTINCT {} FROM {}{}", some, clause, where);
    case 3:
      return fmt::format("SELECT {0}, rank() OVER (ORDER BY {0}) FROM {1}{2}", some, clause, where);
    default:
      return fmt::format("SELECT * FROM {}{}", clause, where);
  }
}

RandomQuery RandomStatements::query() {
  RandomQuery query;
  parameters_ = 0;
  switch (below(10)) {
    case 0: {
      std::vector<Source> inner{{"i", tables()[0].columns}};
      query.sql = fmt::format(
          "WITH {0} AS (SELECT * FROM a i WHERE {1}) SELECT * FROM {0}, b WHERE "
          "b.aid = {0}.id AND b.k = {2}",
          one_in(4) ? "c" : "w", condition(inner, 1), constant());
      break;
    }
    case 1:
      query.sql = fmt::format("SELECT k FROM a WHERE k = {} {} SELECT k FROM {} WHERE k = {}",
                              constant(), one_of({"UNION", "UNION ALL", "EXCEPT", "INTERSECT"}),
                              one_of({"a", "b", "c"}), constant());
      break;
    case 2:
      query.sql = fmt::format(
          "SELECT (SELECT count(*) FROM b WHERE b.aid = a.id AND b.k = {}) FROM "
          "a WHERE a.id = {}",
          constant(), constant());
      break;
    default:
      query.sql = level(2);
  }
  for (std::size_t i = 0; i < parameters_; ++i) {
    switch (below(8)) {
      case 0:
        query.params.add(one_of({"x", "1", "03", "1e0", "2.0", " 2", ""}));
        break;
      case 1:
        query.params.add(1.5 + static_cast<double>(below(2)) * 0.5);
        break;
      case 2:
        query.params.add(std::optional<int>{});
        break;
      case 3:
        query.params.add(one_in(2));
        break;
      default:
        query.params.add(static_cast<std::int64_t>(below(5)));
    }
  }
  return query;
}

std::string RandomStatements::write() {
  const Table& table = tables()[below(tables().size())];
  const std::string name = table.name;
  std::string values;
  for (std::size_t i = 0; i < table.columns.size(); ++i) values += (i == 0 ? "" : ", ") + value();
  const std::string& set = table.columns[below(table.columns.size())];
  const std::string& by = table.columns[below(table.columns.size())];
  switch (below(10)) {
    case 0:
      return fmt::format("INSERT OR IGNORE INTO {} VALUES ({})", name, values);
    case 1:
    case 2:
      return fmt::format("INSERT OR REPLACE INTO {} VALUES ({})", name, values);
    case 3:
      return fmt::format("INSERT INTO {} VALUES ({}) ON CONFLICT DO UPDATE SET k = {}", name,
                         values, value());
    case 4:
      return fmt::format("UPDATE OR REPLACE {} SET {} = {} WHERE {} = {}", name, set, value(), by,
                         value());
    case 5:
      return fmt::format("UPDATE OR REPLACE {0} SET {1} = {1} + 1 WHERE {2} > {3}", name, set, by,
                         value());
    case 6:
      return fmt::format("UPDATE OR IGNORE {} SET {} = {} WHERE {} = {}", name, set, value(), by,
                         value());
    case 7:
      if (one_in(6)) return fmt::format("DELETE FROM {}", name);
      return fmt::format("DELETE FROM {} WHERE {} = {}", name, by, value());
    default:
      return fmt::format("REPLACE INTO {} VALUES ({})", name, values);
  }
}

}  // namespace weir::test
