#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "src/base/cost_average.hpp"
#include "src/sql/hint.hpp"
#include "weir/units.hpp"

namespace weir::detail {

/// A statement's normal form and the id the cache key holds in its place.
///
/// Statements of one memo with equal normal forms share one while any of them lives. Ids are never
/// given again in this process. Thread safety: shared object safe.
struct NormalForm {
  std::string text{};
  std::uint64_t id{};
  mutable CostAverage cost{};  ///< What the database took.
  /// Lookups that found a result of it which something it depends on had changed under. Orders
  /// nothing.
  mutable std::atomic<std::uint64_t> touched{0};
  /// What its tables' changes summed up to when it was first analysed; empty before.
  mutable std::atomic<std::uint64_t> changes_before{kNotAnalysed};

  static constexpr std::uint64_t kNotAnalysed = ~std::uint64_t{0};
};

/// What the engine found out about a statement with the catalog; the engine derives from it.
struct StatementFacts {
  StatementFacts() = default;
  StatementFacts(const StatementFacts&) = delete;
  StatementFacts& operator=(const StatementFacts&) = delete;
  virtual ~StatementFacts() = default;
};

/// One statement text as weir remembers it. Immutable: new facts make a new `Statement` that shares
/// the rest, see `StatementMemo::attach`; so one reference holds everything a lookup reads.
///
/// Thread safety: shared object safe.
class Statement {
 public:
  /// What the text alone tells.
  struct Texts {
    std::string sql{};
    std::uint64_t hash{};  ///< The memo's, of `sql`.
    std::shared_ptr<const NormalForm> normal{};
    Hint hint{};
  };

  Statement(std::shared_ptr<const Texts> texts,
            std::shared_ptr<const StatementFacts> facts) noexcept
      : texts_{std::move(texts)}, facts_{std::move(facts)} {}

  [[nodiscard]] const std::string& sql() const noexcept { return texts_->sql; }
  [[nodiscard]] std::uint64_t hash() const noexcept { return texts_->hash; }
  [[nodiscard]] const std::string& normalized() const noexcept { return texts_->normal->text; }
  [[nodiscard]] std::uint64_t id() const noexcept { return texts_->normal->id; }
  [[nodiscard]] CostAverage& cost() const noexcept { return texts_->normal->cost; }
  [[nodiscard]] const NormalForm& normal() const noexcept { return *texts_->normal; }
  [[nodiscard]] const Hint& hint() const noexcept { return texts_->hint; }
  [[nodiscard]] const std::shared_ptr<const Texts>& texts() const noexcept { return texts_; }
  /// Null until the engine attached them. Lifetime: this statement's.
  [[nodiscard]] const StatementFacts* facts() const noexcept { return facts_.get(); }

 private:
  std::shared_ptr<const Texts> texts_;
  std::shared_ptr<const StatementFacts> facts_;
};

using StatementRef = std::shared_ptr<const Statement>;

/// Throws `kUsage` naming size and bound, or the offset of what is wrong, unless `sql` is UTF-8
/// without NUL and at most `longest`.
void check_statement_text(std::string_view sql, Bytes longest);

}  // namespace weir::detail
