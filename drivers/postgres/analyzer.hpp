#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "drivers/postgres/pq.hpp"
#include "drivers/postgres/scan.hpp"
#include "weir/spi/analysis.hpp"
#include "weir/spi/deadline.hpp"

namespace weir::postgres {

/// What statements read, by PostgreSQL's grammar and the catalog as the connection sees it.
///
/// Purpose: tell apart what can be proven to change only with tracked tables, what a caller may
/// cache for a time, and what may never be cached. Names resolve as the server resolves them; where
/// the server would choose by types weir does not know (overloaded functions, operators, implicit
/// casts), every candidate that the types in sight allow must be harmless. Views, row-security
/// policies, domain checks and SQL-standard function bodies are read like the statement itself.
/// Answers are kept by (who asks, search path, text) until `forget`.
/// Why so: docs/adr/0004-statement-analysis.md.
/// Thread safety: shared object safe.
class Analyzer {
 public:
  /// Round trips: one for a known text, else three, and one more for each level of views and
  /// bodies. Errors: what the connection throws; a statement that is wrong is `kOther`, not an
  /// error.
  [[nodiscard]] spi::Analysis analyze(Pq& connection, std::string_view sql, spi::Deadline deadline);

  /// Drops everything: the catalog may have changed.
  void forget() noexcept;

 private:
  std::mutex mutex_;
  std::uint64_t generation_{0};                             // guarded by mutex_; moved by forget()
  std::unordered_map<std::string, spi::Analysis> answers_;  // guarded by mutex_
};

}  // namespace weir::postgres
