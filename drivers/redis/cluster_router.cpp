#include <fmt/format.h>

#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "drivers/redis/errors.hpp"
#include "drivers/redis/router.hpp"
#include "drivers/redis/slots.hpp"

namespace weir::redis {
namespace {

constexpr int kMostHops = 5;
constexpr std::chrono::milliseconds kBetweenLooks{500};

/// A Redis Cluster: a map of slots that is asked for when first needed, and again when a server
/// points elsewhere (MOVED), serves nothing (CLUSTERDOWN) or is gone; between these it is not
/// checked, a server refuses what is not its own. ASK holds for one request and changes no map.
class ClusterRouter final : public Router {
 public:
  ClusterRouter(const Location& location, const NodeMaker& maker, Replicas replicas)
      : seeds_{location.endpoints}, maker_{maker}, replicas_{replicas} {}

  std::vector<Reply> run(const Request& request, spi::Deadline deadline) override {
    const std::size_t slot = slot_of(request.key);
    if (replicas_ == Replicas::kRead && request.read_only) {
      if (auto replies = ask_replica(slot, request, deadline)) return std::move(*replies);
    }
    return ask_primary(slot, request, deadline);
  }

  std::unique_ptr<Connection> connect(std::string_view key, std::size_t max_reply,
                                      spi::Deadline deadline) override {
    const std::size_t slot = slot_of(key);
    const std::shared_ptr<Node> node = node_for(find_owner(slot, deadline), Greeting::kPlain);
    try {
      return node->connect(max_reply, deadline);
    } catch (const Error&) {
      suspect(key);
      throw;
    }
  }

  void suspect(std::string_view /*key*/) noexcept override {
    const std::lock_guard lock{mutex_};
    stale_ = true;
  }

 private:
  std::vector<Reply> ask_primary(std::size_t slot, const Request& request, spi::Deadline deadline) {
    Endpoint target = find_owner(slot, deadline);
    Manner manner = Manner::kPlain;
    std::vector<Reply> replies;
    for (int hop = 0; hop < kMostHops; ++hop) {
      try {
        replies = node_for(target, Greeting::kPlain)->run(request, manner, deadline);
      } catch (const ConnectionError&) {
        // Perhaps a replica has taken over. Only ask on when somebody else serves the slot now.
        if (!request.repeatable || !look_again(deadline, target)) {
          suspect(request.key);
          throw;
        }
        const Endpoint owner = find_owner(slot, deadline);
        if (owner == target) {
          suspect(request.key);
          throw;
        }
        target = owner;
        manner = Manner::kPlain;
        continue;
      } catch (const Error&) {
        suspect(request.key);
        throw;
      }
      const Reply* const fault = find_error(replies);
      if (fault == nullptr) return replies;
      if (const auto redirection = parse_redirection(*fault, target)) {
        target = redirection->target;
        manner = redirection->for_good ? Manner::kPlain : Manner::kAsking;
        if (redirection->for_good) note_move(*redirection);
        continue;
      }
      if (fault->error_word() == "CLUSTERDOWN" || fault->error_word() == "READONLY") {
        suspect(request.key);
      }
      return replies;
    }
    suspect(request.key);
    return replies;  // still a redirection: the caller sees it as an error
  }

  // Nothing when no replica could answer: the primary will.
  std::optional<std::vector<Reply>> ask_replica(std::size_t slot, const Request& request,
                                                spi::Deadline deadline) {
    find_owner(slot, deadline);  // there is a map now
    std::shared_ptr<Node> node;
    {
      const std::lock_guard lock{mutex_};
      const SlotMap::Shard* const shard = map_ ? map_->find(slot) : nullptr;
      if (shard == nullptr || shard->replicas.empty()) return std::nullopt;
      const Endpoint& replica = shard->replicas[next_replica_++ % shard->replicas.size()];
      node = node_locked(replica, Greeting::kReplica);
    }
    // A replica that does not answer must leave time for the primary.
    const Duration half = deadline.left(*maker_.clock) / 2;
    const auto until = deadline.earlier(spi::Deadline::after(*maker_.clock, half));
    try {
      auto replies = node->run(request, Manner::kPlain, until);
      if (find_error(replies) == nullptr) return replies;
    } catch (const Error&) {
      suspect(request.key);
    }
    return std::nullopt;
  }

  static const Reply* find_error(const std::vector<Reply>& replies) {
    for (const Reply& reply : replies) {
      if (reply.is(Reply::Kind::kError)) return &reply;
    }
    return nullptr;
  }

  std::shared_ptr<Node> node_for(const Endpoint& endpoint, Greeting greeting) {
    const std::lock_guard lock{mutex_};
    return node_locked(endpoint, greeting);
  }

  std::shared_ptr<Node> node_locked(const Endpoint& endpoint, Greeting greeting) {
    auto& nodes = greeting == Greeting::kReplica ? replica_nodes_ : nodes_;
    std::shared_ptr<Node>& node = nodes[to_string(endpoint)];
    if (!node) node = maker_.make(endpoint, greeting);
    return node;
  }

  void note_move(const Redirection& redirection) {
    const std::lock_guard lock{mutex_};
    if (map_) map_->move(redirection.slot, redirection.target);
    // One slot that moved is seldom alone; but while many move, one look at a time is enough.
    if (maker_.clock->now() - looked_at_ >= kBetweenLooks) stale_ = true;
  }

