#include "drivers/postgres/pq.hpp"

#include <fmt/core.h>
#include <poll.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <condition_variable>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "drivers/postgres/errors.hpp"
#include "weir/error.hpp"

namespace weir::postgres {
namespace {

constexpr std::chrono::milliseconds kCancelLimit{200};
constexpr std::chrono::milliseconds kDrainLimit{200};
constexpr Oid kByteaOid = 17;

struct FreeInfo {
  void operator()(PQconninfoOption* info) const noexcept { PQconninfoFree(info); }
};
using ConnInfo = std::unique_ptr<PQconninfoOption, FreeInfo>;

/// libpq's complaint about a DSN without the pieces of the DSN it quotes, which may hold the
/// password; only the name of an unknown option is kept.
std::string safe_complaint(std::string_view complaint) {
  complaint = trimmed(complaint);
  if (complaint.starts_with("invalid connection option") ||
      complaint.starts_with("invalid URI query parameter")) {
    return std::string{complaint};
  }
  std::string out{complaint.substr(0, complaint.find('"'))};
  while (!out.empty() && (out.back() == ' ' || out.back() == ':')) out.pop_back();
  return out;
}

ConnInfo parse_dsn(const std::string& dsn) {
  char* complaint = nullptr;
  ConnInfo info{PQconninfoParse(dsn.c_str(), &complaint)};
  if (!info) {
    const std::string text = complaint == nullptr ? "out of memory" : safe_complaint(complaint);
    PQfreemem(complaint);
    throw Error{ErrorCode::kConfig,
                fmt::format("database: not a PostgreSQL DSN: {}", text),
                {.backend = "postgresql"}};
  }
  return info;
}

std::string option(const PQconninfoOption* info, std::string_view keyword) {
  for (; info != nullptr && info->keyword != nullptr; ++info) {
    if (keyword == info->keyword && info->val != nullptr) return info->val;
  }
  return {};
}

std::vector<std::string> split(const std::string& list) {
  std::vector<std::string> parts;
  std::size_t at = 0;
  for (std::size_t comma = 0; comma != std::string::npos; at = comma + 1) {
    comma = list.find(',', at);
    parts.push_back(list.substr(at, comma - at));
  }
  return parts;
}

/// Waits for `events` on `fd` until the deadline; false when it passed.
bool wait_socket(int fd, short events, const Clock& clock, spi::Deadline deadline) {
  for (;;) {
    const auto left = deadline.left(clock);
    pollfd entry{.fd = fd, .events = events, .revents = 0};
    const int ready = poll(&entry, 1, static_cast<int>(left.count()));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) {
      throw Error{ErrorCode::kInternal, fmt::format("postgresql: poll failed: {}",
                                                    std::generic_category().message(errno))};
    }
    if (deadline.passed(clock)) return false;
  }
}

void ignore_notice(void* /*unused*/, const PGresult* /*unused*/) noexcept {}

template <typename T>
T number(std::string_view text) {
  T value{};
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size()) {
    throw Error{ErrorCode::kInternal,
                "postgresql: the server answered something that is not an integer",
                {.backend = "postgresql"}};
  }
  return value;
}

}  // namespace

std::string display_name(const std::string& dsn) {
  const ConnInfo info = parse_dsn(dsn);
  const ConnInfo defaults{PQconndefaults()};
  const auto value = [&](std::string_view keyword) {
    std::string found = option(info.get(), keyword);
    return found.empty() ? option(defaults.get(), keyword) : found;
  };
  std::string name = "postgresql://";
  const std::string service = option(info.get(), "service");
  const std::string user = value("user");
  if (!user.empty()) name += user + "@";
  std::string host_list = value("host");
  if (host_list.empty()) host_list = value("hostaddr");
  const std::vector<std::string> hosts = split(host_list);
  const std::vector<std::string> ports = split(value("port"));
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    const std::string& port = ports.size() == hosts.size() ? ports[i] : ports.front();
    name += fmt::format("{}{}{}{}", i == 0 ? "" : ",", hosts[i].empty() ? "local" : hosts[i],
                        port.empty() ? "" : ":", port);
  }
  const std::string database = value("dbname");
  name += "/" + (database.empty() ? user : database);
  if (!service.empty()) name += "?service=" + service;
  return name;
}

