#include "drivers/sqlite/access.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "drivers/sqlite/scan.hpp"

namespace weir::sqlite {
namespace {

std::string text(const char* value) {
  return value == nullptr ? std::string{} : std::string{value};
}

// PRAGMAs whose argument says what to show, not what to set.
bool only_shows(std::string_view pragma) {
  static constexpr auto kShowing = std::to_array<std::string_view>(
      {"table_info", "table_xinfo", "table_list", "index_info", "index_xinfo", "index_list",
       "foreign_key_list", "foreign_key_check", "integrity_check", "quick_check"});
  return std::find(kShowing.begin(), kShowing.end(), pragma) != kShowing.end();
}

bool allow_pragma(StatementAccess& access, const std::string& pragma, const char* argument) {
  if (pragma == "wal_checkpoint") {
    access.checkpoint = true;
  } else if (pragma == "optimize" || pragma == "incremental_vacuum" ||
             (argument != nullptr && (pragma == "user_version" || pragma == "application_id"))) {
    access.schema_change = true;  // kept in the file, and rare
  } else if (argument == nullptr || only_shows(pragma)) {
    access.pragmas.insert(pragma);
  } else {
    access.session_change = "PRAGMA " + pragma;
    return false;
  }
  return true;
}

bool record(StatementAccess& access, int action, const char* first, const char* second,
            const char* schema) {
  if (access.vacuum) return true;
  switch (action) {
    case SQLITE_READ:
      access.reads.insert(TableName{text(schema), text(first)});
      return true;
    case SQLITE_INSERT:
      // With no temporary tables about, only what makes a temporary object inserts there: its row
      // in the schema. That is the one thing CREATE TEMP TABLE, CREATE TABLE temp.x and CREATE
      // TRIGGER temp.x have in common.
      access.temporary_object = access.temporary_object || text(schema) == "temp";
      access.writes.insert(TableName{text(schema), text(first)});
      return !access.temporary_object;
    case SQLITE_UPDATE:
    case SQLITE_DELETE:
      access.writes.insert(TableName{text(schema), text(first)});
      return true;
    case SQLITE_FUNCTION: {
      std::string name = to_lower(text(second));
      if (name == "load_extension") {
        access.denied_function = name;
        return false;
      }
      access.functions.insert(std::move(name));
      return true;
    }
    case SQLITE_PRAGMA:
      return allow_pragma(access, to_lower(text(first)), second);
    case SQLITE_TRANSACTION:
      access.transaction_control = text(first);
      return false;
    case SQLITE_SAVEPOINT:
      access.transaction_control = text(first) + " SAVEPOINT";
      return false;
    case SQLITE_ATTACH:
    case SQLITE_DETACH:
      access.session_change = action == SQLITE_ATTACH ? "ATTACH" : "DETACH";
      return false;
    case SQLITE_SELECT:
    case SQLITE_RECURSIVE:
      return true;
    default:  // every CREATE and DROP, ALTER TABLE, ANALYZE, REINDEX, and what later versions
              // add
      access.schema_change = true;
      return true;
  }
}

}  // namespace

int AccessRecorder::authorize(void* self, int action, const char* first, const char* second,
                              const char* schema, const char* /*inner*/) noexcept {
  StatementAccess* const target = static_cast<AccessRecorder*>(self)->target_;
  if (target == nullptr) return SQLITE_OK;
  try {
    return record(*target, action, first, second, schema) ? SQLITE_OK : SQLITE_DENY;
  } catch (...) {  // out of memory: an incomplete record must not be used
    return SQLITE_DENY;
  }
}

}  // namespace weir::sqlite