  Endpoint find_owner(std::size_t slot, spi::Deadline deadline) {
    for (int attempt = 0;; ++attempt) {
      {
        const std::lock_guard lock{mutex_};
        const SlotMap::Shard* const shard = map_ && !stale_ ? map_->find(slot) : nullptr;
        if (shard != nullptr) return shard->primary;
        if (attempt > 0 && map_) {
          // Nobody serves it, or somebody has doubts again: what is known is the best there is.
          const SlotMap::Shard* const last = map_->find(slot);
          if (last != nullptr) return last->primary;
          throw connection_lost(
              "CLUSTER SLOTS", "cluster",
              fmt::format("no server serves slot {}; see CLUSTER INFO there", slot));
        }
      }
      look_again(deadline, std::nullopt);
    }
  }

  // Asks the cluster for its map, or waits for who is doing so. False when nobody could tell and
  // there is an older map to go on with. Errors: when there is none.
  bool look_again(spi::Deadline deadline, const std::optional<Endpoint>& not_this) {
    std::vector<Endpoint> candidates;
    {
      std::unique_lock lock{mutex_};
      const std::uint64_t before = looks_;
      bool waited = false;
      while (looking_) {
        waited = true;
        if (looked_.wait_for(lock, deadline.left(*maker_.clock)) == std::cv_status::timeout &&
            deadline.passed(*maker_.clock)) {
          throw timed_out("CLUSTER SLOTS", "cluster", "map of the cluster");
        }
      }
      if (waited && looks_ != before && map_) return true;
      looking_ = true;
      if (map_) {
        for (const SlotMap::Shard& shard : map_->shards()) candidates.push_back(shard.primary);
      }
    }
    for (const Endpoint& seed : seeds_) candidates.push_back(seed);
    if (not_this) std::erase(candidates, *not_this);

    std::optional<SlotMap> found;
    std::string faults;
    std::optional<Error> refused;
    try {
      found = ask_for_map(candidates, deadline, faults);
    } catch (const Error& error) {
      refused = error;
    }
    const bool good = found.has_value();
    bool has_map = false;
    std::vector<std::shared_ptr<Node>> strangers;  // closed after the lock is given back
    {
      const std::lock_guard lock{mutex_};
      looking_ = false;
      if (found) {
        map_ = std::move(found);
        ++looks_;
        stale_ = false;
        looked_at_ = maker_.clock->now();
        strangers = take_strangers();
      }
      has_map = map_.has_value();
    }
    looked_.notify_all();
    if (refused) throw Error{*refused};
    if (!good && !has_map) {
      throw connection_lost("CLUSTER SLOTS", "cluster",
                            fmt::format("no server told the map of slots ({})", faults));
    }
    return good;
  }

  std::optional<SlotMap> ask_for_map(const std::vector<Endpoint>& candidates,
                                     spi::Deadline deadline, std::string& faults) {
    const Command command{"CLUSTER", "SLOTS"};
    const Request request{.commands = {&command, 1}};
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      // One that does not answer must leave time for the others.
      const auto left = static_cast<std::int64_t>(candidates.size() - i);
      const Duration share = deadline.left(*maker_.clock) / left;
      const auto until = deadline.earlier(spi::Deadline::after(*maker_.clock, share));
      try {
        const auto replies =
            node_for(candidates[i], Greeting::kPlain)->run(request, Manner::kPlain, until);
        const Reply& reply = replies.front();
        if (reply.is(Reply::Kind::kError)) {
          throw refusal("CLUSTER SLOTS", to_string(candidates[i]), reply);
        }
        if (auto map = SlotMap::parse(reply, candidates[i])) return map;
        throw connection_lost("CLUSTER SLOTS", to_string(candidates[i]),
                              "the answer makes no sense");
      } catch (const Error& error) {
        if (error.code() == ErrorCode::kPermission) throw;
        faults += fmt::format("{}{}", faults.empty() ? "" : "; ", error.what());
      }
    }
    return std::nullopt;
  }

  // Servers that left the cluster are not kept. Called with the lock held.
  std::vector<std::shared_ptr<Node>> take_strangers() {
    std::set<std::string> primaries;
    std::set<std::string> replicas;
    for (const SlotMap::Shard& shard : map_->shards()) {
      primaries.insert(to_string(shard.primary));
      for (const Endpoint& replica : shard.replicas) replicas.insert(to_string(replica));
    }
    std::vector<std::shared_ptr<Node>> strangers;
    const auto take = [&strangers](auto& nodes, const std::set<std::string>& known) {
      std::erase_if(nodes, [&](auto& entry) {
        if (known.contains(entry.first)) return false;
        strangers.push_back(std::move(entry.second));
        return true;
      });
    };
    take(nodes_, primaries);
    take(replica_nodes_, replicas);
    return strangers;
  }

  const std::vector<Endpoint> seeds_;
  const NodeMaker maker_;
  const Replicas replicas_;

  std::mutex mutex_;  // guards all below; never held over I/O
  std::condition_variable looked_;
  std::optional<SlotMap> map_;
  std::map<std::string, std::shared_ptr<Node>> nodes_;
  std::map<std::string, std::shared_ptr<Node>> replica_nodes_;
  TimePoint looked_at_{};
  std::uint64_t looks_{0};
  std::size_t next_replica_{0};
  bool stale_{false};
  bool looking_{false};
};

}  // namespace

std::unique_ptr<Router> make_cluster_router(const Location& location, const NodeMaker& maker,
                                            Replicas replicas) {
  return std::make_unique<ClusterRouter>(location, maker, replicas);
}

}  // namespace weir::redis
