#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

struct redisReader;

namespace weir::redis {

/// One answer of a server, owned and bounded in size.
struct Reply {
  enum class Kind : std::uint8_t { kNil, kInteger, kString, kStatus, kError, kArray };

  Kind kind{Kind::kNil};
  std::int64_t integer{};
  std::string text{};  ///< Of a string, a status or an error.
  std::vector<Reply> items{};

  [[nodiscard]] bool is(Kind wanted) const noexcept { return kind == wanted; }
  /// Of an error: its first word, as "MOVED"; empty for anything else.
  [[nodiscard]] std::string_view error_word() const noexcept;
};

[[nodiscard]] std::string_view to_string(Reply::Kind kind) noexcept;

/// Bytes of a server → replies: hiredis's parser, building `Reply`s under a limit, since what is at
/// the other end may be anything. After an error the reader is of no use any more.
///
/// Thread safety: unsafe.
class ReplyReader {
 public:
  /// One reply, and what was received of the next one, take `max_bytes` each at most.
  explicit ReplyReader(std::size_t max_bytes);
  ~ReplyReader();
  ReplyReader(const ReplyReader&) = delete;
  ReplyReader& operator=(const ReplyReader&) = delete;

  /// Takes bytes as they came.
  void feed(std::span<const char> bytes);
  /// The next whole reply, if there is one. Errors: `ProtocolFault`.
  [[nodiscard]] std::optional<Reply> next();

  /// Why the bytes make no reply.
  struct ProtocolFault {
    std::string what;
  };

  /// What the parser's callbacks may still take for the reply they are building.
  struct Budget {
    std::size_t bytes{};
    std::size_t items{};
    bool exceeded{false};
  };

 private:
  void refill();

  std::size_t max_bytes_;
  Budget budget_;
  std::unique_ptr<redisReader, void (*)(redisReader*)> reader_;
};

/// A command: its name and arguments. Lifetime: that of what the views point at.
using Command = std::vector<std::string_view>;

/// Appends a command as it goes over the wire.
void append_command(std::string& wire, const Command& command);

}  // namespace weir::redis
