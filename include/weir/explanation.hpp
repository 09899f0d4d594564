#pragma once

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
  };

  std::string normalized{};
  bool cacheable{false};  ///< Proven, or under an annotated TTL.
  std::vector<std::string>
      reasons{};  ///< What stands in the way of a proof, and what a policy decided.
  std::vector<Relation> relations{};
  Policy policy{};  ///< As resolved; every scalar field is set that has a value.
  std::vector<std::string> hint_problems{};

  /// For people, several lines.
  [[nodiscard]] std::string to_string() const;
  /// One JSON object: `normalized`, `cacheable`, `reasons`, `relations`, `keys`, `tracked`,
  /// `policy`.
  [[nodiscard]] std::string to_json() const;
};

}  // namespace weir
