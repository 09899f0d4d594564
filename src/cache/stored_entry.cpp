#include "src/cache/stored_entry.hpp"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <span>
#include <utility>

#include "src/base/hash.hpp"
#include "src/base/result_room.hpp"
#include "src/cache/block_codec.hpp"

namespace weir::detail {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

/// The first 16 bytes. The checksum is of everything behind it, seeded with everything before it.
struct Head {
  std::uint32_t magic{0x52494557};  // "WEIR"
  std::uint16_t version{1};
  std::uint16_t flags{0};
  std::uint64_t checksum{0};
};
static_assert(sizeof(Head) == 16, "the stored form");

constexpr std::uint16_t kJournaled = 1;
constexpr std::uint16_t kStandby = 2;
constexpr std::uint16_t kCompressed = 4;
constexpr std::uint16_t kKnownFlags = kJournaled | kStandby | kCompressed;

// No time is longer, so that sums of a few of them in nanoseconds do not overflow.
constexpr std::chrono::hours kLongest{24 * 365 * 100};

std::uint64_t checksum_of(std::string_view bytes) noexcept {
  std::uint64_t seed = 0;
  std::memcpy(&seed, bytes.data(), sizeof seed);
  return hash64(bytes.substr(sizeof(Head)), seed);
}

/// Appends to the bytes of an entry. Every number is 8 bytes, every text has its length in front.
class Writer {
 public:
  explicit Writer(std::size_t expected) { bytes_.reserve(expected); }
  void raw(std::string_view bytes) { bytes_.append(bytes); }
  void number(std::uint64_t value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  template <typename Duration>
  void duration(Duration value) {
    number(static_cast<std::uint64_t>(
        std::clamp<Duration>(value, Duration::zero(), kLongest).count()));
  }
  void text(std::string_view value) {
    number(value.size());
    raw(value);
  }
  void texts(const std::vector<std::string>& values) {
    number(values.size());
    for (const std::string& value : values) text(value);
  }
  [[nodiscard]] std::string finish() && {
    const std::uint64_t size = bytes_.size();
    std::memcpy(bytes_.data() + sizeof(Head), &size, sizeof size);
    const std::uint64_t checksum = checksum_of(bytes_);
    std::memcpy(bytes_.data() + offsetof(Head, checksum), &checksum, sizeof checksum);
    return std::move(bytes_);
  }

 private:
  std::string bytes_{};
};

/// Reads what a `Writer` wrote. After something that is not there or not allowed, `failed()`.
class Reader {
 public:
  explicit Reader(std::string_view bytes) noexcept : rest_{bytes} {}

  [[nodiscard]] bool failed() const noexcept { return failed_; }
  [[nodiscard]] std::string_view rest() const noexcept { return rest_; }

  std::uint64_t number(std::uint64_t most = UINT64_MAX) noexcept {
    std::uint64_t value = 0;
    if (rest_.size() < sizeof value) return fail();
    std::memcpy(&value, rest_.data(), sizeof value);
    rest_.remove_prefix(sizeof value);
    return value > most ? fail() : value;
  }
  template <typename Duration>
  Duration duration() noexcept {
    return Duration{number(static_cast<std::uint64_t>(Duration{kLongest}.count()))};
  }
  std::string_view text() noexcept {
    const std::uint64_t size = number(rest_.size());
    if (size > rest_.size()) fail();
    if (failed_) return {};
    const std::string_view value = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return value;
  }
  /// How many items of at least eight bytes follow.
  std::size_t count(std::size_t most) noexcept {
    const std::uint64_t items = number(most);
    return items > rest_.size() / sizeof(std::uint64_t) ? fail() : items;
  }
  std::vector<std::string> texts(std::size_t most) {
    std::vector<std::string> values;
    const std::size_t items = count(most);
    values.reserve(items);
    for (std::size_t i = 0; i < items && !failed_; ++i) values.emplace_back(text());
    return values;
  }
  spi::Snapshot snapshot(bool standby) {
    spi::Snapshot snapshot;
    snapshot.standby = standby;
    snapshot.xmin = number();
    snapshot.xmax = number();
    if (snapshot.xmin == 0 || snapshot.xmax < snapshot.xmin) fail();
    snapshot.in_progress.resize(count(rest_.size()));
    spi::ChangeId low = snapshot.xmin;
    for (spi::ChangeId& id : snapshot.in_progress) {
      id = number();
      if (id < low || id >= snapshot.xmax) fail();
      low = id + 1;
    }
    return snapshot;
  }

 private:
  std::uint64_t fail() noexcept {
    failed_ = true;
    return 0;
  }

