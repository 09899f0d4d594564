#include "drivers/sqlite/functions.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <vector>

#include "drivers/sqlite/scan.hpp"

namespace weir::sqlite {
namespace {

template <std::size_t N>
bool contains(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// https://www.sqlite.org/lang_corefunc.html, lang_aggfunc, lang_mathfunc, windowfunctions, json1,
// of 3.40 to 3.46.
constexpr auto kPure = std::to_array<std::string_view>({
    "->",
    "->>",
    "abs",
    "acos",
    "acosh",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "avg",
    "ceil",
    "ceiling",
    "char",
    "coalesce",
    "concat",
    "concat_ws",
    "cos",
    "cosh",
    "count",
    "cume_dist",
    "degrees",
    "dense_rank",
    "exp",
    "first_value",
    "floor",
    "format",
    "glob",
    "group_concat",
    "hex",
    "if",
    "ifnull",
    "iif",
    "instr",
    "json",
    "json_array",
    "json_array_length",
    "json_error_position",
    "json_extract",
    "json_group_array",
    "json_group_object",
    "json_insert",
    "json_object",
    "json_patch",
    "json_pretty",
    "json_quote",
    "json_remove",
    "json_replace",
    "json_set",
    "json_type",
    "json_valid",
    "jsonb",
    "jsonb_array",
    "jsonb_extract",
    "jsonb_group_array",
    "jsonb_group_object",
    "jsonb_insert",
    "jsonb_object",
    "jsonb_patch",
    "jsonb_remove",
    "jsonb_replace",
    "jsonb_set",
    "lag",
    "last_value",
    "lead",
    "length",
    "like",
    "likelihood",
    "likely",
    "ln",
    "log",
    "log10",
    "log2",
    "lower",
    "ltrim",
    "max",
    "min",
    "mod",
    "nth_value",
    "ntile",
    "nullif",
    "octet_length",
    "percent_rank",
    "pi",
    "pow",
    "power",
    "printf",
    "quote",
    "radians",
    "rank",
    "replace",
    "round",
    "row_number",
    "rtrim",
    "sign",
    "sin",
    "sinh",
    "soundex",
    "sqlite_compileoption_get",
    "sqlite_compileoption_used",
    "sqlite_source_id",
    "sqlite_version",
    "sqrt",
    "string_agg",
    "substr",
    "substring",
    "sum",
    "tan",
    "tanh",
    "total",
    "trim",
    "trunc",
    "typeof",
    "unhex",
    "unicode",
    "unlikely",
    "upper",
    "zeroblob",
});
constexpr auto kDate = std::to_array<std::string_view>(
    {"date", "time", "datetime", "julianday", "strftime", "timediff", "unixepoch"});
constexpr auto kCurrent =
    std::to_array<std::string_view>({"current_date", "current_time", "current_timestamp"});
constexpr auto kRandomNames = std::to_array<std::string_view>({"random", "randomblob"});
constexpr auto kConnectionNames =
    std::to_array<std::string_view>({"changes", "last_insert_rowid", "total_changes"});

// One argument's tokens, meaningful ones only.
using Argument = std::vector<Token>;

// The arguments of a call whose `(` begins at `open`; empty optional when it does not end.
std::optional<std::vector<Argument>> arguments_of(std::string_view sql, std::size_t open) {
  Tokenizer tokens{sql, open + 1};
  std::vector<Argument> arguments(1);
  int depth = 1;
  while (const auto token = tokens.next_meaningful()) {
    if (token->text == "(") ++depth;
    if (token->text == ")" && --depth == 0) {
      if (arguments.size() == 1 && arguments[0].empty()) arguments.clear();
      return arguments;
    }
    if (token->text == "," && depth == 1) {
      arguments.emplace_back();
    } else {
      arguments.back().push_back(*token);
    }
  }
  return std::nullopt;
}

// The content of 'a plain string', in lower case; empty optional for anything else.
std::optional<std::string> string_literal(const Argument& argument) {
  if (argument.size() != 1 || argument[0].kind != TokenKind::kString) return std::nullopt;
  const std::string_view text = argument[0].text;
  if (text.size() < 2 || text.front() != '\'' || text.back() != '\'') return std::nullopt;
  return to_lower(text.substr(1, text.size() - 2));
}

bool is_clock_word(const std::string& text) {
  static constexpr auto kWords =
      std::to_array<std::string_view>({"now", "localtime", "utc", "subsec", "subsecond"});
  return contains(kWords, text);
}

bool is_constant(const Argument& argument) {
  if (argument.size() == 1 && argument[0].kind == TokenKind::kNumber) return true;
  const auto text = string_literal(argument);
  return text && !is_clock_word(*text);
}

bool call_is_constant(std::string_view function, const std::vector<Argument>& arguments) {
  const std::size_t time = function == "strftime" ? 1 : 0;  // the time value's place
  if (arguments.size() <= time) return false;               // then it is 'now'
  const bool numeric = arguments.size() > time + 1 && function != "timediff" &&
                       string_literal(arguments[time + 1]) == "unixepoch";
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (i == time && numeric) continue;
    if (!is_constant(arguments[i])) return false;
  }
  return true;
}

}  // namespace

FunctionKind classify_function(std::string_view name) noexcept {
  if (contains(kPure, name)) return FunctionKind::kPure;
  if (contains(kDate, name)) return FunctionKind::kMaybeClock;
  if (contains(kCurrent, name)) return FunctionKind::kClock;
  if (contains(kRandomNames, name)) return FunctionKind::kRandom;
  if (contains(kConnectionNames, name)) return FunctionKind::kConnection;
  return FunctionKind::kUnknown;
}

bool date_calls_are_constant(std::string_view sql) {
  Tokenizer tokens{sql};
  std::optional<Token> previous;
  while (const auto token = tokens.next_meaningful()) {
    if (token->text == "(" && previous) {
      // A quoted name followed by a parenthesis may be a call too: not worth telling apart.
      if (previous->kind == TokenKind::kQuoted) return false;
      const std::string name = to_lower(previous->text);
      if (previous->kind == TokenKind::kWord && contains(kDate, name)) {
        const auto arguments = arguments_of(sql, token->begin);
        if (!arguments || !call_is_constant(name, *arguments)) return false;
      }
    }
    previous = token;
  }
  return true;
}

}  // namespace weir::sqlite
