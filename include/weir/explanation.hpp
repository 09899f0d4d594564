#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "weir/policy.hpp"

namespace weir {

/// What weir knows of a statement: whether its results are cached, and why or why not.
struct Explanation {
  struct Relation {
    std::string name{};   ///< `schema.name`.
    bool tracked{false};  ///< Every write to it is noticed, see `note`.
    std::string note{};   ///< When more than its own writes void what is cached of it; else empty.
    std::string whole{};  ///< Why any write to it counts; empty where `keys` tells which rows do.
  };
  /// Only writes to rows with this value in this column, before or after, void a result.
  struct Key {
    std::string relation{};
    std::string column{};
    std::size_t parameter{0};            ///< The value is this parameter, from 1; 0: it is `value`.
    bool each_element{false};            ///< Each element of the parameter, an array, is one.
    std::optional<std::string> value{};  ///< Empty beside `parameter` 0: no row can matter.
  };

  std::string normalized{};
  bool cacheable{false};  ///< Proven, or under an annotated TTL.
  std::vector<std::string>
      reasons{};  ///< What stands in the way of a proof, and what a policy decided.
  std::vector<Relation> relations{};
  std::vector<Key> keys{};  ///< One for each value of each reference.
  Policy policy{};          ///< As resolved; every scalar field is set that has a value.
  std::vector<std::string> hint_problems{};

  /// For people, several lines.
  [[nodiscard]] std::string to_string() const;
  /// One JSON object: `normalized`, `cacheable`, `reasons`, `relations`, `keys`, `tracked`,
  /// `policy`.
  [[nodiscard]] std::string to_json() const;
};

}  // namespace weir
