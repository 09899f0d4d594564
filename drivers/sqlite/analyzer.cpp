#include "drivers/sqlite/analyzer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "drivers/sqlite/functions.hpp"
#include "drivers/sqlite/params.hpp"
#include "drivers/sqlite/scan.hpp"
#include "drivers/sqlite/tracking.hpp"
#include "weir/error.hpp"

namespace weir::sqlite {
namespace {

using spi::Analysis;
using spi::Cacheability;
using spi::StatementKind;

constexpr std::string_view kOperation = "analyse a statement";

enum class Nature {
  kTable,
  kView,
  kVirtual,   // CREATE VIRTUAL TABLE, and the shadow tables of one
  kPureCall,  // json_each(…) and its like
  kInternal,  // sqlite_schema, statistics, pragma_… and other windows into SQLite
  kNothing,   // a name that is only the statement's own: a common table expression
};

struct Relation {
  TableName name;
  Nature nature{Nature::kNothing};
};

// A read transaction in which every schema was looked at. Ends with the scope unless the caller had
// one open.
class SchemaView {
 public:
  SchemaView(Handle& handle, const Location& location)
      : handle_{handle}, own_{sqlite3_get_autocommit(handle.get()) != 0} {
    if (own_) handle_.exec("BEGIN", kOperation);
    try {
      handle_.exec("SELECT 1 FROM main.sqlite_schema LIMIT 1", kOperation);
      for (const auto& [schema, file] : location.attach) {
        handle_.exec(fmt::format("SELECT 1 FROM {}.sqlite_schema LIMIT 1", quote_name(schema)),
                     kOperation);
      }
    } catch (...) {
      end();
      throw;
    }
  }
  SchemaView(const SchemaView&) = delete;
  SchemaView& operator=(const SchemaView&) = delete;
  ~SchemaView() { end(); }

 private:
  void end() noexcept {
    if (own_) sqlite3_exec(handle_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
  }
  Handle& handle_;
  bool own_;
};

class Catalog {
 public:
  Catalog(Handle& handle, const Location& location) : handle_{handle}, schemas_{"temp", "main"} {
    for (const auto& [schema, file] : location.attach) schemas_.push_back(schema);
  }

  [[nodiscard]] Relation resolve(const TableName& name) {
    static constexpr auto kPureCalls =
        std::to_array<std::string_view>({"generate_series", "json_each", "json_tree"});
    const std::string lower = to_lower(name.table);
    if (lower.starts_with("sqlite_")) return {name, Nature::kInternal};
    for (const std::string& schema : schemas_) {
      if (!name.schema.empty() && name.schema != schema) continue;
      if (auto found = look_up(schema, name.table)) return *std::move(found);
    }
    if (std::find(kPureCalls.begin(), kPureCalls.end(), lower) != kPureCalls.end()) {
      return {name, Nature::kPureCall};
    }
    if (!name.schema.empty() || is_module(lower)) return {name, Nature::kInternal};
    return {name, Nature::kNothing};
  }

 private:
  std::optional<Relation> look_up(const std::string& schema, const std::string& table) {
    const StatementPtr statement =
        handle_.prepare(fmt::format("SELECT name, type, sql FROM {}.sqlite_schema "
                                    "WHERE name = ?1 COLLATE NOCASE AND type IN ('table', 'view')",
                                    quote_name(schema)),
                        kOperation);
    sqlite3_bind_text(statement.get(), 1, table.c_str(), -1, SQLITE_TRANSIENT);
    if (!handle_.step(statement.get(), kOperation)) return std::nullopt;
    const auto column = [&](int index) {
      const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement.get(), index));
      return std::string{text == nullptr ? "" : text};
    };
    Relation relation{{schema, column(0)}, Nature::kTable};
    if (column(1) == "view") {
      relation.nature = Nature::kView;
    } else if (is_virtual(column(2)) || is_shadow(schema, relation.name.table)) {
      relation.nature = Nature::kVirtual;
    }
    return relation;
  }

  static bool is_virtual(const std::string& sql) {
    Tokenizer tokens{sql};
    const auto create = tokens.next_meaningful();
    const auto second = tokens.next_meaningful();
    return create && second && equal_ignoring_case(second->text, "virtual");
  }

