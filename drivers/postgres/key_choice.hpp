#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "drivers/postgres/key_atoms.hpp"
#include "drivers/postgres/key_catalog.hpp"
#include "weir/spi/analysis.hpp"

namespace weir::postgres {

/// A table that a statement names, once for each time it does.
struct TableReference {
  const KeyRelation* relation{nullptr};
  std::optional<spi::KeyedReference> key{};
  std::string whole{};  ///< Why any row of it can matter; empty with `key`.
};

/// The FROM clause of one level, with the WHERE clauses of levels merged into it.
struct JoinNode {
  enum class Kind {
    kTable,  ///< `reference`.
    kInner,  ///< Any number of children, none included; `conditions` hold for each of its rows.
    kLeft,   ///< A preserved and a nullable child; `conditions` hold where the latter is not null.
    kFull,   ///< Two children; conditions say nothing about either.
  };
  Kind kind{Kind::kInner};
  std::size_t reference{0};
  std::vector<Atom> conditions{};
  std::vector<JoinNode> children{};
};

/// Fills in the reference of each table of a level, once all conditions of the statement were read.
///
/// Rows of A for which `c = v` is not true cannot matter when that follows from G, the conditions
/// true of every row of the level: WHERE, and ON of inner joins on no nullable side. A row of the
/// level without such an A has null for A, and then G, whose atoms are strict, is not true; so this
/// holds whatever joins are between. For an A on the nullable side of `L LEFT JOIN R ON C` it may
/// also follow from C and the inner joins' ONs within R: an A that fails is in no row with true G,
/// and its absence adds none but rows whose L fails G too. A FULL join's sides add their own inner
/// ONs alone. Source: docs/adr/0013-row-precise-dependencies.md.
void choose_keys(const JoinNode& level, const AtomReader& reader,
                 std::vector<TableReference>& references);

/// At most that many values in all chosen keys of a statement: further references become whole.
void limit_keys(std::vector<TableReference>& references, std::size_t most);

}  // namespace weir::postgres
