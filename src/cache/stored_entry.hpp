#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weir/spi/result_buffer.hpp"
#include "weir/spi/snapshot.hpp"
#include "weir/units.hpp"

namespace weir::detail {

/// An entry as processes share it: the rows and all that is needed to judge them somewhere else.
struct StoredEntry {
  std::string incarnation{};             ///< Of the server the rows were read from.
  spi::Snapshot snapshot{};              ///< What the read is known to have seen.
  std::string key{};                     ///< All bytes of the shared key; the reader compares them.
  std::vector<std::string> relations{};  ///< Ids, as `spi::Analysis` names them.
  std::vector<std::string> tags{};
  /// How long before it was written the read began. Clocks of two hosts are never compared: now it
  /// is `age` + (`lifetime` − what the store says remains).
  std::chrono::milliseconds age{};
  std::chrono::milliseconds lifetime{};  ///< Given to the store when written.
  std::chrono::nanoseconds cost{};       ///< What the database took.
  bool journaled{true};   ///< False: no journal tells of its changes, only its lifetime bounds it.
  spi::ResultRef rows{};  ///< Not null.
};

/// When rows are compressed.
struct Compression {
  Bytes above{Bytes::kibi(2)};  ///< Larger rows are, if that saves at least an eighth.
};

/// What an entry may be at most; anything over is no entry.
struct DecodeLimits {
  Bytes value{Bytes::mebi(16)};  ///< As stored.
  Bytes rows{Bytes::mebi(64)};   ///< Uncompressed.
  std::size_t names{65'536};     ///< Relations and tags, of each.
};

/// What is wrong with the bytes of an entry.
enum class DecodeFault : std::uint8_t {
  kNone,
  kTruncated,  ///< Not as long as it says.
  kMagic,      ///< Not an entry at all.
  kVersion,    ///< Of another version of weir: ordinary while one is rolled out.
  kChecksum,   ///< Damaged.
  kOverLimit,  ///< Larger than the limits allow.
  kMalformed,  ///< Undamaged, and still not what `encode` writes.
  kRows,       ///< As above, in the rows.
};

/// The name of the fault for metrics and messages, `[a-z_]+`.
[[nodiscard]] std::string_view to_string(DecodeFault fault) noexcept;

/// An entry, or why there is none.
struct DecodeResult {
  std::optional<StoredEntry> entry{};
  DecodeFault fault{DecodeFault::kNone};
  std::string_view detail{};  ///< More words on the fault; static text, may be empty.
};

/// The bytes of an entry. Times over 100 years become 100 years.
///
/// Source: docs/adr/0007-stored-entry.md has the format, how it may change, and the figures.
[[nodiscard]] std::string encode(const StoredEntry& entry, const Compression& compression = {});

/// Reads back what `encode` wrote. The bytes are untrusted: whatever they are, this returns an
/// entry that is safe to use, or a fault, and takes memory in proportion to the limits.
[[nodiscard]] DecodeResult decode(std::string_view bytes, const DecodeLimits& limits = {});

}  // namespace weir::detail
