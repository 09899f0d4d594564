#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "src/base/mutex.hpp"

namespace weir::app {

enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarning, kError };
[[nodiscard]] std::string_view to_string(LogLevel level) noexcept;

enum class LogFormat : std::uint8_t { kText, kJson };

struct LogConfig {
  LogLevel level{LogLevel::kInfo};
  LogFormat format{LogFormat::kText};

  friend bool operator==(const LogConfig&, const LogConfig&) = default;
};

/// One thing that happened.
struct LogEvent {
  LogLevel level{LogLevel::kInfo};
  std::string_view event{};     ///< Short and stable: "leader", "tracked", "reloaded", …
  std::string_view database{};  ///< Its configured name, or empty.
  std::string text{};           ///< For people.
  std::vector<std::pair<std::string_view, std::string>> fields{};  ///< For machines.
};

/// `2026-11-22T17:50:00.123Z`
[[nodiscard]] std::string timestamp(std::chrono::system_clock::time_point when);

/// The event as one line: text, or a JSON object. Control characters never reach the line raw.
[[nodiscard]] std::string format_event(const LogEvent& event, LogFormat format,
                                       std::chrono::system_clock::time_point when);

/// Writes events as lines to a sink, whole ones and one at a time.
///
/// Thread safety: shared object safe.
class Log {
 public:
  using Sink = std::function<void(std::string_view line)>;

  explicit Log(const LogConfig& config, Sink sink);

  void configure(const LogConfig& config) WEIR_EXCLUDES(mutex_);
  void write(const LogEvent& event) WEIR_EXCLUDES(mutex_);

 private:
  const Sink sink_;
  detail::Mutex mutex_;
  LogConfig config_ WEIR_GUARDED_BY(mutex_);
};

}  // namespace weir::app
