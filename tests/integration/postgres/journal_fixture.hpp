#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "drivers/postgres/change_feed.hpp"
#include "drivers/postgres/pq.hpp"
#include "tests/support/servers.hpp"
#include "weir/options.hpp"
#include "weir/spi/change_feed.hpp"

namespace weir::postgres::test {

/// `dsn` with some of its parameters replaced.
[[nodiscard]] std::string with(const std::string& dsn,
                               const std::vector<std::pair<std::string, std::string>>& changes);

/// A name no other test has.
[[nodiscard]] std::string unique_name(const std::string& prefix);

[[nodiscard]] spi::Deadline in(Duration limit);
[[nodiscard]] Pq connect(const std::string& dsn);
[[nodiscard]] Options options_for(const std::string& dsn);
/// The one value a statement answers.
std::string value(Pq& connection, const std::string& sql);

/// Runs `program`, throws `std::runtime_error` with its output when it fails; returns its output.
std::string shell(const std::string& program);

/// A database of its own with weir's schema in it, and what one feed tells about it.
class JournalTest : public ::testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

  /// Installs weir as the role of `dsn()`; SetUp does it unless a suite overrides this.
  virtual void install();

  [[nodiscard]] const std::string& dsn() const { return dsn_; }
  /// A superuser's connection to the test's database.
  [[nodiscard]] Pq& db() { return *db_; }
  void run(const std::string& sql) { db().exec(sql, in(std::chrono::seconds{20})); }
  std::string value(const std::string& sql) { return test::value(db(), sql); }
  /// Changes to it are told as changes to the whole table, whatever keys it has.
  void track(const std::string& table);
  /// A role that is dropped with the test; it may log in like the superuser.
  std::string role(const std::string& attributes = "LOGIN");

  /// What the next pull tells: relation names, "relation: column:value …", "tag …", "tags …",
  /// "everything", "reset: …".
  std::set<std::string> changes();
  spi::Pull pull() { return feed_->pull(in(std::chrono::seconds{20})); }
  void new_feed(const std::string& dsn) {
    feed_ = make_change_feed(options_for(dsn), system_clock());
  }

  std::string dsn_;
  std::unique_ptr<spi::ChangeFeed> feed_;

 private:
  std::string admin_dsn_;
  std::string database_;
  std::unique_ptr<Pq> db_;
  std::vector<std::string> roles_;
};

}  // namespace weir::postgres::test
