#include "drivers/postgres/listener_probe.hpp"

#include <fmt/format.h>

#include <random>

namespace weir::postgres {

std::string probe_nonce(const Pq& listening) {
  std::random_device random;
  return fmt::format("probe {} {:08x}{:08x}", listening.backend_pid(), random(), random());
}

void send_probe(const Target& target, const Clock& clock, const std::string& nonce,
                spi::Deadline deadline) {
  Pq other = Pq::connect(target, clock, deadline);
  other.query("SELECT pg_notify($1, $2)", {kWakeUpChannel, nonce}, deadline, "probe");
}

bool wake_ups_arrive(const Target& target, const Clock& clock, spi::Deadline deadline) {
  Pq listening = Pq::connect(target, clock, deadline);
  listening.exec(fmt::format("LISTEN {}", kWakeUpChannel), deadline, "listen");
  const std::string nonce = probe_nonce(listening);
  send_probe(target, clock, nonce, deadline);
  while (true) {
    for (const Notification& notification : listening.notifications()) {
      if (notification.payload == nonce) return true;
    }
    if (!listening.wait_readable(deadline)) return false;
  }
}

}  // namespace weir::postgres
