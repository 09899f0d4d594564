#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "weir/spi/admin.hpp"

/// The `weir` command: one argument struct and one `run` for each subcommand. `run` returns the
/// exit code and throws `Error` for what the command line's top turns into one line on stderr.
namespace weir::app {

/// What every subcommand takes.
struct Target {
  std::string database{};
  std::chrono::milliseconds timeout{std::chrono::seconds{30}};  ///< For each statement.
};

enum class Format : std::uint8_t { kText, kJson };

struct MigrateArguments {
  enum class Direction : std::uint8_t { kUp, kDown, kStatus };
  Target target{};
  Direction direction{Direction::kStatus};
  spi::DryRun dry_run{spi::DryRun::kNo};
};
int run(const MigrateArguments& arguments);

struct TrackArguments {
  enum class Wanted : std::uint8_t { kTracked, kUntracked };
  Target target{};
  Wanted wanted{Wanted::kTracked};
  std::vector<std::string> tables{};  ///< Empty: all.
  /// By which columns the changes of `tables` tell rows, of which there is one then; empty: they
  /// tell the tables, of which there is at least one.
  std::optional<std::vector<std::string>> keys{};
  spi::DryRun dry_run{spi::DryRun::kNo};
};
int run(const TrackArguments& arguments);

struct TailArguments {
  Target target{};
  Format format{Format::kText};
  std::chrono::milliseconds interval{200};  ///< Between looks.
};
int run(const TailArguments& arguments);

struct ListenArguments {
  enum class Check : std::uint8_t { kNo, kOnly };
  std::string config{};
  Check check{Check::kNo};  ///< Only read the file and say what is wrong with it.
};
int run(const ListenArguments& arguments);

struct DoctorArguments {
  Target target{};
  std::string redis{};  ///< The shared tier to examine too, or empty.
};
int run(const DoctorArguments& arguments);

struct ExplainArguments {
  Target target{};
  std::string rules{};  ///< A rules file, or empty.
  Format format{Format::kText};
  std::string sql{};
};
int run(const ExplainArguments& arguments);

struct QueryArguments {
  Target target{};
  std::string redis{};  ///< The shared tier, or empty.
  std::string rules{};
  std::size_t repeat{1};
  std::optional<std::chrono::milliseconds> max_staleness{};
  std::optional<std::chrono::milliseconds> ttl{};
  Format format{Format::kText};
  std::string sql{};
  std::vector<std::string> params{};  ///< As typed; see `parse_parameter`.
};
int run(const QueryArguments& arguments);

}  // namespace weir::app
