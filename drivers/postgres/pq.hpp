#pragma once

#include <libpq-fe.h>

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "weir/clock.hpp"
#include "weir/spi/deadline.hpp"

namespace weir::postgres {

/// Where and how to connect.
struct Target {
  std::string dsn{};               ///< A URI or libpq's `key=value …`, several hosts allowed.
  std::string application_name{};  ///< Used when the DSN names none.
};

/// The DSN without password: `postgresql://user@host:port/database`, hosts separated by commas.
/// Errors: `kConfig` with libpq's complaint.
[[nodiscard]] std::string display_name(const std::string& dsn);

/// The parameters of one protocol message, in libpq's arrays.
///
/// Lifetime: what `add_view` was given must outlive it; the rest is held here.
/// Thread safety: distinct objects safe; shared object unsafe.
class PqParams {
 public:
  PqParams() = default;
  /// Text parameters whose types the server infers. The texts are copied.
  PqParams(std::initializer_list<std::optional<std::string_view>> texts);

  void reserve(std::size_t count);
  void add_null();
  /// Copies `text`. REQUIRES: no NUL byte.
  void add_text(std::string text);
  /// Sends `bytes` in binary as bytea. Lifetime: see the class.
  void add_bytes(std::string_view bytes);

  [[nodiscard]] int count() const noexcept { return static_cast<int>(values_.size()); }
  /// Whether any parameter has a declared type; otherwise the server infers all of them.
  [[nodiscard]] bool typed() const noexcept { return typed_; }
  [[nodiscard]] const Oid* types() const noexcept { return typed_ ? types_.data() : nullptr; }
  [[nodiscard]] const char* const* values() const noexcept { return values_.data(); }
  [[nodiscard]] const int* lengths() const noexcept { return lengths_.data(); }
  [[nodiscard]] const int* formats() const noexcept { return formats_.data(); }

 private:
  void add(const char* value, std::size_t length, int format, Oid type);

  std::vector<std::unique_ptr<std::string>> texts_;
  std::vector<const char*> values_;
  std::vector<int> lengths_;
  std::vector<int> formats_;
  std::vector<Oid> types_;
  bool typed_{false};
};

/// The rows one statement answered, in text format.
///
/// Thread safety: distinct objects safe; shared object safe for const calls.
class Rows {
 public:
  Rows() = default;
  /// Takes over `result`; null is an empty answer.
  explicit Rows(PGresult* result) noexcept : result_{result} {}

  [[nodiscard]] const PGresult* get() const noexcept { return result_.get(); }
  [[nodiscard]] ExecStatusType status() const noexcept { return PQresultStatus(result_.get()); }
  [[nodiscard]] std::size_t size() const noexcept {
    return static_cast<std::size_t>(PQntuples(result_.get()));
  }
  [[nodiscard]] bool empty() const noexcept { return size() == 0; }
  [[nodiscard]] std::size_t columns() const noexcept {
    return static_cast<std::size_t>(PQnfields(result_.get()));
  }
  /// Rows inserted, updated, deleted or returned, by the command tag.
  [[nodiscard]] std::uint64_t affected() const noexcept;
  /// The first word of the command tag, e.g. "COMMIT".
  [[nodiscard]] std::string_view command() const noexcept;

  // REQUIRES (all below): row and column in range.
  [[nodiscard]] bool is_null(std::size_t row, std::size_t column) const noexcept {
    return PQgetisnull(result_.get(), static_cast<int>(row), static_cast<int>(column)) != 0;
  }
  /// Empty for NULL. Lifetime: as long as this object.
  [[nodiscard]] std::string_view text(std::size_t row, std::size_t column) const noexcept {
    return {PQgetvalue(result_.get(), static_cast<int>(row), static_cast<int>(column)),
            static_cast<std::size_t>(
                PQgetlength(result_.get(), static_cast<int>(row), static_cast<int>(column)))};
  }
  [[nodiscard]] std::string string(std::size_t row, std::size_t column) const {
    return std::string{text(row, column)};
  }
  [[nodiscard]] std::optional<std::string> optional(std::size_t row, std::size_t column) const {
    return is_null(row, column) ? std::nullopt : std::optional{string(row, column)};
  }
  /// False for NULL.
  [[nodiscard]] bool boolean(std::size_t row, std::size_t column) const noexcept {
    return text(row, column) == "t";
  }
  /// Errors: `kInternal` unless the cell is a decimal integer in range; so for `unsigned_integer`.
  [[nodiscard]] std::int64_t integer(std::size_t row, std::size_t column) const;
  [[nodiscard]] std::uint64_t unsigned_integer(std::size_t row, std::size_t column) const;

 private:
  struct Clear {
    void operator()(PGresult* result) const noexcept { PQclear(result); }
  };
  std::unique_ptr<PGresult, Clear> result_;
};

/// One message group of a pipeline. Lifetime: the texts and parameters outlive the call.
struct Step {
  enum class Kind {
    kQuery,     ///< Parse, bind and execute `sql` unnamed.
    kPrepare,   ///< Prepare `sql` as `name`, with the types of `params` if there are any.
    kDescribe,  ///< Ask what parameters and columns the prepared statement `name` has.
    kPrepared,  ///< Execute the prepared statement `name`.
    kSync,      ///< Ends an implicit transaction: what follows is its own.
  };
  Kind kind{Kind::kQuery};
  const char* name{""};
  const char* sql{""};
  const PqParams* params{nullptr};  ///< None when null.
};

/// What NOTIFY delivered.
struct Notification {
  std::string channel{};
  std::string payload{};
  int sender_pid{};
};

/// Asks a server to stop what one connection is running.
///
/// Thread safety: shared object safe.
class Canceller {
 public:
  /// REQUIRES: `connection` is connected. The connection may die before this object.
  explicit Canceller(PGconn* connection);
  /// Sends the request; false when it was not sent, or not confirmed within `limit`. libpq 15 can
  /// only block here, so a thread of its own waits for a server that does not answer.
  bool send(std::chrono::milliseconds limit) const noexcept;

