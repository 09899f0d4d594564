#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/support/fake_database.hpp"
#include "tests/support/fake_words.hpp"
#include "weir/spi/driver.hpp"
#include "weir/spi/result_builder.hpp"

namespace weir::test {

/// One connection to a `FakeDatabase`.
class FakeConnection final : public spi::Connection {
 public:
  FakeConnection(std::shared_ptr<FakeDatabase> database, const Clock& clock)
      : database_{std::move(database)}, clock_{clock}, epoch_{database_->epoch()} {
    info_ = {.incarnation = database_->incarnation(),
             .environment = database_->environment,
             .standby = database_->standby,
             .server_version = "1"};
  }
  ~FakeConnection() override {
    if (change_ != 0) database_->abort(change_);
    database_->count(FakeCall::kDisconnect);
  }

  [[nodiscard]] const spi::ConnectionInfo& info() const noexcept override { return info_; }
  [[nodiscard]] spi::TransactionState state() const noexcept override {
    return usable_ ? state_ : spi::TransactionState::kLost;
  }
  [[nodiscard]] bool usable() const noexcept override { return usable_; }
  [[nodiscard]] const Session& session() const noexcept { return session_; }

  [[nodiscard]] bool ping(spi::Deadline deadline) noexcept override {
    try {
      enter(FakeCall::kPing, deadline);
      return true;
    } catch (const Error&) {
      return false;
    }
  }

  [[nodiscard]] spi::Analysis analyze(std::string_view sql, spi::Deadline deadline) override {
    enter(FakeCall::kAnalyze, deadline);
    const std::vector<std::string> words = fake_words(sql);
    std::string normal;
    for (const std::string& word : words) normal += (normal.empty() ? "" : " ") + word;
    spi::Analysis analysis;
    if (const auto found = database_->analyses.find(normal); found != database_->analyses.end()) {
      analysis = found->second;
    } else {
      analysis = meaning(words);
    }
    leave(FakeCall::kAnalyze, deadline);
    return analysis;
  }

  void check(std::string_view sql, spi::Deadline deadline) override {
    enter(FakeCall::kCheck, deadline);
    const std::vector<std::string> words = fake_words(sql);
    if (words.empty() || words.front() == "nonsense")
      throw Error{ErrorCode::kSyntax, "fake: syntax error", {.position = 1}};
  }

  [[nodiscard]] spi::RunOutcome run(const spi::RunRequest& request) override {
    enter(FakeCall::kRun, request.deadline);
    spi::RunOutcome outcome = execute(bound_words(request));
    if (database_->while_running) database_->while_running();
    leave(FakeCall::kRun, request.deadline);
    return outcome;
  }

  void use_session(const Session& session, spi::Deadline deadline) override {
    if (session == session_) return;
    enter(FakeCall::kUseSession, deadline);
    session_ = session;
  }
  [[nodiscard]] std::string session_doubt(spi::Deadline deadline) override {
    enter(FakeCall::kSessionDoubt, deadline);
    return database_->doubt;
  }

  void begin(spi::Isolation, spi::TransactionAccess, spi::Deadline deadline) override {
    enter(FakeCall::kBegin, deadline);
    state_ = spi::TransactionState::kActive;
  }
  void commit(spi::Deadline deadline) override {
    enter(FakeCall::kCommit, deadline);
    if (state_ == spi::TransactionState::kFailed) {
      undo();
      throw Error{ErrorCode::kDatabase, "commit: the transaction had failed"};
    }
    if (change_ != 0)
      database_->commit(std::exchange(change_, 0), std::exchange(writes_, {}),
                        std::exchange(changes_, {}));
    undo();
    leave(FakeCall::kCommit, deadline);
  }
  void rollback(spi::Deadline deadline) override {
    enter(FakeCall::kRollback, deadline);
    undo();
  }
  void savepoint(std::string_view name, spi::Deadline deadline) override {
    enter(FakeCall::kSavepoint, deadline);
    savepoints_.emplace_back(std::string{name}, writes_);
  }
  void rollback_to(std::string_view name, spi::Deadline deadline) override {
    enter(FakeCall::kRollback, deadline);
    const auto found = find_savepoint(name);
    writes_ = found->second;
    savepoints_.erase(std::next(found), savepoints_.end());
    state_ = spi::TransactionState::kActive;
  }
  void release(std::string_view name, spi::Deadline deadline) override {
    enter(FakeCall::kSavepoint, deadline);
    savepoints_.erase(find_savepoint(name), savepoints_.end());
  }

