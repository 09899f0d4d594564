#include "tests/support/history.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace weir::test {
namespace {

/// A key's versions that may have been committed, by number.
using Versions = std::map<std::int64_t, const WriteRecord*>;

class Judge {
 public:
  explicit Judge(const std::vector<WriteRecord>& writes) {
    for (const WriteRecord& write : writes)
      if (write.outcome != WriteOutcome::kRolledBack)
        keys_[write.key].emplace(write.version, &write);
  }

  /// Empty when the read was possible.
  [[nodiscard]] std::string judge(const ReadRecord& read) const {
    // The read's one moment lies after the last begin of what it saw and before the first end of
    // what it did not.
    TimePoint after = TimePoint::min();
    TimePoint before = TimePoint::max();
    for (const SeenVersion& seen : read.seen) {
      if (seen.left != seen.right) return say("torn", seen);
      const Versions& versions = known(seen.key);
      if (seen.left != 0) {
        const auto write = versions.find(seen.left);
        if (write == versions.end()) return say("never committed", seen);
        if (write->second->begin > read.end) return say("from the future", seen);
        after = std::max(after, write->second->begin);
      }
      for (auto later = versions.upper_bound(seen.left); later != versions.end(); ++later) {
        const WriteRecord& missed = *later->second;
        if (missed.outcome != WriteOutcome::kCommitted) continue;
        if (missed.process == read.process && missed.end <= read.begin)
          return say("own write missing", seen);
        if (missed.end <= read.begin - read.bound) return say("staler than its bound", seen);
        before = std::min(before, missed.end);
      }
    }
    return after > before ? "not of one moment" : std::string{};
  }

 private:
  static std::string say(const char* what, const SeenVersion& seen) {
    return fmt::format("{}: key {} left {} right {}", what, seen.key, seen.left, seen.right);
  }
  [[nodiscard]] const Versions& known(int key) const {
    static const Versions kNone;
    const auto found = keys_.find(key);
    return found == keys_.end() ? kNone : found->second;
  }

  std::map<int, Versions> keys_;
};

}  // namespace

std::vector<std::string> impossible_reads(const std::vector<WriteRecord>& writes,
                                          const std::vector<ReadRecord>& reads) {
  const Judge judge{writes};
  std::vector<std::string> impossible;
  for (const ReadRecord& read : reads) {
    if (const std::string reason = judge.judge(read); !reason.empty()) {
      const auto bound = std::chrono::duration_cast<std::chrono::milliseconds>(read.bound);
      impossible.push_back(
          fmt::format("{} (process {}, bound {} ms)", reason, read.process, bound.count()));
    }
  }
  return impossible;
}

}  // namespace weir::test