 private:
  std::shared_ptr<PGcancel> cancel_;
};

/// One libpq connection, every call bounded by a deadline.
///
/// Why libpq and not libpqxx: docs/adr/0003-libpq-on-the-hot-path.md.
/// When a deadline passes the running statement is cancelled; if the server confirms that at once
/// the connection stays usable, otherwise it is broken. Errors of every call: `Error` translated
/// from the SQLSTATE, `ConnectionError` when the connection is lost, `kTimeout`.
/// Thread safety: distinct objects safe; shared object unsafe, except `canceller().send()`.
/// Lifetime: the clock outlives it.
class Pq {
 public:
  /// Errors: `kConfig` for a DSN libpq refuses, `ConnectionError`, `kTimeout`. Name resolution is
  /// libpq's and blocks as long as the system's resolver does.
  [[nodiscard]] static Pq connect(const Target& target, const Clock& clock, spi::Deadline deadline);

  Pq(Pq&&) noexcept = default;
  Pq& operator=(Pq&&) noexcept = default;
  ~Pq() = default;

  /// Runs `sql` by the simple protocol: several statements are one implicit transaction. The answer
  /// is the last one's. `operation` names the call in error messages; so below.
  Rows exec(const std::string& sql, spi::Deadline deadline, std::string_view operation = "query");
  /// Runs one statement by the extended protocol, unnamed.
  Rows query(const std::string& sql, const PqParams& params, spi::Deadline deadline,
             std::string_view operation = "query");
  /// Executes a prepared statement. A failure is not thrown: look at the answer with `check`.
  [[nodiscard]] Rows exec_prepared(const std::string& name, const PqParams& params,
                                   spi::Deadline deadline, std::string_view operation = "query");

  /// Runs the steps in one round trip; a final kSync is implied. One answer for each step that is
  /// not kSync, in order; failed ones are not thrown but have to be looked at with `check`; what
  /// was skipped after a failure has status PGRES_PIPELINE_ABORTED.
  [[nodiscard]] std::vector<Rows> pipeline(std::span<const Step> steps, spi::Deadline deadline,
                                           std::string_view operation = "query");
  /// Throws the error `rows` stands for, if it is one. A skipped step is `kInternal`.
  void check(const Rows& rows, std::string_view operation) const;

  /// False once a call found the connection broken. Asks nobody.
  [[nodiscard]] bool usable() const noexcept;
  [[nodiscard]] PGTransactionStatusType transaction_status() const noexcept;
  /// 150020 for 15.20.
  [[nodiscard]] int server_version() const noexcept { return PQserverVersion(connection_.get()); }
  /// A setting the server reports unasked, e.g. "server_version", "in_hot_standby"; empty if not.
  [[nodiscard]] std::string_view reported(const char* setting) const noexcept;
  [[nodiscard]] int backend_pid() const noexcept { return PQbackendPID(connection_.get()); }
  [[nodiscard]] const Canceller& canceller() const noexcept { return canceller_; }
  /// From now on `usable()` is false.
  void mark_broken() noexcept { broken_ = true; }

  /// Notifications that have arrived, without waiting. Errors: `ConnectionError`.
  [[nodiscard]] std::vector<Notification> notifications();
  /// Waits until the socket has something to read (true) or the deadline passed or `interrupt_fd`
  /// (ignored when negative) became readable (false).
  [[nodiscard]] bool wait_readable(spi::Deadline deadline, int interrupt_fd = -1);

 private:
  struct Finish {
    void operator()(PGconn* connection) const noexcept { PQfinish(connection); }
  };
  using Handle = std::unique_ptr<PGconn, Finish>;

  Pq(Handle connection, const Clock& clock);
  [[nodiscard]] PGconn* raw() const noexcept { return connection_.get(); }
  void require_usable(std::string_view operation) const;
  void require_sent(int sent, std::string_view operation);
  void send_step(const Step& step, std::string_view operation);
  /// Writes what is queued and waits until a result can be taken without blocking.
  void wait_result(spi::Deadline deadline, std::string_view operation);
  void flush(spi::Deadline deadline, std::string_view operation);
  /// The last result of what was sent, or the first failed one; not checked.
  [[nodiscard]] Rows collect(spi::Deadline deadline, std::string_view operation);
  void refuse_copy(ExecStatusType status, std::string_view operation);
  [[noreturn]] void overrun(std::string_view operation);
  [[noreturn]] void lost(std::string_view operation);
  /// Reads away what a cancelled statement still answers; true when it ended as cancelled.
  [[nodiscard]] bool drain_cancelled(spi::Deadline deadline);

  Handle connection_;
  Canceller canceller_;
  const Clock* clock_;
  bool broken_{false};
};

}  // namespace weir::postgres
