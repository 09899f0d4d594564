#include "src/sql/duration.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>

namespace weir::detail {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t milliseconds;
};
// `m` before `min`, so that formatting picks the shorter one.
constexpr std::array<Unit, 6> kUnits{
    {{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"min", 60'000}, {"s", 1'000}, {"ms", 1}}};

}  // namespace

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) noexcept {
  if (text == "0") return std::chrono::milliseconds{0};
  std::uint64_t count = 0;  // unsigned: from_chars would take a minus sign
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (fault != std::errc{}) return std::nullopt;
  const std::string_view name = text.substr(static_cast<std::size_t>(end - text.data()));
  const auto* const unit = std::find_if(kUnits.begin(), kUnits.end(),
                                        [name](const Unit& known) { return known.name == name; });
  if (unit == kUnits.end()) return std::nullopt;
  const std::int64_t longest = kLongestDuration.count() / unit->milliseconds;
  if (count > static_cast<std::uint64_t>(longest)) return std::nullopt;
  return std::chrono::milliseconds{static_cast<std::int64_t>(count) * unit->milliseconds};
}

std::string format_duration(std::chrono::milliseconds duration) {
  if (duration.count() == 0) return "0";
  for (const Unit& unit : kUnits) {
    if (duration.count() % unit.milliseconds == 0) {
      return fmt::format("{}{}", duration.count() / unit.milliseconds, unit.name);
    }
  }
  return {};  // unreachable: 1 divides everything
}

}  // namespace weir::detail
