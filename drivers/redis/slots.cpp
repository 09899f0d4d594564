#include "drivers/redis/slots.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

namespace weir::redis {
namespace {

// CRC-16/XMODEM, bit by bit: a key is a few dozen bytes beside a network round trip.
std::uint16_t crc16(std::string_view text) noexcept {
  unsigned crc = 0;
  for (const char c : text) {
    crc ^= static_cast<unsigned>(static_cast<unsigned char>(c)) << 8U;
    for (int bit = 0; bit < 8; ++bit) {
      crc = (crc & 0x8000U) != 0 ? (crc << 1U) ^ 0x1021U : crc << 1U;
    }
    crc &= 0xFFFFU;
  }
  return static_cast<std::uint16_t>(crc);
}

// [host, port, id, …]; the host is nil or empty where the node does not know it, "?" where it
// cannot be told.
std::optional<Endpoint> parse_node(const Reply& reply, const Endpoint& told_by) {
  if (reply.items.size() < 2 || !reply.items[1].is(Reply::Kind::kInteger)) return std::nullopt;
  const std::int64_t port = reply.items[1].integer;
  if (port < 1 || port > 0xFFFF || reply.items[0].text == "?") return std::nullopt;
  const bool unnamed = reply.items[0].text.empty();
  return Endpoint{.host = unnamed ? told_by.host : reply.items[0].text,
                  .port = static_cast<std::uint16_t>(port)};
}

std::optional<std::size_t> parse_slot(std::int64_t number) {
  if (number < 0 || std::cmp_greater_equal(number, kSlots)) return std::nullopt;
  return static_cast<std::size_t>(number);
}

}  // namespace

std::size_t slot_of(std::string_view key) noexcept {
  const std::size_t open = key.find('{');
  if (open != std::string_view::npos) {
    const std::size_t close = key.find('}', open + 1);
    if (close != std::string_view::npos && close != open + 1) {
      key = key.substr(open + 1, close - open - 1);
    }
  }
  return crc16(key) % kSlots;
}

std::optional<SlotMap> SlotMap::parse(const Reply& reply, const Endpoint& told_by) {
  if (!reply.is(Reply::Kind::kArray) || reply.items.empty()) return std::nullopt;
  SlotMap map;
  for (const Reply& range : reply.items) {
    if (range.items.size() < 3) return std::nullopt;
    const auto first = parse_slot(range.items[0].integer);
    const auto last = parse_slot(range.items[1].integer);
    const auto primary = parse_node(range.items[2], told_by);
    if (!first || !last || *first > *last) return std::nullopt;
    if (!primary) continue;  // nobody we could reach
    Shard shard{.primary = *primary};
    for (std::size_t i = 3; i < range.items.size(); ++i) {
      if (auto replica = parse_node(range.items[i], told_by)) {
        shard.replicas.push_back(std::move(*replica));
      }
    }
    const auto known = std::find_if(map.shards_.begin(), map.shards_.end(),
                                    [&](const Shard& one) { return one.primary == shard.primary; });
    const auto index = static_cast<std::uint16_t>(known - map.shards_.begin());
    if (known == map.shards_.end()) map.shards_.push_back(std::move(shard));
    std::fill(map.owners_.begin() + static_cast<std::ptrdiff_t>(*first),
              map.owners_.begin() + static_cast<std::ptrdiff_t>(*last) + 1, index);
  }
  return map;
}

const SlotMap::Shard* SlotMap::find(std::size_t slot) const noexcept {
  const std::uint16_t owner = owners_[slot];
  return owner == kNobody ? nullptr : &shards_[owner];
}

void SlotMap::move(std::size_t slot, const Endpoint& primary) {
  const auto known = std::find_if(shards_.begin(), shards_.end(),
                                  [&](const Shard& one) { return one.primary == primary; });
  owners_[slot] = static_cast<std::uint16_t>(known - shards_.begin());
  if (known == shards_.end()) shards_.push_back(Shard{.primary = primary});
}

std::optional<Redirection> parse_redirection(const Reply& reply, const Endpoint& told_by) {
  const std::string_view word = reply.error_word();
  if (word != "MOVED" && word != "ASK") return std::nullopt;
  std::string_view rest = reply.text;
  rest.remove_prefix(std::min(rest.size(), word.size() + 1));
  const std::size_t space = rest.find(' ');
  if (space == std::string_view::npos) return std::nullopt;
  std::int64_t number = -1;
  const auto [end, fault] = std::from_chars(rest.data(), rest.data() + space, number);
  const auto slot = parse_slot(number);
  auto target = parse_endpoint(rest.substr(space + 1), std::nullopt);
  if (fault != std::errc{} || end != rest.data() + space || !slot || !target) return std::nullopt;
  if (target->host.empty()) target->host = told_by.host;
  return Redirection{.for_good = word == "MOVED", .slot = *slot, .target = std::move(*target)};
}

}  // namespace weir::redis
