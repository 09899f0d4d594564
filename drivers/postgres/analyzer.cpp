#include "drivers/postgres/analyzer.hpp"

#include <fmt/core.h>

#include <cstddef>
#include <utility>

#include "drivers/postgres/analysis_run.hpp"
#include "drivers/postgres/catalog.hpp"
#include "drivers/postgres/statement_shape.hpp"

namespace weir::postgres {
namespace {

constexpr std::size_t kMaxAnswers = 4096;
constexpr std::size_t kMaxKeptText = 16 * 1024;

}  // namespace

spi::Analysis Analyzer::analyze(Pq& connection, std::string_view sql, spi::Deadline deadline) {
  StatementShape shape = read_statement(sql);
  Catalog catalog{connection, deadline};
  if (shape.kind != spi::StatementKind::kRead && shape.kind != spi::StatementKind::kWrite) {
    return AnalysisRun{catalog, AnalysisRun::Builtins::kMaybeHidden}.run(
        shape, sql);  // asks the catalog nothing
  }
  std::uint64_t generation = 0;
  {
    const std::lock_guard lock{mutex_};
    generation = generation_;
  }
  auto [key, overridden, builtin_first, unwatched_role] = catalog.context();
  if (overridden) {
    spi::Analysis analysis;
    analysis.parameters = shape.parameters;
    analysis.may_change_session = true;
    if (shape.kind == spi::StatementKind::kWrite) analysis.kind = shape.kind;
    analysis.reasons.emplace_back(
        "the search_path puts users' operators before the builtin ones: put pg_catalog first");
    return analysis;
  }
  if (!unwatched_role.empty()) {
    shape.ttl_only.push_back(fmt::format(
        "changes to role {0} are not noticed: GRANT {0} TO the role that logs in", unwatched_role));
  }
  const bool keep = !key.empty() && sql.size() <= kMaxKeptText;
  key += '\x1f';
  key += sql;
  if (keep) {
    const std::lock_guard lock{mutex_};
    if (const auto found = answers_.find(key); found != answers_.end()) return found->second;
  }
  spi::Analysis analysis = AnalysisRun{catalog, builtin_first ? AnalysisRun::Builtins::kFirst
                                                              : AnalysisRun::Builtins::kMaybeHidden}
                               .run(shape, sql);
  if (keep) {
    const std::lock_guard lock{mutex_};
    // What was read before a forget() may be what it wanted forgotten.
    if (generation == generation_) {
      if (answers_.size() >= kMaxAnswers) answers_.clear();
      answers_.emplace(std::move(key), analysis);
    }
  }
  return analysis;
}

void Analyzer::forget() noexcept {
  const std::lock_guard lock{mutex_};
  ++generation_;
  answers_.clear();
}

}  // namespace weir::postgres
