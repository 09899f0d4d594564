#pragma once

#include <cstddef>
#include <random>
#include <string>
#include <vector>

#include "weir/params.hpp"

namespace weir::test {

/// Three small tables whose columns take few values, of many types.
extern const char* const kKeysSchema;

/// A query and its parameters.
struct RandomQuery {
  std::string sql{};
  Params params{};
};

/// Makes up queries and writes over the tables of `kKeysSchema`.
class RandomStatements {
 public:
  explicit RandomStatements(std::uint64_t seed) : random_{seed} {}

  [[nodiscard]] RandomQuery query();
  [[nodiscard]] std::string write();
  [[nodiscard]] bool one_in(std::size_t n) { return below(n) == 0; }
  [[nodiscard]] std::size_t below(std::size_t n) {
    return std::uniform_int_distribution<std::size_t>{0, n - 1}(random_);
  }

 private:
  struct Source {
    std::string alias;
    std::vector<std::string> columns;
  };

  template <std::size_t N>
  std::string one_of(const char* const (&choices)[N]) {
    return choices[below(N)];
  }
  std::string level(std::size_t depth);
  std::string source(std::size_t depth, std::vector<Source>& sources);
  std::string from(std::size_t depth, std::vector<Source>& sources, bool& shared_names);
  std::string condition(const std::vector<Source>& sources, std::size_t depth);
  std::string conjunct(const std::vector<Source>& sources, std::size_t depth);
  std::string column(const std::vector<Source>& sources);
  std::string constant();
  std::string value();
  std::string spelled(std::string word);

  std::mt19937_64 random_;
  std::size_t aliases_{0};
  std::size_t parameters_{0};
};

}  // namespace weir::test
