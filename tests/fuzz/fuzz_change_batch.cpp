// A batch of changes as text: as it is, and with its check put right.
#include <fmt/format.h>

#include <string>

#include "src/base/hash.hpp"
#include "src/freshness/change_batch.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace {

void parse_once(std::string_view text) {
  using weir::fuzz::require;
  const weir::detail::ParsedChangeBatch first = weir::detail::parse_change_batch(text);
  require(first.batch.has_value() == first.fault.empty(), "a batch or a fault");
  if (!first.batch) return;
  const std::string again = encode(*first.batch);
  const weir::detail::ParsedChangeBatch second = weir::detail::parse_change_batch(again);
  require(second.batch.has_value(), "a batch that was read can be written and read");
  require(second.batch->changes.size() == first.batch->changes.size(), "no change is lost");
  require(encode(*second.batch) == again, "writing and reading change nothing");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = weir::fuzz::text_of(data, size);
  parse_once(text);
  parse_once(fmt::format("{} check={:016x}", text, weir::detail::hash64(text)));
  return 0;
}