  bool is_shadow(const std::string& schema, const std::string& table) {
    const StatementPtr statement = handle_.prepare(
        "SELECT 1 FROM pragma_table_list WHERE schema = ?1 AND name = ?2 AND type = 'shadow'",
        kOperation);
    sqlite3_bind_text(statement.get(), 1, schema.c_str(), -1, SQLITE_TRANSIENT);
    sqlite3_bind_text(statement.get(), 2, table.c_str(), -1, SQLITE_TRANSIENT);
    return handle_.step(statement.get(), kOperation);
  }

  bool is_module(const std::string& lower) {
    const StatementPtr statement = handle_.prepare(
        "SELECT 1 FROM pragma_module_list WHERE name = ?1 COLLATE NOCASE", kOperation);
    sqlite3_bind_text(statement.get(), 1, lower.c_str(), -1, SQLITE_TRANSIENT);
    return lower.starts_with("pragma_") || handle_.step(statement.get(), kOperation);
  }

  Handle& handle_;
  std::vector<std::string> schemas_;
};

// Lowers the verdict to `at_most` and keeps the reason.
void doubt(Analysis& analysis, Cacheability at_most, std::string reason) {
  analysis.cacheability = std::max(analysis.cacheability, at_most);
  if (std::find(analysis.reasons.begin(), analysis.reasons.end(), reason) ==
      analysis.reasons.end()) {
    analysis.reasons.push_back(std::move(reason));
  }
}

void judge_relations(Analysis& analysis, Catalog& catalog, const StatementAccess& access,
                     bool& views) {
  std::set<TableName> seen;
  for (const TableName& read : access.reads) {
    Relation relation = catalog.resolve(read);
    if (relation.nature == Nature::kNothing || relation.nature == Nature::kPureCall) continue;
    if (!seen.insert(relation.name).second) continue;
    const std::string id = relation.name.id();
    const bool table = relation.nature == Nature::kTable;
    const bool temporary = relation.name.schema == "temp";
    views = views || relation.nature == Nature::kView;
    if (temporary) {
      doubt(analysis, Cacheability::kNever,
            fmt::format("{} is temporary: only one connection sees it", id));
    } else if (relation.nature == Nature::kVirtual) {
      doubt(
          analysis, Cacheability::kTtlOnly,
          fmt::format("{} is a virtual table, or belongs to one: what it reads is not known", id));
    } else if (relation.nature == Nature::kInternal) {
      doubt(analysis, Cacheability::kNever,
            fmt::format("{} shows SQLite's own state", relation.name.table));
    }
    analysis.relations.push_back(
        {id, id, (table || relation.nature == Nature::kView) && !temporary});
    if (table && !temporary) analysis.dependencies.push_back(id);
  }
}

void judge_functions(Analysis& analysis, const StatementAccess& access, std::string_view sql,
                     bool views) {
  for (const std::string& function : access.functions) {
    switch (classify_function(function)) {
      case FunctionKind::kPure:
        break;
      case FunctionKind::kClock:
        doubt(analysis, Cacheability::kTtlOnly, fmt::format("{} is the time of day", function));
        break;
      case FunctionKind::kMaybeClock:
        if (views || !date_calls_are_constant(sql)) {
          doubt(analysis, Cacheability::kTtlOnly,
                fmt::format("{}() tells the time of day when its time value is 'now', which only "
                            "literals, or the "
                            "modifier 'unixepoch', exclude",
                            function));
        }
        break;
      case FunctionKind::kRandom:
        doubt(analysis, Cacheability::kTtlOnly, fmt::format("{}() is random", function));
        break;
      case FunctionKind::kConnection:
        doubt(analysis, Cacheability::kNever,
              fmt::format("{}() tells what this one connection did before", function));
        break;
      case FunctionKind::kUnknown:
        doubt(analysis, Cacheability::kTtlOnly,
              fmt::format("{}() is not a function weir knows", function));
        analysis.may_change_session = true;
        break;
    }
  }
}

// Compiling a statement that uses a virtual table for the first time on a connection also compiles
// the table's declaration, which looks like a read of sqlite_schema; the second time it does not.
StatementPtr compile(Handle& handle, AccessRecorder& recorder, std::string_view sql,
                     StatementAccess& access, std::size_t& end) {
  const bool vacuum = first_word(sql) == "VACUUM";
  StatementPtr statement;
  for (int attempt = 0; attempt < 2; ++attempt) {
    access = StatementAccess{};
    access.vacuum = vacuum;
    const AccessRecorder::Scope scope{recorder, access};
    statement = handle.prepare(sql, kOperation, 0, &end);
    const bool again =
        std::any_of(access.reads.begin(), access.reads.end(),
                    [](const TableName& name) { return name.table.starts_with("sqlite_"); });
    if (!again) break;
  }
  return statement;
}

StatementKind kind_of(sqlite3_stmt* statement, const StatementAccess& access) {
  if (access.schema_change || access.temporary_schema_change || access.vacuum)
    return StatementKind::kSchemaChange;
  if (access.checkpoint) return StatementKind::kWrite;
  // SQLite says of some PRAGMAs that only show something that they write.
  if (sqlite3_stmt_readonly(statement) == 0 && access.pragmas.empty()) return StatementKind::kWrite;
  return StatementKind::kRead;
}

void judge(Analysis& analysis, Catalog& catalog, sqlite3_stmt* statement,
           const StatementAccess& access, std::string_view sql) {
  analysis.kind = kind_of(statement, access);
  analysis.parameters = ParameterMap{statement}.size();
  analysis.cacheability = Cacheability::kProvable;
  bool views = false;
  if (sqlite3_stmt_isexplain(statement) != 0) {
    analysis.kind = StatementKind::kRead;
    doubt(analysis, Cacheability::kNever, "EXPLAIN shows the plan, not data");
    return;
  }
  if (!access.pragmas.empty()) {
    doubt(analysis, Cacheability::kNever,
          fmt::format("PRAGMA {} shows SQLite's own state", *access.pragmas.begin()));
  }
  judge_relations(analysis, catalog, access, views);
  judge_functions(analysis, access, sql, views);
  for (const TableName& write : access.writes) {
    if (write.table.starts_with("sqlite_") || is_weirs(write.table)) continue;
    const Relation relation = catalog.resolve(write);
    if (relation.nature != Nature::kNothing) {
      analysis.writes.push_back(
          {relation.name.id(), relation.name.id(), relation.name.schema != "temp"});
    }
  }
  analysis.may_change_session = analysis.may_change_session || access.temporary_schema_change;
  if (analysis.kind != StatementKind::kRead) {
    doubt(analysis, Cacheability::kNever,
          analysis.kind == StatementKind::kWrite ? "the statement writes"
                                                 : "the statement changes the schema");
    analysis.dependencies.clear();
  } else {
    analysis.writes.clear();  // a virtual table's declaration
  }
}

}  // namespace

