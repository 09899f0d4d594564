#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/real_database.hpp"

namespace weir::test {

/// Random schemas, queries and writes over small domains, so that they meet: every relation has the
/// columns id, a, b and c, tables refer to each other, and NULLs are common.
///
/// The same seed gives the same texts. Thread safety: one thread at a time.
class RandomSql {
 public:
  RandomSql(Engine engine, std::uint64_t seed) : engine_{engine}, random_{seed} {}

  /// Statements that make the tables, their first rows and the views. To be called first.
  [[nodiscard]] std::vector<std::string> schema();
  /// Its rows are determined, their order is not.
  [[nodiscard]] std::string query();
  /// One statement that changes rows, or would: it may violate a constraint.
  [[nodiscard]] std::string write();
  /// One or more statements that change the schema, or would.
  [[nodiscard]] std::string ddl();
  /// A table that only bulk loads write, and rows for it.
  [[nodiscard]] std::string copy_lines();

  /// A number from 0 to `below` - 1.
  int number(int below) { return std::uniform_int_distribution<int>{0, below - 1}(random_); }
  bool chance(int percent) { return number(100) < percent; }

 private:
  std::string pick(const std::vector<std::string>& from) {
    return from[static_cast<std::size_t>(number(static_cast<int>(from.size())))];
  }
  std::string relation() { return pick(relations_); }
  std::string value(int null_percent = 20);
  std::string text();
  std::string column(std::string_view alias);
  std::string condition(std::string_view alias, int depth);
  std::string joined(int& aliases);
  std::string row(int id);

  Engine engine_;
  std::mt19937_64 random_;
  std::vector<std::string> tables_;      // what writes may name
  std::vector<std::string> relations_;   // what queries may name: tables, views, partitions
  std::vector<std::string> view_texts_;  // of v0, v1, … in order
  int added_columns_{0};
};

}  // namespace weir::test
