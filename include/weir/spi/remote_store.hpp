#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weir/spi/deadline.hpp"
#include "weir/units.hpp"

namespace weir::spi {

/// A value as a remote store holds it. Untrusted: whoever uses the bytes checks them.
struct RemoteValue {
  std::string bytes{};
  /// What is left of its life by the store's own clock, never more than the bytes' own; no two
  /// hosts' clocks are ever compared.
  std::chrono::milliseconds remaining{};
};

/// One entry of a change stream.
struct StreamEntry {
  std::string id{};     ///< Of the store's making, ascending.
  std::string bytes{};  ///< Untrusted.
};

/// What one look at a change stream brought.
struct StreamRead {
  std::vector<StreamEntry> entries{};  ///< In the order they were appended.
  /// Entries after the last one read are gone: trimmed, flushed, or lost in a failover.
  bool gap{false};
};

/// An append-only stream of small entries, bounded in number.
///
/// Thread safety: one call at a time; `interrupt` from anywhere.
class ChangeStream {
 public:
  ChangeStream() = default;
  ChangeStream(const ChangeStream&) = delete;
  ChangeStream& operator=(const ChangeStream&) = delete;
  virtual ~ChangeStream() = default;

  /// Appends, and lets the oldest entries go when there are more than `keep`, roughly. Errors:
  /// `Error`.
  virtual void append(std::string_view bytes, std::size_t keep, Deadline deadline) = 0;
  /// What came since the last `read` that returned, waiting for something until the deadline. The
  /// first one starts at the stream's present end. Errors: `Error` when the connection is lost; the
  /// next call reconnects and goes on from the same place.
  [[nodiscard]] virtual StreamRead read(Deadline deadline) = 0;
  /// Makes a running or the next `read` return at once.
  virtual void interrupt() noexcept = 0;
};

/// What a remote store says of itself.
struct StoreFacts {
  std::string version{};          ///< As in "redis 7.0.15".
  std::string eviction_policy{};  ///< By the server's own word, as in "allkeys-lru"; may be empty.
  Bytes used_memory{};
  std::optional<Bytes> max_memory{};  ///< Empty when the server has no limit of its own.
};

/// A store shared by processes: a bag of self-judging values, nothing more. Losing, repeating or
/// resurrecting values costs time, never truth, so no call needs to be atomic with any other.
///
/// Every call returns by its deadline and throws `Error` (`ConnectionError`, `kTimeout`,
/// `kPermission`, …) when the store could not do it; whether to ask it again is the caller's
/// decision. Keys and names of streams are used as they are, any bytes. Thread safety: shared
/// object safe.
class RemoteStore {
 public:
  RemoteStore() = default;
  RemoteStore(const RemoteStore&) = delete;
  RemoteStore& operator=(const RemoteStore&) = delete;
  virtual ~RemoteStore() = default;

  /// Where it is, without a password, for messages.
  [[nodiscard]] virtual std::string_view display_name() const noexcept = 0;
  /// The value, or nothing when there is none. A value larger than the store's options allow is
  /// nothing as well, and is not read.
  [[nodiscard]] virtual std::optional<RemoteValue> get(std::string_view key, Deadline deadline) = 0;
  /// Keeps the value for at most `lifetime`. Errors: `kUsage` for a value larger than the store's
  /// options allow. REQUIRES: `lifetime` is at least 1 ms; `value` is not empty.
  virtual void put(std::string_view key, std::string_view value, std::chrono::milliseconds lifetime,
                   Deadline deadline) = 0;
  /// As `put`, but only where there is no value. Returns whether it was put.
  [[nodiscard]] virtual bool add(std::string_view key, std::string_view value,
                                 std::chrono::milliseconds lifetime, Deadline deadline) = 0;
  /// Removes the value if it is this one.
  virtual void remove_if(std::string_view key, std::string_view value, Deadline deadline) = 0;
  /// Asks it for a sign of life.
  virtual void ping(Deadline deadline) = 0;
  /// What it says of itself; of one of its servers, where there are many.
  [[nodiscard]] virtual StoreFacts facts(Deadline deadline) = 0;
  /// Never null. Connects lazily, on connections of its own. Lifetime: the store outlives it.
  [[nodiscard]] virtual std::unique_ptr<ChangeStream> open_stream(std::string_view name) = 0;
};

}  // namespace weir::spi
