#pragma once

#include <memory>
#include <string_view>
#include <utility>

#include "src/engine/core.hpp"
#include "weir/transaction.hpp"

namespace weir {

/// A begun transaction and its connection.
///
/// The cache may answer only while nothing was written and the transaction is read committed: what
/// it would read from the database then is no older than what a lookup outside would get.
class Transaction::Impl {
 public:
  Impl(std::shared_ptr<detail::Core> core, detail::Asker asker, const TransactionOptions& options);
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  /// Rolls back what was not committed.
  ~Impl();

  Result query(std::string_view sql, const Query* declared, const Params& params);
  std::uint64_t execute(std::string_view sql, const Params& params);
  void savepoint(std::string_view name);
  void rollback_to(std::string_view name);
  void release(std::string_view name);
  void invalidate(spi::InvalidationKind kind, std::string_view target);
  void commit();
  void rollback();

 private:
  [[nodiscard]] spi::Connection& connection();
  [[nodiscard]] spi::Deadline deadline() const;
  /// Whether its reads come from one moment of its own, which the cache cannot know.
  [[nodiscard]] bool has_own_snapshot() const;
  /// Analyses the statement on this transaction's connection and notes whether it writes.
  void prepare(detail::Call& call);
  /// The transaction's limit for a statement, or the call's own if that is earlier.
  [[nodiscard]] spi::Deadline limit_of(const detail::Call& call) const;
  [[nodiscard]] spi::RunOutcome run(std::string_view sql, const Params& params,
                                    spi::Deadline limit);

  const std::shared_ptr<detail::Core> core_;
  const detail::Asker asker_;
  const TransactionOptions options_;
  detail::Lease lease_;
  bool open_{false};
  bool wrote_{false};
};

}  // namespace weir
