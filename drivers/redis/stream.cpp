#include "drivers/redis/stream.hpp"

#include <fmt/format.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <utility>

#include "drivers/redis/errors.hpp"
#include "drivers/redis/stream_position.hpp"

namespace weir::redis {
namespace {

using std::chrono::milliseconds;

// How long the server holds a read that brings nothing. A server that has gone without a word is
// noticed this much later, plus the time a call may take.
constexpr milliseconds kBlock{2000};
constexpr std::size_t kMostEntries = 16;  // of one read

// Appends an entry that names its predecessor, and trims, in one step.
constexpr std::string_view kAppend =
    "local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1) "
    "local before = last[1] and last[1][1] or '0-0' "
    "return redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', 'before', before, "
    "'data', ARGV[2])";

class RedisStream final : public spi::ChangeStream {
 public:
  RedisStream(Router& router, std::string name, const RedisOptions& options, const Clock& clock)
      : router_{router},
        name_{std::move(name)},
        call_timeout_{options.call_timeout},
        max_value_{options.max_value},
        clock_{clock},
        wake_{::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)} {
    if (wake_.get() < 0) {
      throw Error{ErrorCode::kInternal, fmt::format("redis: eventfd failed: errno {}", errno)};
    }
  }

  void append(std::string_view bytes, std::size_t keep, spi::Deadline deadline) override {
    if (Bytes{bytes.size()} > max_value_) {
      throw Error{ErrorCode::kUsage,
                  fmt::format("redis: XADD: the entry has {} bytes; redis.max_value allows {}",
                              bytes.size(), max_value_.value),
                  ErrorDetails{.backend = "redis"}};
    }
    const std::string most = std::to_string(keep);
    const Command command{"EVAL", kAppend, "1", name_, most, bytes};
    const Request request{.key = name_, .commands = {&command, 1}, .repeatable = false};
    const auto until = deadline.earlier(spi::Deadline::after(clock_, call_timeout_));
    const std::vector<Reply> replies = router_.run(request, until);
    require(replies.front(), Reply::Kind::kString, "XADD", name_);
  }

  spi::StreamRead read(spi::Deadline deadline) override {
    try {
      return read_step(deadline);
    } catch (const Error&) {
      // Whatever it was: begin anew on a fresh connection, from the same place.
      connection_.reset();
      router_.suspect(name_);
      throw;
    }
  }

  void interrupt() noexcept override {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(wake_.get(), &one, sizeof one);
  }

 private:
  spi::StreamRead read_step(spi::Deadline deadline) {
    if (!connection_) {
      if (take_interrupt()) return {};
      gap_ = position_.reconnected() || gap_;
      connection_ = router_.connect(name_, max_reply(), deadline);
      waiting_ = false;
      check_due_ = true;
    }
    for (;;) {
      if (!waiting_) {
        if (check_due_) check_end(deadline);
        if (std::exchange(gap_, false)) return {.gap = true};
        ask();
      }
      const Connection::Received received =
          connection_->receive(deadline.earlier(answer_due_), wake_.get());
      if (received.how == Wait::kWoken) {
        take_interrupt();
        return {};
      }
      if (received.how == Wait::kTimedOut) {
        if (answer_due_.passed(clock_)) {
          throw connection_lost("XREAD", connection_->server(),
                                "no answer; it hangs or cannot be reached any more");
        }
        return {};  // the caller's time is up; the answer is still awaited
      }
      waiting_ = false;
      if (received.reply->is(Reply::Kind::kError)) {
        throw refusal("XREAD", connection_->server(), *received.reply);
      }
      auto entries = parse_entries(*received.reply);
      if (!entries) {
        throw connection_lost("XREAD", connection_->server(), "the answer makes no sense");
      }
      check_due_ = entries->last == StreamId{};
      if (check_due_) {
        // Too late for the check in this call: the next one begins with it.
        if (deadline.left(clock_) < call_timeout_) return {};
        continue;
      }
      return position_.take(std::move(*entries));
    }
  }

  // As many entries of the largest size as one read asks for, with what is around them.
  [[nodiscard]] std::size_t max_reply() const noexcept {
    constexpr std::size_t kAroundAnEntry = 1024;
    return kMostEntries * (static_cast<std::size_t>(max_value_.value) + kAroundAnEntry);
  }

  // Where the stream ends now; begins there the first time.
  void check_end(spi::Deadline deadline) {
    const Command command{"XINFO", "STREAM", name_};
    const auto until = deadline.earlier(spi::Deadline::after(clock_, call_timeout_));
    const Reply reply = std::move(connection_->run({&command, 1}, until).front());
    const StreamId end = parse_end(reply);
    check_due_ = false;
    if (!position_.begun()) {
      position_.begin(end);
    } else if (position_.check_end(end)) {
      gap_ = true;
    }
  }

  [[nodiscard]] StreamId parse_end(const Reply& reply) const {
    if (reply.is(Reply::Kind::kError)) {
      if (reply.text.find("no such key") != std::string::npos) return {};
      throw refusal("XINFO", connection_->server(), reply);
    }
    for (std::size_t i = 0; i + 1 < reply.items.size(); i += 2) {
      if (reply.items[i].text != "last-generated-id") continue;
      if (const auto id = StreamId::parse(reply.items[i + 1].text)) return *id;
    }
    throw connection_lost("XINFO", connection_->server(), "the answer makes no sense");
  }

  void ask() {
    const std::string from = position_.at().text();
    const std::string block = std::to_string(kBlock.count());
    const std::string most = std::to_string(kMostEntries);
    const Command command{"XREAD", "COUNT", most, "BLOCK", block, "STREAMS", name_, from};
    connection_->send({&command, 1}, spi::Deadline::after(clock_, call_timeout_));
    waiting_ = true;
    answer_due_ = spi::Deadline::after(clock_, kBlock + call_timeout_);
  }

  bool take_interrupt() noexcept {
    std::uint64_t count = 0;
    return ::read(wake_.get(), &count, sizeof count) > 0;
  }

  Router& router_;
  const std::string name_;
  const milliseconds call_timeout_;
  const Bytes max_value_;
  const Clock& clock_;
  const FileDescriptor wake_;

  // Of the reader alone.
  StreamPosition position_;
  std::unique_ptr<Connection> connection_;
  spi::Deadline answer_due_;  // while waiting_
  bool waiting_{false};       // an XREAD is under way
  bool check_due_{true};
  bool gap_{false};  // found, not told yet
};

}  // namespace

std::unique_ptr<spi::ChangeStream> make_change_stream(Router& router, std::string name,
                                                      const RedisOptions& options,
                                                      const Clock& clock) {
  return std::make_unique<RedisStream>(router, std::move(name), options, clock);
}

}  // namespace weir::redis
