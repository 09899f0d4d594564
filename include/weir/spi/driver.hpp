#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "weir/options.hpp"
#include "weir/params.hpp"
#include "weir/session.hpp"
#include "weir/spi/admin.hpp"
#include "weir/spi/analysis.hpp"
#include "weir/spi/change_feed.hpp"
#include "weir/spi/deadline.hpp"
#include "weir/spi/result_buffer.hpp"

namespace weir::spi {

/// What a connection is for; SQLite has one writer.
enum class Access : std::uint8_t { kRead, kWrite };

/// What a fresh connection is connected to.
struct ConnectionInfo {
  std::string
      incarnation{};  ///< As the change feed tells it; empty when weir's schema is not installed.
  std::string
      environment{};  ///< Everything of server and connection that can change a result's text:
                      ///< version, settings after the profile was applied, user. Part of the key.
  bool standby{false};
  std::string server_version{};
};

/// One statement to run.
struct RunRequest {
  std::string_view sql{};
  const Params* params{nullptr};
  /// Keep it prepared on this connection under its text. Off for what runs once.
  bool prepare{true};
  Deadline deadline{};
};

/// What a statement answered.
struct RunOutcome {
  ResultRef rows{};           ///< Never null; no columns for a statement without a result.
  std::uint64_t affected{0};  ///< Rows inserted, updated, deleted; rows returned for a read.
};

enum class Isolation : std::uint8_t { kReadCommitted, kRepeatableRead, kSerializable };
enum class TransactionAccess : std::uint8_t { kReadWrite, kReadOnly };

/// What a parameter is as the value of a key column.
struct KeyText {
  enum class Form : std::uint8_t {
    kValue,    ///< `text` is the canonical form.
    kNothing,  ///< Equal to no value: NULL.
    kUnknown,  ///< Not known: any row may be meant.
  };
  Form form{Form::kUnknown};
  std::string text{};
};

/// What a connection is in the middle of.
enum class TransactionState : std::uint8_t { kIdle, kActive, kFailed, kLost };

/// What an application may invalidate by hand.
enum class InvalidationKind : std::uint8_t {
  kTable,
  kTag,
  kTagPattern,
  kEverything,  ///< The target is empty. Where change ids are shared between processes.
};

/// One connection. Every call returns by its deadline; an overrun makes the connection unusable.
///
/// Thread safety: one thread at a time; `cancel` from anywhere.
class Connection {
 public:
  Connection() = default;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  virtual ~Connection() = default;

  [[nodiscard]] virtual const ConnectionInfo& info() const noexcept = 0;
  [[nodiscard]] virtual TransactionState state() const noexcept = 0;
  /// False once the connection must be thrown away. Cheap: asks nobody.
  [[nodiscard]] virtual bool usable() const noexcept = 0;
  /// Asks the database whether the connection still works. Never throws.
  [[nodiscard]] virtual bool ping(Deadline deadline) noexcept = 0;

  /// What `sql` reads and writes, by the catalog as this connection sees it. Does not throw for
  /// statements that are wrong: those are `kOther`, and running them brings the database's own
  /// error.
  [[nodiscard]] virtual Analysis analyze(std::string_view sql, Deadline deadline) = 0;

  /// Has the database read the statement without running it. Errors: the database's own, when it
  /// would not run it.
  virtual void check(std::string_view sql, Deadline deadline) = 0;

  /// Runs one statement. Errors: `Error`, translated; `kUsage` for a wrong parameter count or a
  /// parameter of a type this database has not. A cached plan whose type changed is prepared again,
  /// once, when nothing was written.
  [[nodiscard]] virtual RunOutcome run(const RunRequest& request) = 0;

  /// Makes the session this one: role, search_path, settings; an undeclared one is the profile
  /// every connection starts with. Cheap when it already is; after a statement that was not proven
  /// to leave the session alone, it is made anew.
  virtual void use_session(const Session& session, Deadline deadline) = 0;
  /// Whether the session is still as declared and holds nothing (temporary tables, changed
  /// settings) that could change results: what fills the cache must have run where this is true.
  /// Empty, or the reason why not. It also speaks of the statement run last: ask after the read
  /// that is to fill (behind a transaction-mode pooler nobody knows before where a statement will
  /// run). Free when nothing suspicious ran.
  [[nodiscard]] virtual std::string session_doubt(Deadline deadline) = 0;

  virtual void begin(Isolation isolation, TransactionAccess access, Deadline deadline) = 0;
  virtual void commit(Deadline deadline) = 0;
  virtual void rollback(Deadline deadline) = 0;
  virtual void savepoint(std::string_view name, Deadline deadline) = 0;
  virtual void rollback_to(std::string_view name, Deadline deadline) = 0;
  virtual void release(std::string_view name, Deadline deadline) = 0;

  /// Leaves a journal row, in the current transaction if there is one.
  virtual void invalidate(InvalidationKind kind, std::string_view target, Deadline deadline) = 0;
  /// A snapshot that sees everything committed on this database before the call.
  [[nodiscard]] virtual Snapshot current_snapshot(Deadline deadline) = 0;

  /// Asks the running statement, if any, to stop. Never blocks for long, never throws.
  virtual void cancel() noexcept = 0;
};

/// One database behind one DSN.
///
/// Thread safety: shared object safe. Lifetime: outlives its connections, feeds, listeners and
/// admins.
class Driver {
 public:
  Driver() = default;
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;
  virtual ~Driver() = default;

  /// "postgresql" or "sqlite".
  [[nodiscard]] virtual std::string_view backend() const noexcept = 0;
  /// The database without password, for messages and key separation.
  [[nodiscard]] virtual std::string_view display_name() const noexcept = 0;
  /// At most this many connections make sense (a private in-memory database has one).
  [[nodiscard]] virtual std::size_t max_connections(Access access) const noexcept = 0;
  /// Connections opened for reading cannot write: writers are pooled apart. When false, connections
  /// are opened with `Access::kWrite` and serve both.
  [[nodiscard]] virtual bool separate_writer() const noexcept = 0;
  /// A change's id means the same in every process, so that one can judge what another one read.
  [[nodiscard]] virtual bool shares_change_ids() const noexcept { return false; }
  [[nodiscard]] virtual Scan scan(std::string_view sql) const = 0;
  /// The canonical form of a parameter that is compared for equality with a column of
  /// `KeyedReference::type`. An array is given element by element.
  [[nodiscard]] virtual KeyText key_value(std::string_view type, const ParamView& value) const {
    static_cast<void>(type);
    static_cast<void>(value);
    return {};
  }
  /// Errors: `ConnectionError`, `kTimeout`, `kConfig`.
  [[nodiscard]] virtual std::unique_ptr<Connection> connect(Access access, Deadline deadline) = 0;
  /// Never null. Connects lazily.
  [[nodiscard]] virtual std::unique_ptr<ChangeFeed> open_feed() = 0;
  /// Null when this database has nothing to listen to. Connects lazily.
  [[nodiscard]] virtual std::unique_ptr<Listener> open_listener() = 0;
  [[nodiscard]] virtual std::unique_ptr<Admin> open_admin() = 0;
  /// Called when a pull brought DDL or a reset: catalog knowledge held by the driver is void.
  virtual void forget_catalog() noexcept = 0;
};

}  // namespace weir::spi
