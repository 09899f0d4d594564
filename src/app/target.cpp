#include "src/app/target.hpp"

#include <fmt/format.h>

#include <array>
#include <cstdio>

#include "weir/error.hpp"
#include "weir/open_driver.hpp"

namespace weir::app {

Options options_of(const Target& target) {
  if (target.database.empty()) {
    throw Error(ErrorCode::kConfig,
                "no database: name one with --database DSN or in the environment as WEIR_DATABASE");
  }
  Options options;
  options.database = target.database;
  options.statement_timeout = target.timeout;
  options.listen.enabled = false;
  options.sqlite.create = false;
  return options;
}

Upkeep open_upkeep(const Target& target) {
  Upkeep upkeep;
  upkeep.driver = open_driver(options_of(target));
  upkeep.admin = upkeep.driver->open_admin();
  return upkeep;
}

std::string read_statement(const std::string& argument, const Options& options) {
  if (argument != "-") return argument;
  std::string sql;
  std::array<char, 4096> piece{};
  while (sql.size() <=
         options.max_statement.value) {  // one byte more: the library says what is wrong
    const std::size_t length = std::fread(piece.data(), 1, piece.size(), stdin);
    if (length == 0) break;
    sql.append(piece.data(), length);
  }
  if (std::ferror(stdin) != 0)
    throw Error(ErrorCode::kUsage, "the statement cannot be read from standard input");
  if (sql.empty())
    throw Error(ErrorCode::kUsage, "there is no statement on standard input, as SQL - wants");
  return sql;
}

std::string script_of(const spi::AdminStep& step, const std::string& previous) {
  std::string text =
      fmt::format("-- {}{}{}\n", step.object, step.object.empty() ? "" : ": ", step.action);
  if (step.sql.empty() || step.sql == previous) return text;
  text += step.sql;
  while (text.back() == '\n' || text.back() == ' ') text.pop_back();
  if (text.back() != ';') text += ';';
  return text += '\n';
}

}  // namespace weir::app
