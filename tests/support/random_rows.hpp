#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "tests/support/real_database.hpp"
#include "weir/params.hpp"

namespace weir::test {

/// A query with its parameters.
struct BoundQuery {
  std::string sql{};
  Params params{};
  std::string shown{};  ///< The parameters, for messages.
};

/// Random queries that compare key columns with values in every way that tempts an analysis, and
/// writes that move rows between those values.
///
/// Tables a, b (refers to a, cascades) and c (refers to b, sets NULL); views over them. All have
/// the columns id (primary key), k, s and t, which are key columns, and ch, nu and nc, whose
/// equality is not that of texts. The same seed gives the same texts. Thread safety: one thread at
/// a time.
class RandomRows {
 public:
  RandomRows(Engine engine, std::uint64_t seed)
      : postgres_{engine == Engine::kPostgres}, random_{seed} {}

  /// Makes tables, rows and views.
  [[nodiscard]] std::vector<std::string> schema() const;
  [[nodiscard]] static std::vector<std::string> tables() { return {"a", "b", "c"}; }
  [[nodiscard]] static std::vector<std::string> key_columns() { return {"id", "k", "s", "t"}; }
  /// Its rows are determined, their order is not. It may be wrong SQL: then ask again.
  [[nodiscard]] BoundQuery query();
  /// One statement; it may violate a constraint.
  [[nodiscard]] std::string write();

  int number(int below) { return std::uniform_int_distribution<int>{0, below - 1}(random_); }
  bool chance(int percent) { return number(100) < percent; }

 private:
  std::string pick(const std::vector<std::string>& from) {
    return from[static_cast<std::size_t>(number(static_cast<int>(from.size())))];
  }
  std::string table() { return pick({"a", "b", "c"}); }
  std::string relation() {
    return pick({"a", "b", "c", "a", "b", "c", "v_some", "v_join", "v_top"});
  }
  std::string integer() { return std::to_string(number(chance(70) ? 6 : 40)); }
  std::string text();
  std::string row(int id);

  // Of a query under way; parameters go to `bound_`.
  std::string parameter_of(const std::string& column);
  std::string constant(const std::string& column);
  std::string name(const std::string& alias, const std::string& column);
  std::string key();
  std::string atom(const std::string& alias);
  std::string trap(const std::string& alias, int depth);
  std::string condition(const std::string& alias, int depth);
  std::string item(const std::string& alias, int depth);
  std::string from(int& items, int depth);
  std::string select_of(int depth);
  std::string classic();

  const bool postgres_;
  std::mt19937_64 random_;
  BoundQuery bound_{};
};

}  // namespace weir::test