// --- PqParams ---

PqParams::PqParams(std::initializer_list<std::optional<std::string_view>> texts) {
  reserve(texts.size());
  for (const auto& text : texts) {
    if (text) {
      add_text(std::string{*text});
    } else {
      add_null();
    }
  }
}

void PqParams::reserve(std::size_t count) {
  texts_.reserve(count);
  values_.reserve(count);
  lengths_.reserve(count);
  formats_.reserve(count);
  types_.reserve(count);
}

void PqParams::add(const char* value, std::size_t length, int format, Oid type) {
  values_.push_back(value);
  lengths_.push_back(static_cast<int>(length));
  formats_.push_back(format);
  types_.push_back(type);
  typed_ = typed_ || type != 0;
}

void PqParams::add_null() { add(nullptr, 0, 0, 0); }

void PqParams::add_text(std::string text) {
  texts_.push_back(std::make_unique<std::string>(std::move(text)));
  add(texts_.back()->c_str(), texts_.back()->size(), 0, 0);
}

void PqParams::add_bytes(std::string_view bytes) {
  // A null pointer would be NULL, not zero bytes.
  add(bytes.data() == nullptr ? "" : bytes.data(), bytes.size(), 1, kByteaOid);
}

// --- Rows ---

std::uint64_t Rows::affected() const noexcept {
  // PQcmdTuples takes a non-const result but changes nothing.
  const std::string_view text = PQcmdTuples(result_.get());
  std::uint64_t count = 0;
  std::from_chars(text.data(), text.data() + text.size(), count);
  return count;
}

std::string_view Rows::command() const noexcept {
  const std::string_view tag = result_ == nullptr ? "" : PQcmdStatus(result_.get());
  return tag.substr(0, tag.find(' '));
}

std::int64_t Rows::integer(std::size_t row, std::size_t column) const {
  return number<std::int64_t>(text(row, column));
}

std::uint64_t Rows::unsigned_integer(std::size_t row, std::size_t column) const {
  return number<std::uint64_t>(text(row, column));
}

// --- Canceller ---

Canceller::Canceller(PGconn* connection)
    : cancel_{PQgetCancel(connection), [](PGcancel* cancel) { PQfreeCancel(cancel); }} {}

bool Canceller::send(std::chrono::milliseconds limit) const noexcept {
  struct Shared {
    std::mutex mutex;
    std::condition_variable changed;
    bool done{false};
    bool sent{false};
  };
  try {
    const auto shared = std::make_shared<Shared>();
    std::thread{[shared, cancel = cancel_] {
      std::array<char, 256> message{};
      const bool sent = cancel != nullptr && PQcancel(cancel.get(), message.data(),
                                                      static_cast<int>(message.size())) != 0;
      const std::lock_guard lock{shared->mutex};
      shared->done = true;
      shared->sent = sent;
      shared->changed.notify_all();
    }}.detach();
    std::unique_lock lock{shared->mutex};
    shared->changed.wait_for(lock, limit, [&] { return shared->done; });
    return shared->sent;
  } catch (...) {  // no thread, no memory: nothing was sent
    return false;
  }
}

// --- Pq ---

Pq::Pq(Handle connection, const Clock& clock)
    : connection_{std::move(connection)}, canceller_{connection_.get()}, clock_{&clock} {}

