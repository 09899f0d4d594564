#include "weir/database.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <utility>

#include "src/engine/core.hpp"
#include "src/engine/transaction_impl.hpp"
#include "src/sql/bounds.hpp"

namespace weir {

/// A core and in what way to ask it.
class Database::Handle {
 public:
  Handle(std::shared_ptr<detail::Core> shared_core, detail::Asker how)
      : core{std::move(shared_core)}, asker{std::move(how)} {}

  const std::shared_ptr<detail::Core> core;
  const detail::Asker asker;
};

namespace {

void check_session(const Session& session) {
  for (const auto& [name, value] : session.settings) {
    std::string lower = name;
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    if (lower == "role" || lower == "search_path" || lower == "session_authorization") {
      throw Error(
          ErrorCode::kConfig,
          fmt::format("session.settings: \"{}\" cannot be set as a setting; use session.role or "
                      "session.search_path",
                      name));
    }
  }
}

}  // namespace

Database Database::open(Options options, std::unique_ptr<spi::Driver> driver, const Clock& clock) {
  std::shared_ptr<detail::Core> core{
      new detail::Core{std::move(options), std::move(driver), clock, detail::Threads::kBackground},
      [](detail::Core* last) {
        if (!last->forked()) delete last;
      }};
  detail::Asker asker = core->asker({}, {});
  return Database{std::make_shared<const Handle>(std::move(core), std::move(asker))};
}

Database::Database(std::shared_ptr<const Handle> handle) noexcept : handle_{std::move(handle)} {}
Database::Database(const Database&) noexcept = default;
Database& Database::operator=(const Database&) noexcept = default;
Database::Database(Database&&) noexcept = default;
Database& Database::operator=(Database&&) noexcept = default;
Database::~Database() = default;

Database Database::with(Policy policy) const {
  policy.validate();
  detail::Asker asker = handle_->core->asker(handle_->asker.session, std::move(policy));
  return Database{std::make_shared<const Handle>(handle_->core, std::move(asker))};
}

Database Database::with_session(Session session) const {
  check_session(session);
  if (session.declared() && handle_->core->driver().backend() == "sqlite") {
    throw Error(ErrorCode::kConfig, "with_session: SQLite has neither roles nor settings");
  }
  detail::Asker asker = handle_->core->asker(std::move(session), handle_->asker.policy);
  return Database{std::make_shared<const Handle>(handle_->core, std::move(asker))};
}

Result Database::query_params(std::string_view sql, const Params& params) const {
  return handle_->core->query(handle_->asker, sql, nullptr, params);
}

Result Database::query_params(const Query& query, const Params& params) const {
  return handle_->core->query(handle_->asker, query.sql(), &query, params);
}

std::uint64_t Database::execute_params(std::string_view sql, const Params& params) const {
  return handle_->core->execute(handle_->asker, sql, params);
}

Transaction Database::begin(const TransactionOptions& options) const {
  if (options.timeout) {
    detail::require_duration("transaction.timeout", *options.timeout, std::chrono::milliseconds{1});
  }
  return Transaction{std::make_unique<Transaction::Impl>(handle_->core, handle_->asker, options)};
}

bool Database::retries(const Error& error, std::size_t attempt,
                       const TransactOptions& options) const {
  if (!error.retryable() || attempt >= options.max_attempts) return false;
  handle_->core->counters().transaction_retries.add();
  return true;
}

void TransactOptions::validate() const {
  detail::require_option(max_attempts >= 1 && max_attempts <= 100, "transact.max_attempts",
                         max_attempts, "1 to 100");
}

void Database::invalidate_table(std::string_view table) const {
  handle_->core->invalidate(handle_->asker, spi::InvalidationKind::kTable, table);
}
void Database::invalidate_tag(std::string_view tag) const {
  handle_->core->invalidate(handle_->asker, spi::InvalidationKind::kTag, tag);
}
void Database::invalidate_tags_matching(std::string_view glob) const {
  handle_->core->invalidate(handle_->asker, spi::InvalidationKind::kTagPattern, glob);
}
void Database::clear() const { handle_->core->clear(); }

Token Database::token() const { return handle_->core->token(handle_->asker); }
void Database::observe(const Token& token) const { handle_->core->observe(token); }
Explanation Database::explain(std::string_view sql) const {
  return handle_->core->explain(handle_->asker, sql);
}
Events& Database::events() const noexcept { return handle_->core->events(); }
Metrics Database::metrics() const { return handle_->core->metrics(); }
void Database::close() const { handle_->core->close(); }

}  // namespace weir
