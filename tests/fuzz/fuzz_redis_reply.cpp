// What a Redis server sends, in pieces of a size that the first byte says.
#include <algorithm>
#include <string>

#include "drivers/redis/reply.hpp"
#include "drivers/redis/slots.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace {

constexpr std::size_t kMostBytes = 4096;

std::size_t text_bytes(const weir::redis::Reply& reply) {
  std::size_t sum = reply.text.size();
  for (const weir::redis::Reply& item : reply.items) sum += text_bytes(item);
  return sum;
}

void use(const weir::redis::Reply& reply) {
  using namespace weir::redis;
  using weir::fuzz::require;
  const Endpoint told_by{.host = "localhost", .port = 6379};
  require(text_bytes(reply) <= kMostBytes, "a reply is bounded");
  if (const auto map = SlotMap::parse(reply, told_by)) {
    for (std::size_t slot = 0; slot < kSlots; ++slot) {
      const SlotMap::Shard* const shard = map->find(slot);
      require(shard == nullptr || (shard >= map->shards().data() &&
                                   shard < map->shards().data() + map->shards().size()),
              "a slot's shard is one of the map's");
    }
  }
  if (const auto redirection = parse_redirection(reply, told_by))
    require(redirection->slot < kSlots, "a redirection's slot exists");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t piece = std::size_t{data[0]} + 1;
  std::string_view wire = weir::fuzz::text_of(data, size).substr(1);
  weir::redis::ReplyReader reader{kMostBytes};
  try {
    while (!wire.empty()) {
      const std::string_view part = wire.substr(0, piece);
      wire.remove_prefix(part.size());
      reader.feed({part.data(), part.size()});
      while (const auto reply = reader.next()) use(*reply);
    }
  } catch (const weir::redis::ReplyReader::ProtocolFault& fault) {
    weir::fuzz::require(!fault.what.empty(), "a fault says what it is");
  }
  return 0;
}