Pq Pq::connect(const Target& target, const Clock& clock, spi::Deadline deadline) {
  const std::string name = display_name(target.dsn);
  const std::array<const char*, 4> keywords{"dbname", "client_encoding",
                                            "fallback_application_name", nullptr};
  const std::array<const char*, 4> values{target.dsn.c_str(), "UTF8",
                                          target.application_name.c_str(), nullptr};
  Handle handle{PQconnectStartParams(keywords.data(), values.data(), 1)};
  if (!handle) {
    throw ConnectionError{"postgresql: out of memory while connecting",
                          {.backend = "postgresql", .connection_usable = false}};
  }
  PQsetNoticeReceiver(handle.get(), ignore_notice, nullptr);
  const auto refuse = [&]() {
    const std::string_view complaint = trimmed(PQerrorMessage(handle.get()));
    if (complaint.starts_with("invalid ")) {
      throw Error{ErrorCode::kConfig,
                  fmt::format("database: libpq refuses the DSN of {}: {}", name, complaint),
                  {.backend = "postgresql"}};
    }
    throw ConnectionError{fmt::format("postgresql: cannot connect to {}: {}", name, complaint),
                          {.backend = "postgresql", .connection_usable = false}};
  };
  if (PQstatus(handle.get()) == CONNECTION_BAD) refuse();
  for (PostgresPollingStatusType next = PGRES_POLLING_WRITING; next != PGRES_POLLING_OK;) {
    const short events = next == PGRES_POLLING_READING ? POLLIN : POLLOUT;
    if (!wait_socket(PQsocket(handle.get()), events, clock, deadline)) {
      throw Error{
          ErrorCode::kTimeout,
          fmt::format("postgresql: cannot connect to {}: no answer within the time limit", name),
          {.backend = "postgresql", .connection_usable = false}};
    }
    next = PQconnectPoll(handle.get());
    if (next == PGRES_POLLING_FAILED) refuse();
  }
  PQsetnonblocking(handle.get(), 1);
  return Pq{std::move(handle), clock};
}

void Pq::require_usable(std::string_view operation) const {
  if (usable()) return;
  throw ConnectionError{fmt::format("postgresql: {} failed: the connection is broken", operation),
                        {.backend = "postgresql", .connection_usable = false}};
}

void Pq::require_sent(int sent, std::string_view operation) {
  if (sent != 1) lost(operation);
}

void Pq::lost(std::string_view operation) {
  broken_ = true;
  throw ConnectionError{
      fmt::format("postgresql: {} failed: {}", operation, trimmed(PQerrorMessage(raw()))),
      {.backend = "postgresql", .connection_usable = false}};
}

void Pq::overrun(std::string_view operation) {
  const bool in_pipeline = PQpipelineStatus(raw()) != PQ_PIPELINE_OFF;
  const bool sent = canceller_.send(kCancelLimit);
  // A cancel that comes late would hit the next statement: only a confirmed one leaves the
  // connection good.
  if (in_pipeline || !sent || !drain_cancelled(spi::Deadline::after(*clock_, kDrainLimit)))
    broken_ = true;
  throw Error{ErrorCode::kTimeout,
              fmt::format("postgresql: {} did not finish within the time limit", operation),
              {.backend = "postgresql", .connection_usable = !broken_}};
}

bool Pq::drain_cancelled(spi::Deadline deadline) {
  bool cancelled = false;
  for (;;) {
    while (PQisBusy(raw()) != 0) {
      if (!wait_socket(PQsocket(raw()), POLLIN, *clock_, deadline)) return false;
      if (PQconsumeInput(raw()) == 0) return false;
    }
    const Rows rows{PQgetResult(raw())};
    if (rows.get() == nullptr) return cancelled && PQstatus(raw()) == CONNECTION_OK;
    if (rows.status() == PGRES_COPY_IN || rows.status() == PGRES_COPY_OUT ||
        rows.status() == PGRES_COPY_BOTH) {
      return false;
    }
    if (rows.status() == PGRES_FATAL_ERROR && server_error(rows.get()).sqlstate == "57014")
      cancelled = true;
  }
}

