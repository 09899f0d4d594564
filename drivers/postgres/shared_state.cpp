#include "drivers/postgres/shared_state.hpp"

namespace weir::postgres {
namespace {

std::string scoped(std::string_view scope, std::string_view sql) {
  std::string key{scope};
  key += '\0';  // neither has one
  key += sql;
  return key;
}

}  // namespace

SharedState::SharedState(const Options& options, const Clock& clock)
    : options_{options},
      target_{.dsn = options.database, .application_name = options.postgres.application_name},
      display_name_{postgres::display_name(options.database)},
      clock_{&clock} {}

std::uint64_t SharedState::generation() const {
  const std::lock_guard lock{mutex_};
  return generation_;
}

void SharedState::forget_catalog() noexcept {
  analyzer_.forget();
  const std::lock_guard lock{mutex_};
  ++generation_;
  known_reads_.clear();
  type_names_.clear();
}

void SharedState::add_known_read(std::string_view scope, std::string_view sql,
                                 std::uint64_t generation) {
  const std::lock_guard lock{mutex_};
  if (generation != generation_) return;
  if (known_reads_.size() >= options_.statement_memo) known_reads_.clear();
  known_reads_.insert(scoped(scope, sql));
}

bool SharedState::known_read(std::string_view scope, std::string_view sql) const {
  const std::string key = scoped(scope, sql);
  const std::lock_guard lock{mutex_};
  return known_reads_.contains(key);
}

std::optional<std::string> SharedState::type_name(Oid type) const {
  const std::lock_guard lock{mutex_};
  const auto found = type_names_.find(type);
  return found == type_names_.end() ? std::nullopt : std::optional{found->second};
}

void SharedState::add_type_name(const TypeName& type, std::uint64_t generation) {
  const std::lock_guard lock{mutex_};
  if (generation == generation_) type_names_.insert_or_assign(type.oid, type.name);
}

SessionState SharedState::profile(const SessionState& first) {
  const std::lock_guard lock{mutex_};
  if (!profile_) profile_ = first;
  return *profile_;
}

}  // namespace weir::postgres
