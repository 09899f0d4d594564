#include "src/app/command_line.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <charconv>
#include <exception>
#include <functional>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "src/app/commands.hpp"
#include "src/app/failure.hpp"
#include "src/app/table.hpp"
#include "src/sql/duration.hpp"

namespace weir::app {
namespace {

constexpr const char* kFooter = R"(
Examples:
  export WEIR_DATABASE=postgresql://app@localhost/shop
  weir migrate up && weir track
  weir doctor
  weir explain 'SELECT name FROM users WHERE id = $1'
  weir query --repeat 3 'SELECT name FROM users WHERE id = $1' 42

Exit status: 0 done; 1 the database said no, or a problem was found;
2 the command line or an option is wrong. `man weir` has the details.)";

constexpr const char* kQueryFooter = R"(
A PARAM is an integer or a decimal number when it is written as one is printed
(42, -7, 1.5), otherwise a text. Prefixes say it outright: int: double: bool:
text: bytes:<hex> null:. One that begins with - needs its prefix: text:--

Examples:
  weir query --repeat 3 'SELECT * FROM orders WHERE user_id = $1' 42
  weir query --database sqlite:shop.db 'SELECT * FROM users WHERE zip = ?' text:10115
  weir query --max-staleness 0 --json - < report.sql)";

constexpr const char* kExplainFooter = R"(
Examples:
  weir explain 'SELECT count(*) FROM orders'
  weir explain --json - < report.sql)";

constexpr const char* kListenFooter = R"(
SIGTERM and SIGINT stop it; SIGHUP reads the configuration again.

Examples:
  weir listen --config weir.toml --check
  weir listen --config weir.toml

Exit status: 0 stopped as asked; 1 stopped before all was drained;
2 the configuration is wrong; 3 it cannot start.)";

constexpr std::chrono::milliseconds kLeast{1};  // of what must last

/// What one invocation asks for; the subcommand parsed fills in its part and says how to run it.
struct Request {
  MigrateArguments migrate{};
  TrackArguments track{};
  TrackArguments untrack{.wanted = TrackArguments::Wanted::kUntracked};
  DoctorArguments doctor{};
  ExplainArguments explain{};
  QueryArguments query{};
  ListenArguments listen{};
  TailArguments tail{};
  std::function<int()> action{};
};

/// `'word'`, unless it could be a DSN, which may hold a password.
std::string shown(const std::string& word) {
  if (word.find_first_of(":=/@") != std::string::npos) return "what is given";
  return fmt::format("'{}'", printable(word));
}

CLI::Option* add_duration(CLI::App& command, const std::string& name,
                          std::chrono::milliseconds least,
                          const std::function<void(std::chrono::milliseconds)>& set,
                          const std::string& help) {
  const auto read = [set, name, least](const std::string& text) {
    const auto duration = detail::parse_duration(text);
    if (!duration) {
      throw CLI::ValidationError(
          name, fmt::format("{} is no duration; expected 0 or digits and a unit, as in 250ms, 30s, "
                            "5min, 1h, up to 3650d",
                            shown(text)));
    }
    if (*duration < least) {
      throw CLI::ValidationError(name, fmt::format("{} is too short; must be at least {}",
                                                   shown(text), detail::format_duration(least)));
    }
    set(*duration);
  };
  return command.add_option_function<std::string>(name, read, help)->type_name("DURATION");
}

void add_target(CLI::App& command, Target& target) {
  command
      .add_option("-d,--database", target.database,
                  "postgresql://user@host/name, \"host=... dbname=...\" or sqlite:PATH")
      ->type_name("DSN")
      ->envname("WEIR_DATABASE");
  add_duration(
      command, "--timeout", kLeast, [&target](auto limit) { target.timeout = limit; },
      "Limit for each statement (30s)");
}

void add_redis(CLI::App& command, std::string& redis, const std::string& help) {
  command.add_option("--redis", redis, help)->type_name("URL")->envname("WEIR_REDIS");
}

void add_dry_run(CLI::App& command, spi::DryRun& dry_run) {
  command.add_flag_callback(
      "--dry-run", [&dry_run] { dry_run = spi::DryRun::kYes; },
      "Change nothing; print the SQL that would");
}

void add_statement(CLI::App& command, std::string& sql, std::string& rules, Format& format) {
  command.add_flag_callback(
      "--json", [&format] { format = Format::kJson; }, "Print one JSON object");
  command.add_option("--rules", rules, "A rules file with policies (TOML)")->type_name("FILE");
  command.add_option("SQL", sql, "The statement; - reads it from standard input")
      ->required()
      ->type_name("");
}

