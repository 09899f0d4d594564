#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "drivers/postgres/pq.hpp"
#include "drivers/postgres/session_profile.hpp"
#include "drivers/postgres/shared_state.hpp"
#include "drivers/postgres/statement_cache.hpp"
#include "weir/session.hpp"
#include "weir/spi/driver.hpp"

namespace weir::postgres {

/// One PostgreSQL connection.
///
/// Direct: statements are prepared on first use, in the same round trip, and kept by text. The
/// session is the driver's profile plus what is declared; whatever runs without having been proven
/// harmless makes it suspect until the server was asked (`session_doubt`) or it was reset, which
/// `use_session` then does: what a function set is not for whoever comes next.
///
/// Through a transaction-mode pooler: nothing is kept on the server, and each statement may run on
/// another server connection. A read proven harmless is therefore sent behind a question for that
/// server connection's state, in one implicit transaction, which a pooler does not split; only if
/// the answer is the profile's may the read fill the cache. `session_doubt` speaks of the last
/// statement run. Nothing is reset here: what a function set stays on that server connection, for
/// whoever gets it next, as without weir.
///
/// Thread safety: one thread at a time; `cancel` from anywhere. Lifetime: the shared state outlives
/// it.
class Connection final : public spi::Connection {
 public:
  Connection(SharedState& shared, spi::Deadline deadline);

  [[nodiscard]] const spi::ConnectionInfo& info() const noexcept override { return info_; }
  [[nodiscard]] spi::TransactionState state() const noexcept override;
  [[nodiscard]] bool usable() const noexcept override { return pq_.usable(); }
  [[nodiscard]] bool ping(spi::Deadline deadline) noexcept override;
  [[nodiscard]] spi::Analysis analyze(std::string_view sql, spi::Deadline deadline) override;
  void check(std::string_view sql, spi::Deadline deadline) override;
  [[nodiscard]] spi::RunOutcome run(const spi::RunRequest& request) override;
  void use_session(const Session& session, spi::Deadline deadline) override;
  [[nodiscard]] std::string session_doubt(spi::Deadline deadline) override;
  void begin(spi::Isolation isolation, spi::TransactionAccess access,
             spi::Deadline deadline) override;
  void commit(spi::Deadline deadline) override;
  void rollback(spi::Deadline deadline) override;
  void savepoint(std::string_view name, spi::Deadline deadline) override;
  void rollback_to(std::string_view name, spi::Deadline deadline) override;
  void release(std::string_view name, spi::Deadline deadline) override;
  void invalidate(spi::InvalidationKind kind, std::string_view target,
                  spi::Deadline deadline) override;
  [[nodiscard]] spi::Snapshot current_snapshot(spi::Deadline deadline) override;
  void cancel() noexcept override;

 private:
  // connection.cpp
  [[nodiscard]] Rows run_prepared(std::string_view sql, const std::string& key, const Params& given,
                                  const PqParams& params, spi::Deadline deadline);
  [[nodiscard]] Rows prepare_and_run(StatementCache::Entry& entry, const std::string& sql,
                                     const Params& given, const PqParams& params,
                                     spi::Deadline deadline);
  [[nodiscard]] Rows run_once(const std::string& sql, const Params& given, const PqParams& params,
                              spi::Deadline deadline);
  [[nodiscard]] Rows run_behind_question(const std::string& sql, const Params& given,
                                         const PqParams& params, spi::Deadline deadline);
  [[nodiscard]] Rows checked_run(Rows described, Rows answer, const Params& given) const;
  void note_run(std::string_view sql, StatementCache::Entry* entry);
  [[nodiscard]] spi::RunOutcome outcome(const Rows& rows, spi::Deadline deadline);
  [[nodiscard]] std::vector<SharedState::TypeName> learn_types(const std::vector<Oid>& types,
                                                               spi::Deadline deadline);
  [[nodiscard]] bool idle() const noexcept { return state() == spi::TransactionState::kIdle; }

  // connection_session.cpp
  void open_session(spi::Deadline deadline);
  [[nodiscard]] SessionState ask_state(spi::Deadline deadline);
  /// Runs the steps with the question for the state between them, whose answer stands in its place.
  [[nodiscard]] std::vector<Rows> pipeline_asking(const std::vector<Step>& before,
                                                  const PqParams& asked,
                                                  const std::vector<Step>& after,
                                                  spi::Deadline deadline);
  /// Back to the connection's start, then `settings`, then asks for the state; all or nothing.
  [[nodiscard]] SessionState reset_session(const std::vector<SessionState::Fact>& settings,
                                           spi::Deadline deadline);
  /// False when the session is not as declared; otherwise it is now also rid of settings that
  /// cannot be listed.
  [[nodiscard]] bool clear_session(spi::Deadline deadline);
  /// The session was as expected at `generation`, after all that ran.
  void note_verified(std::uint64_t generation);
  void retire_all();
  void note_server_state(const SessionState& state, const std::string& incarnation);

  // connection_transaction.cpp
  void require_idle(std::string_view operation) const;

  SharedState& shared_;
  Pq pq_;
  StatementCache statements_;
  spi::ConnectionInfo info_;

  // The session. `expected_` is what the server answered when it was last known to be as declared.
  Session session_;
  std::string scope_;                // what of the session decides what a text means
  std::string plan_scope_;           // the settings statements are prepared under
  std::uint64_t session_number_{1};  // moved whenever the session is made anew
  std::vector<std::string> custom_;  // names of the declared settings
  std::vector<SessionState::Fact> profile_fixes_;
  SessionState profile_;
  SessionState expected_;
  bool suspect_{false};   // something not proven harmless ran since `expected_` was asked for
  bool wrong_{false};     // the session is known not to be as declared
  bool unproven_{false};  // something not proven harmless ran since the session was made: it may
                          // hold custom settings, which nobody can list
  std::uint64_t verified_generation_{};
  std::uint64_t epoch_{1};  // moved by every statement not proven harmless, and by resets
  StatementCache::Entry* last_{nullptr};  // what ran last, if it is kept prepared
  std::string pooler_doubt_;              // through a pooler: about the last statement
  bool ask_incarnation_{false};
  bool question_prepared_{false};
};

}  // namespace weir::postgres
