#pragma once

namespace weir::app {

/// The whole command: reads the command line, runs the subcommand, reports what fails. Returns the
/// exit code.
[[nodiscard]] int run_command_line(int argc, char** argv);

}  // namespace weir::app
