#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "drivers/sqlite/access.hpp"
#include "drivers/sqlite/handle.hpp"
#include "drivers/sqlite/journal.hpp"
#include "drivers/sqlite/location.hpp"
#include "drivers/sqlite/monitor.hpp"
#include "drivers/sqlite/own_keys.hpp"
#include "drivers/sqlite/statement_cache.hpp"
#include "weir/spi/driver.hpp"

namespace weir::sqlite {

/// What a `Connection` keeps between calls: the open database and all that belongs to it.
struct ConnectionState {
  /// Errors: `ConnectionError`, `kTimeout`.
  ConnectionState(const Location& location, spi::Access access, std::size_t statement_cache,
                  const Clock& clock, spi::Deadline deadline);

  AccessRecorder recorder{};
  Handle handle;
  VersionReader versions;
  OwnKeys own_keys{handle};
  StatementCache statements;
  FileIdentity files{};  ///< What `handle` has open.
  std::size_t files_hash{0};

  void opened(FileIdentity which);
  /// Attaches the files anew. Errors: `Error`; then nothing may be attached.
  void attach_anew(const Location& location, spi::Deadline deadline);
};

/// One SQLite connection: a reader that cannot write, or the writer.
///
/// Thread safety: one thread at a time; `cancel` from anywhere. Lifetime: `journal` and `location`
/// outlive it.
class SqliteConnection final : public spi::Connection {
 public:
  /// `give_back` takes the state when the connection goes.
  using GiveBack = std::function<void(std::unique_ptr<ConnectionState>)>;
  SqliteConnection(std::unique_ptr<ConnectionState> state, spi::Access access,
                   const Location& location, Journal& journal, GiveBack give_back);
  ~SqliteConnection() override;

  [[nodiscard]] const spi::ConnectionInfo& info() const noexcept override { return info_; }
  [[nodiscard]] spi::TransactionState state() const noexcept override;
  [[nodiscard]] bool usable() const noexcept override;
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
  void cancel() noexcept override { state_->handle.interrupt(); }

 private:
  enum class Mode : std::uint8_t { kNone, kReading, kWriting };

  [[nodiscard]] PreparedStatement prepare(std::string_view sql, unsigned flags);
  [[nodiscard]] spi::RunOutcome step_all(PreparedStatement& prepared);
  [[nodiscard]] spi::RunOutcome run_prepared(PreparedStatement& prepared,
                                             const spi::RunRequest& request);
  [[nodiscard]] spi::RunOutcome run_in_own_transaction(PreparedStatement& prepared);
  /// `action`, which runs statements of the open write transaction, in a way that tells when SQLite
  /// ends that by itself.
  template <typename Action>
  auto in_write_transaction(Action&& action);
  /// Throws when a call outside a transaction cannot answer for the database as it is now.
  void require_sound();
  /// Throws when the names no longer lead to the files that are open.
  void require_files() const;
  [[nodiscard]] bool try_commit_write() noexcept;
  [[nodiscard]] spi::RunOutcome run_alone(PreparedStatement& prepared);
  void note_changes(const StatementAccess& access);
  void begin_write();
  void settle_keys();
  void commit_write();
  void rollback_write() noexcept;
  void end_write(Ending ending) noexcept;
  void control(const std::string& sql);
  spi::ChangeKind leave_journal_row(spi::InvalidationKind kind, std::string_view target);
  void require_transaction(std::string_view operation) const;
  /// Runs `action`; an error that tells the connection is broken makes it unusable.
  template <typename Action>
  auto guarded(spi::Deadline deadline, Action&& action);

  std::unique_ptr<ConnectionState> state_;
  const spi::Access access_;
  const Location& location_;
  Journal& journal_;
  GiveBack give_back_;
  spi::ConnectionInfo info_{};
  bool broken_{false};
  Mode mode_{Mode::kNone};  // of the transaction the caller began
  OwnChanges changes_{};    // of the write transaction under way
};

}  // namespace weir::sqlite
