#include "drivers/redis/errors.hpp"

#include <fmt/format.h>

#include <array>
#include <utility>

namespace weir::redis {
namespace {

constexpr std::size_t kLongestText = 200;

enum class Again { kLater, kNever };

struct Meaning {
  std::string_view word;
  ErrorCode code;
  Again again;
  std::string_view advice;
};

constexpr auto kMeanings = std::to_array<Meaning>({
    {"NOAUTH", ErrorCode::kPermission, Again::kNever,
     "it wants a login; set redis.user and redis.password"},
    {"WRONGPASS", ErrorCode::kPermission, Again::kNever, "check redis.user and redis.password"},
    {"NOPERM", ErrorCode::kPermission, Again::kNever,
     "give the user the rights that the guide's page on Redis lists"},
    {"READONLY", ErrorCode::kConnection, Again::kLater,
     "it is a replica; name the primary in redis.url, or use redis+sentinel:// or "
     "redis+cluster://"},
    {"LOADING", ErrorCode::kConnection, Again::kLater, "it is starting; it will answer soon"},
    {"MASTERDOWN", ErrorCode::kConnection, Again::kLater, "it is a replica without its primary"},
    {"CLUSTERDOWN", ErrorCode::kConnection, Again::kLater,
     "the cluster serves no keys; see CLUSTER INFO there"},
    {"MOVED", ErrorCode::kConnection, Again::kLater,
     "it is part of a cluster; use redis+cluster://, or wait for the move of slots to end"},
    {"ASK", ErrorCode::kConnection, Again::kLater, "the slot is being moved; ask again"},
    {"TRYAGAIN", ErrorCode::kConnection, Again::kLater, "the slot is being moved; ask again"},
    {"UNBLOCKED", ErrorCode::kConnection, Again::kLater, "it has become a replica"},
    {"OOM", ErrorCode::kDatabase, Again::kLater,
     "it is full and lets nothing go; raise its maxmemory, or set maxmemory-policy to allkeys-lru"},
    {"MISCONF", ErrorCode::kDatabase, Again::kLater, "it cannot save its data; see its log"},
    {"NOREPLICAS", ErrorCode::kDatabase, Again::kLater, "too few replicas are connected to it"},
    {"BUSY", ErrorCode::kDatabase, Again::kLater, "a script keeps it busy; see SCRIPT KILL there"},
    {"WRONGTYPE", ErrorCode::kDatabase, Again::kNever,
     "something else uses weir's keys; give weir its own redis.name_space"},
});

}  // namespace

std::string printable(std::string_view text) {
  text = text.substr(0, text.find(", with args beginning with"));
  std::string shown;
  for (const char c : text.substr(0, kLongestText)) {
    const auto byte = static_cast<unsigned char>(c);
    shown += byte >= 0x20 && byte < 0x7F ? c : '?';
  }
  if (text.size() > kLongestText) shown += "...";
  return shown;
}

ConnectionError connection_lost(std::string_view operation, std::string_view server,
                                std::string_view why) {
  return ConnectionError{
      fmt::format("redis {}: {}: {}", server, operation, why),
      ErrorDetails{.backend = "redis", .retryable = true, .connection_usable = false}};
}

Error timed_out(std::string_view operation, std::string_view server, std::string_view waited_for) {
  return Error{ErrorCode::kTimeout,
               fmt::format("redis {}: {}: no {} within the call's time (redis.call_timeout, "
                           "redis.connect_timeout or the caller's)",
                           server, operation, waited_for),
               ErrorDetails{.backend = "redis", .retryable = true, .connection_usable = false}};
}

Error refusal(std::string_view operation, std::string_view server, const Reply& reply) {
  ErrorDetails details{.sqlstate = printable(reply.error_word()), .backend = "redis"};
  std::string message = fmt::format("redis {}: {}: {}", server, operation, printable(reply.text));
  for (const Meaning& meaning : kMeanings) {
    if (meaning.word != reply.error_word()) continue;
    details.retryable = meaning.again == Again::kLater;
    message += fmt::format(" ({})", meaning.advice);
    if (meaning.code == ErrorCode::kConnection) return ConnectionError{message, std::move(details)};
    return Error{meaning.code, message, std::move(details)};
  }
  return Error{ErrorCode::kDatabase, message, std::move(details)};
}

void require(const Reply& reply, Reply::Kind wanted, std::string_view operation,
             std::string_view server) {
  if (reply.is(wanted)) return;
  if (reply.is(Reply::Kind::kError)) throw refusal(operation, server, reply);
  throw Error{ErrorCode::kDatabase,
              fmt::format("redis {}: {}: the answer is {}, not {}", server, operation,
                          to_string(reply.kind), to_string(wanted)),
              ErrorDetails{.backend = "redis"}};
}

}  // namespace weir::redis
