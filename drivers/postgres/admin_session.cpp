#include "drivers/postgres/admin_session.hpp"

#include <fmt/format.h>
#include <libpq-fe.h>

#include <algorithm>
#include <string_view>

#include "drivers/postgres/errors.hpp"
#include "drivers/postgres/pq.hpp"
#include "weir/error.hpp"

namespace weir::postgres {

namespace {

void append(std::string& conninfo, std::string_view keyword, std::string_view value) {
  conninfo += fmt::format("{}{}='", conninfo.empty() ? "" : " ", keyword);
  for (const char c : value) {
    if (c == '\'' || c == '\\') conninfo += '\\';
    conninfo += c;
  }
  conninfo += '\'';
}

/// The DSN with our own limits where it sets none.
std::string conninfo(const Options& options) {
  [[maybe_unused]] const std::string refused_here = display_name(options.database);
  const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> parsed{
      PQconninfoParse(options.database.c_str(), nullptr), &PQconninfoFree};
  std::string text;
  bool limited = false;
  for (const PQconninfoOption* option = parsed.get();
       option != nullptr && option->keyword != nullptr; ++option) {
    if (option->val == nullptr) continue;
    append(text, option->keyword, option->val);
    limited = limited || std::string_view{option->keyword} == "connect_timeout";
  }
  if (!limited) {
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(options.pool.connect_timeout);
    append(text, "connect_timeout", fmt::to_string(std::max<std::int64_t>(seconds.count(), 1)));
  }
  append(text, "client_encoding", "UTF8");
  append(text, "fallback_application_name", options.postgres.application_name);
  return text;
}

/// The server's words without its DETAIL, which may hold row data.
std::string_view first_line(std::string_view text) { return text.substr(0, text.find('\n')); }

/// libpqxx 6 keeps the SQLSTATE of no error it has a class for.
std::string sqlstate_of(const pqxx::failure& failure) {
  const auto is = [&](auto* type) { return dynamic_cast<decltype(type)>(&failure) != nullptr; };
  const auto* sql = dynamic_cast<const pqxx::sql_error*>(&failure);
  if (sql != nullptr && !sql->sqlstate().empty()) return sql->sqlstate();
  if (is(static_cast<const pqxx::insufficient_privilege*>(nullptr))) return "42501";
  if (is(static_cast<const pqxx::undefined_table*>(nullptr))) return "42P01";
  if (is(static_cast<const pqxx::undefined_column*>(nullptr))) return "42703";
  if (is(static_cast<const pqxx::undefined_function*>(nullptr))) return "42883";
  if (is(static_cast<const pqxx::syntax_error*>(nullptr))) return "42601";
  if (is(static_cast<const pqxx::feature_not_supported*>(nullptr))) return "0A000";
  if (is(static_cast<const pqxx::data_exception*>(nullptr))) return "22000";
  if (is(static_cast<const pqxx::integrity_constraint_violation*>(nullptr))) return "23000";
  if (is(static_cast<const pqxx::insufficient_resources*>(nullptr))) return "53000";
  if (is(static_cast<const pqxx::plpgsql_error*>(nullptr))) return "P0000";
  if (is(static_cast<const pqxx::deadlock_detected*>(nullptr))) return "40P01";
  if (is(static_cast<const pqxx::serialization_failure*>(nullptr))) return "40001";
  return sql == nullptr ? std::string{} : "XX000";
}

}  // namespace

AdminSession::AdminSession(const Options& options)
    : preamble_{fmt::format("SET LOCAL statement_timeout = {}; SET LOCAL lock_timeout = {}; "
                            "SET LOCAL client_min_messages = error; "
                            "SET LOCAL search_path = pg_catalog, pg_temp",
                            options.statement_timeout.count(),
                            std::max<std::int64_t>(options.statement_timeout.count() / 3, 1))} {
  const std::string target = conninfo(options);
  try {
    connection_ = std::make_unique<pqxx::connection>(target);
  } catch (const pqxx::failure& failure) {
    throw ConnectionError{fmt::format("postgresql: cannot connect to {}: {}",
                                      display_name(options.database), trimmed(failure.what())),
                          {.backend = "postgresql", .connection_usable = false}};
  }
}

void AdminSession::rethrow(const pqxx::failure& failure, const char* operation) {
  const std::string sqlstate = sqlstate_of(failure);
  std::string_view message = first_line(failure.what());
  if (message.starts_with("ERROR:")) message.remove_prefix(6);
  message.remove_prefix(std::min(message.find_first_not_of(' '), message.size()));
  if (sqlstate.empty()) {
    throw ConnectionError{fmt::format("postgresql: {} failed: {}", operation, message),
                          {.backend = "postgresql", .connection_usable = false}};
  }
  ServerError error;
  error.sqlstate = sqlstate;
  error.severity = "ERROR";
  error.message = message;
  throw_server_error(error, operation);
}

}  // namespace weir::postgres
