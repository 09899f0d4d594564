#include "drivers/postgres/parser_lock.hpp"

namespace weir::postgres {

std::mutex& parser_mutex() noexcept {
  static std::mutex mutex;
  return mutex;
}

}  // namespace weir::postgres
