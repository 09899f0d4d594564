#pragma once

#include <memory>
#include <pqxx/pqxx>
#include <string>
#include <vector>

#include "weir/options.hpp"

namespace weir::postgres {

/// Runs one statement with parameters; the spelling differs between libpqxx 6 and 7.9.
template <typename... T>
pqxx::result run(pqxx::transaction_base& transaction, const std::string& sql, const T&... values) {
#if PQXX_VERSION_MAJOR > 7 || (PQXX_VERSION_MAJOR == 7 && PQXX_VERSION_MINOR >= 9)
  return transaction.exec(sql, pqxx::params{values...});
#else
  return transaction.exec_params(sql, values...);
#endif
}

/// One libpqxx connection for upkeep. Everything it sets is local to a transaction, so it works
/// through poolers.
///
/// Thread safety: distinct objects safe; shared object unsafe.
class AdminSession {
 public:
  /// Errors: `kConfig`, `ConnectionError`.
  explicit AdminSession(const Options& options);

  /// False once the connection was lost.
  [[nodiscard]] bool open() const { return connection_->is_open(); }

  /// Runs `work(pqxx::work&)` and commits. Errors: libpqxx's, translated; `operation` names the
  /// call.
  template <typename F>
  auto transact(const char* operation, F&& work) {
    try {
      pqxx::work transaction{*connection_};
      transaction.exec(preamble_);
      if constexpr (std::is_void_v<decltype(work(transaction))>) {
        work(transaction);
        transaction.commit();
      } else {
        auto value = work(transaction);
        transaction.commit();
        return value;
      }
    } catch (const pqxx::failure& failure) {
      rethrow(failure, operation);
    }
  }

 private:
  [[noreturn]] static void rethrow(const pqxx::failure& failure, const char* operation);

  std::string preamble_;
  std::unique_ptr<pqxx::connection> connection_;
};

}  // namespace weir::postgres
