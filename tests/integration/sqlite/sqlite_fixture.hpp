#pragma once

#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "weir/drivers/sqlite.hpp"
#include "weir/options.hpp"

namespace weir::test {

/// A temporary folder with a database file's name in it.
class TemporaryFile {
 public:
  TemporaryFile() {
    std::string pattern = (std::filesystem::temp_directory_path() / "weir-sqlite-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error{"mkdtemp failed"};
    folder_ = pattern;
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  [[nodiscard]] std::string path(const std::string& name = "a.db") const { return folder_ / name; }
  [[nodiscard]] Options options() const {
    Options options;
    options.database = "sqlite:" + path();
    return options;
  }

 private:
  std::filesystem::path folder_;
};

/// Runs the sqlite3 command on a file: another process, which knows nothing of weir. `last` is run
/// after the SQL, and may be one of the command's own (`.shell …`).
inline void sqlite3_command(const std::string& path, const std::string& sql,
                            std::string last = "SELECT 1") {
  std::string program = "sqlite3";
  std::string bail = "-bail";
  std::string file = path;
  std::string script = "PRAGMA busy_timeout = 10000; " + sql;
  std::array<char*, 6> arguments{program.data(), bail.data(), file.data(),
                                 script.data(),  last.data(), nullptr};
  // The pragma prints a number, which nobody needs.
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", 1 /* O_WRONLY */, 0);
  pid_t child = 0;
  const int failure =
      ::posix_spawnp(&child, "sqlite3", &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failure != 0)
    throw std::runtime_error{"the sqlite3 command cannot be started; tests/run.sh installs it"};
  int status = 0;
  ::waitpid(child, &status, 0);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    throw std::runtime_error{"sqlite3 failed: " + sql};
}

}  // namespace weir::test
