#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "src/base/mutex.hpp"
#include "src/sql/statement_memo.hpp"
#include "weir/session.hpp"

namespace weir::detail {

/// Numbers for what, beside statement and parameters, decides what an answer is: the declared
/// session and the tables a policy declares to be read. Equal contexts have equal numbers while
/// both are remembered; a number is never given to two contexts, so forgetting one costs hits and
/// nothing else.
///
/// Thread safety: shared object safe.
class Contexts {
 public:
  /// REQUIRES: `memo_capacity` at least 1.
  explicit Contexts(std::size_t memo_capacity) : memo_capacity_{memo_capacity} {}

  [[nodiscard]] std::uint64_t number(const Session& session,
                                     const std::vector<std::string>& depends_on)
      WEIR_EXCLUDES(mutex_);
  /// The statements as analysed under the session's role, search_path and settings other than an
  /// application's own, which decide what a text means.
  [[nodiscard]] std::shared_ptr<StatementMemo> memo(const Session& session) WEIR_EXCLUDES(mutex_);
  /// Statement texts remembered, over all memos.
  [[nodiscard]] std::size_t statements() const WEIR_EXCLUDES(mutex_);
  [[nodiscard]] std::vector<std::shared_ptr<StatementMemo>> memos() const WEIR_EXCLUDES(mutex_);

  static constexpr std::size_t kRemembered = 100'000;

 private:
  const std::size_t memo_capacity_;
  mutable Mutex mutex_;
  std::unordered_map<std::string, std::uint64_t> numbers_ WEIR_GUARDED_BY(mutex_);
  std::uint64_t next_ WEIR_GUARDED_BY(mutex_){1};
  std::unordered_map<std::string, std::shared_ptr<StatementMemo>> memos_ WEIR_GUARDED_BY(mutex_);
};

}  // namespace weir::detail
