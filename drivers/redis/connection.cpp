#include "drivers/redis/connection.hpp"

#include <array>
#include <utility>

#include "drivers/redis/errors.hpp"

namespace weir::redis {
namespace {

constexpr std::size_t kReadSize = 64UL * 1024;

}  // namespace

Connection::Connection(const Endpoint& endpoint, const ConnectionSettings& settings,
                       spi::Deadline deadline, const Clock& clock)
    : clock_{&clock},
      server_{to_string(endpoint)},
      reader_{settings.max_reply},
      channel_{open_channel(endpoint, settings.tls.get(), deadline, clock)} {
  greet(settings, deadline);
}

void Connection::greet(const ConnectionSettings& settings, spi::Deadline deadline) {
  std::vector<Command> commands;
  const Credentials& login = settings.credentials;
  if (!login.user.empty()) {
    commands.push_back({"AUTH", login.user, login.password});
  } else if (!login.password.empty()) {
    commands.push_back({"AUTH", login.password});
  }
  const std::string database = std::to_string(settings.database);
  if (settings.database != 0) commands.push_back({"SELECT", database});
  if (settings.greeting == Greeting::kReplica) commands.push_back({"READONLY"});
  if (settings.greeting == Greeting::kPrimary) commands.push_back({"ROLE"});
  if (commands.empty()) return;

  const std::vector<Reply> replies = run(commands, deadline);
  for (std::size_t i = 0; i < replies.size(); ++i) {
    if (replies[i].is(Reply::Kind::kError)) {
      throw refusal(commands[i].front() == "AUTH" ? "login" : commands[i].front(), server_,
                    replies[i]);
    }
  }
  if (settings.greeting == Greeting::kPrimary) {
    const Reply& role = replies.back();
    if (role.items.empty() || role.items.front().text != "master") {
      throw connection_lost("ROLE", server_, "not the primary; a failover may be under way");
    }
  }
}

void Connection::send(std::span<const Command> commands, spi::Deadline deadline) {
  std::string wire;
  for (const Command& command : commands) append_command(wire, command);
  operation_ = commands.front().front();
  outstanding_ += commands.size();
  std::string_view rest = wire;
  try {
    while (!rest.empty()) {
      const Channel::Progress progress = channel_->write_some(rest);
      rest.remove_prefix(progress.bytes);
      if (progress.need == Channel::Need::kNothing) continue;
      if (wait_for(*channel_, progress.need, deadline, *clock_) == Wait::kTimedOut) {
        broken_ = true;
        throw timed_out(operation_, server_, "room to send");
      }
    }
  } catch (const Channel::Fault& fault) {
    broken_ = true;
    throw connection_lost(operation_, server_, fault.what);
  }
}

Connection::Received Connection::receive(spi::Deadline deadline, int wake) {
  try {
    return receive_step(deadline, wake);
  } catch (const Channel::Fault& fault) {
    broken_ = true;
    throw connection_lost(operation_, server_, fault.what);
  } catch (const ReplyReader::ProtocolFault& fault) {
    broken_ = true;
    throw connection_lost(operation_, server_,
                          "the answer makes no sense: " + printable(fault.what));
  }
}

Connection::Received Connection::receive_step(spi::Deadline deadline, int wake) {
  for (;;) {
    if (auto reply = reader_.next()) {
      --outstanding_;
      return {.reply = std::move(reply)};
    }
    std::array<char, kReadSize> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init): 64 KiB
    const Channel::Progress progress = channel_->read_some(buffer);
    if (progress.bytes > 0) {
      reader_.feed({buffer.data(), progress.bytes});
      if (deadline.passed(*clock_)) return {.how = Wait::kTimedOut};  // a trickle has no end
      continue;
    }
    const Wait how = wait_for(*channel_, progress.need, deadline, *clock_, wake);
    if (how != Wait::kReady) return {.how = how};
  }
}

std::vector<Reply> Connection::run(std::span<const Command> commands, spi::Deadline deadline) {
  send(commands, deadline);
  std::vector<Reply> replies;
  replies.reserve(commands.size());
  while (replies.size() < commands.size()) {
    Received received = receive(deadline, -1);
    if (!received.reply) {
      broken_ = true;
      throw timed_out(operation_, server_, "answer");
    }
    replies.push_back(std::move(*received.reply));
  }
  return replies;
}

bool Connection::looks_alive() noexcept {
  try {
    char byte = 0;
    return clean() && channel_->read_some({&byte, 1}).bytes == 0;
  } catch (const Channel::Fault&) {
    return false;
  }
}

}  // namespace weir::redis
