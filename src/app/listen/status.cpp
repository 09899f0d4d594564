#include "src/app/listen/status.hpp"

#include <fmt/format.h>

#include <utility>

namespace weir::app {
namespace {

constexpr Duration kComplainAgain = std::chrono::minutes{1};

Role role_of(const spi::ListenStep& step, Role before) {
  if (step.leader) return Role::kLeader;
  if (step.wake_ups_arrive) return Role::kStandby;
  if (!step.deaf_because.empty()) return Role::kDeaf;
  return before == Role::kDeaf ? Role::kDeaf : Role::kDisconnected;  // the probe is under way
}

LogEvent role_event(Role role, const std::string& why) {
  switch (role) {
    case Role::kLeader:
      return {LogLevel::kInfo, "leader", {}, "leads: looks at the journal and wakes the apps", {}};
    case Role::kStandby:
      return {LogLevel::kInfo, "standby", {}, "stands by: another listener leads", {}};
    case Role::kDeaf:
      return {LogLevel::kWarning, "deaf", {}, fmt::format("cannot wake anybody: {}", why), {}};
    case Role::kDisconnected:
      break;
  }
  return {LogLevel::kInfo, "connecting", {}, "connects", {}};
}

std::string age(TimePoint then, TimePoint now) {
  return fmt::format("{:.3f}", std::chrono::duration<double>(now - then).count());
}

/// Writes families of samples, each with a line for every database that has a value.
class Exposition {
 public:
  explicit Exposition(const StatusByName& all) : all_{all} {}

