// JSON as the PostgreSQL driver reads libpg_query's parse trees, and the trees of any statement.
#include "drivers/postgres/sql_tree.hpp"
#include "tests/fuzz/fuzz.hpp"
#include "weir/spi/text.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weir;
  const std::string_view text = fuzz::text_of(data, size);
  static_cast<void>(postgres::read_json(text));
  if (spi::find_text_fault(text)) return 0;
  const postgres::SqlTree tree = postgres::parse_sql(text);
  fuzz::require(!tree.problem.empty() || tree.root.kind == postgres::TreeNode::Kind::kObject,
                "a tree or a problem");
  return 0;
}
