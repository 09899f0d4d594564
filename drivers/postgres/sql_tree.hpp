#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace weir::postgres {

struct TreeMember;

/// One value of a parse tree: a JSON value.
struct TreeNode {
  enum class Kind { kNull, kBool, kNumber, kString, kArray, kObject };
  Kind kind{Kind::kNull};
  std::string text{};  ///< Of a string, decoded; a number's digits; "true" or "false".
  std::vector<TreeNode> items;
  std::vector<TreeMember> members;

  /// The member, or null.
  [[nodiscard]] const TreeNode* find(std::string_view key) const noexcept;
  /// The member's text, or empty.
  [[nodiscard]] std::string_view text_of(std::string_view key) const noexcept;
  [[nodiscard]] bool is_true(std::string_view key) const noexcept { return text_of(key) == "true"; }
  /// Whether this is a node under its type's name, `{"SelectStmt": {…}}`.
  [[nodiscard]] bool wrapped() const noexcept;
};

/// A member of a JSON object.
struct TreeMember {
  std::string key{};
  TreeNode value{};
};

/// A statement's parse tree, or why there is none.
struct SqlTree {
  TreeNode root{};
  std::string problem{};  ///< Not empty: no tree. Holds nothing of the statement's text.
};

/// Parses `sql` with PostgreSQL's own grammar, as libpg_query has it.
///
/// Why libpg_query's JSON and not its protocol buffers: docs/adr/0004-statement-analysis.md.
/// Texts that are very long or nested very deeply are refused, because libpg_query's stack is the
/// caller's. Thread safety: safe.
[[nodiscard]] SqlTree parse_sql(std::string_view sql);

/// Reads JSON. Empty `problem` in the answer: the text was valid and not nested too deeply.
[[nodiscard]] SqlTree read_json(std::string_view json);

}  // namespace weir::postgres
