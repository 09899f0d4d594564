#include "src/app/listen/service.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace weir::app {

void ListenService::apply(const ListenConfig& config) {
  // What can fail comes first.
  const bool rebind = applied_.load() == 0 || !(config.http == config_.http);
  std::unique_ptr<HttpServer> http;
  if (rebind && !config.http.host.empty()) {
    http = std::make_unique<HttpServer>(config.http, pages());
    log_.write({LogLevel::kInfo,
                "http",
                {},
                "serves /metrics, /healthz and /readyz",
                {{"host", config.http.host}, {"port", fmt::to_string(http->port())}}});
  }
  std::shared_ptr<spi::RemoteStore> store;
  if (config.redis) store = open_store(*config.redis, clock_);
  log_.configure(config.log);
  if (rebind) http_ = std::move(http);

  if (upkeep_) upkeep_->stop();
  std::map<std::string, std::unique_ptr<Watcher>> kept;
  for (const DatabaseConfig& database : config.databases) {
    const auto running = watchers_.find(database.name);
    if (running == watchers_.end() || !running->second->does(database, config.redis)) continue;
    kept.emplace(database.name, std::move(running->second));
    watchers_.erase(running);
  }
  for (const auto& [name, watcher] : watchers_) watcher->stop();
  std::vector<std::string> gone;
  for (const auto& [name, watcher] : watchers_) gone.push_back(name);
  watchers_ = std::move(kept);  // joins the others
  for (const std::string& name : gone) board_.remove(name);
  for (const DatabaseConfig& database : config.databases) {
    if (!watchers_.contains(database.name)) {
      watchers_.emplace(database.name, std::make_unique<Watcher>(database, config.redis, store,
                                                                 board_, log_, clock_));
    }
  }
  upkeep_.reset();
  upkeep_ = std::make_unique<UpkeepLoop>(config.databases, board_, log_, clock_);
  config_ = config;
  applied_.fetch_add(1);
}

void ListenService::stop() {
  if (upkeep_) upkeep_->stop();
  for (const auto& [name, watcher] : watchers_) watcher->stop();
  watchers_.clear();
  upkeep_.reset();
  http_.reset();
}

std::string ListenService::summary() const {
  const StatusByName all = board_.all();
  const auto leads = std::count_if(
      all.begin(), all.end(), [](const auto& entry) { return entry.second.role == Role::kLeader; });
  return fmt::format("leads {} of {} databases", leads, all.size());
}

bool ListenService::alive() const { return hanging(board_.all(), clock_.now()).empty(); }

HttpPages ListenService::pages() {
  HttpPages pages;
  pages.metrics = [this] {
    const std::uint64_t applied = applied_.load();
    return HttpAnswer{true,
                      to_prometheus(board_.all(), applied > 0 ? applied - 1 : 0, clock_.now())};
  };
  pages.alive = [this] {
    const std::vector<std::string> names = hanging(board_.all(), clock_.now());
    if (names.empty()) return HttpAnswer{true, "alive\n"};
    return HttpAnswer{false, fmt::format("hanging: {}\n", fmt::join(names, ", "))};
  };
  pages.ready = [this] {
    const StatusByName all = board_.all();
    std::vector<std::string> reasons = unready(all, clock_.now());
    if (all.empty()) reasons.emplace_back("starting");
    if (!reasons.empty())
      return HttpAnswer{false, fmt::format("not ready\n{}\n", fmt::join(reasons, "\n"))};
    std::string body = "ready\n";
    for (const auto& [name, status] : all)
      body += fmt::format("{}: {}\n", name, to_string(status.role));
    return HttpAnswer{true, body};
  };
  return pages;
}

}  // namespace weir::app
