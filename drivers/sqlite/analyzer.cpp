#include "drivers/sqlite/analyzer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "drivers/sqlite/catalog.hpp"
#include "drivers/sqlite/functions.hpp"
#include "drivers/sqlite/key_analysis.hpp"
#include "drivers/sqlite/opened_tables.hpp"
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
    if (own_) handle_.rollback();
  }
  Handle& handle_;
  bool own_;
};

// Lowers the verdict to `at_most` and keeps the reason.
void doubt(Analysis& analysis, Cacheability at_most, std::string reason) {
  analysis.cacheability = std::max(analysis.cacheability, at_most);
  if (std::find(analysis.reasons.begin(), analysis.reasons.end(), reason) ==
      analysis.reasons.end()) {
    analysis.reasons.push_back(std::move(reason));
  }
}

// Every write is noticed; without triggers just not to which table it was.
std::string tracking_note(Handle& handle, const Location& location, const TableName& table) {
  const bool own = location.in_memory() && table.schema == "main";
  const bool precise = own || (table.schema == "main" && is_tracked(handle, table.table));
  return precise ? "" : "any write by others to the file voids it";
}

// What a statement reads, as far as keys need to know it.
struct Sources {
  std::vector<TableName> tables{};
  bool views{false};
  bool opaque{false};  ///< Something whose reads are not in the statement's text.
};

Sources judge_relations(Analysis& analysis, Catalog& catalog, const StatementAccess& access,
                        const std::function<std::string(const TableName&)>& note_of) {
  Sources sources;
  std::set<TableName> seen;
  for (const TableName& read : access.reads) {
    Relation relation = catalog.resolve(read);
    if (relation.nature == Nature::kNothing || relation.nature == Nature::kPureCall) continue;
    if (!seen.insert(relation.name).second) continue;
    const std::string id = relation.name.id();
    const bool table = relation.nature == Nature::kTable;
    const bool temporary = relation.name.schema == "temp";
    sources.views = sources.views || relation.nature == Nature::kView;
    sources.opaque = sources.opaque || (!table && relation.nature != Nature::kView) || temporary;
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
    analysis.relations.push_back({id,
                                  id,
                                  (table || relation.nature == Nature::kView) && !temporary,
                                  table ? note_of(relation.name) : std::string{},
                                  {}});
    if (table && !temporary) {
      analysis.dependencies.push_back(id);
      sources.tables.push_back(relation.name);
    }
  }
  return sources;
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
  if (access.schema_change || access.vacuum) return StatementKind::kSchemaChange;
  if (access.checkpoint) return StatementKind::kWrite;
  // SQLite says of some PRAGMAs that only show something that they write.
  if (sqlite3_stmt_readonly(statement) == 0 && access.pragmas.empty()) return StatementKind::kWrite;
  return StatementKind::kRead;
}

Sources judge(Analysis& analysis, Catalog& catalog, sqlite3_stmt* statement,
              const StatementAccess& access,
              const std::function<std::string(const TableName&)>& note_of, std::string_view sql) {
  analysis.kind = kind_of(statement, access);
  analysis.parameters = ParameterMap{statement}.size();
  analysis.cacheability = Cacheability::kProvable;
  if (sqlite3_stmt_isexplain(statement) != 0) {
    analysis.kind = StatementKind::kRead;
    doubt(analysis, Cacheability::kNever, "EXPLAIN shows the plan, not data");
    return {};
  }
  if (!access.pragmas.empty()) {
    doubt(analysis, Cacheability::kNever,
          fmt::format("PRAGMA {} shows SQLite's own state", *access.pragmas.begin()));
  }
  Sources sources = judge_relations(analysis, catalog, access, note_of);
  judge_functions(analysis, access, sql, sources.views);
  for (const TableName& write : access.writes) {
    if (write.table.starts_with("sqlite_") || is_weirs(write.table)) continue;
    const Relation relation = catalog.resolve(write);
    if (relation.nature != Nature::kNothing) {
      analysis.writes.push_back(
          {relation.name.id(), relation.name.id(), relation.name.schema != "temp", {}});
    }
  }
  if (analysis.kind != StatementKind::kRead) {
    doubt(analysis, Cacheability::kNever,
          analysis.kind == StatementKind::kWrite ? "the statement writes"
                                                 : "the statement changes the schema");
    analysis.dependencies.clear();
  } else {
    analysis.writes.clear();  // a virtual table's declaration
  }
  sources.opaque = sources.opaque || analysis.may_change_session;  // a function nobody knows
  return sources;
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
  if (access.temporary_object) {
    return "a temporary table, view, index or trigger would stay on the one connection all writers "
           "share, and hide what it is named after: give the statement that needs it a WITH "
           "clause, or make an ordinary table";
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
    if (kind_of(statement.get(), access) == StatementKind::kRead && access.pragmas.empty() &&
        sqlite3_stmt_isexplain(statement.get()) == 0) {
      access.reads.merge(opened_tables(handle, sql));
    }
    Catalog catalog{handle, location};
    const auto note_of = [&](const TableName& table) {
      return tracking_note(handle, location, table);
    };
    const Sources sources = judge(analysis, catalog, statement.get(), access, note_of, sql);
    if (analysis.kind == StatementKind::kRead && analysis.cacheability != Cacheability::kNever) {
      judge_keys(analysis, handle, location, catalog, sources.tables,
                 sources.views    ? "the statement reads a view"
                 : sources.opaque ? "the statement reads what its text does not tell"
                                  : "",
                 sql);
    }
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
