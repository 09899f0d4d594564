// A forked child that opens the file its parent has open would lose what it commits.
#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <functional>
#include <optional>
#include <string>

#include "tests/integration/sqlite/sqlite_harness.hpp"
#include "weir/weir.hpp"

namespace weir::test {
namespace {

using ::testing::HasSubstr;

Database open_database(const Options& options) {
  return Database::open(options, make_sqlite_driver(options));
}

/// What `work` returns in a forked child; "died" when that did.
std::string in_child(const std::function<std::string()>& work) {
  std::array<int, 2> ends{};
  if (::pipe(ends.data()) != 0) return "no pipe";
  const pid_t child = ::fork();
  if (child == 0) {
    std::string answer;
    try {
      answer = work();
    } catch (const std::exception& e) {
      answer = std::string{"unexpected: "} + e.what();
    }
    const bool written =
        ::write(ends[1], answer.data(), answer.size()) == static_cast<ssize_t>(answer.size());
    ::_exit(written ? 0 : 1);
  }
  ::close(ends[1]);
  std::string answer;
  std::array<char, 512> part{};
  for (ssize_t n = 0; (n = ::read(ends[0], part.data(), part.size())) > 0;)
    answer.append(part.data(), static_cast<std::size_t>(n));
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? answer : "died";
}

std::string try_to_open(const Options& options) {
  try {
    const Database database = open_database(options);
    database.execute("INSERT INTO t VALUES (1)");
    return "opened";
  } catch (const Error& e) {
    return std::string{to_string(e.code())} + ": " + e.what();
  }
}

class ForkTest : public ::testing::Test {
 protected:
  ForkTest() {
    for (const char* name : {"a.db", "b.db"})
      PlainConnection{file_.path(name)}.exec("PRAGMA journal_mode = WAL; CREATE TABLE t (v)");
    other_.database = "sqlite:" + file_.path("b.db");
  }
  TemporaryFile file_;
  Options other_;
};

TEST_F(ForkTest, TheChildMayNotOpenWhatTheParentHasOpen) {
  const Database database = open_database(file_.options());
  const auto refused =
      ::testing::AllOf(HasSubstr("refused"), HasSubstr(file_.path()), HasSubstr("fork()"));
  EXPECT_THAT(in_child([&] { return try_to_open(file_.options()); }), refused);
  Options attached = other_;
  attached.sqlite.attach = {{"y", file_.path()}};
  EXPECT_THAT(in_child([&] { return try_to_open(attached); }), refused);
  EXPECT_THAT(in_child([&] { return in_child([&] { return try_to_open(file_.options()); }); }),
              refused);
  EXPECT_EQ(in_child([&] { return try_to_open(other_); }), "opened");
  database.execute("INSERT INTO t VALUES (2)");
  EXPECT_EQ(database.query("SELECT count(*) FROM t").one<std::int64_t>(), 1);
}

TEST_F(ForkTest, WhatTheParentClosedBeforeTheForkIsTheChildsToOpen) {
  std::optional<Database> database = open_database(file_.options());
  database->execute("INSERT INTO t VALUES (2)");
  database.reset();
  EXPECT_EQ(in_child([&] { return try_to_open(file_.options()); }), "opened");
  EXPECT_EQ(PlainConnection{file_.path()}.integer("SELECT count(*) FROM t"), 2);
}

}  // namespace
}  // namespace weir::test
