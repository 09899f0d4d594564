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
  return open(std::move(options), std::move(driver), clock, nullptr);
}

Database Database::open(Options options, std::unique_ptr<spi::Driver> driver, const Clock& clock,
                        std::unique_ptr<spi::RemoteStore> store) {
  std::shared_ptr<detail::Core> core{
      new detail::Core{std::move(options), std::move(driver), clock, detail::Threads::kBackground,
                       std::move(store)},
      [](detail::Core* last) {
        if (!last->forked()) detail::Core::end(std::unique_ptr<detail::Core>{last});
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

const Database::Handle& Database::handle() const {
  if (!handle_) {
    throw Error(ErrorCode::kUsage,
                "this Database was moved from: use the one it was moved to, or copy it instead");
  }
  return *handle_;
}

Database Database::with(Policy policy) const {
  policy.validate();
  detail::Asker asker = handle().core->asker(handle().asker.session, std::move(policy));
  return Database{std::make_shared<const Handle>(handle().core, std::move(asker))};
}

Database Database::with_session(Session session) const {
  check_session(session);
  if (session.declared() && handle().core->driver().backend() == "sqlite") {
    throw Error(ErrorCode::kConfig, "with_session: SQLite has neither roles nor settings");
  }
  detail::Asker asker = handle().core->asker(std::move(session), handle().asker.policy);
  return Database{std::make_shared<const Handle>(handle().core, std::move(asker))};
}

Result Database::query_params(std::string_view sql, const Params& params) const {
  return handle().core->query(handle().asker, sql, nullptr, params);
}

Result Database::query_params(const Query& query, const Params& params) const {
  return handle().core->query(handle().asker, query.sql(), &query, params);
}

std::uint64_t Database::execute_params(std::string_view sql, const Params& params) const {
  return handle().core->execute(handle().asker, sql, params);
}

Transaction Database::begin(const TransactionOptions& options) const {
  if (options.timeout) {
    detail::require_duration("transaction.timeout", *options.timeout, std::chrono::milliseconds{1});
  }
  return Transaction{std::make_unique<Transaction::Impl>(handle().core, handle().asker, options)};
}

bool Database::retries(const Error& error, std::size_t attempt,
                       const TransactOptions& options) const {
  if (!error.retryable() || attempt >= options.max_attempts) return false;
  handle().core->counters().transaction_retries.add();
  return true;
}

void TransactOptions::validate() const {
  detail::require_option(max_attempts >= 1 && max_attempts <= 100, "transact.max_attempts",
                         max_attempts, "1 to 100");
}

void Database::invalidate_table(std::string_view table) const {
  handle().core->invalidate(handle().asker, spi::InvalidationKind::kTable, table);
}
void Database::invalidate_tag(std::string_view tag) const {
  handle().core->invalidate(handle().asker, spi::InvalidationKind::kTag, tag);
}
void Database::invalidate_tags_matching(std::string_view glob) const {
  handle().core->invalidate(handle().asker, spi::InvalidationKind::kTagPattern, glob);
}
void Database::clear() const { handle().core->clear(); }

Token Database::token() const { return handle().core->token(handle().asker); }
void Database::observe(const Token& token) const { handle().core->observe(token); }
Explanation Database::explain(std::string_view sql) const {
  return handle().core->explain(handle().asker, sql);
}
Events& Database::events() const { return handle().core->events(); }
Metrics Database::metrics() const { return handle().core->metrics(); }
void Database::close() const { handle().core->close(); }

}  // namespace weir
