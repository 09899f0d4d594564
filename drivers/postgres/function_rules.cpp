#include "drivers/postgres/function_rules.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

namespace weir::postgres {
namespace {

template <std::size_t N>
bool contains(const std::array<std::string_view, N>& sorted, std::string_view name) noexcept {
  return std::binary_search(sorted.begin(), sorted.end(), name);
}

/// Stable, and dependent on nothing but arguments and keyed settings. The catalogs some of them
/// read (enums, text search configurations, types) change only by DDL, which voids everything.
constexpr std::array<std::string_view, 76> kKeyedStable{"array_to_json",
                                                        "array_to_string",
                                                        "cash_words",
                                                        "concat",
                                                        "concat_ws",
                                                        "convert",
                                                        "convert_from",
                                                        "convert_to",
                                                        "current_database",
                                                        "current_user",
                                                        "date",
                                                        "date_part",
                                                        "date_trunc",
                                                        "enum_first",
                                                        "enum_last",
                                                        "enum_range",
                                                        "extract",
                                                        "format",
                                                        "generate_series",
                                                        "get_current_ts_config",
                                                        "getpgusername",
                                                        "interval",
                                                        "json_agg",
                                                        "json_agg_strict",
                                                        "json_array",
                                                        "json_build_array",
                                                        "json_build_object",
                                                        "json_object_agg",
                                                        "json_object_agg_strict",
                                                        "json_object_agg_unique",
                                                        "json_object_agg_unique_strict",
                                                        "json_to_tsvector",
                                                        "jsonb_agg",
                                                        "jsonb_agg_strict",
                                                        "jsonb_build_array",
                                                        "jsonb_build_object",
                                                        "jsonb_object_agg",
                                                        "jsonb_object_agg_strict",
                                                        "jsonb_object_agg_unique",
                                                        "jsonb_object_agg_unique_strict",
                                                        "jsonb_path_exists_tz",
                                                        "jsonb_path_match_tz",
                                                        "jsonb_path_query_array_tz",
                                                        "jsonb_path_query_first_tz",
                                                        "jsonb_path_query_tz",
                                                        "jsonb_to_tsvector",
                                                        "length",
                                                        "make_timestamptz",
                                                        "money",
                                                        "numeric",
                                                        "overlaps",
                                                        "pg_collation_for",
                                                        "pg_typeof",
                                                        "phraseto_tsquery",
                                                        "plainto_tsquery",
                                                        "quote_literal",
                                                        "quote_nullable",
                                                        "row_to_json",
                                                        "session_user",
                                                        "string_agg",
                                                        "time",
                                                        "timestamp",
                                                        "timestamptz",
                                                        "timezone",
                                                        "to_char",
                                                        "to_date",
                                                        "to_json",
                                                        "to_jsonb",
                                                        "to_number",
                                                        "to_timestamp",
                                                        "to_tsquery",
                                                        "to_tsvector",
                                                        "ts_headline",
                                                        "websearch_to_tsquery",
                                                        "xml",
                                                        "xml_is_well_formed"};

/// Volatile, but without effect: fine for a caller who accepts an age.
constexpr std::array<std::string_view, 20> kHarmlessVolatile{"array_sample",
                                                             "array_shuffle",
                                                             "clock_timestamp",
                                                             "gen_random_uuid",
                                                             "pg_database_size",
                                                             "pg_indexes_size",
                                                             "pg_is_in_recovery",
                                                             "pg_last_wal_receive_lsn",
                                                             "pg_last_wal_replay_lsn",
                                                             "pg_last_xact_replay_timestamp",
                                                             "pg_relation_size",
                                                             "pg_table_size",
                                                             "pg_tablespace_size",
                                                             "pg_total_relation_size",
                                                             "random",
                                                             "random_normal",
                                                             "timeofday",
                                                             "uuid_generate_v4",
                                                             "uuidv4",
                                                             "uuidv7"};

/// Whatever their volatility: about this session or transaction.
constexpr std::array<std::string_view, 33> kSession{"current_query",
                                                    "currval",
                                                    "inet_client_addr",
                                                    "inet_client_port",
                                                    "inet_server_addr",
                                                    "inet_server_port",
                                                    "lastval",
                                                    "pg_backend_pid",
                                                    "pg_blocking_pids",
                                                    "pg_conf_load_time",
                                                    "pg_current_snapshot",
                                                    "pg_current_xact_id",
                                                    "pg_current_xact_id_if_assigned",
                                                    "pg_cursor",
                                                    "pg_get_session_sequence",
                                                    "pg_is_other_temp_schema",
                                                    "pg_listening_channels",
                                                    "pg_lock_status",
                                                    "pg_my_temp_schema",
                                                    "pg_notification_queue_usage",
                                                    "pg_prepared_statement",
                                                    "pg_safe_snapshot_blocking_pids",
                                                    "pg_show_all_settings",
                                                    "pg_stat_get_activity",
                                                    "pg_trigger_depth",
                                                    "pg_visible_in_snapshot",
                                                    "pg_walfile_name",
                                                    "pg_walfile_name_offset",
                                                    "row_security_active",
                                                    "txid_current",
                                                    "txid_current_if_assigned",
                                                    "txid_current_snapshot",
                                                    "txid_visible_in_snapshot"};

/// Volatile, without writing anything or changing settings.
constexpr std::array<std::string_view, 13> kReadingVolatile{"lo_get",
                                                            "pg_advisory_lock",
                                                            "pg_advisory_lock_shared",
                                                            "pg_advisory_unlock",
                                                            "pg_advisory_xact_lock",
                                                            "pg_advisory_xact_lock_shared",
                                                            "pg_sleep",
                                                            "pg_sleep_for",
                                                            "pg_sleep_until",
                                                            "pg_stat_get_snapshot_timestamp",
                                                            "pg_try_advisory_lock",
                                                            "pg_try_advisory_lock_shared",
                                                            "pg_try_advisory_xact_lock"};

/// Immutable, but what they return shows role names.
constexpr std::array<std::string_view, 4> kShowsRoles{"acldefault", "aclinsert", "aclremove",
                                                      "makeaclitem"};

constexpr std::array<std::string_view, 9> kCatalogTypes{
    "regclass", "regcollation", "regnamespace", "regoper", "regoperator",
    "regproc",  "regprocedure", "regrole",      "regtype"};

constexpr std::array<std::string_view, 18> kTimeTypes{
    "_date",       "_time",          "_timestamp",   "_timestamptz", "_timetz",        "abstime",
    "date",        "datemultirange", "daterange",    "record",       "time",           "timestamp",
    "timestamptz", "timetz",         "tsmultirange", "tsrange",      "tstzmultirange", "tstzrange"};

constexpr std::array<std::string_view, 9> kSessionRelations{
    "pg_backend_memory_contexts", "pg_cursors",  "pg_locks",         "pg_prepared_statements",
    "pg_prepared_xacts",          "pg_settings", "pg_stat_activity", "pg_stat_xact_all_tables",
    "pg_stat_xact_user_tables"};

template <std::size_t N>
constexpr bool sorted(const std::array<std::string_view, N>& names) {
  for (std::size_t i = 1; i < N; ++i) {
    if (!(names[i - 1] < names[i])) return false;
  }
  return true;
}
static_assert(sorted(kKeyedStable) && sorted(kHarmlessVolatile) && sorted(kSession) &&
              sorted(kShowsRoles) && sorted(kCatalogTypes) && sorted(kTimeTypes) &&
              sorted(kSessionRelations));

}  // namespace

FunctionVerdict judge_builtin(std::string_view name, char volatility) noexcept {
  using Effect = FunctionVerdict::Effect;
  if (contains(kSession, name)) return {Effect::kNever, false, false};
  switch (volatility) {
    case 'i':
      return {contains(kShowsRoles, name) ? Effect::kTtlOnly : Effect::kNone, false, false};
    case 's':
      return {contains(kKeyedStable, name) ? Effect::kNone : Effect::kTtlOnly, false, false};
    default:
      break;
  }
  if (contains(kHarmlessVolatile, name)) return {Effect::kTtlOnly, false, false};
  const bool reads =
      std::find(kReadingVolatile.begin(), kReadingVolatile.end(), name) != kReadingVolatile.end();
  return {Effect::kNever, !reads, !reads};
}

bool is_catalog_type(std::string_view type) noexcept {
  if (type.starts_with('_')) type.remove_prefix(1);  // its array
  return contains(kCatalogTypes, type);
}

bool is_time_type(std::string_view type) noexcept { return contains(kTimeTypes, type); }

bool is_session_relation(std::string_view name) noexcept {
  return contains(kSessionRelations, name);
}

}  // namespace weir::postgres
