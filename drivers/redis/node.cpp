#include "drivers/redis/node.hpp"

#include <utility>

#include "drivers/redis/errors.hpp"

namespace weir::redis {
namespace {

// ASKING holds for one command only.
std::vector<Reply> run_asking(Connection& connection, std::span<const Command> commands,
                              spi::Deadline deadline) {
  std::vector<Command> wrapped;
  for (const Command& command : commands) {
    wrapped.push_back({"ASKING"});
    wrapped.push_back(command);
  }
  std::vector<Reply> replies = connection.run(wrapped, deadline);
  std::vector<Reply> own;
  for (std::size_t i = 1; i < replies.size(); i += 2) own.push_back(std::move(replies[i]));
  return own;
}

std::vector<Reply> run_on(Connection& connection, const Request& request, Manner manner,
                          spi::Deadline deadline) {
  if (manner == Manner::kAsking) return run_asking(connection, request.commands, deadline);
  return connection.run(request.commands, deadline);
}

}  // namespace

Node::Node(Endpoint endpoint, ConnectionSettings settings, std::size_t most,
           std::chrono::milliseconds connect_timeout, const Clock& clock)
    : endpoint_{std::move(endpoint)},
      settings_{std::move(settings)},
      most_{most},
      connect_timeout_{connect_timeout},
      clock_{&clock} {
  idle_.reserve(most_);
}

std::unique_ptr<Connection> Node::connect(std::size_t max_reply, spi::Deadline deadline) const {
  const auto until = deadline.earlier(spi::Deadline::after(*clock_, connect_timeout_));
  ConnectionSettings settings = settings_;
  settings.max_reply = max_reply;
  return std::make_unique<Connection>(endpoint_, settings, until, *clock_);
}

Node::Lease Node::acquire(spi::Deadline deadline) {
  std::unique_lock lock{mutex_};
  while (leased_ >= most_) {
    if (returned_.wait_for(lock, deadline.left(*clock_)) == std::cv_status::timeout &&
        deadline.passed(*clock_)) {
      throw timed_out("wait", to_string(endpoint_), "free connection (redis.connections)");
    }
  }
  ++leased_;
  Lease lease{.generation = generation_};
  if (!idle_.empty()) {
    lease.connection = std::move(idle_.back());
    idle_.pop_back();
  }
  return lease;
}

void Node::release(Lease lease) noexcept {
  {
    const std::lock_guard lock{mutex_};
    --leased_;
    if (lease.connection && lease.connection->clean() && lease.generation == generation_) {
      idle_.push_back(std::move(lease.connection));  // reserved: at most most_
    }
  }
  returned_.notify_one();
}

void Node::drop_connections() noexcept {
  std::vector<std::unique_ptr<Connection>> dropped;
  const std::lock_guard lock{mutex_};
  ++generation_;
  dropped.swap(idle_);
}

void Node::probe(spi::Deadline deadline) {
  Lease lease = acquire(deadline);
  try {
    if (!lease.connection || !lease.connection->looks_alive()) {
      lease.connection = connect(settings_.max_reply, deadline);
    }
  } catch (...) {
    lease.connection.reset();
    release(std::move(lease));
    throw;
  }
  release(std::move(lease));
}

std::vector<Reply> Node::run(const Request& request, Manner manner, spi::Deadline deadline) {
  Lease lease = acquire(deadline);
  try {
    bool was_idle = lease.connection != nullptr;
    if (was_idle && !lease.connection->looks_alive()) {
      lease.connection.reset();
      was_idle = false;
    }
    if (!lease.connection) lease.connection = connect(settings_.max_reply, deadline);
    std::vector<Reply> replies;
    try {
      replies = run_on(*lease.connection, request, manner, deadline);
    } catch (const ConnectionError&) {
      // The server may have closed it just now, as after its own idle timeout or a restart. What
      // was not answered in time is not asked again.
      if (!was_idle || !request.repeatable) throw;
      lease.connection.reset();
      lease.connection = connect(settings_.max_reply, deadline);
      replies = run_on(*lease.connection, request, manner, deadline);
    }
    release(std::move(lease));
    return replies;
  } catch (const ConnectionError&) {
    lease.connection.reset();
    release(std::move(lease));
    drop_connections();  // the others are as old as this one was
    throw;
  } catch (...) {
    lease.connection.reset();
    release(std::move(lease));
    throw;
  }
}

}  // namespace weir::redis
