#include "src/app/commands.hpp"
#include "src/app/failure.hpp"
#include "src/app/patience.hpp"
#include "src/app/target.hpp"
#include "weir/database.hpp"

namespace weir::app {

int run(const ExplainArguments& arguments) {
  Options options = options_of(arguments.target);
  options.rules_file = arguments.rules;
  const std::string sql = read_statement(arguments.sql, options);
  Explanation explanation;
  try {
    const Patience patience{"asking the database"};
    explanation = Database::open(options).explain(sql);
  } catch (const Error& error) {
    complain(describe(error, sql));
    return exit_code(error.code());
  }
  print(arguments.format == Format::kJson ? explanation.to_json() + "\n" : explanation.to_string());
  return kOk;
}

}  // namespace weir::app
