#include "drivers/postgres/admin.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <set>
#include <span>
#include <string_view>
#include <utility>

#include "drivers/postgres/doctor.hpp"
#include "drivers/postgres/migrations.hpp"
#include "weir/error.hpp"

namespace weir::postgres {

namespace {

int known_version() { return migrations().empty() ? 0 : migrations().back().number; }

std::string title(const spi::Migration& migration) {
  return fmt::format("{:04} {}", migration.number, migration.name);
}

/// The installed version; 0 when there is no schema weir. Errors: `kMigration` for somebody else's.
int installed_version(pqxx::work& work) {
  const pqxx::result found =
      work.exec("SELECT to_regnamespace('weir') IS NOT NULL, to_regclass('weir.meta') IS NOT NULL");
  if (!found[0][0].as<bool>()) return 0;
  if (!found[0][1].as<bool>()) {
    throw Error{
        ErrorCode::kMigration,
        "migrate: schema \"weir\" exists but is not weir's: it has no table weir.meta; rename "
        "or drop it",
        {.backend = "postgresql"}};
  }
  const pqxx::result version = work.exec("SELECT version FROM weir.meta");
  if (version.empty()) {
    throw Error{
        ErrorCode::kMigration,
        "migrate: table weir.meta is empty, so nobody knows which version this is: run DROP SCHEMA "
        "weir CASCADE, then \"weir migrate up\" and \"weir track\"",
        {.backend = "postgresql"}};
  }
  return version[0][0].as<int>();
}

void refuse_newer(int installed) {
  if (installed <= known_version()) return;
  throw Error{
      ErrorCode::kMigration,
      fmt::format("migrate: weir's schema in the database has version {}, this library knows "
                  "{}: use a newer weir",
                  installed, known_version()),
      {.backend = "postgresql"}};
}

/// Somebody may have added the event triggers later, with more rights than the schema's owner has.
void refuse_foreign_event_triggers(pqxx::work& work) {
  const pqxx::result foreign = work.exec(
      "SELECT string_agg(evtname, ', ' ORDER BY evtname), "
      "string_agg(DISTINCT pg_get_userbyid(evtowner), ', ') FROM pg_event_trigger "
      "WHERE evtname IN ('weir_ddl', 'weir_drop') AND NOT pg_has_role(evtowner, 'USAGE')");
  if (foreign[0][0].is_null()) return;
  throw Error{ErrorCode::kPermission,
              fmt::format("migrate down: the event triggers {} belong to {}: run \"weir migrate "
                          "down\" as that role, or have it drop them first (DROP EVENT TRIGGER "
                          "weir_ddl; DROP EVENT TRIGGER weir_drop)",
                          foreign[0][0].as<std::string>(), foreign[0][1].as<std::string>()),
              {.sqlstate = "42501", .backend = "postgresql"}};
}

/// Serialises migrations, also against `psql -1 -f`.
void lock_migrations(pqxx::work& work) { work.exec("SELECT pg_advisory_xact_lock(2003134834, 1)"); }

void report(std::vector<spi::AdminStep>& steps, spi::AdminStep step,
            const spi::Admin::Progress& progress) {
  if (progress) progress(step);
  steps.push_back(std::move(step));
}

/// Every table a trigger could be put on.
constexpr const char* kAllTables =
    "SELECT c.oid::regclass FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
    "WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND c.oid >= 16384 "
    "AND n.nspname NOT IN ('weir', 'pg_catalog', 'information_schema', 'pg_toast') "
    "ORDER BY n.nspname, c.relname";

/// Those of them without a trigger of weir's, partitions and all; a disabled one is somebody's
/// wish.
constexpr const char* kUntracked =
    "SELECT n.nspname, c.oid::regclass FROM pg_class c JOIN pg_namespace n ON n.oid = "
    "c.relnamespace WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND c.oid >= 16384 "
    "AND n.nspname NOT IN ('weir', 'pg_catalog', 'information_schema', 'pg_toast') AND NOT EXISTS "
    "(SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgname = 'weir_write') "
    "ORDER BY n.nspname, c.relname";
constexpr const char* kColumnNames =
    "SELECT a.attnum, a.attname FROM pg_attribute a WHERE a.attrelid = $1::oid AND a.attnum > 0 "
    "AND "
    "NOT a.attisdropped";
constexpr const char* kNames =
    "SELECT c.oid, c.oid::regclass FROM pg_class c WHERE c.oid = ANY ($1::oid[])";

/// The full names of the tables meant, unqualified ones looked up along the role's search_path.
std::vector<std::string> resolve(AdminSession& session, const std::vector<std::string>& tables) {
  return session.transact("track", [&](pqxx::work& work) {
    std::vector<std::string> names;
    if (tables.empty()) {
      for (const auto& row : work.exec(kAllTables)) names.push_back(row[0].as<std::string>());
      return names;
    }
    work.exec("SET LOCAL search_path TO DEFAULT");
    std::vector<std::string> oids;
    for (const std::string& table : tables) {
      const pqxx::result found = run(work, "SELECT to_regclass($1)::oid", table);
      if (found[0][0].is_null()) {
        throw Error{ErrorCode::kUndefinedObject,
                    fmt::format("track: there is no table {}", table),
                    {.backend = "postgresql"}};
      }
      oids.push_back(found[0][0].as<std::string>());
    }
    work.exec("SET LOCAL search_path = pg_catalog, pg_temp");
    for (const std::string& oid : oids) {
      names.push_back(run(work, "SELECT $1::oid::regclass", oid)[0][0].as<std::string>());
    }
    return names;
  });
}

/// What `weir.track` or `weir.untrack` would answer, as far as that can be known without doing it.
constexpr const char* kPreviewTrack =
    "SELECT m, CASE WHEN weir.tracked_as(m, w) THEN 'already tracked' ELSE 'would be tracked' END "
    "|| coalesce(' by ' || (SELECT string_agg(quote_ident(substring(a FROM '=(.*)')), ', ' "
    "ORDER BY n) FROM unnest(w) WITH ORDINALITY k (a, n) WHERE a LIKE '%=%'), '') "
    "FROM weir.family($1) m CROSS JOIN weir.wanted_arguments(m, NULL, $2) w";
constexpr const char* kTrack = "SELECT member, outcome FROM weir.track($1, keys => $2)";
constexpr const char* kUntrack = "SELECT member, outcome FROM weir.untrack($1)";
constexpr const char* kPreviewUntrack =
    "SELECT m, CASE WHEN EXISTS (SELECT FROM weir.tracked t WHERE t.relation = m) "
    "THEN 'would be untracked' ELSE 'not tracked' END FROM weir.family($1) m";

/// `{"a","b"}`, as the server reads an array of texts.
std::string array_literal(const std::vector<std::string>& items) {
  std::string text = "{";
  for (const std::string& item : items) {
    if (text.size() > 1) text += ',';
    text += '"';
    for (const char c : item) {
      if (c == '"' || c == '\\') text += '\\';
      text += c;
    }
    text += '"';
  }
  return text += '}';
}

}  // namespace

Admin::Admin(const Options& options, const Clock& clock) : options_{options}, clock_{&clock} {}

AdminSession& Admin::session() {
  if (!session_ || !session_->open()) session_.emplace(options_);
  return *session_;
}

spi::MigrationStatus Admin::status() {
  return session().transact("status", [](pqxx::work& work) {
    spi::MigrationStatus status;
    status.installed = installed_version(work);
    status.known = known_version();
    for (const spi::Migration& migration : migrations()) {
      (migration.number <= status.installed ? status.applied : status.pending)
          .push_back(title(migration));
    }
    if (status.installed > 0 && status.installed <= status.known) {
      const auto state = work.exec("SELECT weir.ddl_state()")[0][0].as<std::string>();
      status.ddl_tracking = state.starts_with("event") ? "event triggers" : "fingerprint";
    }
    return status;
  });
}

std::vector<spi::AdminStep> Admin::migrate_up(spi::DryRun dry_run, const Progress& progress) {
  std::vector<spi::AdminStep> steps;
  for (const spi::Migration& migration : migrations()) {
    const bool applies = session().transact("migrate up", [&](pqxx::work& work) {
      lock_migrations(work);
      const int installed = installed_version(work);
      refuse_newer(installed);
      if (installed >= migration.number) return false;
      if (dry_run == spi::DryRun::kNo) work.exec(std::string{migration.up_sql});
      return true;
    });
    if (!applies) continue;
    report(steps, {"schema weir", title(migration) + ": up", std::string{migration.up_sql}},
           progress);
  }
  return steps;
}

std::vector<spi::AdminStep> Admin::migrate_down(spi::DryRun dry_run, const Progress& progress) {
  std::vector<spi::AdminStep> steps;
  const std::span<const spi::Migration> all = migrations();
  for (auto migration = all.rbegin(); migration != all.rend(); ++migration) {
    const bool applies = session().transact("migrate down", [&](pqxx::work& work) {
      lock_migrations(work);
      const int installed = installed_version(work);
      refuse_newer(installed);
      if (installed < migration->number) return false;
      if (dry_run == spi::DryRun::kNo) {
        refuse_foreign_event_triggers(work);
        work.exec(std::string{migration->down_sql});
      }
      return true;
    });
    if (!applies) continue;
    report(steps, {"schema weir", title(*migration) + ": down", std::string{migration->down_sql}},
           progress);
  }
  return steps;
}

std::vector<spi::AdminStep> Admin::track(const std::vector<std::string>& tables,
                                         spi::DryRun dry_run, const Progress& progress) {
  return change_tracking(Tracking::kOn, tables, nullptr, dry_run, progress);
}

std::vector<spi::AdminStep> Admin::track_keys(const std::string& table,
                                              const std::vector<std::string>& columns,
                                              spi::DryRun dry_run, const Progress& progress) {
  return change_tracking(Tracking::kOn, {table}, &columns, dry_run, progress);
}

std::vector<spi::AdminStep> Admin::untrack(const std::vector<std::string>& tables,
                                           spi::DryRun dry_run, const Progress& progress) {
  return change_tracking(Tracking::kOff, tables, nullptr, dry_run, progress);
}

std::vector<spi::AdminStep> Admin::change_tracking(Tracking wanted,
                                                   const std::vector<std::string>& tables,
                                                   const std::vector<std::string>* keys,
                                                   spi::DryRun dry_run, const Progress& progress) {
  const int installed = session().transact("track", installed_version);
  if (installed != known_version()) {
    refuse_newer(installed);
    throw Error{ErrorCode::kMigration,
                fmt::format("track: weir's schema has version {} here, {} is needed: run \"weir "
                            "migrate up\"",
                            installed, known_version()),
                {.backend = "postgresql"}};
  }
  const bool on = wanted == Tracking::kOn;
  std::vector<spi::AdminStep> steps;
  std::set<std::string> done;
  for (const std::string& table : resolve(session(), tables)) {
    if (done.contains(table)) continue;  // with its family
    std::string sql;
    try {
      const auto rows = session().transact(on ? "track" : "untrack", [&](pqxx::work& work) {
        std::optional<std::string> array;
        if (keys != nullptr) array = array_literal(*keys);
        sql = fmt::format("SELECT {}({}{})", on ? "weir.track" : "weir.untrack", work.quote(table),
                          array ? ", keys => " + work.quote(*array) : "");
        if (dry_run == spi::DryRun::kYes)
          return on ? run(work, kPreviewTrack, table, array) : run(work, kPreviewUntrack, table);
        return on ? run(work, kTrack, table, array) : run(work, kUntrack, table);
      });
      for (const auto& row : rows) {
        auto member = row[0].as<std::string>();
        if (!done.insert(member).second) continue;
        report(steps, {std::move(member), row[1].as<std::string>(), sql}, progress);
      }
    } catch (const Error& error) {
      if (error.code() == ErrorCode::kConnection) throw;
      if (keys != nullptr && error.sqlstate() == "42P10")
        throw Error{ErrorCode::kUsage, error.what(), error.details()};
      report(steps, {table, fmt::format("failed: {}", error.what()), sql}, progress);
    }
  }
  return steps;
}

std::vector<spi::UntrackedTable> Admin::untracked() {
  return session().transact("look for untracked tables", [](pqxx::work& work) {
    std::vector<spi::UntrackedTable> tables;
    for (const auto& row : work.exec(kUntracked))
      tables.push_back({row[0].as<std::string>(), row[1].as<std::string>()});
    return tables;
  });
}

std::map<std::string, std::string> Admin::names_of(const std::vector<std::string>& relations) {
  return session().transact("name relations", [&](pqxx::work& work) {
    std::map<std::string, std::string> names;
    const std::string list = fmt::format("{{{}}}", fmt::join(relations, ","));
    for (const auto& row : run(work, kNames, list))
      names.emplace(row[0].as<std::string>(), row[1].as<std::string>());
    return names;
  });
}

std::map<std::string, std::string> Admin::column_names_of(const std::string& relation) {
  return session().transact("name columns", [&](pqxx::work& work) {
    std::map<std::string, std::string> names;
    for (const auto& row : run(work, kColumnNames, relation))
      names.emplace(row[0].as<std::string>(), row[1].as<std::string>());
    return names;
  });
}

std::vector<spi::Finding> Admin::doctor(spi::Deadline deadline) {
  return examine(options_, *clock_, deadline);
}

std::unique_ptr<spi::Admin> make_admin(const Options& options, const Clock& clock) {
  return std::make_unique<Admin>(options, clock);
}

}  // namespace weir::postgres