void Pq::flush(spi::Deadline deadline, std::string_view operation) {
  for (;;) {
    const int left = PQflush(raw());
    if (left == 0) return;
    if (left < 0) lost(operation);
    if (!wait_socket(PQsocket(raw()), POLLIN | POLLOUT, *clock_, deadline)) overrun(operation);
    if (PQconsumeInput(raw()) == 0) lost(operation);
  }
}

void Pq::wait_result(spi::Deadline deadline, std::string_view operation) {
  while (PQisBusy(raw()) != 0) {
    if (!wait_socket(PQsocket(raw()), POLLIN, *clock_, deadline)) overrun(operation);
    if (PQconsumeInput(raw()) == 0) lost(operation);
  }
}

void Pq::refuse_copy(ExecStatusType status, std::string_view operation) {
  if (status != PGRES_COPY_IN && status != PGRES_COPY_OUT && status != PGRES_COPY_BOTH) return;
  broken_ = true;  // leaving COPY mode in good order is not worth the code
  throw Error{
      ErrorCode::kUsage,
      fmt::format("postgresql: {} failed: COPY from or to the client is not supported", operation),
      {.backend = "postgresql", .connection_usable = false}};
}

Rows Pq::collect(spi::Deadline deadline, std::string_view operation) {
  flush(deadline, operation);
  Rows last;
  for (;;) {
    wait_result(deadline, operation);
    Rows rows{PQgetResult(raw())};
    if (rows.get() == nullptr) break;
    refuse_copy(rows.status(), operation);
    if (last.get() == nullptr || last.status() != PGRES_FATAL_ERROR) last = std::move(rows);
  }
  return last;
}

void Pq::check(const Rows& rows, std::string_view operation) const {
  const ExecStatusType status = rows.status();
  if (status == PGRES_PIPELINE_ABORTED) {
    throw Error{ErrorCode::kInternal,
                fmt::format("postgresql: {} was skipped after an earlier error", operation),
                {.backend = "postgresql"}};
  }
  if (rows.get() != nullptr && status != PGRES_FATAL_ERROR && status != PGRES_BAD_RESPONSE) return;
  if (rows.get() == nullptr || PQstatus(raw()) == CONNECTION_BAD) {
    ServerError error = rows.get() == nullptr ? ServerError{} : server_error(rows.get());
    if (error.message.empty()) error.message = trimmed(PQerrorMessage(raw()));
    error.severity = "FATAL";
    throw_server_error(error, operation);
  }
  throw_server_error(server_error(rows.get()), operation);
}

Rows Pq::exec(const std::string& sql, spi::Deadline deadline, std::string_view operation) {
  require_usable(operation);
  require_sent(PQsendQuery(raw(), sql.c_str()), operation);
  Rows rows = collect(deadline, operation);
  check(rows, operation);
  return rows;
}

Rows Pq::query(const std::string& sql, const PqParams& params, spi::Deadline deadline,
               std::string_view operation) {
  require_usable(operation);
  send_step({.kind = Step::Kind::kQuery, .sql = sql.c_str(), .params = &params}, operation);
  Rows rows = collect(deadline, operation);
  check(rows, operation);
  return rows;
}

Rows Pq::exec_prepared(const std::string& name, const PqParams& params, spi::Deadline deadline,
                       std::string_view operation) {
  require_usable(operation);
  send_step({.kind = Step::Kind::kPrepared, .name = name.c_str(), .params = &params}, operation);
  return collect(deadline, operation);
}

