// The bodies of hint comments, one a line.
#include <string>
#include <vector>

#include "src/sql/hint.hpp"
#include "tests/fuzz/fuzz.hpp"
#include "weir/spi/text.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using weir::fuzz::require;
  const std::string_view text = weir::fuzz::text_of(data, size);
  if (weir::spi::find_text_fault(text)) return 0;  // statements are clean text
  std::vector<std::string> bodies{1};
  for (const char c : text) {
    if (c == '\n') {
      bodies.emplace_back();
    } else {
      bodies.back() += c;
    }
  }
  const weir::detail::Hint hint = weir::detail::parse_hint(bodies);
  if (hint.problems.empty()) return 0;
  require(hint.name.empty(), "a bad hint names nothing");
  require(hint.policy == weir::Policy{}, "a bad hint asks for nothing");
  return 0;
}