void add_migrate(CLI::App& app, Request& request) {
  using Direction = MigrateArguments::Direction;
  CLI::App& command = *app.add_subcommand("migrate", "Install, remove or show weir's schema");
  MigrateArguments& arguments = request.migrate;
  add_target(command, arguments.target);
  add_dry_run(command, arguments.dry_run);
  const std::map<std::string, Direction> directions{
      {"up", Direction::kUp}, {"down", Direction::kDown}, {"status", Direction::kStatus}};
  const auto read = [&arguments, directions](const std::string& word) {
    const auto found = directions.find(word);
    if (found == directions.end()) {
      throw CLI::ValidationError("ACTION",
                                 fmt::format("{} is none of up, down, status", shown(word)));
    }
    arguments.direction = found->second;
  };
  command
      .add_option_function<std::string>("ACTION", read,
                                        "up: install or upgrade; down: remove triggers, journal "
                                        "and all; status: show what is there")
      ->required()
      ->type_name("");
  command.callback([&] { request.action = [&] { return run(request.migrate); }; });
}

/// Any number of words, as they were typed: CLI11's own lists take "[a,b]" for two and "{}" for
/// none, so they are what is left over. An option in `help` only.
void add_words(CLI::App& command, const std::string& name, const std::string& help) {
  command.add_option(name, help)
      ->expected(0, CLI::detail::expected_max_vector_size)
      ->allow_extra_args(false)
      ->type_name("");
  command.allow_extras();
}

std::vector<std::string> words_of(const CLI::App& command) {
  std::vector<std::string> words = command.remaining();
  for (const std::string& word : words) {
    const bool number = word.size() > 1 && (std::isdigit(static_cast<unsigned char>(word[1])) != 0);
    if (word.starts_with('-') && word.size() > 1 && !number) {
      const std::string option = printable(word.substr(0, word.find('=')));
      throw CLI::ValidationError(fmt::format("unknown option {}", option));
    }
  }
  return words;
}

void add_keys(CLI::App& command, TrackArguments& arguments) {
  const auto read = [&arguments](const std::string& text) {
    std::vector<std::string> columns;
    std::istringstream names{text + ','};
    for (std::string name; std::getline(names, name, ',');) {
      if (name.empty())
        throw CLI::ValidationError(
            "--keys", fmt::format("{} is no list of columns: one is empty", shown(text)));
      columns.push_back(name);
    }
    arguments.keys = std::move(columns);
  };
  CLI::Option* keys =
      command
          .add_option_function<std::string>(
              "--keys", read, "Columns of the one table by which its changes tell rows")
          ->type_name("COLUMN,...");
  command
      .add_flag_callback(
          "--no-keys", [&arguments] { arguments.keys.emplace(); },
          "Have changes of the tables named tell the whole table")
      ->excludes(keys);
}

// With arguments of its own for each command: CLI11 fills in those of the other from the
// environment.
void add_track(CLI::App& app, Request& request, TrackArguments& arguments, const char* name,
               const char* help) {
  CLI::App& command = *app.add_subcommand(name, help);
  add_target(command, arguments.target);
  add_dry_run(command, arguments.dry_run);
  if (arguments.wanted == TrackArguments::Wanted::kTracked) add_keys(command, arguments);
  add_words(command, "TABLE", "Tables, as table or schema.table; all when none is named");
  command.callback([&request, &arguments, &command] {
    arguments.tables = words_of(command);
    if (arguments.keys && !arguments.keys->empty() && arguments.tables.size() != 1)
      throw CLI::ValidationError("--keys", "they are columns of one table: name just that");
    if (arguments.keys && arguments.tables.empty())
      throw CLI::ValidationError("--no-keys", "name the tables");
    request.action = [&arguments] { return run(arguments); };
  });
}

void add_doctor(CLI::App& app, Request& request) {
  CLI::App& command =
      *app.add_subcommand("doctor", "Say what would make caching wrong or slow here, and the fix");
  add_target(command, request.doctor.target);
  add_redis(command, request.doctor.redis, "Examine this Redis, as Options::redis names one, too");
  command.callback([&] { request.action = [&] { return run(request.doctor); }; });
}

void add_explain(CLI::App& app, Request& request) {
  CLI::App& command = *app.add_subcommand(
      "explain", "Say what a statement reads and whether it is cached, or why not");
  ExplainArguments& arguments = request.explain;
  add_target(command, arguments.target);
  add_statement(command, arguments.sql, arguments.rules, arguments.format);
  command.footer(kExplainFooter);
  command.callback([&] { request.action = [&] { return run(request.explain); }; });
}

void add_query(CLI::App& app, Request& request) {
  CLI::App& command = *app.add_subcommand(
      "query", "Run a statement through the cache; print its rows and where they came from");
  QueryArguments& arguments = request.query;
  add_target(command, arguments.target);
  add_redis(command, arguments.redis, "Share results through this Redis");
  const auto read_repeat = [&arguments](const std::string& text) {
    constexpr std::size_t kMost = 1'000'000;
    std::size_t count = 0;
    const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), count);
    if (fault != std::errc{} || end != text.data() + text.size() || count < 1 || count > kMost) {
      throw CLI::ValidationError("--repeat",
                                 fmt::format("{} is no number from 1 to {}", shown(text), kMost));
    }
    arguments.repeat = count;
  };
  command
      .add_option_function<std::string>("--repeat", read_repeat,
                                        "Run it so many times, 1 to 1000000 (1)")
      ->type_name("N");
  add_duration(
      command, "--max-staleness", std::chrono::milliseconds{0},
      [&arguments](auto bound) { arguments.max_staleness = bound; },
      "Bound on staleness; 0 validates every hit (1s)");
  add_duration(
      command, "--ttl", kLeast, [&arguments](auto ttl) { arguments.ttl = ttl; },
      "Longest age served; caches what cannot be proven, too");
  add_statement(command, arguments.sql, arguments.rules, arguments.format);
  add_words(command, "PARAM", "Its parameters");
  command.footer(kQueryFooter);
  command.callback([&request, &command] {
    request.query.params = words_of(command);
    request.action = [&request] { return run(request.query); };
  });
}

