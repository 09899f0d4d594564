#include "drivers/postgres/doctor.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "drivers/postgres/admin_session.hpp"
#include "drivers/postgres/listener_probe.hpp"
#include "drivers/postgres/migrations.hpp"
#include "weir/error.hpp"

namespace weir::postgres {

namespace {

using spi::Severity;

/// One check that is a query: each row (object, detail, fix) is a finding.
struct QueryCheck {
  const char* name;
  Severity severity;
  const char* meaning;  // followed by the row's detail, when there is one
  const char* passed;
  const char* sql;
};

// What the checks know a table by; the schema weir and temporary tables are no concern.
constexpr const char* kTableCondition =
    "c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND c.oid >= 16384 "
    "AND c.relnamespace <> 'weir'::regnamespace";

const std::vector<QueryCheck>& query_checks() {
  static const std::string untracked = fmt::format(
      "SELECT c.oid::regclass, NULL, format('SELECT * FROM weir.track(%L);', c.oid::regclass) "
      "FROM pg_class c WHERE {} AND NOT c.relispartition "
      "AND NOT EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = c.oid) "
      "AND NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgname = "
      "'weir_write') "
      "ORDER BY 1::text",
      kTableCondition);
  static const std::string untracked_member =
      "SELECT DISTINCT i.inhrelid::regclass, format('its parent %s is tracked', "
      "i.inhparent::regclass), "
      "format('SELECT * FROM weir.track(%L);', i.inhrelid::regclass) "
      "FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE c.relkind IN ('r', 'p', 'f') "
      "AND NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = i.inhrelid AND t.tgname = "
      "'weir_write') "
      "AND EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = i.inhparent AND t.tgname = "
      "'weir_write')";
  static const std::vector<QueryCheck> checks{
      {"untracked-table", Severity::kWarning, "results that read it are cached only with a TTL",
       "every table is tracked", untracked.c_str()},
      {"untracked-partition", Severity::kWarning,
       "nothing that reads the partition or inheritance family is cached without a TTL",
       "every member of a tracked family is tracked", untracked_member.c_str()},
      {"trigger-disabled", Severity::kError,
       "writes to it may leave no journal row; results that read it are cached only with a TTL",
       "every weir trigger always fires",
       "SELECT t.tgrelid::regclass, CASE WHEN bool_or(t.tgenabled = 'D') THEN 'a trigger is "
       "disabled' WHEN bool_and(t.tgenabled = 'A') THEN 'a trigger was altered' "
       "ELSE 'a trigger is not ENABLE ALWAYS' END, "
       "format('SELECT * FROM weir.track(%L);', t.tgrelid::regclass) FROM pg_trigger t "
       "WHERE t.tgname IN ('weir_write', 'weir_insert', 'weir_update', 'weir_delete') "
       "GROUP BY t.tgrelid HAVING bool_or(t.tgenabled <> 'A') OR (SELECT bit_or(l.type) FROM "
       "weir.live_trigger l WHERE l.relation = t.tgrelid AND l.type & 67 = 0) IS DISTINCT FROM 60"},
      {"key-columns", Severity::kWarning,
       "its triggers and its columns no longer agree: every write to it counts as one to the whole "
       "table",
       "every table's key columns are what its triggers tell",
       "SELECT t.relation::regclass, NULL, "
       "format('SELECT * FROM weir.track(%L);', t.relation::regclass) "
       "FROM weir.live_trigger t WHERE t.name = 'weir_insert' "
       "AND NOT EXISTS (SELECT FROM weir.key_columns(t.relation))"},
      {"replication-target", Severity::kError,
       "a subscription writes to it, and apply workers fire row triggers only; results that read "
       "it "
       "are cached only with a TTL",
       "no tracked table is written by a subscription unseen",
       "SELECT DISTINCT s.srrelid::regclass, NULL, "
       "format('SELECT * FROM weir.track(%L);', s.srrelid::regclass) "
       "FROM pg_subscription_rel s JOIN pg_trigger t ON t.tgrelid = s.srrelid AND t.tgname = "
       "'weir_write' "
       "WHERE NOT EXISTS (SELECT FROM pg_trigger r WHERE r.tgrelid = s.srrelid "
       "AND r.tgfoid = 'weir.on_write()'::regprocedure AND r.tgtype = 29 AND r.tgenabled = 'A')"},
      {"role-named-weir", Severity::kWarning,
       "schema weir is on its search_path as \"$user\": unqualified names may mean weir's tables, "
       "and "
       "its own new tables land there, untracked",
       "schema weir is not on the search_path",
       "SELECT current_user, NULL, format('ALTER ROLE %I SET search_path = public;', current_user) "
       "WHERE current_user = 'weir' AND EXISTS (SELECT FROM pg_settings s WHERE s.name = "
       "'search_path' "
       "AND s.reset_val LIKE '%$user%')"},
      {"replica-role", Severity::kWarning,
       "session_replication_role is replica: foreign keys are not enforced and only ENABLE ALWAYS "
       "triggers fire; weir's do",
       "nobody is set to session_replication_role = replica",
       "SELECT 'this session', NULL, 'SET session_replication_role = origin;' "
       "WHERE current_setting('session_replication_role') = 'replica' "
       "UNION ALL SELECT coalesce(r.rolname, 'every role') || ' in ' || coalesce(d.datname, 'every "
       "database'), "
       "NULL, CASE WHEN r.rolname IS NULL THEN format('ALTER DATABASE %I RESET "
       "session_replication_role;', "
       "d.datname) ELSE format('ALTER ROLE %I RESET session_replication_role;', r.rolname) END "
       "FROM pg_db_role_setting s LEFT JOIN pg_roles r ON r.oid = s.setrole "
       "LEFT JOIN pg_database d ON d.oid = s.setdatabase "
       "WHERE 'session_replication_role=replica' = ANY (s.setconfig) "
       "AND s.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = "
       "current_database()))"},
      {"persistence", Severity::kError, "after a crash stale results could be taken for fresh ones",
       "the journal survives a crash and the incarnation does not",
       "SELECT c.oid::regclass, CASE c.relpersistence WHEN 'u' THEN 'it is unlogged' ELSE 'it is "
       "logged' END, "
       "format('ALTER TABLE %s SET %s;', c.oid::regclass, w.wanted) "
       "FROM pg_class c JOIN (VALUES ('weir.journal'::regclass, 'LOGGED'), "
       "('weir.meta', 'LOGGED'), ('weir.incarnation', 'UNLOGGED')) w(id, wanted) ON w.id = c.oid "
       "WHERE c.relpersistence <> CASE w.wanted WHEN 'LOGGED' THEN 'p' ELSE 'u' END"},
      {"prune-lag", Severity::kWarning, "nobody prunes the journal, so it grows",
       "the journal is pruned",
       "SELECT 'weir.journal', format('%s on disk, last pruning started %s', "
       "pg_size_pretty(pg_total_relation_size('weir.journal')), coalesce(m.candidate_at::text, "
       "'never')), "
       "'run an application with listening enabled, or from time to time: SELECT weir.prune(''1 "
       "hour'');' "
       "FROM weir.meta m WHERE pg_relation_size('weir.journal') > 1048576 "
       "AND (m.candidate_at IS NULL OR clock_timestamp() - m.candidate_at > interval '3 hours')"},
      {"journal-size", Severity::kWarning,
       "the journal is large: writers are many, retention is long, or vacuum cannot keep up",
       "the journal is small",
       "SELECT 'weir.journal', pg_size_pretty(pg_total_relation_size('weir.journal')) || ' on "
       "disk', "
       "'VACUUM weir.journal;' WHERE pg_total_relation_size('weir.journal') > 1073741824"},
      {"prepared-transaction", Severity::kWarning,
       "a prepared transaction was left behind: it keeps rows from being vacuumed and its journal "
       "rows "
       "from being pruned",
       "no prepared transaction is older than five minutes",
       "SELECT p.gid, format('owner %s, prepared %s', p.owner, p.prepared), "
       "format('ROLLBACK PREPARED %L;', p.gid) FROM pg_prepared_xacts p "
       "WHERE p.database = current_database() AND clock_timestamp() - p.prepared > interval '5 "
       "minutes'"},
      {"long-transaction", Severity::kNote,
       "a writing transaction is long under way: it keeps rows from being vacuumed",
       "no writing transaction is older than ten minutes",
       "SELECT 'backend ' || a.pid, format('%s, since %s', coalesce(a.application_name, ''), "
       "a.xact_start), "
       "format('SELECT pg_terminate_backend(%s);', a.pid) FROM pg_stat_activity a "
       "WHERE a.datname = current_database() AND a.backend_xid IS NOT NULL "
       "AND clock_timestamp() - a.xact_start > interval '10 minutes'"},
      {"notify-queue", Severity::kWarning,
       "some session listens but does not read: when the queue is full, every commit that notifies "
       "fails",
       "the notification queue is not filling up",
       "SELECT 'notification queue', round(pg_notification_queue_usage()::numeric * 100) || ' % "
       "full', "
       "'end sessions that are idle in a transaction after LISTEN' WHERE "
       "pg_notification_queue_usage() > 0.25"},
      {"wake-and-prepare", Severity::kNote,
       "its trigger sends wake-ups: transactions that write to it cannot PREPARE TRANSACTION",
       "no table's trigger stands in the way of two-phase commit",
       "SELECT t.relation::regclass, NULL, format('SELECT * FROM weir.track(%L, wake => false);', "
       "t.relation::regclass) FROM weir.tracked t WHERE t.wake "
       "AND current_setting('max_prepared_transactions')::int > 0"},
  };
  return checks;
}

std::string quoted_dsn() { return "\"$DSN\""; }

class Examination {
 public:
  Examination(const Options& options, const Clock& clock, spi::Deadline deadline)
      : options_{with_limit(options, clock, deadline)},
        clock_{clock},
        deadline_{deadline},
        session_{options_} {}

