#pragma once

#include <string>
#include <string_view>

#include "weir/spi/snapshot.hpp"

namespace weir {

/// Proof of what had been committed at some moment, to hand to another process: whoever observes it
/// answers only from what has seen at least as much.
///
/// Thread safety: distinct objects safe; shared object safe for const calls.
class Token {
 public:
  Token(spi::Snapshot snapshot, std::string incarnation);

  /// Printable ASCII without spaces or quotes, fit for a header or a cookie.
  [[nodiscard]] std::string to_string() const;
  /// Errors: `kUsage` naming what is wrong with the text. Texts come from outside: at most 64 KiB.
  [[nodiscard]] static Token parse(std::string_view text);

  [[nodiscard]] const spi::Snapshot& snapshot() const noexcept { return snapshot_; }
  [[nodiscard]] const std::string& incarnation() const noexcept { return incarnation_; }

  friend bool operator==(const Token&, const Token&) = default;

 private:
  spi::Snapshot snapshot_;
  std::string incarnation_;
};

}  // namespace weir
