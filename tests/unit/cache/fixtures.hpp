#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "src/base/hash.hpp"
#include "src/cache/entry.hpp"
#include "src/cache/key.hpp"
#include "weir/spi/result_builder.hpp"

namespace weir::test {

/// A result of one text of so many bytes.
inline spi::ResultRef result_of(std::size_t bytes, char fill = 'x') {
  spi::ResultBuilder builder;
  builder.add_column("c", "text");
  builder.text(std::string(bytes, fill));
  return builder.finish();
}

inline detail::Key key_of(std::string_view bytes) { return {detail::hash64(bytes), bytes}; }

inline detail::EntryDraft draft_of(spi::ResultRef rows,
                                   std::chrono::nanoseconds cost = std::chrono::milliseconds{1}) {
  detail::EntryDraft draft;
  draft.rows = std::move(rows);
  draft.cost = cost;
  return draft;
}

}  // namespace weir::test
