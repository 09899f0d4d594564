// Small texts: durations, times, globs, UTF-8.
#include <string>
#include <vector>

#include "src/base/iso_time.hpp"
#include "src/base/json.hpp"
#include "src/sql/duration.hpp"
#include "tests/fuzz/fuzz.hpp"
#include "weir/spi/text.hpp"

namespace {

using weir::fuzz::require;

/// The plainest matcher there is, for texts of ASCII.
bool matches_slowly(std::string_view text, std::string_view glob) {
  if (glob.empty()) return text.empty();
  if (glob.front() == '*') {
    return matches_slowly(text, glob.substr(1)) ||
           (!text.empty() && matches_slowly(text.substr(1), glob));
  }
  if (text.empty()) return false;
  if (glob.front() == '?') return matches_slowly(text.substr(1), glob.substr(1));
  const std::size_t literal = glob.front() == '\\' && glob.size() > 1 ? 1 : 0;
  return glob[literal] == text.front() && matches_slowly(text.substr(1), glob.substr(literal + 1));
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weir;
  const std::string_view text = fuzz::text_of(data, size);
  if (const auto duration = detail::parse_duration(text)) {
    require(*duration <= detail::kLongestDuration, "a duration has a bound");
    require(detail::parse_duration(detail::format_duration(*duration)) == duration,
            "a duration keeps its meaning");
  }
  static_cast<void>(detail::parse_iso_time(text));
  const auto fault = spi::find_text_fault(text);
  if (fault) require(fault->offset < text.size(), "a fault is inside the text");

  const std::size_t half = text.find('\n');
  if (half == std::string_view::npos) return 0;
  const std::string_view subject = text.substr(0, half);
  const std::string_view glob = text.substr(half + 1);
  const bool matches = spi::matches_glob(subject, glob);
  bool ascii = text.size() <= 24;
  for (const char c : text) ascii = ascii && static_cast<unsigned char>(c) < 0x80;
  if (ascii) require(matches == matches_slowly(subject, glob), "both matchers agree");
  return 0;
}
