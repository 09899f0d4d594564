#include "src/app/listen/config.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>
#include <toml++/toml.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <map>
#include <system_error>
#include <utility>

#include "src/app/table.hpp"
#include "src/sql/duration.hpp"
#ifdef WEIR_WITH_REDIS
#include "weir/drivers/redis.hpp"
#endif
#include "weir/error.hpp"
#include "weir/open_driver.hpp"
#include "weir/spi/text.hpp"

namespace weir::app {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kShown = 80;
constexpr std::size_t kLongestName = 63;
// To hide less would garble messages and protect nothing.
constexpr std::size_t kShortestSecret = 4;
constexpr std::string_view kNameCharacters = "abcdefghijklmnopqrstuvwxyz0123456789_-";

/// Where a message points: a file, and lines in it.
class Place {
 public:
  explicit Place(const std::string& path) : path_{path} {}
  [[noreturn]] void fail(const toml::source_region& where, std::string_view what) const {
    throw Error{ErrorCode::kConfig,
                fmt::format("listen: {}:{}: {}", path_, where.begin.line, what)};
  }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  const std::string& path_;
};

/// One table of the file: its values by key, and whether all keys were known.
class Reader {
 public:
  Reader(const Place& place, const ListenConfig::Environment& environment, const toml::table& table,
         std::string name)
      : place_{place}, environment_{environment}, table_{table}, name_{std::move(name)} {}

  [[nodiscard]] bool has(std::string_view key) { return find(key) != nullptr; }

  void text(std::string_view key, std::string& value) {
    if (const toml::node* node = find(key)) value = string_of(key, *node);
  }
  /// As above; must be there and not empty.
  void required_text(std::string_view key, std::string& value) {
    if (find(key) == nullptr) fail(table_.source(), fmt::format("{} is missing", name_of(key)));
    text(key, value);
    if (value.empty()) fail_at(key, "is empty");
  }
  void duration(std::string_view key, milliseconds& value, milliseconds least, milliseconds most) {
    const toml::node* node = find(key);
    if (node == nullptr) return;
    const std::string bound =
        fmt::format("a duration from {} to {}, as in \"20ms\" or \"1h\"",
                    detail::format_duration(least), detail::format_duration(most));
    if (node->is_string()) {
      const std::string given = string_of(key, *node);
      const auto parsed = detail::parse_duration(given);
      if (parsed && *parsed >= least && *parsed <= most) {
        value = *parsed;
        return;
      }
      fail_at(key, fmt::format("is \"{}\"; must be {}", written(key), bound));
    }
    fail_at(key, fmt::format("is {}; must be {}", kind_of(*node), bound));
  }
  void count(std::string_view key, std::size_t& value, std::size_t least, std::size_t most) {
    const toml::node* node = find(key);
    if (node == nullptr) return;
    const auto* number = node->as_integer();
    const bool good = number != nullptr && number->get() >= 0 &&
                      static_cast<std::size_t>(number->get()) >= least &&
                      static_cast<std::size_t>(number->get()) <= most;
    if (!good)
      fail_at(key,
              fmt::format("is {}; must be a number from {} to {}", kind_of(*node), least, most));
    value = static_cast<std::size_t>(number->get());
  }
  template <typename T>
  void word(std::string_view key, T& value, const std::map<std::string, T, std::less<>>& words) {
    const toml::node* node = find(key);
    if (node == nullptr) return;
    const std::string given = string_of(key, *node);
    const auto found = words.find(given);
    if (found == words.end()) {
      std::vector<std::string> all;
      for (const auto& [word, meaning] : words) all.push_back(fmt::format("\"{}\"", word));
      fail_at(key, fmt::format("is \"{}\"; must be one of {}", written(key), fmt::join(all, ", ")));
    }
    value = found->second;
  }
  void texts(std::string_view key, std::vector<std::string>& values) {
    const toml::node* node = find(key);
    if (node == nullptr) return;
    const toml::array* list = node->as_array();
    if (list == nullptr)
      fail_at(key, fmt::format("is {}; must be a list of strings", kind_of(*node)));
    values.clear();
    for (const toml::node& element : *list) {
      values.push_back(string_of(key, element));
      if (values.back().empty()) fail(element.source(), name_of(key) + " has an empty string");
    }
  }

  /// A string as the file has it, for messages: a variable's value is nobody's business.
  [[nodiscard]] std::string written(std::string_view key) const {
    return shown(table_[key].value_or(std::string_view{}));
  }

