#pragma once

#include <sqlite3.h>

#include <compare>
#include <set>
#include <string>

namespace weir::sqlite {

/// A table or view by its schema (`main`, `temp`, an attached one) and stored name.
struct TableName {
  std::string schema{};  ///< Empty when SQLite did not say: a source of which no column is used.
  std::string table{};

  auto operator<=>(const TableName&) const = default;
  /// `schema.table`, which is also the id of the relation.
  [[nodiscard]] std::string id() const { return schema + "." + table; }
};

/// What one statement touches, as SQLite's compiler tells it.
struct StatementAccess {
  std::set<TableName> reads{};
  std::set<TableName> writes{};       ///< Triggers' and foreign key actions' tables included.
  std::set<std::string> functions{};  ///< In lower case.
  std::set<std::string> pragmas{};    ///< Those it reads, in lower case.
  std::string session_change{};       ///< What of the connection it would change; it was denied.
  std::string transaction_control{};  ///< `BEGIN`, `COMMIT` …; it was denied.
  std::string denied_function{};      ///< `load_extension`.
  bool temporary_object{false};       ///< It would make one; it was denied.
  bool schema_change{false};  ///< DDL, or anything else that touches more than the tables named.
  bool checkpoint{false};     ///< `PRAGMA wal_checkpoint`: must run outside a transaction.
  /// Set by the caller: VACUUM attaches a database and begins a transaction of its own while it
  /// runs, so nothing is recorded or denied.
  bool vacuum{false};

  [[nodiscard]] bool denied() const noexcept {
    return !session_change.empty() || !transaction_control.empty() || !denied_function.empty() ||
           temporary_object;
  }
};

/// Writes down what the statements compiled on one connection touch, and denies what would change
/// the connection.
///
/// SQLite compiles a statement again when the schema changed, in the middle of `sqlite3_step`: so
/// recording goes on while a statement runs. Without a target (internal statements) everything is
/// allowed and nothing recorded. Thread safety: one thread at a time, the connection's. Lifetime:
/// outlives the connection it is installed on. Source:
/// https://www.sqlite.org/c3ref/set_authorizer.html, read 2024-01.
class AccessRecorder {
 public:
  AccessRecorder() = default;
  AccessRecorder(const AccessRecorder&) = delete;
  AccessRecorder& operator=(const AccessRecorder&) = delete;

  void install(sqlite3* db) noexcept {
    sqlite3_set_authorizer(db, &AccessRecorder::authorize, this);
  }

  /// Recording into one target for the scope's life.
  class Scope {
   public:
    Scope(AccessRecorder& recorder, StatementAccess& target) noexcept : recorder_{recorder} {
      recorder_.target_ = &target;
    }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;
    ~Scope() { recorder_.target_ = nullptr; }

   private:
    AccessRecorder& recorder_;
  };

 private:
  static int authorize(void* self, int action, const char* first, const char* second,
                       const char* schema, const char* inner) noexcept;

  StatementAccess* target_{nullptr};
};

}  // namespace weir::sqlite
