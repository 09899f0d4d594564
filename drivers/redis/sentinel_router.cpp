#include <fmt/format.h>

#include <condition_variable>
#include <mutex>
#include <optional>
#include <utility>

#include "drivers/redis/errors.hpp"
#include "drivers/redis/router.hpp"

namespace weir::redis {
namespace {

/// The primary as a group of sentinels knows it.
///
/// States: unknown (`primary_` is null) → looking (`looking_`, one thread asks the sentinels, the
/// others wait) → known. A lost connection or a READONLY answer makes it unknown again. Each new
/// connection asks the server for its role, so that a sentinel that is behind cannot make us write
/// to a demoted primary.
class SentinelRouter final : public Router {
 public:
  SentinelRouter(const Location& location, const NodeMaker& maker)
      : sentinels_{location.endpoints}, service_{location.service}, maker_{maker} {
    sentinel_settings_ = {.credentials = location.sentinel_credentials,
                          .tls = maker.settings.tls,
                          .max_reply = 64UL * 1024};
  }

  std::vector<Reply> run(const Request& request, spi::Deadline deadline) override {
    const std::shared_ptr<Node> node = find_primary(deadline);
    std::optional<std::vector<Reply>> demoted;
    try {
      std::vector<Reply> replies = node->run(request, Manner::kPlain, deadline);
      if (!says_replica(replies)) return replies;
      forget(node);
      demoted = std::move(replies);
    } catch (const ConnectionError&) {
      forget(node);
      if (!request.repeatable) throw;
      const std::shared_ptr<Node> other = find_primary(deadline);
      if (other->endpoint() == node->endpoint()) throw;
      return other->run(request, Manner::kPlain, deadline);
    } catch (const Error&) {
      forget(node);  // hung, perhaps: the sentinels may know of another one soon
      throw;
    }
    const std::shared_ptr<Node> other = find_primary(deadline);
    return other->run(request, Manner::kPlain, deadline);
  }

  std::unique_ptr<Connection> connect(std::string_view /*key*/, std::size_t max_reply,
                                      spi::Deadline deadline) override {
    const std::shared_ptr<Node> node = find_primary(deadline);
    try {
      return node->connect(max_reply, deadline);
    } catch (const Error&) {
      forget(node);
      throw;
    }
  }

  void suspect(std::string_view /*key*/) noexcept override {
    const std::lock_guard lock{mutex_};
    primary_.reset();
  }

 private:
  static bool says_replica(const std::vector<Reply>& replies) {
    for (const Reply& reply : replies) {
      if (reply.error_word() == "READONLY") return true;
    }
    return false;
  }

  void forget(const std::shared_ptr<Node>& node) noexcept {
    node->drop_connections();
    const std::lock_guard lock{mutex_};
    if (primary_ == node) primary_.reset();
  }

  std::shared_ptr<Node> find_primary(spi::Deadline deadline) {
    {
      std::unique_lock lock{mutex_};
      while (!primary_ && looking_) {
        if (found_.wait_for(lock, deadline.left(*maker_.clock)) == std::cv_status::timeout &&
            deadline.passed(*maker_.clock)) {
          throw timed_out("SENTINEL", service_, "answer of the sentinels");
        }
      }
      if (primary_) return primary_;
      looking_ = true;
    }
    std::shared_ptr<Node> found;
    try {
      found = ask_sentinels(deadline);
    } catch (...) {
      finish_looking(nullptr);
      throw;
    }
    finish_looking(found);
    return found;
  }

  void finish_looking(std::shared_ptr<Node> found) {
    {
      const std::lock_guard lock{mutex_};
      looking_ = false;
      primary_ = std::move(found);
    }
    found_.notify_all();
  }

  // Only one thread at a time comes here.
  std::shared_ptr<Node> ask_sentinels(spi::Deadline deadline) {
    std::string faults;
    for (std::size_t i = 0; i < sentinels_.size(); ++i) {
      const std::size_t index = (first_ + i) % sentinels_.size();
      // One that does not answer must leave time for the others.
      const auto left = static_cast<std::int64_t>(sentinels_.size() - i);
      const Duration share = deadline.left(*maker_.clock) / (left + 1);
      const auto until = deadline.earlier(spi::Deadline::after(*maker_.clock, share));
      try {
        const std::shared_ptr<Node> node =
            maker_.make(ask_sentinel(sentinels_[index], until), Greeting::kPrimary);
        node->probe(deadline);
        first_ = index;
        return node;
      } catch (const Error& error) {
        if (error.code() == ErrorCode::kPermission) throw;
        faults += fmt::format("{}{}", faults.empty() ? "" : "; ", error.what());
      }
    }
    throw connection_lost("SENTINEL", service_,
                          fmt::format("no sentinel led to the primary ({})", faults));
  }

  [[nodiscard]] Endpoint ask_sentinel(const Endpoint& sentinel, spi::Deadline deadline) const {
    Connection connection{sentinel, sentinel_settings_, deadline, *maker_.clock};
    const Command command{"SENTINEL", "GET-MASTER-ADDR-BY-NAME", service_};
    const Reply reply = std::move(connection.run({&command, 1}, deadline).front());
    if (reply.is(Reply::Kind::kError)) throw refusal("SENTINEL", connection.server(), reply);
    if (reply.items.size() != 2) {
      throw connection_lost("SENTINEL", connection.server(),
                            fmt::format("knows no service '{}'", printable(service_)));
    }
    const std::string& host = reply.items[0].text;
    const bool bracket = host.find(':') != std::string::npos;
    const auto endpoint = parse_endpoint(
        fmt::format("{}{}{}:{}", bracket ? "[" : "", host, bracket ? "]" : "", reply.items[1].text),
        std::nullopt);
    if (!endpoint || endpoint->host.empty()) {
      throw connection_lost("SENTINEL", connection.server(), "the answer makes no sense");
    }
    return *endpoint;
  }

  const std::vector<Endpoint> sentinels_;
  const std::string service_;
  const NodeMaker maker_;
  ConnectionSettings sentinel_settings_;
  std::size_t first_{0};  // the sentinel that answered last; used by who is looking

  std::mutex mutex_;  // guards all below
  std::condition_variable found_;
  std::shared_ptr<Node> primary_;
  bool looking_{false};
};

}  // namespace

std::unique_ptr<Router> make_sentinel_router(const Location& location, const NodeMaker& maker) {
  return std::make_unique<SentinelRouter>(location, maker);
}

}  // namespace weir::redis
