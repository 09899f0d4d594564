#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/app/listen/log.hpp"
#include "src/base/mutex.hpp"
#include "weir/clock.hpp"
#include "weir/spi/change_feed.hpp"

namespace weir::app {

/// What a listener is to one database.
enum class Role : std::uint8_t {
  kDisconnected,  ///< There is no connection.
  kDeaf,          ///< Connected, but notifications do not arrive; it can only prune.
  kStandby,       ///< Another process leads; this one takes over when that is gone.
  kLeader,        ///< Looks at the journal, wakes the apps, prunes.
};
[[nodiscard]] std::string_view to_string(Role role) noexcept;

/// Everything to be told about one listened database. Plain data.
struct DatabaseStatus {
  Role role{Role::kDisconnected};
  std::uint64_t wake_ups{0};
  std::uint64_t looks{0};
  std::uint64_t batches{0};
  std::uint64_t changes{0};
  std::uint64_t pruned{0};
  std::uint64_t prune_errors{0};
  std::uint64_t errors{0};  ///< Steps that ended in an error: connecting, looking, waiting.
  std::uint64_t reconnects{0};
  std::uint64_t stream_appends{0};
  std::uint64_t stream_errors{0};
  std::uint64_t tracked{0};                ///< Tables that got triggers from here.
  std::optional<std::size_t> untracked{};  ///< Known only after looking, as leader.
  std::optional<TimePoint> answered_at{};  ///< When the database last answered.
  std::optional<TimePoint> looked_at{};    ///< When it last looked, as leader.
  TimePoint stepped_at{};                  ///< When a step last ended: whether the thread lives.
  std::string trouble{};                   ///< Why it is disconnected or deaf.
  std::string prune_failure{};             ///< The last prune's, or empty.
  std::string stream_failure{};            ///< The last append's, or empty.
  TimePoint complained_at{};               ///< When `trouble` was last logged.
};

/// Takes in what a step did, and says what of it is worth a line in the log.
[[nodiscard]] std::vector<LogEvent> note_step(DatabaseStatus& status, const spi::ListenStep& step,
                                              TimePoint now);
/// The same for a step that failed. The same failure again is told once a minute.
[[nodiscard]] std::vector<LogEvent> note_failure(DatabaseStatus& status, const std::string& why,
                                                 TimePoint now);

using StatusByName = std::map<std::string, DatabaseStatus>;

/// A database that answered longer ago than this is not ready.
inline constexpr Duration kReadyWithin = std::chrono::seconds{15};
/// A step takes half a second and its duties; a thread without one for so long hangs.
inline constexpr Duration kAliveWithin = std::chrono::seconds{60};

/// Why apps would not be woken by this listener or the one that leads, a line for each database;
/// empty when it is ready.
[[nodiscard]] std::vector<std::string> unready(const StatusByName& all, TimePoint now);
/// The databases whose threads hang.
[[nodiscard]] std::vector<std::string> hanging(const StatusByName& all, TimePoint now);
/// Metrics in Prometheus' text format.
[[nodiscard]] std::string to_prometheus(const StatusByName& all, std::uint64_t reloads,
                                        TimePoint now);

/// The status of every listened database, shared by their threads and whoever asks.
///
/// Thread safety: shared object safe.
class Board {
 public:
  template <typename F>
  auto update(const std::string& name, F&& change) WEIR_EXCLUDES(mutex_) {
    const detail::MutexLock lock{mutex_};
    return change(all_[name]);
  }
  void remove(const std::string& name) WEIR_EXCLUDES(mutex_) {
    const detail::MutexLock lock{mutex_};
    all_.erase(name);
  }
  [[nodiscard]] StatusByName all() const WEIR_EXCLUDES(mutex_) {
    const detail::MutexLock lock{mutex_};
    return all_;
  }

 private:
  mutable detail::Mutex mutex_;
  StatusByName all_ WEIR_GUARDED_BY(mutex_);
};

}  // namespace weir::app
