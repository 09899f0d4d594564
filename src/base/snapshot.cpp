#include "weir/spi/snapshot.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "weir/error.hpp"

namespace weir::spi {
namespace {

[[noreturn]] void fail(std::string_view text, std::size_t at, std::string_view what) {
  throw Error{ErrorCode::kUsage,
              fmt::format("snapshot: {} at byte {} of {}", what, at, text.size())};
}

/// Reads the text form from left to right.
class Reader {
 public:
  explicit Reader(std::string_view text) noexcept : text_{text} {}

  [[nodiscard]] bool at_end() const noexcept { return at_ == text_.size(); }
  [[nodiscard]] bool take(char wanted) noexcept {
    if (at_end() || text_[at_] != wanted) return false;
    ++at_;
    return true;
  }
  void require(char wanted) {
    if (!take(wanted)) fail(text_, at_, fmt::format("'{}' expected", wanted));
  }
  /// An id in [low, high]; `bounds` says so in words.
  [[nodiscard]] ChangeId take_id(ChangeId low, ChangeId high, std::string_view bounds) {
    ChangeId id = 0;
    const char* const first = text_.data() + at_;
    const auto [end, error] = std::from_chars(first, text_.data() + text_.size(), id);
    if (error == std::errc::invalid_argument) fail(text_, at_, "a number expected");
    if (error == std::errc::result_out_of_range) fail(text_, at_, "a number over 64 bits");
    if (id < low || id > high) fail(text_, at_, bounds);
    at_ += static_cast<std::size_t>(end - first);
    return id;
  }

 private:
  std::string_view text_;
  std::size_t at_{0};
};

}  // namespace

bool Snapshot::sees(ChangeId id) const noexcept {
  if (id < xmin) return true;
  if (standby || id >= xmax) return false;
  return !std::binary_search(in_progress.begin(), in_progress.end(), id);
}

bool Snapshot::covers(const Snapshot& older) const noexcept {
  // `older` sees ids below `end` only; those this snapshot does not see must be ids `older` does
  // not see either.
  const ChangeId end = older.standby ? older.xmin : older.xmax;
  if (end <= xmin) return true;
  if (standby || end > xmax) return false;
  const auto last = std::lower_bound(in_progress.begin(), in_progress.end(), end);
  return std::none_of(in_progress.begin(), last, [&](ChangeId id) { return older.sees(id); });
}

std::string Snapshot::to_string() const {
  return fmt::format("{}{}:{}:{}", standby ? "s" : "", xmin, xmax, fmt::join(in_progress, ","));
}

Snapshot Snapshot::parse(std::string_view text) {
  constexpr ChangeId kLast = UINT64_MAX;
  Reader reader{text};
  Snapshot snapshot;
  snapshot.standby = reader.take('s');
  snapshot.xmin = reader.take_id(1, kLast, "xmin is 0");
  reader.require(':');
  snapshot.xmax = reader.take_id(snapshot.xmin, kLast, "xmax is below xmin");
  reader.require(':');
  if (reader.at_end()) return snapshot;
  ChangeId low = snapshot.xmin;
  do {
    const ChangeId id =
        reader.take_id(low, snapshot.xmax - 1, "an id out of order or not in [xmin, xmax)");
    snapshot.in_progress.push_back(id);
    low = id + 1;
  } while (reader.take(','));
  if (!reader.at_end()) reader.require(',');
  return snapshot;
}

}  // namespace weir::spi
