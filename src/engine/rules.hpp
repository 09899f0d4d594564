#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/mutex.hpp"
#include "weir/clock.hpp"
#include "weir/policy.hpp"

namespace weir::detail {

/// What a rule is matched against: one statement and who calls it what.
struct RuleSubject {
  std::string sql{};   ///< The normal form, as `explain` shows it.
  std::string name{};  ///< Of the declared query or the hint; empty when it has none (`*` matches
                       ///< that too).
  std::vector<std::string> tags{};    ///< Given by call, declared query or hint.
  std::vector<std::string> tables{};  ///< What it reads, as `schema.name`.
};

/// One `[[rule]]`: what it matches and what it says.
///
/// Every kind that is given must match, by any of its globs (`spi::matches_glob`); `tags` and
/// `tables` match when one of the subject's does.
struct Rule {
  std::vector<std::string> names{};
  std::vector<std::string> tables{};
  std::vector<std::string> tags{};
  std::vector<std::string> sqls{};
  Policy policy{};

  [[nodiscard]] bool matches(const RuleSubject& subject) const;
};

/// The rules of one file, in its order.
///
/// The file is TOML: a list of `[[rule]]` tables. Match keys, each a glob or a list of globs, at
/// least one: `name`, `table`, `tag`, `sql`. Policy keys, at least one: `mode` ("auto", "off",
/// "coalesce"), `ttl`, `max_staleness`, `stale_if_error`, `stale_while_revalidate`, `timeout`
/// (durations, see `parse_duration`), `tags` and `depends_on` (lists). Globs and not regular
/// expressions: they cannot blow up. Thread safety: shared object safe for const calls.
class Rules {
 public:
  static constexpr std::size_t kLongestFile = 1024UL * 1024;
  static constexpr std::size_t kLongestGlob = 1000;

  Rules() = default;
  /// Errors: `kConfig` naming `path`, line, key, value and bound.
  [[nodiscard]] static Rules parse(std::string_view toml, const std::string& path);

  [[nodiscard]] std::size_t size() const noexcept { return rules_.size(); }
  /// Field by field what the first matching rule that sets it says; the tags and tables of all
  /// matching rules. What rules add is not matched against.
  [[nodiscard]] Policy policy_for(const RuleSubject& subject) const;

 private:
  std::vector<Rule> rules_;
};

/// A rules file that is read again when it changes. A broken or missing new version leaves the old
/// rules in force.
///
/// Thread safety: shared object safe; one `tick` at a time.
class RulesFile {
 public:
  static constexpr Duration kCheckEvery = std::chrono::seconds{1};

  /// No rules when `path` is empty. Errors: `kConfig`, see `Rules::parse`, and when it cannot be
  /// read.
  explicit RulesFile(std::string path);

  /// Looks at the file, at most once per `kCheckEvery`. Returns what is wrong with its new version,
  /// once for each; empty otherwise.
  [[nodiscard]] std::string tick(TimePoint now) WEIR_EXCLUDES(mutex_);

  [[nodiscard]] Policy policy_for(const RuleSubject& subject) const WEIR_EXCLUDES(mutex_);
  /// How many rules are in force. Lock-free.
  [[nodiscard]] std::size_t size() const noexcept {
    return size_.load(std::memory_order_relaxed);  // a number for itself; see version()
  }
  /// Another number after each change. Read before `policy_for`, it tells later whether that answer
  /// still holds.
  [[nodiscard]] std::uint64_t version() const noexcept {
    return version_.load(std::memory_order_acquire);  // pairs with the store in tick()
  }

 private:
  /// What changes when the file does.
  struct Signature {
    std::uint64_t device{};
    std::uint64_t inode{};
    std::int64_t size{};
    std::int64_t modified_ns{};
    std::int64_t changed_ns{};
    friend bool operator==(const Signature&, const Signature&) = default;
  };
  struct Loaded {
    Signature signature{};
    std::string text{};
  };
  [[nodiscard]] Loaded load() const;
  /// Empty when there is no such file, or it cannot be looked at.
  [[nodiscard]] std::optional<Signature> look() const;
  [[nodiscard]] std::shared_ptr<const Rules> rules() const WEIR_EXCLUDES(mutex_);

  const std::string path_;
  std::optional<Signature> seen_;          // of the version judged last; only tick() uses it
  TimePoint next_look_{TimePoint::min()};  // likewise
  std::atomic<std::uint64_t> version_{1};
  std::atomic<std::size_t> size_{0};
  mutable Mutex mutex_;
  std::shared_ptr<const Rules> rules_ WEIR_GUARDED_BY(mutex_);
};

}  // namespace weir::detail