  void invalidate(spi::InvalidationKind kind, std::string_view target,
                  spi::Deadline deadline) override {
    enter(FakeCall::kInvalidate, deadline);
    const spi::ChangeKind change =
        kind == spi::InvalidationKind::kTable        ? spi::ChangeKind::kRelation
        : kind == spi::InvalidationKind::kTag        ? spi::ChangeKind::kTag
        : kind == spi::InvalidationKind::kTagPattern ? spi::ChangeKind::kTagPattern
                                                     : spi::ChangeKind::kEverything;
    changes_.push_back({0, change, std::string{target}});
    written();
  }
  [[nodiscard]] spi::Snapshot current_snapshot(spi::Deadline deadline) override {
    enter(FakeCall::kSnapshot, deadline);
    return database_->snapshot();
  }
  void cancel() noexcept override { database_->count(FakeCall::kCancel); }

 private:
  using Savepoints = std::vector<std::pair<std::string, FakeDatabase::Writes>>;

  void enter(FakeCall call, spi::Deadline deadline) {
    database_->count(call);
    stop_at_gate(call, Hold::kBefore, deadline);
    if (epoch_ != database_->epoch()) usable_ = false;
    if (!usable_)
      throw ConnectionError{"fake: the connection was lost", {.connection_usable = false}};
    if (const auto error = database_->take_failure(call)) {
      if (!error->connection_usable()) usable_ = false;
      if (state_ == spi::TransactionState::kActive) state_ = spi::TransactionState::kFailed;
      throw Error{*error};
    }
  }
  void leave(FakeCall call, spi::Deadline deadline) { stop_at_gate(call, Hold::kAfter, deadline); }
  void stop_at_gate(FakeCall call, Hold when, spi::Deadline deadline) {
    const auto gate = database_->take_gate(call, when);
    if (!gate || gate->pass(clock_, deadline)) return;
    usable_ = false;
    throw Error{ErrorCode::kTimeout, "fake: the deadline passed", {.connection_usable = false}};
  }

  [[nodiscard]] spi::Analysis meaning(const std::vector<std::string>& words) const {
    spi::Analysis analysis;
    const std::string verb = words.empty() ? "" : words[0];
    const std::string table = words.size() > 1 ? words[1] : "";
    for (const std::string& word : words)
      if (word.front() == '$') ++analysis.parameters;
    const bool tracked = !database_->untracked.contains(table);
    const spi::RelationUse use{.id = table, .name = "main." + table, .tracked = tracked};
    if (verb == "set" || verb == "del") {
      analysis.kind = spi::StatementKind::kWrite;
      analysis.writes = {use};
      analysis.reasons = {"it writes"};
    } else if (verb == "ddl") {
      analysis.kind = spi::StatementKind::kSchemaChange;
    } else if (verb == "get" || verb == "scan" || verb == "count" || verb == "now" ||
               verb == "secret") {
      analysis.kind = spi::StatementKind::kRead;
      analysis.relations = {use};
      if (tracked) analysis.dependencies = {table};
      if (tracked && verb == "get" && words.size() == 3 && database_->keyed.contains(table)) {
        spi::KeyValue value;
        if (words[2].front() == '$') {
          value.parameter = std::stoul(words[2].substr(1));
        } else {
          value.literal = words[2];
        }
        analysis.keys = {{table, "k", "text", "main." + table, "k", {std::move(value)}}};
      }
      analysis.cacheability =
          tracked && verb != "now" ? spi::Cacheability::kProvable : spi::Cacheability::kTtlOnly;
      if (!tracked) analysis.reasons.push_back("main." + table + " is not tracked");
      if (verb == "now") analysis.reasons.emplace_back("now() is not immutable");
      analysis.needs_declared_session = verb == "secret";
    }
    return analysis;
  }