void Pq::send_step(const Step& step, std::string_view operation) {
  static const PqParams kNone;
  const PqParams& params = step.params == nullptr ? kNone : *step.params;
  int sent = 0;
  switch (step.kind) {
    case Step::Kind::kQuery:
      sent = PQsendQueryParams(raw(), step.sql, params.count(), params.types(), params.values(),
                               params.lengths(), params.formats(), 0);
      break;
    case Step::Kind::kPrepare:
      sent = PQsendPrepare(raw(), step.name, step.sql, params.typed() ? params.count() : 0,
                           params.types());
      break;
    case Step::Kind::kDescribe:
      sent = PQsendDescribePrepared(raw(), step.name);
      break;
    case Step::Kind::kPrepared:
      sent = PQsendQueryPrepared(raw(), step.name, params.count(), params.values(),
                                 params.lengths(), params.formats(), 0);
      break;
    case Step::Kind::kSync:
      sent = PQpipelineSync(raw());
      break;
  }
  require_sent(sent, operation);
}

std::vector<Rows> Pq::pipeline(std::span<const Step> steps, spi::Deadline deadline,
                               std::string_view operation) {
  require_usable(operation);
  if (PQenterPipelineMode(raw()) != 1) lost(operation);
  std::size_t syncs = 1;
  for (const Step& step : steps) {
    if (step.kind == Step::Kind::kSync) ++syncs;
    send_step(step, operation);
  }
  send_step({.kind = Step::Kind::kSync}, operation);
  flush(deadline, operation);
  std::vector<Rows> answers;
  answers.reserve(steps.size());
  // One result a step, each followed by a null, and one a sync.
  while (syncs > 0) {
    wait_result(deadline, operation);
    Rows rows{PQgetResult(raw())};
    if (rows.get() == nullptr) {
      if (PQstatus(raw()) == CONNECTION_BAD) lost(operation);
      continue;
    }
    refuse_copy(rows.status(), operation);
    if (rows.status() == PGRES_PIPELINE_SYNC) {
      --syncs;
    } else {
      const bool connection_lost = PQstatus(raw()) == CONNECTION_BAD;
      answers.push_back(std::move(rows));
      if (connection_lost) {
        broken_ = true;
        check(answers.back(), operation);
      }
    }
  }
  if (PQexitPipelineMode(raw()) != 1) lost(operation);
  return answers;
}

bool Pq::usable() const noexcept {
  return !broken_ && connection_ != nullptr && PQstatus(connection_.get()) == CONNECTION_OK;
}

PGTransactionStatusType Pq::transaction_status() const noexcept {
  return PQtransactionStatus(connection_.get());
}

std::string_view Pq::reported(const char* setting) const noexcept {
  const char* value = PQparameterStatus(connection_.get(), setting);
  return value == nullptr ? std::string_view{} : std::string_view{value};
}

std::vector<Notification> Pq::notifications() {
  constexpr std::string_view kOperation = "reading notifications";
  require_usable(kOperation);
  if (PQconsumeInput(raw()) == 0) lost(kOperation);
  std::vector<Notification> all;
  struct Free {
    void operator()(PGnotify* notify) const noexcept { PQfreemem(notify); }
  };
  for (std::unique_ptr<PGnotify, Free> notify{PQnotifies(raw())}; notify;
       notify.reset(PQnotifies(raw()))) {
    all.push_back(
        {.channel = notify->relname, .payload = notify->extra, .sender_pid = notify->be_pid});
  }
  return all;
}

bool Pq::wait_readable(spi::Deadline deadline, int interrupt_fd) {
  require_usable("waiting for notifications");
  for (;;) {
    const auto left = deadline.left(*clock_);
    std::array<pollfd, 2> entries{pollfd{.fd = PQsocket(raw()), .events = POLLIN, .revents = 0},
                                  pollfd{.fd = interrupt_fd, .events = POLLIN, .revents = 0}};
    const int ready = poll(entries.data(), entries.size(), static_cast<int>(left.count()));
    if (ready < 0 && errno != EINTR) lost("waiting for notifications");
    if (ready > 0 && entries[0].revents != 0) return true;
    if (ready > 0 && entries[1].revents != 0) return false;
    if (deadline.passed(*clock_)) return false;
  }
}

}  // namespace weir::postgres
