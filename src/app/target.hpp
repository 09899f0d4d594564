#pragma once

#include <memory>
#include <string>

#include "src/app/commands.hpp"
#include "weir/options.hpp"
#include "weir/spi/admin.hpp"
#include "weir/spi/driver.hpp"

namespace weir::app {

/// The options to open the target with: no listener, and a missing SQLite file stays missing.
/// Errors: `kConfig` when no database is named.
[[nodiscard]] Options options_of(const Target& target);

/// A database's upkeep, with the driver it comes from.
struct Upkeep {
  std::unique_ptr<spi::Driver> driver{};
  std::unique_ptr<spi::Admin> admin{};
};
[[nodiscard]] Upkeep open_upkeep(const Target& target);

/// The statement an argument means: itself, or for `-` what stdin holds. Errors: `kUsage` when that
/// is longer than `options.max_statement`, or empty.
[[nodiscard]] std::string read_statement(const std::string& argument, const Options& options);

/// A step of a dry run as a piece of a script; the SQL is left out when `previous` is the same.
[[nodiscard]] std::string script_of(const spi::AdminStep& step, const std::string& previous);

}  // namespace weir::app