  [[nodiscard]] static std::vector<std::string> bound_words(const spi::RunRequest& request) {
    std::vector<std::string> values;
    if (request.params != nullptr) {
      request.params->for_each([&values](const ParamView& value) {
        values.push_back(value.type() == ParamType::kText ? std::string{value.text()}
                                                          : std::to_string(value.integer()));
      });
    }
    std::vector<std::string> words = fake_words(request.sql);
    std::size_t wanted = 0;
    for (std::string& word : words) {
      if (word.front() != '$') continue;
      const std::size_t number = std::stoul(word.substr(1));
      wanted = std::max(wanted, number);
      if (number <= values.size()) word = values[number - 1];
    }
    if (wanted != values.size()) throw Error{ErrorCode::kUsage, "fake: wrong parameter count"};
    return words;
  }

  [[nodiscard]] spi::RunOutcome execute(const std::vector<std::string>& words) {
    const std::string verb = words.empty() ? "" : words[0];
    spi::ResultBuilder builder;
    spi::RunOutcome outcome;
    if (verb == "set" && words.size() == 4) {
      writes_[{words[1], words[2]}] = words[3];
      outcome.affected = 1;
      written();
    } else if (verb == "del" && words.size() == 3) {
      writes_[{words[1], words[2]}] = std::nullopt;
      outcome.affected = 1;
      written();
    } else if (verb == "ddl") {
      changes_.push_back({0, spi::ChangeKind::kEverything, ""});
      written();
    } else if (verb == "count" && words.size() == 2) {
      builder.add_column("count", "int8");
      builder.integer(static_cast<std::int64_t>(database_->rows(words[1], writes_).size()));
      outcome.affected = 1;
    } else if (words.size() >= 2 &&
               (verb == "get" || verb == "scan" || verb == "now" || verb == "secret")) {
      builder.add_column("key", "text");
      builder.add_column("value", "text");
      for (const auto& [key, value] : database_->rows(words[1], writes_)) {
        if (verb == "get" && (words.size() != 3 || key != words[2])) continue;
        builder.text(key);
        builder.text(value);
        ++outcome.affected;
      }
    } else {
      if (state_ == spi::TransactionState::kActive) state_ = spi::TransactionState::kFailed;
      throw Error{ErrorCode::kSyntax, "fake: syntax error", {.position = 1}};
    }
    outcome.rows = builder.finish();
    return outcome;
  }
  /// The transaction has an id from its first write on; without a transaction the write is
  /// committed at once.
  void written() {
    if (change_ == 0) change_ = database_->begin_change();
    if (state_ != spi::TransactionState::kIdle) return;
    database_->commit(std::exchange(change_, 0), std::exchange(writes_, {}),
                      std::exchange(changes_, {}));
  }
  void undo() {
    if (change_ != 0) database_->abort(std::exchange(change_, 0));
    writes_.clear();
    changes_.clear();
    savepoints_.clear();
    state_ = spi::TransactionState::kIdle;
  }
  [[nodiscard]] Savepoints::iterator find_savepoint(std::string_view name) {
    const auto found =
        std::find_if(savepoints_.rbegin(), savepoints_.rend(),
                     [name](const auto& savepoint) { return savepoint.first == name; });
    if (found == savepoints_.rend()) throw Error{ErrorCode::kDatabase, "fake: no such savepoint"};
    return std::next(found).base();
  }

  const std::shared_ptr<FakeDatabase> database_;
  const Clock& clock_;
  const std::size_t epoch_;
  spi::ConnectionInfo info_;
  bool usable_{true};
  spi::TransactionState state_{spi::TransactionState::kIdle};
  Session session_;
  spi::ChangeId change_{0};
  FakeDatabase::Writes writes_;
  std::vector<spi::Change> changes_;
  Savepoints savepoints_;
};

/// The journal of a `FakeDatabase`.
class FakeFeed final : public spi::ChangeFeed {
 public:
  FakeFeed(std::shared_ptr<FakeDatabase> database, const Clock& clock)
      : database_{std::move(database)}, clock_{clock} {}
  void want_history() override { wants_history_ = true; }
  [[nodiscard]] spi::Pull pull(spi::Deadline deadline) override {
    database_->count(FakeCall::kPull);
    stop_at_gate(Hold::kBefore, deadline);
    if (const auto error = database_->take_failure(FakeCall::kPull)) throw Error{*error};
    previous_ = database_->pull(previous_, wants_history_);
    stop_at_gate(Hold::kAfter, deadline);
    return *previous_;
  }

