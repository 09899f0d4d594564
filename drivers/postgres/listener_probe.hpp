#pragma once

#include <string>

#include "drivers/postgres/pq.hpp"

namespace weir::postgres {

/// The channel wake-ups come on. An empty payload is a wake-up, any other belongs to somebody's
/// probe.
inline constexpr const char* kWakeUpChannel = "weir_changes";

/// A payload no other probe has. The connection is the one that will wait for it.
[[nodiscard]] std::string probe_nonce(const Pq& listening);

/// Sends `nonce` from a connection of its own: behind a transaction-mode pooler a LISTEN hears its
/// own session's NOTIFY, but nobody else's. Errors: `Error`.
void send_probe(const Target& target, const Clock& clock, const std::string& nonce,
                spi::Deadline deadline);

/// Whether a LISTEN on `target` hears what another connection sends, tried until the deadline.
/// Errors: `Error` when it cannot even be tried, as on a standby.
[[nodiscard]] bool wake_ups_arrive(const Target& target, const Clock& clock,
                                   spi::Deadline deadline);

}  // namespace weir::postgres