  std::vector<spi::Finding> run() {
    const bool installed = guarded("schema", [this] { return schema(); });
    if (installed) {
      if (guarded("rights", [this] { return rights(); })) {
        guarded("incarnation", [this] { return incarnation(); });
        guarded("ddl-tracking", [this] { return ddl_tracking(); });
        for (const QueryCheck& check : query_checks()) {
          guarded(check.name, [&] { return query(check); });
        }
      }
    }
    guarded("wake-ups", [this] { return wake_ups(); });
    return std::move(findings_);
  }

 private:
  static Options with_limit(Options options, const Clock& clock, spi::Deadline deadline) {
    options.statement_timeout = std::min(
        options.statement_timeout, std::max(deadline.left(clock), std::chrono::milliseconds{1}));
    return options;
  }

  /// Runs one check; its failure is a finding too.
  template <typename F>
  bool guarded(const char* name, F&& check) {
    try {
      if (deadline_.passed(clock_)) {
        add(Severity::kWarning, name, "", "not checked: the time limit ran out", "");
        return false;
      }
      return check();
    } catch (const Error& error) {
      add(Severity::kWarning, name, "", fmt::format("could not be checked: {}", error.what()), "");
      return false;
    }
  }

  void add(Severity severity, std::string check, std::string object, std::string meaning,
           std::string fix) {
    findings_.push_back(
        {severity, std::move(check), std::move(object), std::move(meaning), std::move(fix)});
  }