 private:
  void stop_at_gate(Hold when, spi::Deadline deadline) {
    const auto gate = database_->take_gate(FakeCall::kPull, when);
    if (!gate || gate->pass(clock_, deadline)) return;
    throw Error{ErrorCode::kTimeout, "fake: the deadline passed"};
  }
  const std::shared_ptr<FakeDatabase> database_;
  const Clock& clock_;
  bool wants_history_{false};
  std::optional<spi::Pull> previous_;
};

/// Wakes at every commit on a `FakeDatabase`.
class FakeListener final : public spi::Listener {
 public:
  FakeListener(std::shared_ptr<FakeDatabase> database, const Clock& clock)
      : database_{std::move(database)}, clock_{clock} {}
  [[nodiscard]] spi::ListenStep step(spi::Deadline deadline) override {
    return {.woken = database_->await_commit(clock_, deadline),
            .leader = true,
            .wake_ups_arrive = true};
  }
  void interrupt() noexcept override { database_->wake(); }

 private:
  const std::shared_ptr<FakeDatabase> database_;
  const Clock& clock_;
};

/// A driver for a `FakeDatabase`; has no admin.
class FakeDriver final : public spi::Driver {
 public:
  FakeDriver(std::shared_ptr<FakeDatabase> database, const Clock& clock)
      : database_{std::move(database)}, clock_{clock} {}

  [[nodiscard]] std::string_view backend() const noexcept override { return "fake"; }
  [[nodiscard]] std::string_view display_name() const noexcept override { return "fake:memory"; }
  [[nodiscard]] std::size_t max_connections(spi::Access access) const noexcept override {
    return access == spi::Access::kRead ? database_->max_readers : database_->max_writers;
  }
  [[nodiscard]] bool shares_change_ids() const noexcept override {
    return database_->shares_change_ids;
  }
  [[nodiscard]] bool separate_writer() const noexcept override {
    return database_->separate_writer;
  }
  [[nodiscard]] spi::Scan scan(std::string_view sql) const override {
    spi::Scan scan;
    for (const std::string& word : fake_words(sql, &scan.hints)) {
      scan.normalized += (scan.normalized.empty() ? "" : " ") + word;
    }
    return scan;
  }
  [[nodiscard]] spi::KeyText key_value(std::string_view, const ParamView& value) const override {
    using Form = spi::KeyText::Form;
    if (value.is_null()) return {Form::kNothing, {}};
    if (value.type() == ParamType::kText) return {Form::kValue, std::string{value.text()}};
    if (value.type() == ParamType::kInt64) return {Form::kValue, std::to_string(value.integer())};
    return {Form::kUnknown, {}};
  }
  [[nodiscard]] std::unique_ptr<spi::Connection> connect(spi::Access,
                                                         spi::Deadline deadline) override {
    database_->count(FakeCall::kConnect);
    const auto gate = database_->take_gate(FakeCall::kConnect, Hold::kBefore);
    if (gate && !gate->pass(clock_, deadline))
      throw Error{ErrorCode::kTimeout, "fake: connecting took too long"};
    if (const auto error = database_->take_failure(FakeCall::kConnect)) throw Error{*error};
    return std::make_unique<FakeConnection>(database_, clock_);
  }
  [[nodiscard]] std::unique_ptr<spi::ChangeFeed> open_feed() override {
    return std::make_unique<FakeFeed>(database_, clock_);
  }
  [[nodiscard]] std::unique_ptr<spi::Listener> open_listener() override {
    if (!database_->with_listener) return nullptr;
    return std::make_unique<FakeListener>(database_, clock_);
  }
  [[nodiscard]] std::unique_ptr<spi::Admin> open_admin() override { return nullptr; }
  void forget_catalog() noexcept override { ++catalogs_forgotten; }

  std::atomic<std::size_t> catalogs_forgotten{0};

 private:
  const std::shared_ptr<FakeDatabase> database_;
  const Clock& clock_;
};

}  // namespace weir::test
