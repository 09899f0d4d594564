#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "drivers/redis/reply.hpp"
#include "weir/spi/remote_store.hpp"

namespace weir::redis {

/// The id of a stream's entry: milliseconds and a number. Ascending within one life of a stream.
struct StreamId {
  std::uint64_t time{0};
  std::uint64_t number{0};

  auto operator<=>(const StreamId&) const = default;
  [[nodiscard]] std::string text() const;
  [[nodiscard]] static std::optional<StreamId> parse(std::string_view text);
};

/// One entry as it came: its id, the id of the entry that was the stream's last when it was
/// appended, and its bytes.
struct LinkedEntry {
  StreamId id{};
  StreamId before{};
  std::string bytes{};
};

/// The entries in an answer to XREAD of one stream; a nil answer has none. What others put into
/// the stream, without the fields of ours, has no link and counts as a gap. Errors: nothing is
/// returned when the answer makes no sense.
struct ReadEntries {
  std::vector<LinkedEntry> entries{};
  bool foreign{false};  ///< Some entries were not of our making.
  StreamId last{};      ///< Of all, foreign ones too; zero without any.
};
[[nodiscard]] std::optional<ReadEntries> parse_entries(const Reply& reply);

/// Where a reader of a stream is, and whether it has missed something. Pure.
///
/// Purpose: a stream loses entries in many ways: it is trimmed before a slow reader comes, deleted
/// (FLUSHALL, eviction), restored from an older file after a restart, or was not yet copied to the
/// replica that takes over. A reader must know, since it then has to look elsewhere.
/// Invariant: every entry carries the id of the one before it, written by the server in the same
/// step. So a reader at position P that gets an entry whose predecessor is not P has missed
/// something, or the entry belongs to another life of the stream; both are gaps.
/// That leaves the cases where no entry comes at all, or the chain cannot speak:
/// - the stream's last id is smaller than P, or the stream is gone: it was rewound; later entries
///   may have ids below P, which XREAD after P would never bring. Told by `check_end`, whenever a
///   connection was made anew or a read brought nothing.
/// - P is zero (the stream did not exist yet) and the connection was lost: a stream that was made
///   and deleted again in between looks the same as one just made. Told by `reconnected`.
class StreamPosition {
 public:
  /// Begins at the stream's end; zero when there is no stream.
  void begin(StreamId end) noexcept;
  [[nodiscard]] bool begun() const noexcept { return begun_; }
  [[nodiscard]] StreamId at() const noexcept { return at_; }

  /// Nothing is known of the time since the last look. Returns whether that is a gap.
  [[nodiscard]] bool reconnected() noexcept;
  /// The stream's last id as the server tells it now, zero when there is no stream. Returns whether
  /// that is a gap; the position is at `end` then.
  [[nodiscard]] bool check_end(StreamId end) noexcept;
  /// Moves behind what was read.
  [[nodiscard]] spi::StreamRead take(ReadEntries read);

 private:
  StreamId at_{};
  bool begun_{false};
};

}  // namespace weir::redis