void add_tail(CLI::App& app, Request& request) {
  CLI::App& command = *app.add_subcommand("tail", "Follow the changes of a database");
  TailArguments& arguments = request.tail;
  add_target(command, arguments.target);
  const auto set_interval = [&arguments](std::chrono::milliseconds interval) {
    if (interval < std::chrono::milliseconds{10} || interval > std::chrono::minutes{1}) {
      throw CLI::ValidationError("--interval", fmt::format("{} is not from 10ms to 1m",
                                                           detail::format_duration(interval)));
    }
    arguments.interval = interval;
  };
  add_duration(command, "--interval", std::chrono::milliseconds{0}, set_interval,
               "Between two looks, 10ms to 1m (200ms)");
  command.add_flag_callback(
      "--json", [&arguments] { arguments.format = Format::kJson; }, "Print JSON, an object a line");
  command.callback([&] { request.action = [&] { return run(request.tail); }; });
}

void add_listen(CLI::App& app, Request& request) {
  CLI::App& command =
      *app.add_subcommand("listen", "Run beside the applications and wake them when data changes");
  ListenArguments& arguments = request.listen;
  command.add_option("--config", arguments.config, "The configuration (TOML)")
      ->required()
      ->type_name("FILE");
  command.add_flag_callback(
      "--check", [&arguments] { arguments.check = ListenArguments::Check::kOnly; },
      "Only say whether the configuration is good");
  command.footer(kListenFooter);
  command.callback([&] { request.action = [&] { return run(request.listen); }; });
}

/// What CLI11 could not place, without showing what may hold a password.
std::string unexpected(const std::vector<std::string>& extras) {
  const auto option = std::find_if(extras.begin(), extras.end(), [](const std::string& extra) {
    return extra.starts_with('-') && extra.size() > 1;
  });
  if (option != extras.end())
    return fmt::format("unknown option {}", printable(option->substr(0, option->find('='))));
  if (extras.front().find_first_of(":=/@") != std::string::npos)
    return "an argument too many; a database is named with --database";
  return fmt::format("unexpected argument {}", shown(extras.front()));
}

int report_usage(const CLI::App& app, const CLI::ParseError& error) {
  const auto parsed = app.get_subcommands();
  const std::string name = parsed.empty() ? "" : parsed.front()->get_name();
  std::string message = error.what();
  const auto extras = app.remaining(true);
  const bool wanted = !parsed.empty() && parsed.front()->get_allow_extras() &&
                      std::none_of(extras.begin(), extras.end(),
                                   [](const std::string& extra) { return extra.starts_with('-'); });
  if (!extras.empty() && !wanted) {
    message = parsed.empty() && !extras.front().starts_with('-') &&
                      extras.front().find_first_of(":=/@") == std::string::npos
                  ? fmt::format("there is no command '{}'", printable(extras.front()))
                  : unexpected(extras);
  } else if (parsed.empty() && dynamic_cast<const CLI::RequiredError*>(&error) != nullptr) {
    message =
        "a command is needed: migrate, track, untrack, doctor, explain, query, tail or listen";
  }
  complain(fmt::format("weir: {}{}{}; see `weir {}{}--help`\n", name, name.empty() ? "" : ": ",
                       message, name, name.empty() ? "" : " "));
  return kUsage;
}

int parse_and_run(int argc, char** argv) {
  CLI::App app{"Cached database queries that are never wrong", "weir"};
  app.set_version_flag("--version", "weir " WEIR_VERSION);
  app.require_subcommand(1);
  app.footer(kFooter);
  app.get_formatter()->column_width(28);
  Request request;
  add_migrate(app, request);
  add_track(app, request, request.track, "track",
            "Put triggers on tables, so that their changes are seen");
  add_track(app, request, request.untrack, "untrack", "Take the triggers off again");
  add_doctor(app, request);
  add_explain(app, request);
  add_query(app, request);
  add_tail(app, request);
  add_listen(app, request);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& asked) {  // --help, --version
    return app.exit(asked);
  } catch (const CLI::ParseError& error) {
    return report_usage(app, error);
  }
  return request.action();
}

}  // namespace

int run_command_line(int argc, char** argv) {
  try {
    return parse_and_run(argc, argv);
  } catch (const Error& error) {
    complain(describe(error));
    return exit_code(error.code());
  } catch (const std::exception& error) {
    complain(fmt::format("weir: {}\n", error.what()));
    return kProblem;
  }
}

}  // namespace weir::app