  /// After everything was read. Errors: `kConfig` for the first key that was not asked for.
  void finish() const {
    for (const auto& [key, node] : table_) {
      if (std::find(known_.begin(), known_.end(), key.str()) != known_.end()) continue;
      place_.fail(key.source(), fmt::format("unknown key \"{}\" in {}; must be one of {}",
                                            shown(key.str()), name_, fmt::join(known_, ", ")));
    }
  }

  [[noreturn]] void fail_at(std::string_view key, std::string_view what) const {
    const toml::node* node = table_.get(key);
    fail(node == nullptr ? table_.source() : node->source(),
         fmt::format("{} {}", name_of(key), what));
  }

 private:
  const toml::node* find(std::string_view key) {
    if (std::find(known_.begin(), known_.end(), key) == known_.end()) known_.emplace_back(key);
    return table_.get(key);
  }

  std::string string_of(std::string_view key, const toml::node& node) const {
    const auto* text = node.as_string();
    if (text == nullptr)
      fail(node.source(), fmt::format("{} is {}; must be a string", name_of(key), kind_of(node)));
    return expand(key, text->get(), node.source());
  }

  std::string expand(std::string_view key, std::string_view text,
                     const toml::source_region& where) const {
    std::string out;
    while (!text.empty()) {
      const std::size_t dollar = std::min(text.find('$'), text.size());
      out += text.substr(0, dollar);
      text.remove_prefix(dollar);
      if (text.empty()) break;
      if (text.starts_with("$$")) {
        out += '$';
        text.remove_prefix(2);
        continue;
      }
      const std::size_t end = text.find('}');
      if (!text.starts_with("${") || end == std::string_view::npos || end == 2) {
        fail(where, fmt::format("{} has a $ that is neither ${{NAME}}, an environment variable, "
                                "nor $$, a dollar sign",
                                name_of(key)));
      }
      const std::string variable{text.substr(2, end - 2)};
      const auto value = environment_(variable);
      if (!value) {
        fail(where, fmt::format("{} wants the environment variable {}, which is not set",
                                name_of(key), shown(variable)));
      }
      out += *value;
      filled_in_.emplace_back(variable, *value);
      text.remove_prefix(end + 1);
    }
    if (const auto fault = spi::find_text_fault(out)) {
      fail(where, fmt::format("{} has {} at byte {}; must be UTF-8 without NUL", name_of(key),
                              fault->what, fault->offset));
    }
    return out;
  }

  [[nodiscard]] std::string name_of(std::string_view key) const {
    return fmt::format("{}.{}", name_, key);
  }
  // What a driver says of an address may repeat a part of it.
  [[noreturn]] void fail(const toml::source_region& where, std::string message) const {
    for (const auto& [variable, value] : filled_in_) {
      if (value.size() < kShortestSecret) continue;
      const std::string instead = fmt::format("${{{}}}", variable);
      for (std::size_t at = message.find(value); at != std::string::npos;
           at = message.find(value, at + instead.size()))
        message.replace(at, value.size(), instead);
    }
    place_.fail(where, message);
  }
  static std::string shown(std::string_view text) { return printable(text.substr(0, kShown)); }
  static std::string kind_of(const toml::node& node) {
    if (const auto* number = node.as_integer()) return fmt::to_string(number->get());
    if (const auto* truth = node.as_boolean()) return truth->get() ? "true" : "false";
    if (node.is_string()) return "a string";
    if (node.is_table()) return "a table";
    if (node.is_array()) return "a list";
    if (node.is_floating_point()) return "a number with a fraction";
    return "a date or time";
  }