  template <typename F>  // F(const DatabaseStatus&) -> std::string, empty for no sample
  void family(std::string_view name, std::string_view type, std::string_view help, F&& value) {
    std::string samples;
    for (const auto& [database, status] : all_) {
      const std::string text = value(status);
      if (!text.empty())
        samples += fmt::format("weir_listen_{}{{database=\"{}\"}} {}\n", name, database, text);
    }
    if (samples.empty()) return;
    text_ += fmt::format("# HELP weir_listen_{0} {1}\n# TYPE weir_listen_{0} {2}\n{3}", name, help,
                         type, samples);
  }
  void counter(std::string_view name, std::string_view help,
               std::uint64_t DatabaseStatus::*member) {
    family(name, "counter", help,
           [member](const DatabaseStatus& status) { return fmt::to_string(status.*member); });
  }
  void line(std::string_view text) { text_ += text; }
  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  const StatusByName& all_;
  std::string text_;
};

}  // namespace

std::string_view to_string(Role role) noexcept {
  switch (role) {
    case Role::kLeader:
      return "leader";
    case Role::kStandby:
      return "standby";
    case Role::kDeaf:
      return "deaf";
    case Role::kDisconnected:
      break;
  }
  return "disconnected";
}

std::vector<LogEvent> note_step(DatabaseStatus& status, const spi::ListenStep& step,
                                TimePoint now) {
  std::vector<LogEvent> events;
  status.stepped_at = now;
  if (step.answered) status.answered_at = now;
  if (step.looks > 0) status.looked_at = now;
  status.wake_ups += step.woken ? 1 : 0;
  status.looks += step.looks;
  status.changes += step.announced;
  status.pruned += step.pruned;
  for (const spi::AnnouncedBatch& batch : step.batches) {
    if (batch.from != batch.to || !batch.changes.empty()) ++status.batches;
  }

  const Role role = role_of(step, status.role);
  if (role != status.role ||
      (role == Role::kDeaf && !step.deaf_because.empty() && step.deaf_because != status.trouble)) {
    if (role != Role::kDisconnected) events.push_back(role_event(role, step.deaf_because));
    if (role != Role::kLeader) status.untracked.reset();
  }
  status.role = role;
  const bool probing = step.deaf_because.empty() && !step.wake_ups_arrive;
  if (!probing) status.trouble = step.deaf_because;
  if (step.announced > 0) {
    events.push_back({LogLevel::kDebug,
                      "announced",
                      {},
                      "announced changes",
                      {{"changes", fmt::to_string(step.announced)}}});
  }
  if (step.pruned > 0) {
    status.prune_failure.clear();
    events.push_back({LogLevel::kInfo,
                      "pruned",
                      {},
                      "pruned the journal",
                      {{"rows", fmt::to_string(step.pruned)}}});
  }
  if (!step.prune_failure.empty()) {
    ++status.prune_errors;
    if (step.prune_failure != status.prune_failure) {
      events.push_back({LogLevel::kWarning,
                        "prune-failed",
                        {},
                        fmt::format("cannot prune the journal: {}", step.prune_failure),
                        {}});
    }
    status.prune_failure = step.prune_failure;
  }
  return events;
}

std::vector<LogEvent> note_failure(DatabaseStatus& status, const std::string& why, TimePoint now) {
  status.stepped_at = now;
  ++status.errors;
  const bool was_connected = status.role != Role::kDisconnected;
  if (was_connected) ++status.reconnects;
  status.role = Role::kDisconnected;
  status.untracked.reset();
  if (!was_connected && status.trouble == why && now < status.complained_at + kComplainAgain)
    return {};
  status.trouble = why;
  status.complained_at = now;
  return {{LogLevel::kError, "disconnected", {}, why, {}}};
}

std::vector<std::string> unready(const StatusByName& all, TimePoint now) {
  std::vector<std::string> reasons;
  for (const auto& [name, status] : all) {
    if (status.role == Role::kDisconnected) {
      reasons.push_back(fmt::format("{}: disconnected: {}", name,
                                    status.trouble.empty() ? "not yet connected" : status.trouble));
    } else if (status.role == Role::kDeaf) {
      reasons.push_back(fmt::format("{}: deaf: {}", name, status.trouble));
    } else if (!status.answered_at || now - *status.answered_at > kReadyWithin) {
      reasons.push_back(fmt::format("{}: the database has not answered for {} s", name,
                                    status.answered_at ? age(*status.answered_at, now) : "ever"));
    }
  }
  return reasons;
}

std::vector<std::string> hanging(const StatusByName& all, TimePoint now) {
  std::vector<std::string> names;
  for (const auto& [name, status] : all) {
    if (now - status.stepped_at > kAliveWithin) names.push_back(name);
  }
  return names;
}

std::string to_prometheus(const StatusByName& all, std::uint64_t reloads, TimePoint now) {
  Exposition out{all};
  out.line(
      fmt::format("# HELP weir_listen_info The version that runs.\n"
                  "# TYPE weir_listen_info gauge\nweir_listen_info{{version=\"{}\"}} 1\n"
                  "# HELP weir_listen_reloads_total Times the configuration was read again.\n"
                  "# TYPE weir_listen_reloads_total counter\nweir_listen_reloads_total {}\n",
                  WEIR_VERSION, reloads));
  const auto flag = [](bool value) { return std::string{value ? "1" : "0"}; };
  out.family("leader", "gauge", "1 where this process leads.",
             [&](const auto& s) { return flag(s.role == Role::kLeader); });
  out.family("connected", "gauge", "1 while connected to the database.",
             [&](const auto& s) { return flag(s.role != Role::kDisconnected); });
  out.family("wake_ups_arrive", "gauge", "1 when notifications are proven to arrive.",
             [&](const auto& s) { return flag(s.role >= Role::kStandby); });
  out.counter("wake_ups_total", "Wake-ups received.", &DatabaseStatus::wake_ups);
  out.counter("looks_total", "Looks at the journal, as leader.", &DatabaseStatus::looks);
  out.counter("batches_total", "Batches of changes announced, one NOTIFY each.",
              &DatabaseStatus::batches);
  out.counter("changes_total", "Changes announced.", &DatabaseStatus::changes);
  out.counter("pruned_rows_total", "Journal rows pruned.", &DatabaseStatus::pruned);
  out.counter("prune_errors_total", "Prunes that failed.", &DatabaseStatus::prune_errors);
  out.counter("errors_total", "Failures to connect, look or wait.", &DatabaseStatus::errors);
  out.counter("reconnects_total", "Connections lost.", &DatabaseStatus::reconnects);
  out.counter("stream_appends_total", "Batches appended to the stream.",
              &DatabaseStatus::stream_appends);
  out.counter("stream_errors_total", "Batches that could not be appended.",
              &DatabaseStatus::stream_errors);
  out.counter("tracked_tables_total", "Tables that got triggers from here.",
              &DatabaseStatus::tracked);
  out.family("untracked_tables", "gauge", "Tables without triggers, told by the leader.",
             [](const auto& s) { return s.untracked ? fmt::to_string(*s.untracked) : ""; });
  out.family("last_look_age_seconds", "gauge", "Since the last look at the journal, as leader.",
             [&](const auto& s) { return s.looked_at ? age(*s.looked_at, now) : ""; });
  out.family("last_answer_age_seconds", "gauge", "Since the database last answered.",
             [&](const auto& s) { return s.answered_at ? age(*s.answered_at, now) : ""; });
  return out.take();
}

}  // namespace weir::app