  pqxx::result ask(const char* name, const std::string& sql) {
    return session_.transact(name, [&](pqxx::work& work) { return work.exec(sql); });
  }

  bool schema() {
    const auto row =
        ask("schema", "SELECT to_regnamespace('weir') IS NOT NULL, pg_is_in_recovery()");
    if (row[0][1].as<bool>()) {
      add(Severity::kNote, "standby", "",
          "this is a standby: results read here are judged by its replay position, wake-ups cannot "
          "be received, and tracking is changed on the primary",
          "");
      standby_ = true;
    }
    const int known = migrations().empty() ? 0 : migrations().back().number;
    if (!row[0][0].as<bool>()) {
      add(Severity::kError, "schema", "schema weir",
          "not installed: nothing is cached without a TTL",
          fmt::format("weir migrate up --database {}", quoted_dsn()));
      return false;
    }
    const pqxx::result usage =
        ask("schema", "SELECT has_schema_privilege('weir', 'USAGE'), current_user");
    if (!usage[0][0].as<bool>()) {
      add(Severity::kError, "rights", usage[0][1].as<std::string>(),
          "the role may not use schema weir, so it cannot learn of changes",
          fmt::format("GRANT USAGE ON SCHEMA weir TO \"{}\";", usage[0][1].as<std::string>()));
      return false;
    }
    const pqxx::result version = ask("schema", "SELECT version FROM weir.meta");
    const int installed = version.empty() ? 0 : version[0][0].as<int>();
    if (installed == known) {
      add(Severity::kOk, "schema", "schema weir", fmt::format("version {}", installed), "");
      return true;
    }
    add(Severity::kError, "schema", "schema weir",
        fmt::format("has version {}, this library knows {}: the journal is not read", installed,
                    known),
        installed < known ? fmt::format("weir migrate up --database {}", quoted_dsn())
                          : "use a newer weir library");
    return false;
  }

  bool rights() {
    const pqxx::result missing =
        ask("rights",
            "SELECT o, current_user, g FROM (VALUES "
            "('weir.journal', has_table_privilege('weir.journal', 'SELECT'), 'SELECT ON "
            "weir.journal'), "
            "('weir.meta', has_table_privilege('weir.meta', 'SELECT'), 'SELECT ON weir.meta'), "
            "('weir.incarnation', has_table_privilege('weir.incarnation', 'SELECT'), "
            "'SELECT ON weir.incarnation'), "
            "('weir.tracked', has_table_privilege('weir.tracked', 'SELECT'), 'SELECT ON "
            "weir.tracked'), "
            "('weir.pull', has_function_privilege('weir.pull(xid8,xid8[],integer)', 'EXECUTE'), "
            "'EXECUTE ON FUNCTION weir.pull'), "
            "('weir.handshake', has_function_privilege('weir.handshake()', 'EXECUTE'), "
            "'EXECUTE ON FUNCTION weir.handshake'), "
            "('weir.prune', has_function_privilege('weir.prune(interval)', 'EXECUTE'), "
            "'EXECUTE ON FUNCTION weir.prune')) v(o, ok, g) WHERE NOT ok");
    for (const auto& row : missing) {
      add(Severity::kError, "rights", row[0].as<std::string>(),
          fmt::format("role {} may not use it, so it cannot learn of changes",
                      row[1].as<std::string>()),
          fmt::format("GRANT {} TO \"{}\";", row[2].as<std::string>(), row[1].as<std::string>()));
    }
    if (missing.empty()) add(Severity::kOk, "rights", "", "the role has the rights it needs", "");
    return missing.empty();
  }

