#include "drivers/redis/store.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <charconv>
#include <utility>

#include "drivers/redis/errors.hpp"
#include "drivers/redis/stream.hpp"
#include "weir/drivers/redis.hpp"

namespace weir::redis {
namespace {

using std::chrono::milliseconds;

// Beside a value: what every other answer needs.
constexpr std::size_t kReplySlack = 1UL << 20U;

constexpr std::string_view kRemoveIf =
    "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end "
    "return 0";

std::unique_ptr<Router> make_router(const RedisOptions& options, const Location& location,
                                    const Clock& clock) {
  const NodeMaker maker{
      .settings = {.credentials = location.credentials,
                   .database = location.database,
                   .tls = location.tls ? make_tls_context(options.tls) : nullptr,
                   .max_reply = static_cast<std::size_t>(options.max_value.value) + kReplySlack},
      .connections = options.connections,
      .connect_timeout = options.connect_timeout,
      .clock = &clock};
  switch (location.topology) {
    case Topology::kSingle:
      return make_single_router(location, maker);
    case Topology::kSentinel:
      return make_sentinel_router(location, maker);
    case Topology::kCluster:
      return make_cluster_router(location, maker,
                                 options.read_from_replicas ? Replicas::kRead : Replicas::kIgnored);
  }
  throw Error{ErrorCode::kInternal, "redis: unknown topology"};
}

// "name:value\r\n" lines, as INFO has them.
std::string_view find_fact(std::string_view info, std::string_view name) {
  std::size_t at = 0;
  while ((at = info.find(name, at)) != std::string_view::npos) {
    const bool begins = at == 0 || info[at - 1] == '\n';
    const std::size_t colon = at + name.size();
    if (begins && colon < info.size() && info[colon] == ':') {
      const std::string_view rest = info.substr(colon + 1);
      return rest.substr(0, rest.find_first_of("\r\n"));
    }
    at = colon;
  }
  return {};
}

std::optional<Bytes> find_size(std::string_view info, std::string_view name) {
  const std::string_view text = find_fact(info, name);
  Bytes size;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), size.value);
  if (text.empty() || fault != std::errc{}) return std::nullopt;
  return size;
}

}  // namespace

Store::Store(const RedisOptions& options, const Clock& clock)
    : options_{options},
      clock_{&clock},
      location_{parse_location(options)},
      router_{make_router(options, location_, clock)} {}

std::string_view Store::display_name() const noexcept { return location_.display_name; }

spi::Deadline Store::bounded(spi::Deadline deadline) const {
  return deadline.earlier(spi::Deadline::after(*clock_, options_.call_timeout));
}

Reply Store::run_one(const Request& request, spi::Deadline deadline) {
  return std::move(router_->run(request, deadline).front());
}

void Store::require_size(std::string_view operation, std::string_view value) const {
  assert(!value.empty());
  if (Bytes{value.size()} <= options_.max_value) return;
  throw Error{
      ErrorCode::kUsage,
      fmt::format("redis {}: {}: the value has {} bytes; redis.max_value allows {}",
                  location_.display_name, operation, value.size(), options_.max_value.value),
      ErrorDetails{.backend = "redis"}};
}

std::optional<spi::RemoteValue> Store::get(std::string_view key, spi::Deadline deadline) {
  const TimePoint sent_at = clock_->now();
  // One byte more than allowed is enough to know that it is too much. Its life is asked for before
  // and after: whichever of the two a replacement came between, the smaller one is not more than
  // what the bytes have. (A server answers commands that came together without a pause. MULTI
  // would promise that, but is refused by a server that is full.)
  const std::string last_byte = std::to_string(options_.max_value.value);
  const std::array<Command, 3> commands{
      Command{"PTTL", key}, Command{"GETRANGE", key, "0", last_byte}, Command{"PTTL", key}};
  std::vector<Reply> replies =
      router_->run({.key = key, .commands = commands, .read_only = true}, bounded(deadline));
  require(replies[0], Reply::Kind::kInteger, "PTTL", location_.display_name);
  require(replies[1], Reply::Kind::kString, "GETRANGE", location_.display_name);
  require(replies[2], Reply::Kind::kInteger, "PTTL", location_.display_name);

  // Negative: no such key, or one that never expires and so is not ours.
  const milliseconds told{std::min(replies[0].integer, replies[2].integer)};
  // The server measured some time after we asked and before now.
  const auto on_the_way = std::chrono::ceil<milliseconds>(clock_->now() - sent_at);
  const milliseconds remaining = told - on_the_way;
  if (remaining <= milliseconds{0} || replies[1].text.empty() ||
      Bytes{replies[1].text.size()} > options_.max_value) {
    return std::nullopt;
  }
  return spi::RemoteValue{.bytes = std::move(replies[1].text), .remaining = remaining};
}

void Store::put(std::string_view key, std::string_view value, milliseconds lifetime,
                spi::Deadline deadline) {
  require_size("SET", value);
  const std::string life = std::to_string(lifetime.count());
  const Command command{"SET", key, value, "PX", life};
  const Reply reply = run_one({.key = key, .commands = {&command, 1}}, bounded(deadline));
  require(reply, Reply::Kind::kStatus, "SET", location_.display_name);
}

bool Store::add(std::string_view key, std::string_view value, milliseconds lifetime,
                spi::Deadline deadline) {
  require_size("SET NX", value);
  const std::string life = std::to_string(lifetime.count());
  const Command command{"SET", key, value, "NX", "PX", life};
  const Reply reply =
      run_one({.key = key, .commands = {&command, 1}, .repeatable = false}, bounded(deadline));
  if (reply.is(Reply::Kind::kNil)) return false;
  require(reply, Reply::Kind::kStatus, "SET NX", location_.display_name);
  return true;
}

void Store::remove_if(std::string_view key, std::string_view value, spi::Deadline deadline) {
  const Command command{"EVAL", kRemoveIf, "1", key, value};
  const Reply reply = run_one({.key = key, .commands = {&command, 1}}, bounded(deadline));
  require(reply, Reply::Kind::kInteger, "EVAL", location_.display_name);
}

void Store::ping(spi::Deadline deadline) {
  const Command command{"PING"};
  const Reply reply = run_one({.commands = {&command, 1}}, bounded(deadline));
  require(reply, Reply::Kind::kStatus, "PING", location_.display_name);
}

spi::StoreFacts Store::facts(spi::Deadline deadline) {
  const std::array<Command, 2> commands{Command{"INFO", "server"}, Command{"INFO", "memory"}};
  const std::vector<Reply> replies = router_->run({.commands = commands}, bounded(deadline));
  for (const Reply& reply : replies) {
    require(reply, Reply::Kind::kString, "INFO", location_.display_name);
  }
  const std::string_view server = replies[0].text;
  const std::string_view memory = replies[1].text;
  spi::StoreFacts facts{
      .version = fmt::format("redis {}", printable(find_fact(server, "redis_version"))),
      .eviction_policy = printable(find_fact(memory, "maxmemory_policy")),
      .used_memory = find_size(memory, "used_memory").value_or(Bytes{}),
      .max_memory = find_size(memory, "maxmemory")};
  if (facts.max_memory == Bytes{0}) facts.max_memory.reset();
  return facts;
}

std::unique_ptr<spi::ChangeStream> Store::open_stream(std::string_view name) {
  return make_change_stream(*router_, std::string{name}, options_, *clock_);
}

std::unique_ptr<spi::RemoteStore> open(const RedisOptions& options, const Clock& clock) {
  options.validate();
  return std::make_unique<Store>(options, clock);
}

}  // namespace weir::redis
