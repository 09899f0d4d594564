#include "tests/integration/postgres/journal_fixture.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <random>
#include <sstream>
#include <stdexcept>

#include "drivers/postgres/admin.hpp"

namespace weir::postgres::test {

std::string with(const std::string& dsn,
                 const std::vector<std::pair<std::string, std::string>>& changes) {
  const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> parsed{
      PQconninfoParse(dsn.c_str(), nullptr), &PQconninfoFree};
  std::string text;
  for (const PQconninfoOption* option = parsed.get(); option->keyword != nullptr; ++option) {
    std::string value = option->val == nullptr ? "" : option->val;
    for (const auto& [keyword, changed] : changes) {
      if (keyword == option->keyword) value = changed;
    }
    if (!value.empty()) text += fmt::format("{}='{}' ", option->keyword, value);
  }
  return text;
}

std::string unique_name(const std::string& prefix) {
  static std::atomic<int> counter{0};
  std::random_device random;
  return fmt::format("{}_{:08x}_{}", prefix, random(), ++counter);
}

spi::Deadline in(Duration limit) { return spi::Deadline::after(system_clock(), limit); }

Pq connect(const std::string& dsn) {
  return Pq::connect({dsn, "weir tests"}, system_clock(), in(std::chrono::seconds{20}));
}

Options options_for(const std::string& dsn) {
  Options options;
  options.database = dsn;
  return options;
}

std::string value(Pq& connection, const std::string& sql) {
  const Rows rows = connection.exec(sql, in(std::chrono::seconds{20}));
  return rows.empty() ? std::string{} : rows.string(0, 0);
}

std::string shell(const std::string& program) {
  std::string output;
  FILE* pipe = ::popen(fmt::format("exec 2>&1; {}", program).c_str(), "r");
  if (pipe == nullptr) throw std::runtime_error{"popen failed"};
  std::array<char, 4096> buffer{};
  for (std::size_t n = 0; (n = ::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) {
    output.append(buffer.data(), n);
  }
  const int status = ::pclose(pipe);
  if (status != 0) throw std::runtime_error{fmt::format("{}: {}", program, output)};
  return output;
}

void JournalTest::SetUp() {
  WEIR_POSTGRES_DSN_OR_SKIP(given);
  admin_dsn_ = given;
  database_ = unique_name("journal");
  Pq admin = connect(admin_dsn_);
  admin.exec(fmt::format("CREATE DATABASE {}", database_), in(std::chrono::seconds{60}));
  // The servers' superuser is called weir, so that "$user" in its search_path is our schema.
  admin.exec(fmt::format("ALTER DATABASE {} SET search_path = public", database_),
             in(std::chrono::seconds{20}));
  dsn_ = with(admin_dsn_, {{"dbname", database_}});
  db_ = std::make_unique<Pq>(connect(dsn_));
  install();
  new_feed(dsn_);
}

void JournalTest::TearDown() {
  if (database_.empty()) return;
  feed_.reset();
  db_.reset();
  Pq admin = connect(admin_dsn_);
  admin.exec(fmt::format("DROP DATABASE {} WITH (FORCE)", database_), in(std::chrono::seconds{60}));
  for (const std::string& role : roles_) {
    admin.exec(fmt::format("DROP ROLE {}", role), in(std::chrono::seconds{20}));
  }
}

void JournalTest::install() {
  make_admin(options_for(dsn_), system_clock())->migrate_up(spi::DryRun::kNo, {});
}

void JournalTest::track(const std::string& table) {
  run(fmt::format("SELECT weir.track('{}', keys => '{{}}')", table));
}

std::string JournalTest::role(const std::string& attributes) {
  std::string name = unique_name("role");
  run(fmt::format("CREATE ROLE {} {} PASSWORD 'secret'", name, attributes));
  roles_.push_back(name);
  return name;
}

std::set<std::string> JournalTest::changes() {
  std::set<std::string> told;
  const spi::Pull pulled = pull();
  if (!pulled.reset.empty()) told.insert("reset: " + pulled.reset);
  for (const spi::Change& change : pulled.changes) {
    switch (change.kind) {
      case spi::ChangeKind::kRelation:
        told.insert(value(fmt::format("SELECT {}::regclass", change.target)));
        break;
      case spi::ChangeKind::kRows: {
        std::set<std::string> items;
        std::istringstream rows{change.rows};
        for (std::string item; std::getline(rows, item, spi::Change::kRowSeparator);)
          EXPECT_TRUE(items.insert(item).second) << item << " twice";
        told.insert(value(fmt::format("SELECT {}::regclass", change.target)) + ": " +
                    fmt::format("{}", fmt::join(items, " ")));
        break;
      }
      case spi::ChangeKind::kTag:
        told.insert("tag " + change.target);
        break;
      case spi::ChangeKind::kTagPattern:
        told.insert("tags " + change.target);
        break;
      case spi::ChangeKind::kEverything:
        told.insert("everything");
        break;
    }
  }
  return told;
}

}  // namespace weir::postgres::test