  std::string_view rest_;
  bool failed_{false};
};

CheckedResult expand(std::string_view block, std::uint64_t size) {
  if (!could_hold(block.size(), size)) return {{}, "more than the block can hold"};
  ResultRoom room{size};
  if (!decompress_block(block, room.data(), room.size())) return {{}, "a damaged block"};
  return room.finish();
}

DecodeResult refuse(DecodeFault fault, std::string_view detail = {}) {
  return {std::nullopt, fault, detail};
}

}  // namespace

std::string_view to_string(DecodeFault fault) noexcept {
  switch (fault) {
    case DecodeFault::kNone:
      return "none";
    case DecodeFault::kTruncated:
      return "truncated";
    case DecodeFault::kMagic:
      return "magic";
    case DecodeFault::kVersion:
      return "version";
    case DecodeFault::kChecksum:
      return "checksum";
    case DecodeFault::kOverLimit:
      return "over_limit";
    case DecodeFault::kMalformed:
      return "malformed";
    case DecodeFault::kRows:
      return "rows";
  }
  return "unknown";
}

std::string encode(const StoredEntry& entry, const Compression& compression) {
  assert(entry.rows);
  const std::string_view rows{entry.rows->data(), entry.rows->size()};
  std::optional<std::string> block;
  if (rows.size() > compression.above.value) block = compress_block(rows);
  const std::string_view stored = block ? std::string_view{*block} : rows;
  Head head;
  if (block) head.flags |= kCompressed;
  if (entry.journaled) head.flags |= kJournaled;
  if (entry.snapshot.standby) head.flags |= kStandby;
  Writer writer{512 + entry.key.size() + stored.size()};
  writer.raw({reinterpret_cast<const char*>(&head), sizeof head});
  writer.number(0);  // the size, known at the end
  writer.duration(entry.age);
  writer.duration(entry.lifetime);
  writer.duration(entry.cost);
  writer.number(entry.snapshot.xmin);
  writer.number(entry.snapshot.xmax);
  writer.number(entry.snapshot.in_progress.size());
  for (const spi::ChangeId id : entry.snapshot.in_progress) writer.number(id);
  writer.text(entry.incarnation);
  writer.text(entry.key);
  writer.texts(entry.relations);
  writer.texts(entry.tags);
  writer.number(rows.size());
  writer.raw(stored);
  return std::move(writer).finish();
}

DecodeResult decode(std::string_view bytes, const DecodeLimits& limits) {
  if (bytes.size() > limits.value.value) return refuse(DecodeFault::kOverLimit, "as stored");
  Head head;
  if (bytes.size() < sizeof head + sizeof(std::uint64_t)) return refuse(DecodeFault::kTruncated);
  std::memcpy(&head, bytes.data(), sizeof head);
  if (head.magic != Head{}.magic) return refuse(DecodeFault::kMagic);
  if (head.version != Head{}.version) return refuse(DecodeFault::kVersion);
  Reader reader{bytes.substr(sizeof head)};
  if (reader.number() != bytes.size()) return refuse(DecodeFault::kTruncated);
  if (head.checksum != checksum_of(bytes)) return refuse(DecodeFault::kChecksum);
  if ((head.flags & ~kKnownFlags) != 0) return refuse(DecodeFault::kMalformed, "flags");

  StoredEntry entry;
  entry.journaled = (head.flags & kJournaled) != 0;
  entry.age = reader.duration<milliseconds>();
  entry.lifetime = reader.duration<milliseconds>();
  entry.cost = reader.duration<nanoseconds>();
  if (reader.failed()) return refuse(DecodeFault::kMalformed, "times");
  entry.snapshot = reader.snapshot((head.flags & kStandby) != 0);
  if (reader.failed()) return refuse(DecodeFault::kMalformed, "snapshot");
  entry.incarnation = reader.text();
  entry.key = reader.text();
  if (reader.failed()) return refuse(DecodeFault::kMalformed, "key");
  entry.relations = reader.texts(limits.names);
  entry.tags = reader.texts(limits.names);
  if (reader.failed()) return refuse(DecodeFault::kMalformed, "dependencies");

  const std::uint64_t size = reader.number();
  if (reader.failed()) return refuse(DecodeFault::kMalformed, "rows");
  if (size > limits.rows.value) return refuse(DecodeFault::kOverLimit, "rows");
  const bool compressed = (head.flags & kCompressed) != 0;
  if (!compressed && size != reader.rest().size()) return refuse(DecodeFault::kMalformed, "rows");
  auto [rows, fault] =
      compressed ? expand(reader.rest(), size) : copy_result(reader.rest(), limits.rows);
  if (!rows) return refuse(DecodeFault::kRows, fault);
  entry.rows = std::move(rows);
  return {std::move(entry), DecodeFault::kNone, {}};
}

}  // namespace weir::detail
