#include "drivers/redis/node.hpp"

#include <utility>

#include "drivers/redis/errors.hpp"

namespace weir::redis {
namespace {

// Puts the commands into MULTI and EXEC, runs them, and takes the answers out again.
std::vector<Reply> run_atomic(Connection& connection, std::span<const Command> commands,
                              spi::Deadline deadline) {
  std::vector<Command> wrapped;
  wrapped.push_back({"MULTI"});
  wrapped.insert(wrapped.end(), commands.begin(), commands.end());
  wrapped.push_back({"EXEC"});
  std::vector<Reply> replies = connection.run(wrapped, deadline);
  // The first refusal is the reason; EXEC's own only says that there was one.
  for (Reply& reply : replies) {
    if (reply.is(Reply::Kind::kError)) {
      return std::vector<Reply>(commands.size(), reply);
    }
  }
  Reply& executed = replies.back();
  if (!executed.is(Reply::Kind::kArray) || executed.items.size() != commands.size()) {
    throw connection_lost("EXEC", connection.server(), "the answer makes no sense");
  }
  return std::move(executed.items);
}

// ASKING holds for one command, so none can be atomic with the next.
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
  if (request.atomic) return run_atomic(connection, request.commands, deadline);
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

std::unique_ptr<Connection> Node::connect(spi::Deadline deadline) const {
  const auto until = deadline.earlier(spi::Deadline::after(*clock_, connect_timeout_));
  return std::make_unique<Connection>(endpoint_, settings_, until, *clock_);
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
      lease.connection = connect(deadline);
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
    if (!lease.connection) lease.connection = connect(deadline);
    std::vector<Reply> replies;
    try {
      replies = run_on(*lease.connection, request, manner, deadline);
    } catch (const ConnectionError&) {
      // The server may have closed it just now, as after its own idle timeout or a restart. What
      // was not answered in time is not asked again.
      if (!was_idle || !request.repeatable) throw;
      lease.connection.reset();
      lease.connection = connect(deadline);
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
