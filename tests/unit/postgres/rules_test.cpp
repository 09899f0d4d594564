#include <gtest/gtest.h>

#include "drivers/postgres/function_rules.hpp"

namespace weir::postgres {
namespace {

using Effect = FunctionVerdict::Effect;

TEST(FunctionRulesTest, ImmutableOnesAreTrusted) {
  EXPECT_EQ(judge_builtin("lower", 'i').effect, Effect::kNone);
  EXPECT_EQ(judge_builtin("sum", 'i').effect, Effect::kNone);
}

TEST(FunctionRulesTest, StableOnesOnlyFromTheList) {
  for (const char* name : {"to_char", "concat", "format", "date_trunc", "to_json", "to_tsvector"}) {
    EXPECT_EQ(judge_builtin(name, 's').effect, Effect::kNone) << name;
  }
  for (const char* name : {"now", "current_setting", "version", "age", "to_regclass",
                           "has_table_privilege", "json_populate_record", "a_later_one"}) {
    EXPECT_EQ(judge_builtin(name, 's').effect, Effect::kTtlOnly) << name;
  }
  for (const char* name : {"pg_backend_pid", "txid_current", "inet_client_addr"}) {
    EXPECT_EQ(judge_builtin(name, 's').effect, Effect::kNever) << name;
  }
}

TEST(FunctionRulesTest, VolatileOnesNever) {
  for (const char* name : {"random", "clock_timestamp", "gen_random_uuid", "pg_relation_size"}) {
    EXPECT_EQ(judge_builtin(name, 'v').effect, Effect::kTtlOnly) << name;
    EXPECT_FALSE(judge_builtin(name, 'v').may_change_session) << name;
  }
  for (const char* name : {"nextval", "setval", "lo_import", "pg_notify", "query_to_xml",
                           "set_config", "a_later_one"}) {
    EXPECT_EQ(judge_builtin(name, 'v').effect, Effect::kNever) << name;
    EXPECT_TRUE(judge_builtin(name, 'v').writes) << name;
    EXPECT_TRUE(judge_builtin(name, 'v').may_change_session) << name;
  }
  for (const char* name : {"pg_advisory_lock", "currval", "pg_sleep"}) {
    EXPECT_EQ(judge_builtin(name, 'v').effect, Effect::kNever) << name;
    EXPECT_FALSE(judge_builtin(name, 'v').writes) << name;
  }
}

TEST(FunctionRulesTest, TypesAndRelationsAreSorted) {
  EXPECT_TRUE(is_catalog_type("regclass"));
  EXPECT_FALSE(is_catalog_type("regconfig"));
  EXPECT_TRUE(is_time_type("timestamptz"));
  EXPECT_FALSE(is_time_type("interval"));
  EXPECT_TRUE(is_session_relation("pg_settings"));
  EXPECT_FALSE(is_session_relation("pg_class"));
}

}  // namespace
}  // namespace weir::postgres
