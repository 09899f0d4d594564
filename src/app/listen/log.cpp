#include "src/app/listen/log.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "src/app/table.hpp"
#include "src/base/json.hpp"

namespace weir::app {
std::string timestamp(std::chrono::system_clock::time_point when) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(when);
  const auto rest = std::chrono::duration_cast<std::chrono::milliseconds>(when - seconds);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(seconds)), rest.count());
}

std::string_view to_string(LogLevel level) noexcept {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarning:
      return "warning";
    case LogLevel::kError:
      return "error";
  }
  return "error";
}

std::string format_event(const LogEvent& event, LogFormat format,
                         std::chrono::system_clock::time_point when) {
  std::string line;
  if (format == LogFormat::kJson) {
    line = fmt::format(R"({{"time":"{}","level":"{}","event":{})", timestamp(when),
                       to_string(event.level), detail::json_quote(event.event));
    if (!event.database.empty())
      line += fmt::format(R"(,"database":{})", detail::json_quote(event.database));
    line += fmt::format(R"(,"text":{})", detail::json_quote(event.text));
    for (const auto& [key, value] : event.fields)
      line += fmt::format(",{}:{}", detail::json_quote(key), detail::json_quote(value));
    return line += "}\n";
  }
  line = fmt::format("{} {:<7} ", timestamp(when), to_string(event.level));
  if (!event.database.empty()) line += fmt::format("{}: ", printable(event.database));
  line += printable(event.text);
  for (const auto& [key, value] : event.fields)
    line += fmt::format(" {}={}", key, detail::json_quote(value));
  return line += '\n';
}

Log::Log(const LogConfig& config, Sink sink) : sink_{std::move(sink)}, config_{config} {}

void Log::configure(const LogConfig& config) {
  const detail::MutexLock lock{mutex_};
  config_ = config;
}

void Log::write(const LogEvent& event) {
  LogConfig config;
  {
    const detail::MutexLock lock{mutex_};
    config = config_;
  }
  if (event.level < config.level) return;
  sink_(format_event(event, config.format, std::chrono::system_clock::now()));
}

}  // namespace weir::app
