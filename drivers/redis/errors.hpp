#pragma once

#include <string>
#include <string_view>

#include "drivers/redis/reply.hpp"
#include "weir/error.hpp"

namespace weir::redis {

/// An answer's text for a message: one line, bounded, without the arguments a server may repeat.
[[nodiscard]] std::string printable(std::string_view text);

/// The connection to `server` is of no use any more.
[[nodiscard]] ConnectionError connection_lost(std::string_view operation, std::string_view server,
                                              std::string_view why);

/// `server` did not answer in time; the connection is closed, as the answer may still come.
[[nodiscard]] Error timed_out(std::string_view operation, std::string_view server,
                              std::string_view waited_for);

/// The server's refusal (an error reply) as an `Error`.
[[nodiscard]] Error refusal(std::string_view operation, std::string_view server,
                            const Reply& reply);

/// Throws if `reply` is an error, or not of the `wanted` kind.
void require(const Reply& reply, Reply::Kind wanted, std::string_view operation,
             std::string_view server);

}  // namespace weir::redis