  bool incarnation() {
    const bool lost =
        ask("incarnation", "SELECT weir.current_incarnation() IS NULL")[0][0].as<bool>();
    if (!lost) {
      add(Severity::kOk, "incarnation", "", "the server's incarnation is known", "");
    } else if (standby_) {
      add(Severity::kError, "incarnation", "weir.meta",
          "the primary has no incarnation yet: nothing read here can be cached",
          "on the primary: SELECT weir.handshake();");
    } else {
      add(Severity::kWarning, "incarnation", "weir.incarnation",
          "no incarnation since a crash, promotion, restore or clone; the next pull makes one and "
          "voids every entry",
          "SELECT weir.handshake();");
    }
    return true;
  }

  bool ddl_tracking() {
    const auto state = ask("ddl-tracking", "SELECT weir.ddl_state()")[0][0].as<std::string>();
    if (state.starts_with("event triggers")) {
      add(Severity::kOk, "ddl-tracking", "", "event triggers notice DDL", "");
      return true;
    }
    const pqxx::result present =
        ask("ddl-tracking",
            "SELECT count(*) FROM pg_event_trigger WHERE evtfoid = 'weir.on_ddl()'::regprocedure");
    const bool missing = present[0][0].as<int>() < 2;
    add(Severity::kWarning, "ddl-tracking", missing ? "event triggers" : "weir_ddl, weir_drop",
        fmt::format(
            "the event triggers are {}: DDL is noticed by a catalog fingerprint, which costs "
            "milliseconds a pull, and new partitions are not tracked by themselves",
            missing ? "missing" : "not enabled ALWAYS"),
        missing
            ? "as a superuser: CREATE EVENT TRIGGER weir_ddl ON ddl_command_end EXECUTE FUNCTION "
              "weir.on_ddl(); CREATE EVENT TRIGGER weir_drop ON sql_drop EXECUTE FUNCTION "
              "weir.on_ddl(); ALTER EVENT TRIGGER weir_ddl ENABLE ALWAYS; ALTER EVENT TRIGGER "
              "weir_drop ENABLE ALWAYS;"
            : "as a superuser: ALTER EVENT TRIGGER weir_ddl ENABLE ALWAYS; ALTER EVENT TRIGGER "
              "weir_drop ENABLE ALWAYS;");
    return true;
  }

  bool query(const QueryCheck& check) {
    const pqxx::result rows = ask(check.name, check.sql);
    for (const auto& row : rows) {
      std::string meaning = check.meaning;
      if (!row[1].is_null()) meaning += fmt::format(" ({})", row[1].as<std::string>());
      add(check.severity, check.name, row[0].as<std::string>(), std::move(meaning),
          row[2].as<std::string>());
    }
    if (rows.empty()) add(Severity::kOk, check.name, "", check.passed, "");
    return true;
  }

  bool wake_ups() {
    if (standby_) return true;
    const spi::Deadline limit =
        deadline_.earlier(spi::Deadline::after(clock_, std::chrono::seconds{2}));
    const Target target{options_.database, options_.postgres.application_name};
    if (wake_ups_arrive(target, clock_, limit)) {
      add(Severity::kOk, "wake-ups", "", "LISTEN hears other connections", "");
    } else {
      add(Severity::kWarning, "wake-ups", "LISTEN",
          "accepted, but nothing arrives, as behind PgBouncer in transaction mode: changes are "
          "seen "
          "within max_staleness instead of within milliseconds",
          "point weir at the server itself or at a pool in session mode, or set "
          "postgres.pooling = transaction");
    }
    return true;
  }

  Options options_;
  const Clock& clock_;
  spi::Deadline deadline_;
  AdminSession session_;
  std::vector<spi::Finding> findings_;
  bool standby_{false};
};

}  // namespace

std::vector<spi::Finding> examine(const Options& options, const Clock& clock,
                                  spi::Deadline deadline) {
  return Examination{options, clock, deadline}.run();
}

}  // namespace weir::postgres
