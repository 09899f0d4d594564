#pragma once

#include <libpq-fe.h>

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "drivers/postgres/analyzer.hpp"
#include "drivers/postgres/pq.hpp"
#include "drivers/postgres/session_profile.hpp"
#include "weir/clock.hpp"
#include "weir/options.hpp"

namespace weir::postgres {

/// What all connections of one driver share: options, the analyzer, and what was learnt about the
/// database.
///
/// Thread safety: shared object safe. Lifetime: outlives the driver's connections.
class SharedState {
 public:
  SharedState(const Options& options, const Clock& clock);

  [[nodiscard]] const Options& options() const noexcept { return options_; }
  [[nodiscard]] const Target& target() const noexcept { return target_; }
  [[nodiscard]] const std::string& display_name() const noexcept { return display_name_; }
  [[nodiscard]] const Clock& clock() const noexcept { return *clock_; }
  [[nodiscard]] Analyzer& analyzer() noexcept { return analyzer_; }
  [[nodiscard]] bool through_pooler() const noexcept {
    return options_.postgres.pooling == Pooling::kTransaction;
  }

  /// Counts how often the catalog was forgotten: knowledge from an earlier generation is void.
  [[nodiscard]] std::uint64_t generation() const;
  void forget_catalog() noexcept;

  /// Remembers that `sql` was proven, at `generation` and in the session `scope` names, to be a
  /// read that leaves the session alone.
  void add_known_read(std::string_view scope, std::string_view sql, std::uint64_t generation);
  [[nodiscard]] bool known_read(std::string_view scope, std::string_view sql) const;

  struct TypeName {
    Oid oid{};
    std::string name{};
  };
  [[nodiscard]] std::optional<std::string> type_name(Oid type) const;
  void add_type_name(const TypeName& type, std::uint64_t generation);

  /// The state every session of this driver starts with: that of the first connection, which is
  /// kept if there is none yet.
  [[nodiscard]] SessionState profile(const SessionState& first);

 private:
  Options options_;
  Target target_;
  std::string display_name_;
  const Clock* clock_;
  Analyzer analyzer_;
  mutable std::mutex mutex_;  // guards all below
  std::uint64_t generation_{1};
  std::unordered_set<std::string> known_reads_;
  std::unordered_map<Oid, std::string> type_names_;
  std::optional<SessionState> profile_;
};

}  // namespace weir::postgres
