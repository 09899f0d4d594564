#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "weir/error.hpp"
#include "weir/events.hpp"
#include "weir/explanation.hpp"
#include "weir/metrics.hpp"
#include "weir/options.hpp"
#include "weir/params.hpp"
#include "weir/policy.hpp"
#include "weir/result.hpp"
#include "weir/session.hpp"
#include "weir/token.hpp"
#include "weir/transaction.hpp"

namespace weir {

namespace spi {
class Driver;
class RemoteStore;
}  // namespace spi

/// A database behind a cache that knows when a result is no longer true.
///
/// A handle: copies are cheap and share pool, cache and threads; the last one closes them. `with`
/// and `with_session` make handles that ask in another way. Thread safety: distinct objects safe;
/// shared object safe for const calls, which is all but assignment. Not usable in the child after
/// `fork()`: every call then throws `kRefused`; one that was moved from throws `kUsage`. Lifetime:
/// a handle outlives the calls made on it, also when an event's slot, run by the call, could drop
/// it.
class Database {
 public:
  /// Connects once, so that a wrong DSN, password or option is told here. A missing journal is not
  /// an error: queries then run uncached and `Result::reason()` says what to do. Errors: `kConfig`
  /// naming the option, `ConnectionError`, `kTimeout`. Defined in weir::weir, which knows the
  /// drivers.
  [[nodiscard]] static Database open(Options options);
  /// As above, over a driver of one's own.
  [[nodiscard]] static Database open(Options options, std::unique_ptr<spi::Driver> driver,
                                     const Clock& clock = system_clock());
  /// As above, with a shared tier in `store`; null for none. `options.redis` says how it is used.
  [[nodiscard]] static Database open(Options options, std::unique_ptr<spi::Driver> driver,
                                     const Clock& clock, std::unique_ptr<spi::RemoteStore> store);

  Database(const Database&) noexcept;
  Database& operator=(const Database&) noexcept;
  Database(Database&&) noexcept;
  Database& operator=(Database&&) noexcept;
  ~Database();

  /// A handle whose calls carry `policy` above everything else. Errors: `kConfig`, see
  /// `Policy::validate`.
  [[nodiscard]] Database with(Policy policy) const;
  /// A handle that asks as `session`. Errors: `kConfig` where the database has no sessions.
  [[nodiscard]] Database with_session(Session session) const;

  /// Runs a statement and returns its rows, from the cache when they are proven fresh enough.
  /// Errors: `Error` of the database or of weir; never for a failing cache. A read on a lost
  /// connection is tried once more on a fresh one.
  template <typename... A>
  [[nodiscard]] Result query(std::string_view sql, const A&... arguments) const {
    return query_params(sql, Params::of(arguments...));
  }
  template <typename... A>
  [[nodiscard]] Result query(const Query& query, const A&... arguments) const {
    return query_params(query, Params::of(arguments...));
  }
  [[nodiscard]] Result query_params(std::string_view sql, const Params& params) const;
  [[nodiscard]] Result query_params(const Query& query, const Params& params) const;

  /// Runs a statement for its effect. The next lookup sees it, whatever its staleness bound.
  /// Returns: rows inserted, updated or deleted. Errors: `Error`; a write is never tried twice.
  template <typename... A>
  std::uint64_t execute(std::string_view sql, const A&... arguments) const {
    return execute_params(sql, Params::of(arguments...));
  }
  std::uint64_t execute_params(std::string_view sql, const Params& params) const;

  [[nodiscard]] Transaction begin(const TransactionOptions& options = {}) const;
  /// Calls `work(Transaction&)` in a transaction and commits; again from the start after a
  /// serialization failure or a deadlock, up to `max_attempts` times. Returns what `work` returns.
  /// Errors: what the last attempt threw.
  template <typename F>
  auto transact(F&& work, const TransactOptions& options = {}) const;

  /// Make everything that depends on it stale, in every process that shares this database's
  /// journal.
  void invalidate_table(std::string_view table) const;
  void invalidate_tag(std::string_view tag) const;
  void invalidate_tags_matching(
      std::string_view glob) const;  ///< `*` any run, `?` one character, `\` quotes.
  /// Empties this process's cache. With a shared tier, every process's and the shared one's: it
  /// leaves a journal row as the invalidations do. Errors: only then, as for them.
  void clear() const;

  /// Proof of everything committed up to now. Costs a round trip.
  [[nodiscard]] Token token() const;
  /// From now on nothing is answered that has not seen what the token proves.
  void observe(const Token& token) const;

  /// What is known of a statement. Errors: as for `query`, without running it.
  [[nodiscard]] Explanation explain(std::string_view sql) const;

  /// Slots must not own a handle: see `Event`. Lifetime: as long as any handle.
  [[nodiscard]] Events& events() const;
  [[nodiscard]] Metrics metrics() const;

  /// Refuses new calls, waits up to `Options::statement_timeout` for those that run and for open
  /// transactions, which it neither commits nor rolls back, and joins the threads. End transactions
  /// first. Errors: `kTimeout` naming what is still open; the database is closed all the same.
  void close() const;

 private:
  class Handle;
  /// Errors: `kUsage` when this was moved from.
  [[nodiscard]] const Handle& handle() const;
  explicit Database(std::shared_ptr<const Handle> handle) noexcept;
  /// Whether to try again after `error` on attempt `attempt`; counts the retry.
  [[nodiscard]] bool retries(const Error& error, std::size_t attempt,
                             const TransactOptions& options) const;

  std::shared_ptr<const Handle> handle_;
};

template <typename F>
auto Database::transact(F&& work, const TransactOptions& options) const {
  options.validate();
  for (std::size_t attempt = 1;; ++attempt) {
    Transaction transaction = begin(options.transaction);
    try {
      if constexpr (std::is_void_v<std::invoke_result_t<F&, Transaction&>>) {
        work(transaction);
        transaction.commit();
        return;
      } else {
        auto outcome = work(transaction);
        transaction.commit();
        return outcome;
      }
    } catch (const Error& error) {
      if (!retries(error, attempt, options)) throw;
    }
  }
}

}  // namespace weir
