#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "drivers/sqlite/table_shape.hpp"
#include "weir/spi/analysis.hpp"

namespace weir::sqlite {

/// A table that a statement reads.
struct ReadTable {
  TableShape shape{};
  std::vector<std::size_t> keys{};  ///< The columns its changes tell; empty: none.
  std::string unkeyed{};            ///< Why none, for people.
};

/// What a statement's text tells of the rows it can depend on.
struct KeyReading {
  std::vector<spi::KeyedReference> keys{};
  std::map<std::string, std::string> whole{};  ///< By relation id: why any of its rows may count.
  /// Names in FROM that are none of the tables: each must be found to be a common table expression
  /// or a pure function, else nothing of this is true.
  std::vector<std::string> others{};
  std::size_t parameters{0};  ///< As counted here: must be what SQLite counts.
};

/// Finds the keys of a SELECT (docs/adr/0013-row-precise-dependencies.md).
///
/// Purpose: for each reference to a table an equality of one of its columns with a value, such that
/// rows without it cannot change the result. SQLite tells which tables a statement reads, not how;
/// so the text is read, and whatever is not understood is taken for true.
///
/// Rules. A level is one SELECT; nothing is carried from one to another. Its atoms are
/// `column = value`, `column IN (value, …)` and `column = column`, each of them exactly so between
/// two ANDs of WHERE, or of ON where that says something of the reference:
/// * WHERE, and ON of inner joins: for every reference of the level;
/// * ON of a LEFT JOIN: for the reference on its right;
/// * beside RIGHT, FULL, NATURAL or USING: only WHERE, and only of the reference's own column.
/// Equalities of columns of one class carry values from one to another.
///
/// Invariant: a table is keyed only if every place of the text where its name stands is understood,
/// and each reference has a key. REQUIRES: SQLite compiled the statement, and reported exactly
/// these tables; no view, no virtual table. Source: facts of the theorem and its counterexamples as
/// in the ADR; "Datatypes In SQLite", sections 4 and 7, read 2024-01.
[[nodiscard]] KeyReading read_keyed_references(std::string_view sql,
                                               const std::vector<ReadTable>& tables);

}  // namespace weir::sqlite
