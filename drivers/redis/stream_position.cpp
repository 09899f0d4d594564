#include "drivers/redis/stream_position.hpp"

#include <fmt/format.h>

#include <charconv>
#include <utility>

namespace weir::redis {
namespace {

bool parse_number(std::string_view text, std::uint64_t& number) {
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
  return fault == std::errc{} && end == text.data() + text.size();
}

}  // namespace

std::string StreamId::text() const { return fmt::format("{}-{}", time, number); }

std::optional<StreamId> StreamId::parse(std::string_view text) {
  const std::size_t dash = text.find('-');
  StreamId id;
  if (dash == std::string_view::npos || !parse_number(text.substr(0, dash), id.time) ||
      !parse_number(text.substr(dash + 1), id.number)) {
    return std::nullopt;
  }
  return id;
}

std::optional<ReadEntries> parse_entries(const Reply& reply) {
  ReadEntries read;
  if (reply.is(Reply::Kind::kNil)) return read;
  // [[stream, [[id, [field, value, …]], …]]]
  if (reply.items.size() != 1 || reply.items[0].items.size() != 2) return std::nullopt;
  for (const Reply& entry : reply.items[0].items[1].items) {
    if (entry.items.size() != 2) return std::nullopt;
    const auto id = StreamId::parse(entry.items[0].text);
    if (!id || *id <= read.last) return std::nullopt;
    read.last = *id;
    const std::vector<Reply>& fields = entry.items[1].items;
    const auto before = fields.size() == 4 && fields[0].text == "before" && fields[2].text == "data"
                            ? StreamId::parse(fields[1].text)
                            : std::nullopt;
    if (before) {
      read.entries.push_back({.id = *id, .before = *before, .bytes = fields[3].text});
    } else {
      read.foreign = true;
    }
  }
  return read;
}

void StreamPosition::begin(StreamId end) noexcept {
  at_ = end;
  begun_ = true;
}

bool StreamPosition::reconnected() noexcept { return begun_ && at_ == StreamId{}; }

bool StreamPosition::check_end(StreamId end) noexcept {
  if (end >= at_) return false;
  at_ = end;
  return true;
}

spi::StreamRead StreamPosition::take(ReadEntries read) {
  spi::StreamRead taken{.gap = read.foreign};
  for (LinkedEntry& entry : read.entries) {
    if (entry.before != at_) taken.gap = true;
    at_ = entry.id;
    taken.entries.push_back({.id = entry.id.text(), .bytes = std::move(entry.bytes)});
  }
  if (read.last > at_) at_ = read.last;
  return taken;
}

}  // namespace weir::redis
