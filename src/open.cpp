// Database::open(Options): the one place of the library that knows the drivers.
#include <fmt/format.h>

#include <memory>
#include <string_view>
#include <utility>

#include "weir/database.hpp"
#include "weir/error.hpp"
#include "weir/open_driver.hpp"
#ifdef WEIR_WITH_POSTGRES
#include "weir/drivers/postgres.hpp"
#endif
#ifdef WEIR_WITH_SQLITE
#include "weir/drivers/sqlite.hpp"
#endif
#ifdef WEIR_WITH_REDIS
#include "weir/drivers/redis.hpp"
#endif

namespace weir {
namespace {

enum class Backend { kPostgres, kSqlite };

Backend backend_of(std::string_view database) {
  if (database.starts_with("sqlite:")) return Backend::kSqlite;
  if (database.starts_with("postgresql://") || database.starts_with("postgres://"))
    return Backend::kPostgres;
  // libpq's other form: key=value pairs.
  const std::size_t equals = database.find('=');
  if (equals != std::string_view::npos && equals != 0 &&
      database.find("://") == std::string_view::npos) {
    return Backend::kPostgres;
  }
  // Not shown: what is not understood may hold a password.
  throw Error(ErrorCode::kConfig,
              "options.database: not understood; expected \"postgresql://user@host/name\", "
              "\"host=… dbname=…\", "
              "\"sqlite:path\" or \"sqlite::memory:\"");
}

[[noreturn, maybe_unused]] void not_built(std::string_view backend,
                                          std::string_view option = "database") {
  throw Error(ErrorCode::kConfig,
              fmt::format("options.{}: this build of weir has no {} driver", option, backend));
}

}  // namespace

std::unique_ptr<spi::Driver> open_driver(const Options& options, const Clock& clock) {
  options.validate();
  switch (backend_of(options.database)) {
    case Backend::kPostgres:
#ifdef WEIR_WITH_POSTGRES
      return make_postgres_driver(options, clock);
#else
      not_built("PostgreSQL");
#endif
    case Backend::kSqlite:
#ifdef WEIR_WITH_SQLITE
      return make_sqlite_driver(options, clock);
#else
      not_built("SQLite");
#endif
  }
  throw Error(ErrorCode::kInternal, "options.database: unknown backend");
}

std::unique_ptr<spi::RemoteStore> open_store(const Options& options, const Clock& clock) {
  options.validate();
  if (!options.redis) return nullptr;
#ifdef WEIR_WITH_REDIS
  return redis::open(*options.redis, clock);
#else
  static_cast<void>(clock);
  not_built("Redis", "redis");
#endif
}

Database Database::open(Options options) {
  std::unique_ptr<spi::Driver> driver = open_driver(options, system_clock());
  std::unique_ptr<spi::RemoteStore> store = open_store(options, system_clock());
  return open(std::move(options), std::move(driver), system_clock(), std::move(store));
}

}  // namespace weir
