#include <fmt/format.h>

#include <chrono>
#include <optional>
#include <utility>

#include "src/app/commands.hpp"
#include "src/app/failure.hpp"
#include "src/app/parameters.hpp"
#include "src/app/patience.hpp"
#include "src/app/table.hpp"
#include "src/app/target.hpp"
#include "src/base/json.hpp"
#include "weir/clock.hpp"
#include "weir/database.hpp"

namespace weir::app {
namespace {

/// How one repetition was answered.
struct Answer {
  Source source{};
  ReasonCode code{};
  std::string reason{};
  std::chrono::nanoseconds age{};
  std::chrono::nanoseconds took{};
};

std::string to_text(const Result& rows, const std::vector<Answer>& answers) {
  TextTable table{{"#", "source", "age", "time", "reason"},
                  {Align::kRight, Align::kLeft, Align::kRight, Align::kRight, Align::kLeft},
                  {}};
  for (const Answer& answer : answers) {
    table.rows.push_back({fmt::to_string(table.rows.size() + 1),
                          std::string{to_string(answer.source)}, format_time(answer.age),
                          format_time(answer.took), printable(answer.reason)});
  }
  return fmt::format("{}\n{}", render_rows(rows), table.to_string("  "));
}

std::string to_json(const Result& rows, const std::vector<Answer>& answers) {
  const auto seconds = [](std::chrono::nanoseconds time) {
    return std::chrono::duration<double>{time}.count();
  };
  std::string list;
  for (const Answer& answer : answers) {
    if (!list.empty()) list += ',';
    list += fmt::format(
        R"({{"source":"{}","reason_code":"{}","reason":{},"age_seconds":{},"time_seconds":{}}})",
        to_string(answer.source), to_string(answer.code), detail::json_quote(answer.reason),
        seconds(answer.age), seconds(answer.took));
  }
  return fmt::format(R"({{"rows":{},"answers":[{}]}})"
                     "\n",
                     rows.json(), list);
}

int run_statement(const QueryArguments& arguments, const Options& options, const std::string& sql) {
  const Params params = parse_parameters(arguments.params);
  std::vector<Answer> answers;
  std::optional<Result> rows;
  {
    const Patience patience{"asking the database"};
    Policy policy;
    policy.max_staleness = arguments.max_staleness;
    policy.ttl = arguments.ttl;
    const Database database = Database::open(options).with(std::move(policy));
    while (answers.size() < arguments.repeat) {
      const TimePoint start = system_clock().now();
      rows = database.query_params(sql, params);
      const std::chrono::nanoseconds took = system_clock().now() - start;
      answers.push_back({rows->source(), rows->reason_code(), rows->reason(), rows->age(), took});
      if (rows->reason_code() == ReasonCode::kWrite) break;  // once is what was meant
    }
  }
  print(arguments.format == Format::kJson ? to_json(*rows, answers) : to_text(*rows, answers));
  if (answers.size() < arguments.repeat)
    complain("weir: the statement writes, so it ran once and was not repeated\n");
  return kOk;
}

}  // namespace

int run(const QueryArguments& arguments) {
  Options options = options_of(arguments.target);
  options.rules_file = arguments.rules;
  if (!arguments.redis.empty()) options.redis = RedisOptions{.url = arguments.redis};
  const std::string sql = read_statement(arguments.sql, options);
  try {
    return run_statement(arguments, options, sql);
  } catch (const Error& error) {
    complain(describe(error, sql));
    return exit_code(error.code());
  }
}

}  // namespace weir::app
