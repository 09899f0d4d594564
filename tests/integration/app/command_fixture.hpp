#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace weir::test {

/// What one run of the `weir` command left.
struct Ran {
  int code{-1};
  std::string out{};
  std::string err{};
};

/// How to run it beside its arguments.
struct RunWith {
  std::string input{};                               ///< Standard input.
  std::map<std::string, std::string> environment{};  ///< On top of ours without WEIR_DATABASE.
  std::string output{};  ///< Where standard output goes instead; then `Ran::out` is empty.
};

/// Runs the built command. A folder of its own holds what it reads and writes.
Ran run_weir(const std::vector<std::string>& arguments, const RunWith& with = {});

/// The words as `exec` wants them. Lifetime: the words' own.
[[nodiscard]] std::vector<char*> pointers(std::vector<std::string>& words);
/// Our environment without WEIR_DATABASE, and with these changes.
[[nodiscard]] std::vector<std::string> environment_with(
    const std::map<std::string, std::string>& changes);

/// A temporary folder, gone with the object.
class Folder {
 public:
  Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder();
  [[nodiscard]] std::string file(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

enum class Engine { kSqlite, kPostgres };

/// A database of its own in each engine, holding `users` and `orders`.
class CommandTest : public testing::TestWithParam<Engine> {
 protected:
  void SetUp() override;
  void TearDown() override;

  [[nodiscard]] bool sqlite() const { return GetParam() == Engine::kSqlite; }
  /// The command on this database: `--database` follows the first word.
  [[nodiscard]] Ran weir(std::vector<std::string> arguments, const RunWith& with = {}) const;
  /// A write by another process, as far as the command can tell.
  void execute(const std::string& sql) const;
  /// This engine's spelling of parameter 1.
  [[nodiscard]] std::string one() const { return sqlite() ? "?1" : "$1"; }
  [[nodiscard]] std::string schema() const { return sqlite() ? "main" : "public"; }

  Folder folder_{};
  std::string dsn_{};

 private:
  std::string server_{};  // PostgreSQL: where the database was made
  std::string name_{};
};

/// The same, migrated and tracked.
class TrackedCommandTest : public CommandTest {
 protected:
  void SetUp() override;
};

}  // namespace weir::test