  const Place& place_;
  const ListenConfig::Environment& environment_;
  const toml::table& table_;
  const std::string name_;
  std::vector<std::string> known_;
  mutable std::vector<std::pair<std::string, std::string>> filled_in_;  // variables and values
};

DatabaseConfig read_database(Reader& reader) {
  using std::chrono::hours;
  using std::chrono::minutes;
  using std::chrono::seconds;
  DatabaseConfig database;
  reader.required_text("name", database.name);
  if (database.name.size() > kLongestName ||
      database.name.find_first_not_of(kNameCharacters) != std::string::npos) {
    reader.fail_at("name", fmt::format("is \"{}\"; must be 1 to 63 of a to z, 0 to 9, _ and -",
                                       reader.written("name")));
  }
  reader.required_text("dsn", database.dsn);
  reader.duration("interval", database.interval, milliseconds{1}, seconds{60});
  database.idle_interval = std::min<milliseconds>(database.interval * 4, seconds{60});
  reader.duration("idle_interval", database.idle_interval, database.interval, seconds{60});
  reader.duration("prune_retention", database.prune_retention, seconds{1},
                  detail::kLongestDuration);
  reader.duration("prune_interval", database.prune_interval, milliseconds{10},
                  detail::kLongestDuration);
  reader.word<TrackNew>(
      "track", database.track,
      {{"off", TrackNew::kOff}, {"report", TrackNew::kReport}, {"on", TrackNew::kOn}});
  reader.duration("track_interval", database.track_interval, milliseconds{100},
                  detail::kLongestDuration);
  reader.texts("schemas", database.schemas);
  reader.finish();
  if (database.dsn.starts_with("sqlite:"))
    reader.fail_at("dsn", "is an SQLite file, which has nothing to listen to; must be PostgreSQL");
  try {
    [[maybe_unused]] const auto understood = open_driver(options_of(database));
  } catch (const Error& error) {
    reader.fail_at("dsn", fmt::format("is not understood: {}", error.what()));
  }
  return database;
}

RedisConfig read_redis(Reader& reader) {
  RedisConfig redis;
  reader.required_text("url", redis.url);
  reader.text("user", redis.user);
  reader.text("password", redis.password);
  reader.text("stream", redis.stream);
  if (redis.stream.empty() || redis.stream.size() > 256)
    reader.fail_at("stream",
                   fmt::format("is {} bytes long; must be 1 to 256", redis.stream.size()));
  reader.count("keep", redis.keep, 100, 100'000'000);
  reader.finish();
  try {
    [[maybe_unused]] const auto understood = open_store(redis, system_clock());
  } catch (const Error& error) {
    reader.fail_at("url", fmt::format("is not understood: {}", error.what()));
  }
  return redis;
}

HttpConfig read_http(Reader& reader) {
  HttpConfig http;
  std::string address = fmt::format("{}:{}", http.host, http.port);
  reader.text("listen", address);
  reader.finish();
  if (address == "off") return {.host = "", .port = 0};
  const std::size_t colon = address.rfind(':');
  const std::size_t host_end = std::min(colon, address.size());
  std::string host = address.substr(0, host_end);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  const char* const begin = address.data() + std::min(host_end + 1, address.size());
  const char* const end = address.data() + address.size();
  const auto [stopped, fault] = std::from_chars(begin, end, http.port);
  if (colon == std::string::npos || host.empty() || fault != std::errc{} || stopped != end) {
    reader.fail_at("listen",
                   fmt::format("is \"{}\"; must be HOST:PORT, as in \"127.0.0.1:9717\", or \"off\"",
                               reader.written("listen")));
  }
  http.host = std::move(host);
  return http;
}

LogConfig read_log(Reader& reader) {
  LogConfig log;
  reader.word<LogLevel>("level", log.level,
                        {{"debug", LogLevel::kDebug},
                         {"info", LogLevel::kInfo},
                         {"warning", LogLevel::kWarning},
                         {"error", LogLevel::kError}});
  reader.word<LogFormat>("format", log.format,
                         {{"text", LogFormat::kText}, {"json", LogFormat::kJson}});
  reader.finish();
  return log;
}

class ConfigParser {
 public:
  ConfigParser(const std::string& path, const ListenConfig::Environment& environment)
      : place_{path}, environment_{environment} {}

  ListenConfig parse(std::string_view text) {
    try {
      const toml::table root = toml::parse(text, place_.path());
      for (const auto& [key, node] : root) read(key, node);
      if (config_.databases.empty()) place_.fail(root.source(), "there is no [[database]]");
      return std::move(config_);
    } catch (const toml::parse_error& error) {
      place_.fail(error.source(), error.description());
    }
  }

 private:
  void read(const toml::key& key, const toml::node& node) {
    const std::string_view name = key.str();
    if (name == "database") {
      read_databases(node);
    } else if (name == "redis") {
      Reader reader = table(name, node);
      config_.redis = read_redis(reader);
    } else if (name == "http") {
      Reader reader = table(name, node);
      config_.http = read_http(reader);
    } else if (name == "log") {
      Reader reader = table(name, node);
      config_.log = read_log(reader);
    } else {
      place_.fail(key.source(),
                  fmt::format("unknown key \"{}\"; must be one of [[database]], [redis], [http], "
                              "[log]",
                              printable(name.substr(0, kShown))));
    }
  }