std::string refusal_of(const StatementAccess& access) {
  if (!access.transaction_control.empty()) {
    return fmt::format(
        "{} would change the transaction of a pooled connection: use transact() or Transaction",
        access.transaction_control);
  }
  if (access.session_change == "ATTACH" || access.session_change == "DETACH") {
    return fmt::format(
        "{} would change one pooled connection: name the file in Options::sqlite.attach",
        access.session_change);
  }
  if (!access.session_change.empty()) {
    return fmt::format(
        "{} would change one pooled connection, and results with it: SQLite's settings are given "
        "in "
        "Options::sqlite, those kept in the file are set with the sqlite3 command",
        access.session_change);
  }
  if (!access.denied_function.empty()) {
    return fmt::format("{}() would change one pooled connection", access.denied_function);
  }
  return {};
}

Analysis analyze_statement(Handle& handle, AccessRecorder& recorder, const Location& location,
                           std::string_view sql) {
  Analysis analysis;
  const SchemaView view{handle, location};
  StatementAccess access;
  std::size_t end = 0;
  StatementPtr statement;
  try {
    statement = compile(handle, recorder, sql, access, end);
    if (!statement) {
      analysis.reasons.emplace_back("the statement is empty");
      return analysis;
    }
    if (const auto second = find_statement(sql, end)) {
      analysis.kind = StatementKind::kMultiple;
      analysis.refusal =
          fmt::format("more than one statement: the second begins at byte {}", *second + 1);
      analysis.reasons.push_back(analysis.refusal);
      return analysis;
    }
    Catalog catalog{handle, location};
    judge(analysis, catalog, statement.get(), access, sql);
  } catch (const Error& e) {
    if (e.code() == ErrorCode::kTimeout || e.code() == ErrorCode::kCancelled ||
        !e.connection_usable())
      throw;
    analysis = Analysis{};
    analysis.refusal = refusal_of(access);
    if (!access.transaction_control.empty()) {
      analysis.kind = StatementKind::kTransactionControl;
    } else if (access.denied()) {
      analysis.kind = StatementKind::kSessionChange;
    }
    analysis.reasons.emplace_back(analysis.refusal.empty() ? e.what() : analysis.refusal);
  }
  return analysis;
}

}  // namespace weir::sqlite
