// A statement's text as the SQLite driver looks for keys in it.
#include <string>
#include <vector>

#include "drivers/sqlite/keyed_references.hpp"
#include "drivers/sqlite/statement_levels.hpp"
#include "tests/fuzz/fuzz.hpp"
#include "weir/spi/text.hpp"

namespace {

weir::sqlite::ReadTable table(const char* name) {
  using weir::sqlite::KeyClass;
  weir::sqlite::ReadTable table;
  table.shape.name = {"main", name};
  table.shape.columns = {
      {"id", KeyClass::kInteger, "id"}, {"k", KeyClass::kText, "k"}, {"v", KeyClass::kNone, "v"}};
  table.shape.rowid_column = 0;
  table.keys = {0, 1};
  table.unkeyed = "none";
  return table;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weir;
  using fuzz::require;
  const std::string_view sql = fuzz::text_of(data, size);
  if (spi::find_text_fault(sql)) return 0;  // refused before any driver sees it
  static const std::vector<sqlite::ReadTable> kTables{table("a"), table("b")};
  const sqlite::StatementLevels levels = sqlite::read_levels(sql);
  for (const sqlite::SelectCore& core : levels.cores) {
    require(core.where.begin <= core.where.end && core.where.end <= levels.tokens.size(),
            "WHERE is in the text");
    for (const sqlite::FromItem& item : core.items) {
      require(item.name_token < levels.tokens.size(), "a name is in the text");
      require(item.on.begin <= item.on.end && item.on.end <= levels.tokens.size(),
              "ON is in the text");
    }
  }
  const sqlite::KeyReading reading = sqlite::read_keyed_references(sql, kTables);
  for (const spi::KeyedReference& key : reading.keys) {
    require(!reading.whole.contains(key.relation), "a table is keyed or whole");
    for (const spi::KeyValue& value : key.values) {
      require(value.parameter <= reading.parameters, "a parameter is one of the statement's");
      require((value.parameter != 0) == value.literal.empty(), "a value is one or the other");
    }
  }
  require(!levels.fault.empty() || reading.whole.size() <= 2, "each table is whole once");
  return 0;
}
