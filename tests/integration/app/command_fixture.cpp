#include "command_fixture.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <random>
#include <sstream>
#include <stdexcept>

#include "tests/support/servers.hpp"
#include "weir/weir.hpp"

namespace weir::test {
namespace {

std::string contents(const std::string& file) {
  std::ifstream stream{file, std::ios::binary};
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

}  // namespace

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> all;
  for (std::string& word : words) all.push_back(word.data());
  all.push_back(nullptr);
  return all;
}

std::vector<std::string> environment_with(const std::map<std::string, std::string>& changes) {
  std::vector<std::string> all;
  for (char** entry = ::environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const std::string name = text.substr(0, text.find('='));
    if (name != "WEIR_DATABASE" && !changes.contains(name)) all.push_back(text);
  }
  for (const auto& [name, value] : changes) all.push_back(name + "=" + value);
  return all;
}

Folder::Folder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "weir-command-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error{"mkdtemp failed"};
  path_ = pattern;
}

Folder::~Folder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

Ran run_weir(const std::vector<std::string>& arguments, const RunWith& with) {
  const Folder folder;
  const std::string in = folder.file("in");
  const std::string out = with.output.empty() ? folder.file("out") : with.output;
  const std::string err = folder.file("err");
  std::ofstream{in, std::ios::binary} << with.input;

  posix_spawn_file_actions_t files{};
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 0, in.c_str(), O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, 1, out.c_str(), O_WRONLY | O_CREAT, 0600);
  posix_spawn_file_actions_addopen(&files, 2, err.c_str(), O_WRONLY | O_CREAT, 0600);
  std::vector<std::string> words{WEIR_COMMAND};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<std::string> variables = environment_with(with.environment);
  pid_t child = 0;
  const int spawned = posix_spawn(&child, WEIR_COMMAND, &files, nullptr, pointers(words).data(),
                                  pointers(variables).data());
  posix_spawn_file_actions_destroy(&files);
  if (spawned != 0) throw std::runtime_error{"cannot start " WEIR_COMMAND};
  int status = 0;
  if (waitpid(child, &status, 0) != child) throw std::runtime_error{"waitpid failed"};
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status),
          with.output.empty() ? contents(out) : "", contents(err)};
}

void CommandTest::SetUp() {
  if (sqlite()) {
    dsn_ = "sqlite:" + folder_.file("shop.db");
  } else {
    WEIR_POSTGRES_DSN_OR_SKIP(server);
    std::random_device random;
    name_ = fmt::format("weir_command_{:08x}{:08x}", random(), random());
    server_ = server;
    dsn_ = server_.substr(0, server_.rfind('/') + 1) + name_;
    Database::open({.database = server_}).execute(fmt::format("CREATE DATABASE {}", name_));
  }
  execute("CREATE TABLE users (id integer PRIMARY KEY, name text)");
  execute("CREATE TABLE orders (id integer PRIMARY KEY, user_id integer)");
  execute("INSERT INTO users VALUES (1, 'Ann'), (22, NULL)");
}

void CommandTest::TearDown() {
  if (name_.empty()) return;
  Database::open({.database = server_})
      .execute(fmt::format("DROP DATABASE IF EXISTS {} WITH (FORCE)", name_));
}

Ran CommandTest::weir(std::vector<std::string> arguments, const RunWith& with) const {
  arguments.insert(arguments.begin() + 1, {"--database", dsn_});
  return run_weir(arguments, with);
}

void CommandTest::execute(const std::string& sql) const {
  Database::open({.database = dsn_, .listen = {.enabled = false}}).execute(sql);
}

void TrackedCommandTest::SetUp() {
  CommandTest::SetUp();
  if (IsSkipped() || HasFatalFailure()) return;
  ASSERT_EQ(weir({"migrate", "up"}).code, 0);
  ASSERT_EQ(weir({"track"}).code, 0);
}

}  // namespace weir::test