  Reader table(std::string_view name, const toml::node& node) {
    const toml::table* table = node.as_table();
    if (table == nullptr)
      place_.fail(node.source(), fmt::format("{0} is no table; must be [{0}]", name));
    return Reader{place_, environment_, *table, std::string{name}};
  }

  void read_databases(const toml::node& node) {
    const toml::array* list = node.as_array();
    if (list == nullptr) place_.fail(node.source(), "database is no list; must be [[database]]");
    for (const toml::node& element : *list) {
      const toml::table* table = element.as_table();
      if (table == nullptr)
        place_.fail(element.source(), "database holds something else than tables");
      if (config_.databases.size() == ListenConfig::kMostDatabases)
        place_.fail(element.source(), "there are more than 256 databases; run a second listener");
      Reader reader{place_, environment_, *table, "database"};
      DatabaseConfig database = read_database(reader);
      for (const DatabaseConfig& other : config_.databases) {
        if (other.name == database.name)
          reader.fail_at("name", fmt::format("is \"{}\", as another database's", database.name));
      }
      config_.databases.push_back(std::move(database));
    }
  }

  const Place place_;
  const ListenConfig::Environment& environment_;
  ListenConfig config_;
};

[[noreturn]] void throw_unreadable(const std::string& path, const std::string& why) {
  throw Error{ErrorCode::kConfig, fmt::format("listen: {}: cannot be read: {}", path, why)};
}

std::string contents(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) throw_unreadable(path, std::generic_category().message(errno));
  struct Closer {
    int file;
    ~Closer() { ::close(file); }
  } const closer{file};
  struct ::stat status {};
  if (::fstat(file, &status) != 0) throw_unreadable(path, std::generic_category().message(errno));
  if (!S_ISREG(status.st_mode)) throw_unreadable(path, "it is not a regular file");
  std::string text;
  std::array<char, 16UL * 1024> part;
  while (true) {
    const ssize_t got = ::read(file, part.data(), part.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw_unreadable(path, std::generic_category().message(errno));
    if (got == 0) return text;
    text.append(part.data(), static_cast<std::size_t>(got));
    if (text.size() > ListenConfig::kLongestFile) throw_unreadable(path, "it is larger than 1 MiB");
  }
}

}  // namespace

ListenConfig ListenConfig::parse(std::string_view text, const std::string& path,
                                 const Environment& environment) {
  return ConfigParser{path, environment}.parse(text);
}

ListenConfig ListenConfig::load(const std::string& path) {
  return parse(contents(path), path, [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): never set here
    return value == nullptr ? std::nullopt : std::optional<std::string>{value};
  });
}

std::string ListenConfig::summary() const {
  std::vector<std::string> names;
  for (const DatabaseConfig& database : databases) names.push_back(database.name);
  return fmt::format("{} database{} ({}), {}, {}", names.size(), names.size() == 1 ? "" : "s",
                     fmt::join(names, ", "),
                     redis ? fmt::format("stream {}", printable(redis->stream)) : "no stream",
                     http.host.empty()
                         ? "no http"
                         : fmt::format("http on {}:{}", printable(http.host), http.port));
}

std::shared_ptr<spi::RemoteStore> open_store([[maybe_unused]] const RedisConfig& redis,
                                             [[maybe_unused]] const Clock& clock) {
#ifdef WEIR_WITH_REDIS
  RedisOptions options;
  options.url = redis.url;
  options.user = redis.user;
  options.password = redis.password;
  options.validate();
  return redis::open(options, clock);
#else
  throw Error{ErrorCode::kConfig, "this build of weir has no Redis driver"};
#endif
}

Options options_of(const DatabaseConfig& database) {
  Options options;
  options.database = database.dsn;
  options.postgres.application_name = "weir listen";
  options.listen.watch_interval = database.interval;
  options.listen.idle_interval = database.idle_interval;
  options.listen.prune_retention = database.prune_retention;
  options.listen.prune_interval = database.prune_interval;
  // Short, for a stop must not wait long for upkeep.
  options.statement_timeout = std::chrono::seconds{5};
  options.pool.connect_timeout = std::chrono::seconds{2};
  return options;
}

}  // namespace weir::app
