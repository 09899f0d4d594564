#pragma once

#include <mutex>

namespace weir::postgres {

using ParserLock = std::lock_guard<std::mutex>;

/// Held while libpg_query runs. Its state is per thread, but builds without -DDEBUG point the
/// process's stderr at a pipe of their own during a parse, and two at once would leave it there.
[[nodiscard]] std::mutex& parser_mutex() noexcept;

}  // namespace weir::postgres
