#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "weir/params.hpp"
#include "weir/policy.hpp"
#include "weir/result.hpp"
#include "weir/spi/driver.hpp"

namespace weir {

using spi::Isolation;
using spi::TransactionAccess;

/// How to begin a transaction.
struct TransactionOptions {
  Isolation isolation{
      Isolation::kReadCommitted};  ///< SQLite transactions are serializable whatever is asked for.
  TransactionAccess access{TransactionAccess::kReadWrite};
  std::optional<std::chrono::milliseconds>
      timeout{};  ///< For each statement; default `Options::statement_timeout`.
};

/// How `Database::transact` tries.
struct TransactOptions {
  TransactionOptions transaction{};
  std::size_t max_attempts{5};  ///< On serialization failures and deadlocks; 1 to 100.
  void validate() const;  ///< Throws Error(kConfig) naming the field, the value and the bound.
};

/// A transaction on one connection. Rolled back when destroyed without `commit`.
///
/// Reads come from the cache only before the first write of a read-committed transaction; nothing
/// read here is ever stored. After `commit` the next lookup, here or through any handle of the same
/// database, sees what was written. One that has ended or was moved from throws `kUsage`. Thread
/// safety: shared object unsafe. Lifetime: holds a connection of the pool until it ends;
/// `Database::close` waits for that, so end it first.
class Transaction {
 public:
  class Impl;
  explicit Transaction(std::unique_ptr<Impl> impl) noexcept;
  Transaction(Transaction&&) noexcept;
  Transaction& operator=(Transaction&&) noexcept;
  ~Transaction();

  /// Errors: `Error`; after one, only `rollback` and `rollback_to` work on PostgreSQL.
  template <typename... A>
  Result query(std::string_view sql, const A&... arguments) {
    return query_params(sql, Params::of(arguments...));
  }
  template <typename... A>
  Result query(const Query& query, const A&... arguments) {
    return query_params(query, Params::of(arguments...));
  }
  Result query_params(std::string_view sql, const Params& params);
  Result query_params(const Query& query, const Params& params);

  /// Returns: rows inserted, updated or deleted.
  template <typename... A>
  std::uint64_t execute(std::string_view sql, const A&... arguments) {
    return execute_params(sql, Params::of(arguments...));
  }
  std::uint64_t execute_params(std::string_view sql, const Params& params);

  /// Names are quoted, so any text of 1 to 63 bytes will do. Errors (all three): `kUsage` for
  /// another name.
  void savepoint(std::string_view name);
  void rollback_to(std::string_view name);
  void release(std::string_view name);

  /// Take effect with the commit.
  void invalidate_table(std::string_view table);
  void invalidate_tag(std::string_view tag);
  void invalidate_tags_matching(std::string_view glob);

  /// Errors: `Error`; whether the commit happened is unknown when the connection was lost during
  /// it.
  void commit();
  void rollback();

 private:
  /// Errors: `kUsage` when this was moved from.
  [[nodiscard]] Impl& impl() const;

  std::unique_ptr<Impl> impl_;
};

}  // namespace weir
