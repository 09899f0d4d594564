// A stored entry's bytes: as they are, and, since no mutation finds a checksum, with their head and
// checksum put right.
#include <cstring>
#include <string>

#include "src/base/hash.hpp"
#include "src/cache/stored_entry.hpp"
#include "tests/fuzz/fuzz.hpp"
#include "tests/fuzz/result_walk.hpp"

namespace {

using weir::Bytes;
using weir::fuzz::require;

constexpr weir::detail::DecodeLimits kLimits{
    .value = Bytes::kibi(64), .rows = Bytes::kibi(256), .names = 100};

std::string with_right_head(std::string_view input) {
  std::string bytes{input};
  if (bytes.size() < 24) return bytes;
  std::memcpy(bytes.data(), "WEIR\1\0", 6);
  const std::uint64_t size = bytes.size();
  std::memcpy(bytes.data() + 16, &size, sizeof size);
  std::uint64_t seed = 0;
  std::memcpy(&seed, bytes.data(), sizeof seed);
  const std::uint64_t checksum = weir::detail::hash64(std::string_view{bytes}.substr(16), seed);
  std::memcpy(bytes.data() + 8, &checksum, sizeof checksum);
  return bytes;
}

void decode_once(std::string_view bytes) {
  using weir::detail::DecodeFault;
  const weir::detail::DecodeResult first = weir::detail::decode(bytes, kLimits);
  require(first.entry.has_value() == (first.fault == DecodeFault::kNone), "an entry or a fault");
  if (!first.entry) return;
  weir::fuzz::walk(*first.entry->rows);
  require(first.entry->rows->size() <= kLimits.rows.value, "rows within their limit");
  require(first.entry->relations.size() <= kLimits.names, "relations within their limit");
  require(first.entry->tags.size() <= kLimits.names, "tags within their limit");
  // What was understood is written back, and means the same.
  const std::string again = weir::detail::encode(*first.entry, {.above = Bytes{UINT64_MAX}});
  const weir::detail::DecodeResult second = weir::detail::decode(again);
  require(second.entry.has_value(), "an entry that was read can be written and read");
  require(weir::detail::encode(*second.entry, {.above = Bytes{UINT64_MAX}}) == again,
          "writing and reading change nothing");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes = weir::fuzz::text_of(data, size);
  decode_once(bytes);
  decode_once(with_right_head(bytes));
  return 0;
}
