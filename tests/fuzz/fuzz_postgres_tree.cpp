// JSON as the PostgreSQL driver reads libpg_query's parse trees, the trees of any statement, and
// which rows of tables such a statement can depend on.
#include "drivers/postgres/keyed_references.hpp"
#include "drivers/postgres/sql_tree.hpp"
#include "tests/fuzz/fuzz.hpp"
#include "weir/spi/text.hpp"

namespace {

using namespace weir;

/// Whatever a name is: a table, or a view when it starts with v.
const postgres::KeyRelation* relation(const postgres::ObjectName& name) {
  static const postgres::KeyRelation table{
      "1", "public", "t", {{"1", "id", "int", 0, true, true}, {"2", "k", "text", 100, false, true}},
      {},  {}};
  static const postgres::KeyRelation view{
      "2", "public", "v", {}, "SELECT t.id, t.k FROM t WHERE t.id = 3", {}};
  return name.name.starts_with('v') ? &view : &table;
}

void read_keys(const postgres::TreeNode& root, std::string_view text) {
  const postgres::TreeNode* const statements = root.find("stmts");
  if (statements == nullptr || statements->items.size() != 1) return;
  const postgres::TreeNode* const statement = statements->items.front().find("stmt");
  const postgres::TreeNode* const select =
      statement == nullptr ? nullptr : statement->find("SelectStmt");
  if (select == nullptr) return;
  const postgres::KeyedReferences found = postgres::keyed_references(*select, text, relation);
  if (!found.problem.empty()) return;
  for (const postgres::TableReference& reference : found.references)
    fuzz::require(reference.key.has_value() == reference.whole.empty(), "a key or why not");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  static_cast<void>(postgres::read_json(text));
  if (spi::find_text_fault(text)) return 0;
  const postgres::SqlTree tree = postgres::parse_sql(text);
  fuzz::require(!tree.problem.empty() || tree.root.kind == postgres::TreeNode::Kind::kObject,
                "a tree or a problem");
  if (tree.problem.empty()) read_keys(tree.root, text);
  return 0;
}
